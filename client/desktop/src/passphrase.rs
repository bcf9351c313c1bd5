//! The field a passphrase is typed into.
//!
//! The passphrase lives in one buffer that never moves and is wiped when cleared or dropped. The field draws a dot for each character,
//! keeps no undo history, takes nothing from the clipboard and gives nothing to it, and tells a screen reader its name only. While the
//! eye is held down the passphrase is drawn, through a layout that nothing remembers.
//!
//! What it cannot wipe: the key events on their way here, in the system, the window library and egui's input for one frame.
//!
//! Not its concern: checking or using the passphrase (vault, runtime).

use egui::accesskit::{Action, Role};
use egui::output::IMEOutput;
use egui::{
    Color32, CornerRadius, Event, EventFilter, IMEPurpose, Id, ImeEvent, Key, Modifiers, Pos2, Rect,
    Response, Sense, Shape, Stroke, Ui, pos2, vec2,
};
use zeroize::Zeroize;

use crate::text::{Direction, Format, bounds, focus_ring, frame, layout_once};
use crate::theme::{color, size, space};

/// Bytes of UTF-8 a passphrase may have.
pub const PASSPHRASE_BYTES_MAX: usize = 256;

/// A passphrase being typed.
pub struct PassphraseField {
    bytes: Box<[u8; PASSPHRASE_BYTES_MAX]>,
    length: usize,
    /// Byte position, always between characters.
    caret: usize,
}

/// What the field is called.
#[derive(Clone, Copy, Debug)]
pub struct PassphraseLook<'a> {
    /// What a screen reader calls the field; also tells fields in one place apart.
    pub name: &'a str,
    /// What a screen reader calls the eye.
    pub show_name: &'a str,
    /// Direction of the interface.
    pub direction: Direction,
}

/// What happened in a frame.
#[derive(Debug)]
pub struct PassphraseOutput {
    /// The field.
    pub response: Response,
    /// The passphrase is another than before.
    pub changed: bool,
    /// Enter was pressed.
    pub submitted: bool,
}

impl Default for PassphraseField {
    fn default() -> Self {
        Self { bytes: Box::new([0; PASSPHRASE_BYTES_MAX]), length: 0, caret: 0 }
    }
}

impl Drop for PassphraseField {
    fn drop(&mut self) {
        self.clear();
    }
}

impl std::fmt::Debug for PassphraseField {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PassphraseField(..)")
    }
}

impl PassphraseField {
    /// True when nothing is typed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// The passphrase. Do not copy it into anything that is not wiped.
    #[must_use]
    pub fn expose(&self) -> &str {
        let typed = self.bytes.get(..self.length).unwrap_or_default();
        std::str::from_utf8(typed).unwrap_or_default()
    }

    /// Wipes.
    pub fn clear(&mut self) {
        self.bytes.as_mut_slice().zeroize();
        self.length = 0;
        self.caret = 0;
    }

    /// Shows the field and its eye in the available width.
    pub fn show(&mut self, ui: &mut Ui, look: &PassphraseLook<'_>) -> PassphraseOutput {
        let id = ui.make_persistent_id(("passphrase", look.name));
        let (mut changed, mut submitted) = (false, false);
        if ui.memory(|memory| memory.has_focus(id)) && ui.is_enabled() {
            let filter = EventFilter { horizontal_arrows: true, ..EventFilter::default() };
            ui.memory_mut(|memory| memory.set_focus_lock_filter(id, filter));
            ui.input(|input| {
                for event in input.events.iter().filter(|event| filter.matches(event)) {
                    if matches!(event, Event::Key { key: Key::Enter, pressed: true, .. }) {
                        submitted = true;
                        break;
                    }
                    changed |= self.on_event(event, look.direction);
                }
            });
        }
        let wanted = vec2(ui.available_width().max(4.0 * space::TARGET), space::TARGET);
        let (rect, _) = ui.allocate_exact_size(wanted, Sense::hover());
        let (field, eye) = split(rect, look.direction);
        let response = ui.interact(field, id, Sense::click());
        if response.clicked() && ui.input(|input| input.pointer.any_released()) {
            response.request_focus();
            self.caret = self.length;
        }
        let shown = self.eye(ui, id, eye, look);
        self.paint(ui, id, field, look.direction, shown);
        describe(ui, id, field, look.name);
        PassphraseOutput { response, changed, submitted }
    }

    /// Applies one event; true when the passphrase changed.
    fn on_event(&mut self, event: &Event, direction: Direction) -> bool {
        match event {
            Event::Text(text) | Event::Ime(ImeEvent::Commit(text)) => self.insert(text),
            Event::Key { key, pressed: true, modifiers, .. } => self.on_key(*key, *modifiers, direction),
            _ => false,
        }
    }

