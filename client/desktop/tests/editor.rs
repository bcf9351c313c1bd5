//! The editor under keys, mouse, clipboard, input method and screen reader.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    missing_docs,
    reason = "tests"
)]

mod support;

use egui::accesskit::{Action, ActionData, ActionRequest, TreeId};
use egui::{Event, FullOutput, ImeEvent, Key, Modifiers, OutputCommand, PointerButton, Pos2, pos2};
use khaima_desktop::text::{ButtonKind, Direction, Editor, EditorLook, EditorOutput, Format, button};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use support::{Screen, TOKENS, key, press, text};

const LOOK: EditorLook<'static> = EditorLook {
    name: "Message",
    hint: "Write",
    format: Format {
        size: 17.0,
        bold: false,
        direction: Direction::LeftToRight,
        align: khaima_desktop::text::Align::Natural,
        block: khaima_desktop::text::Block::Tight,
        max_lines: None,
    },
    rows: (1, 4),
    enter_submits: true,
};

struct Desk {
    screen: Screen,
    editor: Editor,
    look: EditorLook<'static>,
    last: Option<EditorOutput>,
}

impl Desk {
    fn new(editor: Editor) -> Self {
        let mut desk = Self { screen: Screen::new(), editor, look: LOOK, last: None };
        desk.run(vec![]);
        let id = desk.last.as_ref().unwrap().response.id;
        desk.screen.ctx.memory_mut(|memory| memory.request_focus(id));
        desk.run(vec![]);
        desk
    }

    fn with(start: &str) -> Self {
        let mut desk = Self::new(Editor::multiline(4096));
        desk.editor.set_text(start);
        desk
    }

    fn run(&mut self, events: Vec<Event>) -> FullOutput {
        let Self { screen, editor, look, last } = self;
        screen.frame(events, |ui| *last = Some(editor.show(ui, look)))
    }

    fn keys(&mut self, keys: &[(Key, Modifiers)]) -> &str {
        for (name, modifiers) in keys {
            self.run(vec![key(*name, *modifiers)]);
        }
        self.editor.text()
    }

    fn submitted(&self) -> bool {
        self.last.as_ref().unwrap().submitted
    }

    /// Where the caret before or after a byte stands on the screen.
    fn point(&mut self, needle: &str) -> Pos2 {
        let rect = self.last.as_ref().unwrap().response.rect;
        let width = rect.width() - 24.0;
        let start = self.editor.text().find(needle).unwrap();
        let content = self.editor.text().to_owned();
        let laid = self.screen.lay_as(&content, &LOOK.format.filling(), width);
        // The frame before a click must have shown the editor.
        self.run(vec![]);
        let cluster = laid.clusters().iter().find(|cluster| cluster.bytes.start == start).unwrap();
        let line = laid.lines().iter().find(|line| line.bytes.contains(&start)).unwrap();
        let slack =
            if laid.lines().len() == 1 { (rect.height() - 16.0 - laid.size().y).max(0.0) / 2.0 } else { 0.0 };
        rect.min
            + egui::vec2(12.0, 8.0 + slack)
            + egui::vec2(cluster.x0 + 0.25 * (cluster.x1 - cluster.x0), line.y + line.height / 2.0)
    }
}

const NONE: Modifiers = Modifiers::NONE;
const SHIFT: Modifiers = Modifiers::SHIFT;
const CTRL: Modifiers = Modifiers { alt: false, ctrl: true, shift: false, mac_cmd: false, command: true };
const CTRL_SHIFT: Modifiers =
    Modifiers { alt: false, ctrl: true, shift: true, mac_cmd: false, command: true };

fn mouse(at: Pos2, pressed: bool) -> Event {
    Event::PointerButton { pos: at, button: PointerButton::Primary, pressed, modifiers: NONE }
}

fn copied(output: &FullOutput) -> Vec<String> {
    output
        .platform_output
        .commands
        .iter()
        .map(|command| match command {
            OutputCommand::CopyText(text) => text.clone(),
            other => format!("{other:?}"),
        })
        .collect()
}

