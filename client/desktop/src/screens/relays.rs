//! Relays: the first step of a new vault, and the list of those in use.
//!
//! Not its concern: connecting to them.

use egui::{Frame, Margin, Ui};

use super::kit::{self, whole};
use crate::act::{Act, Pane};
use crate::text::{ButtonKind, Direction, Editor, Format, button, label};
use crate::theme::{color, size, space};
use crate::view::{Home, Level, Page, RelayEntry};
use crate::words;

/// Bytes of an address or a code: more than any has.
const FIELD_BYTES: usize = 1024;

/// What is being written.
pub struct RelayForm {
    /// The address.
    pub address: Editor,
    /// The operator's code.
    pub code: Editor,
}

impl Default for RelayForm {
    fn default() -> Self {
        Self { address: Editor::single_line(FIELD_BYTES), code: Editor::single_line(FIELD_BYTES) }
    }
}

/// The first step: a relay, or somebody's invitation.
pub fn first_step_ui(ui: &mut Ui, form: &mut RelayForm, pane: Pane<'_>) {
    let direction = pane.direction;
    kit::page(ui, direction, "first step", |ui| {
        kit::heading(ui, words::FIRST_HEADING, direction);
        kit::prose(ui, words::FIRST_TEXT, direction);
        if button(ui, words::FIRST_INVITED, ButtonKind::Primary, direction).clicked() {
            pane.send(Act::Show(Page::Join));
        }
        ui.add_space(space::APART);
        form_ui(ui, form, pane);
    });
}

/// The page of relays.
pub fn relays_ui(ui: &mut Ui, home: &Home, form: &mut RelayForm, pane: Pane<'_>) {
    let direction = pane.direction;
    kit::page(ui, direction, "relays", |ui| {
        kit::heading(ui, words::RELAYS_HEADING, direction);
        kit::prose(ui, words::RELAYS_TEXT, direction);
        for relay in &home.relays {
            relay_ui(ui, relay, direction);
        }
        ui.add_space(space::APART);
        kit::heading(ui, words::OTHER_RELAY, direction);
        form_ui(ui, form, pane);
    });
}

fn relay_ui(ui: &mut Ui, relay: &RelayEntry, direction: Direction) {
    Frame::new().fill(color::CANVAS).inner_margin(Margin::same(whole(space::INSIDE))).show(ui, |ui| {
        ui.set_width(ui.available_width());
        kit::stack(ui, direction, |ui| {
            label(ui, &relay.address, &Format::new(size::BODY, Direction::LeftToRight), color::TEXT);
            let (level, state) = match &relay.connection {
                Some(connection) => (connection.level, connection.words.as_str()),
                None => (Level::Quiet, words::RELAY_IDLE),
            };
            let state =
                if relay.is_home { format!("{} · {state}", words::HOME_RELAY) } else { state.to_owned() };
            let (_, ink) = kit::level_colors(level);
            label(
                ui,
                &state,
                &Format::new(size::SMALL, direction),
                if level <= Level::Quiet { color::TEXT_QUIET } else { ink },
            );
        });
    });
}

fn form_ui(ui: &mut Ui, form: &mut RelayForm, pane: Pane<'_>) {
    let direction = pane.direction;
    let address =
        kit::field(ui, &mut form.address, words::RELAY_ADDRESS, words::RELAY_ADDRESS_HINT, (1, 1), direction);
    let code = kit::field(ui, &mut form.code, words::RELAY_CODE, "", (1, 1), direction);
    let ready = !form.address.is_blank();
    let pressed = kit::button_if(ui, ready, words::USE_RELAY, ButtonKind::Secondary, direction).clicked();
    if ready && (pressed || address.submitted || code.submitted) {
        pane.send(Act::UseRelay);
    }
}
