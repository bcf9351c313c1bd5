//! Making an invitation, giving it away, and what became of those there are.
//!
//! Not its concern: the link's form and signature.

use egui::{CornerRadius, Frame, Margin, Role, Sense, Ui, WidgetInfo, vec2};
use khaima_runtime::{Command, InvitationId, InvitationState};

use super::kit::{self, whole};
use crate::act::{Act, Pane};
use crate::qr::QrPicture;
use crate::text::{ButtonKind, Direction, Editor, Format, button, focus_ring, label_named, layout};
use crate::theme::{color, corner, size, space};
use crate::view::{Home, InvitationEntry, Level, Page};
use crate::words;

/// Bytes of a note.
const NOTE_BYTES: usize = 256;
/// Side of the QR code in points.
const CODE: f32 = 360.0;

/// What is being written for a new invitation.
pub struct InviteForm {
    /// The reminder.
    pub note: Editor,
    /// How long it lasts.
    pub days: u32,
}

impl Default for InviteForm {
    fn default() -> Self {
        Self { note: Editor::single_line(NOTE_BYTES), days: 7 }
    }
}

/// The QR code of the invitation that is shown: made once, not in every frame.
#[derive(Default)]
pub struct Code {
    of: Option<(InvitationId, Option<QrPicture>)>,
}

impl Code {
    fn picture(&mut self, id: InvitationId, link: &str) -> Option<&QrPicture> {
        if self.of.as_ref().is_none_or(|(known, _)| *known != id) {
            self.of = Some((id, QrPicture::new(link.as_bytes()).ok()));
        }
        self.of.as_ref().and_then(|(_, picture)| picture.as_ref())
    }
}

/// The page for making one.
pub fn invite_ui(ui: &mut Ui, home: &Home, form: &mut InviteForm, pane: Pane<'_>) {
    let direction = pane.direction;
    kit::page(ui, direction, "invite", |ui| {
        kit::heading(ui, words::INVITE_HEADING, direction);
        kit::prose(ui, words::INVITE_TEXT, direction);
        kit::field(ui, &mut form.note, words::NOTE, words::NOTE_HINT, (1, 1), direction);
        kit::caption(ui, words::VALID_FOR, direction);
        kit::row(ui, direction, |ui| {
            for (days, name) in words::DAYS {
                let kind = if form.days == days { ButtonKind::Primary } else { ButtonKind::Secondary };
                if button(ui, name, kind, direction).clicked() {
                    form.days = days;
                }
            }
        });
        ui.add_space(space::NEAR);
        if kit::button_if(ui, home.has_relay, words::MAKE_INVITATION, ButtonKind::Primary, direction)
            .clicked()
        {
            pane.send(Act::Invite { days: form.days });
        }
        if !home.has_relay {
            kit::hint(ui, words::NO_RELAY_YET, direction);
        }
        if !home.invitations.is_empty() {
            ui.add_space(space::APART);
            kit::heading(ui, words::YOUR_INVITATIONS, direction);
            for invitation in &home.invitations {
                entry_ui(ui, invitation, pane);
            }
        }
    });
}

fn entry_ui(ui: &mut Ui, invitation: &InvitationEntry, pane: Pane<'_>) {
    let direction = pane.direction;
    let state = words::invitation_state(invitation.state);
    let title = if invitation.note.is_empty() {
        words::valid_to(&invitation.last_day)
    } else {
        invitation.note.clone()
    };
    let width = ui.available_width();
    let inside = width - 2.0 * space::INSIDE;
    let title_laid = layout(ui.ctx(), &title, &Format::new(size::BODY, direction).lines(1), inside);
    let state_laid = layout(ui.ctx(), state, &Format::new(size::SMALL, direction), inside);
    let height = title_laid.size().y + state_laid.size().y + 2.0 * space::NEAR;
    let (rect, response) = ui.allocate_exact_size(vec2(width, height), Sense::click());
    response.widget_info(|| WidgetInfo::labeled(Role::Button, ui.is_enabled(), format!("{title}. {state}")));
    let fill = if response.hovered() { color::HOVER } else { color::CANVAS };
    ui.painter().rect_filled(rect, CornerRadius::same(corner::SOFT), fill);
    focus_ring(ui, rect, response.id);
    let inner = rect.shrink2(vec2(space::INSIDE, space::NEAR));
    let x = |wide: f32| if direction.is_rtl() { inner.right() - wide } else { inner.left() };
    title_laid.paint(ui.painter(), egui::pos2(x(title_laid.size().x), inner.top()), color::TEXT);
    let ink = if is_alarming(invitation) { color::DANGER } else { color::TEXT_QUIET };
    state_laid.paint(
        ui.painter(),
        egui::pos2(x(state_laid.size().x), inner.top() + title_laid.size().y),
        ink,
    );
    if response.clicked() {
        pane.send(Act::Show(Page::Invitation(invitation.id)));
    }
}