#[test]
fn letters_are_inserted_at_the_caret() {
    let mut desk = Desk::with("");
    desk.run(vec![text("مرح"), text("با")]);
    assert_eq!(desk.editor.text(), "مرحبا");
    assert!(desk.last.as_ref().unwrap().changed);
    desk.keys(&[(Key::Home, NONE)]);
    desk.run(vec![text("a")]);
    assert_eq!(desk.editor.text(), "aمرحبا");
    desk.run(vec![]);
    assert!(!desk.last.as_ref().unwrap().changed);
}

#[test]
fn backspace_takes_one_code_point_and_delete_a_grapheme() {
    let mut desk = Desk::with("بُبُ");
    assert_eq!(desk.keys(&[(Key::Backspace, NONE)]), "بُب");
    assert_eq!(desk.keys(&[(Key::Home, NONE), (Key::Delete, NONE)]), "ب");
    desk.editor.set_text("a👨\u{200D}👩\u{200D}👧");
    assert_eq!(desk.keys(&[(Key::Backspace, NONE)]), "a");
    desk.editor.set_text("a\nb");
    assert_eq!(desk.keys(&[(Key::Backspace, NONE), (Key::Backspace, NONE)]), "a");
    assert_eq!(desk.keys(&[(Key::Backspace, NONE), (Key::Backspace, NONE), (Key::Delete, NONE)]), "");
}

#[test]
fn moving_back_over_a_line_break_and_deleting_takes_the_right_letter() {
    let mut desk = Desk::with("سلام\nمرحبا");
    desk.keys(&[(Key::Home, NONE), (Key::ArrowRight, NONE)]);
    assert_eq!(desk.editor.caret().at, "سلام".len());
    desk.keys(&[(Key::ArrowRight, NONE), (Key::Backspace, NONE)]);
    assert_eq!(desk.editor.text(), "سلم\nمرحبا");
}

#[test]
fn the_second_line_keeps_its_own_direction_when_the_first_is_deleted() {
    let mut desk = Desk::with("مرحبا\nhello 12");
    desk.keys(&[(Key::Home, CTRL), (Key::End, SHIFT), (Key::Delete, NONE), (Key::Delete, NONE)]);
    assert_eq!(desk.editor.text(), "hello 12");
}

#[test]
fn words_are_passed_and_deleted() {
    let mut desk = Desk::with("one two three");
    assert_eq!(desk.keys(&[(Key::Backspace, CTRL)]), "one two ");
    assert_eq!(desk.keys(&[(Key::Home, NONE), (Key::Delete, CTRL)]), " two ");
    desk.editor.set_text("واحد اثنان");
    desk.keys(&[(Key::ArrowRight, CTRL)]);
    assert_eq!(desk.editor.caret().at, "واحد ".len(), "right is back in Arabic");
    desk.keys(&[(Key::ArrowLeft, CTRL)]);
    assert_eq!(desk.editor.caret().at, "واحد اثنان".len());
}

#[test]
fn a_selection_is_extended_collapsed_and_replaced() {
    let mut desk = Desk::with("one two");
    desk.keys(&[(Key::ArrowLeft, CTRL_SHIFT)]);
    assert_eq!(desk.editor.selection(), 4..7);
    desk.keys(&[(Key::ArrowLeft, NONE)]);
    assert_eq!((desk.editor.selection(), desk.editor.caret().at), (4..4, 4));
    desk.keys(&[(Key::A, CTRL)]);
    assert_eq!(desk.editor.selection(), 0..7);
    desk.run(vec![text("x")]);
    assert_eq!(desk.editor.text(), "x");
}

