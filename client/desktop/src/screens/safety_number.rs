//! Comparing a safety number.
//!
//! Not its concern: computing it.

use egui::Ui;
use khaima_runtime::Command;

use super::kit;
use crate::act::{Act, Pane};
use crate::qr::QrPicture;
use crate::text::{ButtonKind, Direction, Format, button, isolated, label_named};
use crate::theme::{color, size, space};
use crate::view::{Level, Page, Person};
use crate::words;

/// Groups of digits in a line.
const GROUPS: usize = 4;
/// Side of the QR code in points.
const CODE: f32 = 200.0;

/// A safety number ready to show.
pub struct Shown {
    /// Digits in groups of five.
    pub digits: String,
    /// What a camera reads.
    pub code: Option<QrPicture>,
}

/// Draws the page; `number` is none while it is computed.
pub fn safety_number_ui(ui: &mut Ui, person: &Person, number: Option<&Shown>, pane: Pane<'_>) {
    let direction = pane.direction;
    kit::page(ui, direction, "safety number", |ui| {
        kit::heading(ui, &format!("{}: {}", words::SAFETY_NUMBER, isolated(&person.name)), direction);
        kit::prose(ui, &words::safety_text(&person.name), direction);
        let Some(number) = number else {
            kit::busy(ui, words::COMPUTING, direction);
            return;
        };
        number_ui(ui, number, direction);
        if person.verified {
            kit::note(ui, words::VERIFIED_TEXT, Level::Good, None, direction);
        }
        kit::row(ui, direction, |ui| {
            let (name, kind) = match person.verified {
                true => (words::UNMARK_VERIFIED, ButtonKind::Secondary),
                false => (words::MARK_VERIFIED, ButtonKind::Primary),
            };
            if button(ui, name, kind, direction).clicked() {
                let command = Command::MarkVerified { contact: person.id, verified: !person.verified };
                pane.send(Act::Command(command));
            }
            if button(ui, words::BACK, ButtonKind::Quiet, direction).clicked() {
                pane.send(Act::Show(Page::Thread(person.conversation)));
            }
        });
    });
}

fn number_ui(ui: &mut Ui, number: &Shown, direction: Direction) {
    let groups: Vec<&str> = number.digits.split(' ').collect();
    let format = Format::new(size::DISPLAY, Direction::LeftToRight);
    ui.add_space(space::NEAR);
    for line in groups.chunks(GROUPS) {
        let line = line.join("  ");
        label_named(ui, &line, Some(&format!("{}: {line}", words::SAFETY_NUMBER)), &format, color::TEXT);
    }
    ui.add_space(space::NEAR);
    match &number.code {
        Some(code) => {
            code.show(ui, CODE, words::SAFETY_CODE);
        }
        None => {
            kit::hint(ui, words::NO_CODE, direction);
        }
    }
}