fn is_alarming(invitation: &InvitationEntry) -> bool {
    invitation.refused > 0 || invitation.state == InvitationState::Tampered
}

/// The page of one invitation.
pub fn invitation_ui(ui: &mut Ui, invitation: &InvitationEntry, code: &mut Code, pane: Pane<'_>) {
    let direction = pane.direction;
    let id = invitation.id;
    kit::page(ui, direction, "invitation", |ui| {
        kit::heading(
            ui,
            if invitation.made_here { words::INVITATION_HEADING } else { words::JOIN_HEADING },
            direction,
        );
        if !invitation.note.is_empty() {
            kit::prose(ui, &invitation.note, direction);
        }
        let validity = words::valid_to(&invitation.last_day);
        kit::hint(
            ui,
            &format!("{}. {validity}", words::invitation_state(invitation.state).trim_end_matches('.')),
            direction,
        );
        if invitation.refused > 0 {
            kit::note(ui, &words::refused_again(invitation.refused), Level::Danger, None, direction);
        }
        let link = invitation.link.as_deref().filter(|_| invitation.state == InvitationState::Open);
        if invitation.state == InvitationState::Making {
            kit::busy(ui, words::INVITATION_WAITS, direction);
        } else if link.is_some() {
            kit::prose(ui, words::INVITE_TEXT, direction);
        }
        kit::row(ui, direction, |ui| {
            if let Some(link) = link
                && button(ui, words::COPY_LINK, ButtonKind::Primary, direction).clicked()
            {
                pane.send(Act::Copy(link.to_owned()));
            }
            for (name, kind, command) in deeds(invitation) {
                if button(ui, name, kind, direction).clicked() {
                    pane.send(Act::Command(command));
                }
            }
            if button(ui, words::BACK, ButtonKind::Quiet, direction).clicked() {
                pane.send(Act::Show(Page::Invite));
            }
        });
        if let Some(link) = link {
            link_ui(ui, id, link, code, direction);
        }
    });
}

fn link_ui(ui: &mut Ui, id: InvitationId, link: &str, code: &mut Code, direction: Direction) {
    match code.picture(id, link) {
        Some(picture) => {
            picture.show(ui, CODE, words::INVITATION_CODE);
        }
        None => {
            kit::hint(ui, words::NO_CODE, direction);
        }
    }
    let frame = Frame::new()
        .fill(color::SUNKEN)
        .corner_radius(CornerRadius::same(corner::SOFT))
        .inner_margin(Margin::same(whole(space::INSIDE)));
    frame.show(ui, |ui| {
        let name = format!("{}: {link}", words::INVITATION_LINK);
        label_named(ui, link, Some(&name), &Format::new(size::SMALL, Direction::LeftToRight), color::TEXT);
    });
}

/// What can be done with it as it stands.
fn deeds(invitation: &InvitationEntry) -> Vec<(&'static str, ButtonKind, Command)> {
    let id = invitation.id;
    match invitation.state {
        InvitationState::Making | InvitationState::Open => {
            vec![(words::WITHDRAW, ButtonKind::Secondary, Command::WithdrawInvitation { invitation: id })]
        }
        InvitationState::Gone | InvitationState::Tampered => vec![
            (words::TRY_AGAIN, ButtonKind::Secondary, Command::RetryInvitation { invitation: id }),
            (words::FORGET, ButtonKind::Secondary, Command::ForgetInvitation { invitation: id }),
        ],
        InvitationState::Expired | InvitationState::Withdrawn | InvitationState::Used => {
            vec![(words::FORGET, ButtonKind::Secondary, Command::ForgetInvitation { invitation: id })]
        }
        _ => Vec::new(),
    }
}