#[test]
fn copy_and_cut_give_logical_order_and_paste_is_neutralised() {
    let mut desk = Desk::with("abc سلام 12");
    desk.keys(&[(Key::A, CTRL)]);
    assert_eq!(copied(&desk.run(vec![Event::Copy])), ["abc سلام 12"]);
    assert_eq!(desk.editor.text(), "abc سلام 12");
    assert_eq!(copied(&desk.run(vec![Event::Cut])), ["abc سلام 12"]);
    assert_eq!(desk.editor.text(), "");
    assert!(copied(&desk.run(vec![Event::Copy, Event::Cut])).is_empty());
    desk.run(vec![Event::Paste("x\u{202E}y\r\nz\u{0}".to_owned())]);
    assert_eq!(desk.editor.text(), "x[U+202E]y\nz");
}

#[test]
fn selecting_gives_nothing_to_the_primary_selection() {
    let mut desk = Desk::with("secret words");
    let mut commands = Vec::new();
    for name in [Key::A, Key::ArrowLeft, Key::ArrowRight] {
        commands.extend(copied(&desk.run(vec![key(name, CTRL_SHIFT)])));
        commands.extend(copied(&desk.run(vec![])));
    }
    assert!(commands.is_empty(), "{commands:?}");
}

#[test]
fn enter_submits_and_shift_enter_breaks_the_line() {
    let mut desk = Desk::with("one");
    desk.run(vec![key(Key::Enter, SHIFT)]);
    assert!(!desk.submitted());
    desk.run(vec![text("two")]);
    desk.run(vec![press(Key::Enter), text("late")]);
    assert!(desk.submitted());
    assert_eq!(desk.editor.take().as_str(), "one\ntwo");
    assert_eq!(desk.editor.text(), "");
    desk.look.enter_submits = false;
    desk.run(vec![text("a"), press(Key::Enter), text("b")]);
    assert_eq!(desk.editor.text(), "a\nb");
    desk.run(vec![key(Key::Enter, CTRL)]);
    assert!(desk.submitted());
}

#[test]
fn a_single_line_stays_one() {
    let mut desk = Desk::new(Editor::single_line(64));
    desk.run(vec![text("a"), key(Key::Enter, SHIFT)]);
    assert!(desk.submitted());
    desk.run(vec![Event::Paste("b\nc".to_owned())]);
    assert_eq!(desk.editor.text(), "ab c");
    desk.keys(&[(Key::Home, NONE)]);
    assert_eq!(desk.editor.caret().at, 0);
    desk.keys(&[(Key::End, NONE)]);
    assert_eq!(desk.editor.caret().at, 4);
}

#[test]
fn an_input_method_composes_commits_and_gives_up() {
    let mut desk = Desk::with("ab");
    desk.keys(&[(Key::Home, NONE)]);
    let preedit =
        |text: &str| Event::Ime(ImeEvent::Preedit { text: text.to_owned(), active_range_chars: None });
    let commit = |text: &str| Event::Ime(ImeEvent::Commit(text.to_owned()));
    let output = desk.run(vec![preedit("ni")]);
    assert_eq!(desk.editor.text(), "niab");
    assert!(output.platform_output.ime.is_some());
    desk.run(vec![preedit("nihao")]);
    assert_eq!(desk.editor.text(), "nihaoab");
    desk.run(vec![press(Key::Enter)]);
    assert!(!desk.submitted(), "Enter belongs to the input method");
    desk.run(vec![commit("你好")]);
    assert_eq!(desk.editor.text(), "你好ab");
    desk.run(vec![preedit("x")]);
    desk.run(vec![preedit("")]);
    assert_eq!(desk.editor.text(), "你好ab");
    desk.run(vec![Event::Ime(ImeEvent::DeleteSurrounding { before_chars: 1, after_chars: 1 })]);
    assert_eq!(desk.editor.text(), "你b");
}

#[test]
fn empty_input_method_events_do_not_eat_the_selection() {
    let mut desk = Desk::with("keep me");
    desk.keys(&[(Key::A, CTRL)]);
    desk.run(vec![
        Event::Ime(ImeEvent::Preedit { text: String::new(), active_range_chars: None }),
        Event::Ime(ImeEvent::Commit(String::new())),
    ]);
    assert_eq!(desk.editor.text(), "keep me");
    assert_eq!(desk.editor.selection(), 0..7);
}