    fn on_key(&mut self, key: Key, modifiers: Modifiers, direction: Direction) -> bool {
        let rtl = direction.is_rtl();
        match key {
            Key::Backspace if modifiers.ctrl || modifiers.alt || modifiers.command => {
                let had = !self.is_empty();
                self.clear();
                return had;
            }
            Key::Backspace => return self.remove(self.previous()..self.caret),
            Key::Delete => return self.remove(self.caret..self.next()),
            Key::ArrowLeft => self.caret = if rtl { self.next() } else { self.previous() },
            Key::ArrowRight => self.caret = if rtl { self.previous() } else { self.next() },
            Key::Home => self.caret = 0,
            Key::End => self.caret = self.length,
            _ => {}
        }
        false
    }

    fn previous(&self) -> usize {
        let before = self.expose().get(..self.caret).unwrap_or_default();
        before.len() - before.chars().next_back().map_or(0, char::len_utf8)
    }

    fn next(&self) -> usize {
        let after = self.expose().get(self.caret..).unwrap_or_default();
        self.caret + after.chars().next().map_or(0, char::len_utf8)
    }

    /// Writes at the caret; what does not fit whole is refused.
    fn insert(&mut self, text: &str) -> bool {
        let length = text.len();
        if length == 0 || text.chars().any(char::is_control) || self.length + length > PASSPHRASE_BYTES_MAX {
            return false;
        }
        self.bytes.copy_within(self.caret..self.length, self.caret + length);
        if let Some(gap) = self.bytes.get_mut(self.caret..self.caret + length) {
            gap.copy_from_slice(text.as_bytes());
        }
        self.length += length;
        self.caret += length;
        true
    }

    fn remove(&mut self, range: std::ops::Range<usize>) -> bool {
        if range.is_empty() {
            return false;
        }
        self.bytes.copy_within(range.end..self.length, range.start);
        let shorter = self.length - range.len();
        if let Some(left_over) = self.bytes.get_mut(shorter..self.length) {
            left_over.zeroize();
        }
        self.length = shorter;
        self.caret = range.start;
        true
    }

    fn paint(&self, ui: &Ui, id: Id, rect: Rect, direction: Direction, shown: bool) {
        let focused = ui.memory(|memory| memory.has_focus(id));
        let inner = rect.shrink2(vec2(space::INSIDE, space::NEAR));
        let before = self.expose().get(..self.caret).unwrap_or_default().chars().count();
        let count = self.expose().chars().count();
        let rtl = direction.is_rtl();
        let dot = |index: usize| {
            let x = f32::from(u16::try_from(index).unwrap_or(u16::MAX)) * DOT_STEP;
            if rtl { inner.right() - x } else { inner.left() + x }
        };
        // When the dots are more than fit, the caret stays in sight.
        let over = (dot(before) - inner.center().x).abs() - inner.width() / 2.0;
        let scroll = if over > 0.0 { if rtl { over } else { -over } } else { 0.0 };
        let caret_x = dot(before) + scroll;
        if focused && ui.is_enabled() {
            let to_global = ui.ctx().layer_transform_to_global(ui.layer_id()).unwrap_or_default();
            let caret = Rect::from_min_max(pos2(caret_x, inner.top()), pos2(caret_x, inner.bottom()));
            ui.output_mut(|output| {
                output.ime = Some(IMEOutput {
                    purpose: IMEPurpose::Password,
                    rect: to_global * inner,
                    cursor_rect: to_global * caret,
                    should_interrupt_composition: false,
                });
            });
        }
        if !ui.is_rect_visible(rect) {
            return;
        }
        frame(ui, rect, focused);
        let painter = ui.painter().with_clip_rect(ui.clip_rect().intersect(inner.expand(2.0)));
        if shown {
            let laid =
                layout_once(ui.ctx(), self.expose(), &Format::new(size::BODY, direction), f32::INFINITY);
            let x = if rtl { inner.right() - laid.size().x } else { inner.left() };
            laid.paint(&painter, pos2(x, inner.center().y - laid.size().y / 2.0), color::TEXT);
            return;
        }
        for index in 0..count {
            let half = if rtl { -DOT_STEP / 2.0 } else { DOT_STEP / 2.0 };
            painter.circle_filled(
                pos2(dot(index) + half + scroll, inner.center().y),
                DOT_RADIUS,
                color::TEXT,
            );
        }
        if focused {
            let caret = Rect::from_center_size(pos2(caret_x, inner.center().y), vec2(2.0, inner.height()));
            painter.rect_filled(caret, CornerRadius::ZERO, color::ACCENT);
        }
    }

