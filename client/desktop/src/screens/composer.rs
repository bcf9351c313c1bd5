//! Where a message is written.
//!
//! Not its concern: keeping drafts (`desk`), sending (`app`).

use egui::{Align, Frame, Layout, Margin, Panel, Ui, vec2};
use khaima_runtime::Relation;

use super::kit::{self, whole};
use crate::act::{Act, Pane};
use crate::text::{ButtonKind, Editor, EditorLook, Format};
use crate::theme::{color, size, space};
use crate::view::Person;
use crate::words;

/// Bytes of the longest text that fits the largest envelope.
pub const TEXT_BYTES_MAX: usize = 60_000;

/// Rows the composer grows to before it scrolls.
const ROWS: u8 = 6;

/// A message being written.
pub struct Draft {
    /// The words.
    pub editor: Editor,
    /// The editor gets the keyboard in the next frame.
    pub wants_focus: bool,
}

impl Default for Draft {
    fn default() -> Self {
        Self { editor: Editor::multiline(TEXT_BYTES_MAX), wants_focus: true }
    }
}

/// Draws it at the bottom.
pub fn composer_ui(ui: &mut Ui, person: &Person, draft: &mut Draft, pane: Pane<'_>) {
    let frame = Frame::new()
        .fill(color::SURFACE)
        .inner_margin(Margin::symmetric(whole(space::APART), whole(space::INSIDE)));
    Panel::bottom("composer").frame(frame).show(ui, |ui| {
        if person.relation != Relation::Accepted {
            kit::stack(ui, pane.direction, |ui| kit::hint(ui, &words::not_yet(&person.name), pane.direction));
            return;
        }
        let from_end = if pane.direction.is_rtl() {
            Layout::left_to_right(Align::Min)
        } else {
            Layout::right_to_left(Align::Min)
        };
        ui.allocate_ui_with_layout(vec2(ui.available_width(), space::TARGET), from_end, |ui| {
            let ready = !draft.editor.is_blank();
            let pressed =
                kit::button_if(ui, ready, words::SEND, ButtonKind::Primary, pane.direction).clicked();
            let look = EditorLook {
                name: words::COMPOSER,
                hint: words::COMPOSER_HINT,
                format: Format::new(size::BODY, pane.direction),
                rows: (1, ROWS),
                enter_submits: true,
            };
            let shown = draft.editor.show(ui, &look);
            if std::mem::take(&mut draft.wants_focus) {
                shown.response.request_focus();
            }
            if ready && (pressed || shown.submitted) {
                draft.wants_focus = pressed;
                pane.send(Act::Send(person.conversation));
            }
        });
    });
}