#[test]
fn the_mouse_places_the_caret_and_selects() {
    let mut desk = Desk::with("abc سلام def\nsecond line");
    desk.run(vec![]);
    let (from, to) = (desk.point("سلام"), desk.point("line"));
    desk.run(vec![Event::PointerMoved(from), mouse(from, true)]);
    assert_eq!(desk.editor.caret().at, 6, "the left edge of an Arabic letter is its end");
    desk.run(vec![Event::PointerMoved(to)]);
    desk.run(vec![mouse(to, false)]);
    assert_eq!(desk.editor.selection(), 6..desk.editor.text().find("line").unwrap());
}

#[test]
fn a_double_click_selects_a_word_and_a_triple_click_its_line() {
    let mut desk = Desk::with("one two\nthree four");
    desk.run(vec![]);
    let at = desk.point("our");
    let mut seen = Vec::new();
    desk.run(vec![Event::PointerMoved(at)]);
    for _ in 0..3 {
        desk.run(vec![mouse(at, true)]);
        desk.run(vec![mouse(at, false)]);
        seen.push(desk.editor.selection());
    }
    assert_eq!(seen[1..], [14..18, 8..18]);
}

#[test]
fn a_click_gives_focus_and_tab_takes_it_away() {
    let mut desk = Desk::with("abc");
    let id = desk.last.as_ref().unwrap().response.id;
    desk.screen.ctx.memory_mut(|memory| memory.surrender_focus(id));
    desk.run(vec![text("ignored")]);
    assert_eq!(desk.editor.text(), "abc");
    let at = desk.point("b");
    desk.run(vec![Event::PointerMoved(at), mouse(at, true)]);
    desk.run(vec![mouse(at, false)]);
    assert!(desk.screen.ctx.memory(|memory| memory.has_focus(id)));
    let Desk { screen, editor, look, .. } = &mut desk;
    for events in [vec![], vec![press(Key::Tab)], vec![text("ignored")]] {
        screen.frame(events, |ui| {
            editor.show(ui, look);
            button(ui, "Send", ButtonKind::Primary, Direction::LeftToRight);
        });
    }
    assert!(!screen.ctx.memory(|memory| memory.has_focus(id)));
    assert_eq!(desk.editor.text(), "abc");
}

#[test]
fn a_click_within_one_frame_is_enough() {
    let mut desk = Desk::with("abc");
    let id = desk.last.as_ref().unwrap().response.id;
    desk.screen.ctx.memory_mut(|memory| memory.surrender_focus(id));
    let at = desk.point("b");
    desk.run(vec![Event::PointerMoved(at), mouse(at, true), mouse(at, false)]);
    desk.run(vec![text("x")]);
    assert_eq!(desk.editor.text(), "axbc");
}

#[test]
fn the_middle_button_pastes_where_it_clicks() {
    let mut desk = Desk::with("abc");
    desk.run(vec![]);
    let at = desk.point("b");
    desk.run(vec![Event::PointerMoved(at)]);
    desk.run(vec![Event::MiddleClickPaste { pos: at, text: "X".to_owned() }]);
    assert_eq!(desk.editor.text(), "aXbc");
}

#[test]
fn the_box_grows_and_then_scrolls_to_the_caret() {
    let mut desk = Desk::with("");
    desk.run(vec![]);
    let least = desk.last.as_ref().unwrap().response.rect.height();
    desk.run(vec![text(&"line\n".repeat(3)), text("x")]);
    desk.run(vec![]);
    desk.run(vec![Event::Paste("line\n".repeat(30))]);
    let most = desk.last.as_ref().unwrap().response.rect;
    assert!(most.height() > least && most.height() < 17.0 * 1.65 * 4.0 + 20.0, "{least} {most:?}");
    let output = desk.run(vec![]);
    let caret = output.platform_output.ime.unwrap().cursor_rect;
    assert!(most.contains_rect(caret), "{caret:?} in {most:?}");
    desk.keys(&[(Key::Home, CTRL)]);
    let caret = desk.run(vec![]).platform_output.ime.unwrap().cursor_rect;
    assert!(most.contains_rect(caret), "{caret:?} in {most:?}");
}

