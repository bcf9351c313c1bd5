//! What is typed into the passphrase field appears nowhere else.

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

use egui::{Event, FullOutput, ImeEvent, Key, Modifiers, PointerButton, Pos2, Shape, pos2};
use khaima_desktop::passphrase::{PassphraseField, PassphraseLook, PassphraseOutput};
use khaima_desktop::text::Direction;
use support::{Screen, key, press, text};

const LOOK: PassphraseLook<'static> =
    PassphraseLook { name: "Passphrase", show_name: "Show while held", direction: Direction::LeftToRight };

struct Desk {
    screen: Screen,
    field: PassphraseField,
    last: Option<PassphraseOutput>,
}

impl Desk {
    fn new() -> Self {
        let mut desk = Self { screen: Screen::new(), field: PassphraseField::default(), last: None };
        desk.screen.ctx.enable_accesskit();
        desk.run(vec![]);
        let id = desk.last.as_ref().unwrap().response.id;
        desk.screen.ctx.memory_mut(|memory| memory.request_focus(id));
        desk.run(vec![]);
        desk
    }

    fn run(&mut self, events: Vec<Event>) -> FullOutput {
        let Self { screen, field, last } = self;
        screen.frame(events, |ui| *last = Some(field.show(ui, &LOOK)))
    }
}

const SECRET: &str = "zqxjkv";

/// Every letter drawn as text, in any shape.
fn drawn(output: &FullOutput) -> String {
    fn collect(shape: &Shape, into: &mut String) {
        match shape {
            Shape::Text(text) => {
                into.push_str(&text.galley.job.text);
                into.extend(text.galley.rows.iter().flat_map(|row| row.glyphs.iter().map(|glyph| glyph.chr)));
            }
            Shape::Vec(shapes) => shapes.iter().for_each(|shape| collect(shape, into)),
            _ => {}
        }
    }
    let mut letters = String::new();
    output.shapes.iter().for_each(|clipped| collect(&clipped.shape, &mut letters));
    letters
}

fn told(output: &FullOutput) -> String {
    let platform = &output.platform_output;
    format!("{:?} {:?} {:?}", platform.commands, platform.events, platform.accesskit_update)
}

#[test]
fn no_output_of_the_window_holds_the_passphrase() {
    let mut desk = Desk::new();
    let mut outputs = Vec::new();
    for letter in SECRET.chars() {
        outputs.push(desk.run(vec![text(&letter.to_string())]));
    }
    let command = Modifiers::COMMAND | Modifiers::CTRL;
    outputs.push(desk.run(vec![key(Key::A, command), Event::Copy, Event::Cut]));
    outputs.push(desk.run(vec![key(Key::Home, Modifiers::SHIFT), key(Key::Z, command), Event::Copy]));
    assert_eq!(desk.field.expose(), SECRET);
    for output in &outputs {
        let told = told(output);
        assert!(told.contains("Passphrase"), "{told}");
        assert!(output.platform_output.commands.is_empty());
        assert!(output.platform_output.events.is_empty());
        let drawn = drawn(output);
        for start in 0..SECRET.len() - 1 {
            assert!(!told.contains(&SECRET[start..start + 2]), "{told}");
            assert!(!drawn.contains(&SECRET[start..start + 1]), "{drawn}");
        }
    }
}

#[test]
fn it_is_a_password_to_screen_readers_and_input_methods() {
    let mut desk = Desk::new();
    desk.run(vec![text(SECRET)]);
    let output = desk.run(vec![]);
    assert!(told(&output).contains("PasswordInput"));
    assert_eq!(output.platform_output.ime.unwrap().purpose, egui::IMEPurpose::Password);
}

#[test]
fn nothing_comes_from_the_clipboard() {
    let mut desk = Desk::new();
    let middle = desk.last.as_ref().unwrap().response.rect.center();
    desk.run(vec![
        Event::PointerMoved(middle),
        Event::Paste("pasted".to_owned()),
        Event::MiddleClickPaste { pos: middle, text: "pasted".to_owned() },
    ]);
    assert!(desk.field.is_empty());
}

fn mouse(at: Pos2, pressed: bool) -> Event {
    Event::PointerButton { pos: at, button: PointerButton::Primary, pressed, modifiers: Modifiers::NONE }
}

#[test]
fn it_is_shown_while_the_eye_is_held_and_not_after() {
    let mut desk = Desk::new();
    desk.run(vec![text(SECRET)]);
    let field = desk.last.as_ref().unwrap().response.rect;
    let eye = pos2(field.right() + 24.0, field.center().y);
    desk.run(vec![Event::PointerMoved(eye), mouse(eye, true)]);
    let held = desk.run(vec![]);
    assert_eq!(drawn(&held), SECRET);
    assert!(!told(&held).contains(SECRET));
    desk.run(vec![mouse(eye, false)]);
    let released = desk.run(vec![]);
    assert_eq!(drawn(&released), "");
}

#[test]
fn enter_submits_what_was_typed_before_it() {
    let mut desk = Desk::new();
    desk.run(vec![text("ab"), Event::Ime(ImeEvent::Commit("c".to_owned())), press(Key::Enter), text("d")]);
    assert!(desk.last.as_ref().unwrap().submitted);
    assert_eq!(desk.field.expose(), "abc");
}

#[test]
fn without_focus_nothing_is_typed() {
    let mut desk = Desk::new();
    let id = desk.last.as_ref().unwrap().response.id;
    desk.screen.ctx.memory_mut(|memory| memory.surrender_focus(id));
    desk.run(vec![text("x")]);
    assert!(desk.field.is_empty());
}