    /// The eye; true while it is held.
    fn eye(&self, ui: &Ui, id: Id, rect: Rect, look: &PassphraseLook<'_>) -> bool {
        let eye_id = id.with("eye");
        let response = ui.interact(rect, eye_id, Sense::click());
        let by_key = response.has_focus() && ui.input(|input| input.key_down(Key::Space));
        let held = ui.is_enabled() && (response.is_pointer_button_down_on() || by_key);
        ui.ctx().accesskit_node_builder(eye_id, |node| {
            node.set_role(Role::Button);
            node.set_label(look.show_name);
            node.set_bounds(bounds(rect));
        });
        if ui.is_rect_visible(rect) {
            paint_eye(ui, rect.center(), if held { color::ACCENT } else { color::TEXT_QUIET });
            focus_ring(ui, rect.shrink(4.0), eye_id);
        }
        held
    }
}

fn describe(ui: &Ui, id: Id, rect: Rect, name: &str) {
    ui.ctx().accesskit_node_builder(id, |node| {
        node.set_role(Role::PasswordInput);
        node.set_label(name);
        node.set_bounds(bounds(rect));
        node.add_action(Action::Focus);
    });
}

/// The field and, at its end, the eye.
fn split(rect: Rect, direction: Direction) -> (Rect, Rect) {
    let at = space::TARGET + space::TIGHT;
    match direction {
        Direction::LeftToRight => {
            let x = rect.right() - at;
            (
                Rect::from_min_max(rect.min, pos2(x, rect.bottom())),
                Rect::from_min_max(pos2(x, rect.top()), rect.max),
            )
        }
        Direction::RightToLeft => {
            let x = rect.left() + at;
            (
                Rect::from_min_max(pos2(x, rect.top()), rect.max),
                Rect::from_min_max(rect.min, pos2(x, rect.bottom())),
            )
        }
    }
}

fn paint_eye(ui: &Ui, center: Pos2, ink: Color32) {
    let lid = |up: f32| {
        let points = [-10.0_f32, -6.0, -2.0, 2.0, 6.0, 10.0];
        points.map(|x| center + vec2(x, up * 6.0 * (1.0 - (x / 10.0).powi(2)))).to_vec()
    };
    ui.painter().add(Shape::line(lid(-1.0), Stroke::new(1.6, ink)));
    ui.painter().add(Shape::line(lid(1.0), Stroke::new(1.6, ink)));
    ui.painter().circle_filled(center, 3.0, ink);
}

/// From dot to dot, in points.
const DOT_STEP: f32 = 12.0;

/// Radius of a dot, in points.
const DOT_RADIUS: f32 = 3.5;

#[cfg(test)]
mod tests {
    use super::*;

    fn key(key: Key) -> Event {
        Event::Key { key, physical_key: None, pressed: true, repeat: false, modifiers: Modifiers::NONE }
    }

    fn typed(events: &[Event]) -> PassphraseField {
        let mut field = PassphraseField::default();
        for event in events {
            field.on_event(event, Direction::LeftToRight);
        }
        field
    }

    fn text(text: &str) -> Event {
        Event::Text(text.to_owned())
    }

    #[test]
    fn characters_of_any_width_are_typed_and_taken_back() {
        let field = typed(&[
            text("aé"),
            text("م👍"),
            key(Key::ArrowLeft),
            key(Key::Backspace),
            key(Key::Home),
            key(Key::Delete),
            text("x"),
            key(Key::End),
            Event::Ime(ImeEvent::Commit("ß".to_owned())),
        ]);
        assert_eq!(field.expose(), "xé👍ß");
    }

    #[test]
    fn nothing_of_a_deleted_character_stays_in_the_buffer() {
        let field = typed(&[text("secret"), key(Key::Backspace), key(Key::Home), key(Key::Delete)]);
        assert_eq!(field.expose(), "ecre");
        assert!(field.bytes.iter().skip(4).all(|byte| *byte == 0));
    }

    #[test]
    fn clearing_wipes_the_whole_buffer() {
        let mut field = typed(&[text("correct horse")]);
        field.clear();
        assert!(field.is_empty());
        assert!(field.bytes.iter().all(|byte| *byte == 0));
    }

    #[test]
    fn what_does_not_fit_is_refused_whole() {
        let mut field = typed(&[text(&"x".repeat(PASSPHRASE_BYTES_MAX - 1))]);
        assert!(!field.insert("é"));
        assert_eq!(field.expose().len(), PASSPHRASE_BYTES_MAX - 1);
        assert!(field.insert("y"));
        assert!(!field.insert("z"));
    }

    #[test]
    fn clipboard_events_do_nothing() {
        let field = typed(&[text("a"), Event::Paste("pasted".to_owned()), Event::Copy, Event::Cut]);
        assert_eq!(field.expose(), "a");
    }

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(format!("{:?}", typed(&[text("secret")])), "PassphraseField(..)");
    }
}