#[test]
fn the_caret_of_an_empty_arabic_editor_stands_at_the_right() {
    let mut desk = Desk::with("");
    desk.look.format.direction = Direction::RightToLeft;
    let output = desk.run(vec![]);
    let rect = desk.last.as_ref().unwrap().response.rect;
    assert!(output.platform_output.ime.unwrap().cursor_rect.center().x > rect.right() - 20.0);
}

#[test]
fn nothing_beyond_the_capacity_is_taken_and_the_buffer_never_moves() {
    let mut editor = Editor::multiline(16);
    let place = editor.text().as_ptr();
    editor.insert("0123456789");
    editor.insert("سلام عليكم");
    assert_eq!(editor.text(), "0123456789سلا");
    editor.insert("x");
    assert_eq!(editor.text().len(), 16);
    assert_eq!(editor.text().as_ptr(), place);
    editor.clear();
    assert_eq!(editor.text(), "");
}

#[test]
fn a_screen_reader_reads_and_writes_the_text() {
    let mut desk = Desk::with("hello");
    desk.screen.ctx.enable_accesskit();
    let id = desk.last.as_ref().unwrap().response.id;
    let output = desk.run(vec![]);
    let tree = format!("{:?}", output.platform_output.accesskit_update);
    assert!(
        tree.contains("Message") && tree.contains("hello") && tree.contains("MultilineTextInput"),
        "{tree}"
    );
    assert!(output.platform_output.events.is_empty());
    let request = |action: Action, value: &str| {
        Event::AccessKitActionRequest(ActionRequest {
            action,
            target_tree: TreeId::ROOT,
            target_node: id.accesskit_id(),
            data: Some(ActionData::Value(value.into())),
        })
    };
    desk.run(vec![request(Action::SetValue, "new\u{202E}")]);
    assert_eq!(desk.editor.text(), "new[U+202E]");
    desk.keys(&[(Key::A, CTRL)]);
    desk.run(vec![request(Action::ReplaceSelectedText, "newer")]);
    assert_eq!(desk.editor.text(), "newer");
}

#[test]
fn random_keys_never_break_the_text() {
    let seed = 21;
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut desk = Desk::with("");
    let names = [
        Key::ArrowLeft,
        Key::ArrowRight,
        Key::ArrowUp,
        Key::ArrowDown,
        Key::Home,
        Key::End,
        Key::Backspace,
        Key::Delete,
        Key::A,
    ];
    for step in 0..1500 {
        let event = match rng.random_range(0..4) {
            0 | 1 => text(TOKENS[rng.random_range(0..TOKENS.len())]),
            2 => key(
                names[rng.random_range(0..names.len())],
                [NONE, SHIFT, CTRL, CTRL_SHIFT][rng.random_range(0..4)],
            ),
            _ => match rng.random_range(0..5) {
                0 => Event::Cut,
                1 => key(Key::Enter, SHIFT),
                2 => Event::Ime(ImeEvent::Preedit { text: "نص".to_owned(), active_range_chars: None }),
                3 => Event::Ime(ImeEvent::Commit("ok".to_owned())),
                _ => mouse(
                    pos2(rng.random_range(0.0..800.0), rng.random_range(0.0..60.0)),
                    rng.random_range(0..2) == 0,
                ),
            },
        };
        desk.run(vec![event]);
        let id = desk.last.as_ref().unwrap().response.id;
        desk.screen.ctx.memory_mut(|memory| memory.request_focus(id));
        let (selection, content) = (desk.editor.selection(), desk.editor.text());
        assert!(
            content.get(selection.clone()).is_some(),
            "seed {seed} step {step}: {selection:?} of {content:?}"
        );
        assert!(!content.contains(['\u{202E}', '\r']));
    }
}
