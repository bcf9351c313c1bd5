//! Somebody asks to be a contact: their name and words, as plain text, and the decision.
//!
//! Not its concern: keeping anything else they send away until then (the engine).

use egui::{CornerRadius, Frame, Margin, Ui};
use khaima_runtime::Command;

use super::kit::{self, whole};
use crate::act::{Act, Pane};
use crate::text::{ButtonKind, Format, button, label};
use crate::theme::{color, corner, size, space};
use crate::view::{Level, Person};
use crate::words;

/// Draws the page.
pub fn request_ui(ui: &mut Ui, person: &Person, pane: Pane<'_>) {
    let direction = pane.direction;
    let contact = person.id;
    kit::page(ui, direction, "request", |ui| {
        kit::heading(ui, &words::request_heading(&person.name), direction);
        if !person.invitation_note.is_empty() {
            kit::prose(ui, &words::request_note(&person.invitation_note), direction);
        }
        if person.greeting.is_empty() {
            kit::hint(ui, words::NO_GREETING, direction);
        } else {
            kit::hint(ui, words::REQUEST_GREETING, direction);
            let frame = Frame::new()
                .fill(color::SUNKEN)
                .corner_radius(CornerRadius::same(corner::ROUND))
                .inner_margin(Margin::same(whole(space::INSIDE)));
            frame.show(ui, |ui| {
                label(ui, &person.greeting, &Format::new(size::BODY, direction), color::TEXT);
            });
        }
        kit::note(ui, words::REQUEST_TEXT, Level::Warning, None, direction);
        kit::row(ui, direction, |ui| {
            if button(ui, words::ACCEPT, ButtonKind::Primary, direction).clicked() {
                pane.send(Act::Command(Command::AcceptRequest { contact }));
            }
            if button(ui, words::REFUSE, ButtonKind::Secondary, direction).clicked() {
                pane.send(Act::Command(Command::RefuseRequest { contact }));
            }
        });
    });
}
