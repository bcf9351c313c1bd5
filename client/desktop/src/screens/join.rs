//! Using somebody's invitation link.
//!
//! Not its concern: reading the link (the engine says what is wrong with it).

use egui::Ui;

use super::kit;
use crate::act::{Act, Pane};
use crate::text::{ButtonKind, Editor};
use crate::theme::space;
use crate::words;

/// Bytes of the longest link, with room for what messengers put around it.
const LINK_BYTES: usize = 4096;
/// Bytes of a greeting.
const GREETING_BYTES: usize = 500;

/// What is being written.
pub struct JoinForm {
    /// The link.
    pub link: Editor,
    /// Words for whoever made it.
    pub greeting: Editor,
    wants_focus: bool,
}

impl Default for JoinForm {
    fn default() -> Self {
        Self {
            link: Editor::single_line(LINK_BYTES),
            greeting: Editor::multiline(GREETING_BYTES),
            wants_focus: true,
        }
    }
}

/// Draws the page.
pub fn join_ui(ui: &mut Ui, form: &mut JoinForm, pane: Pane<'_>) {
    let direction = pane.direction;
    kit::page(ui, direction, "join", |ui| {
        kit::heading(ui, words::JOIN_HEADING, direction);
        kit::prose(ui, words::JOIN_TEXT, direction);
        let link = kit::field(ui, &mut form.link, words::LINK, words::LINK_HINT, (1, 1), direction);
        if std::mem::take(&mut form.wants_focus) {
            link.response.request_focus();
        }
        kit::field(ui, &mut form.greeting, words::GREETING, words::GREETING_HINT, (2, 5), direction);
        ui.add_space(space::NEAR);
        let ready = !form.link.is_blank();
        if kit::button_if(ui, ready, words::ASK, ButtonKind::Primary, direction).clicked() {
            pane.send(Act::Join);
        }
    });
}
