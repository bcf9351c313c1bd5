//! The side: who there is, what is new, and whether we are connected.
//!
//! Not its concern: what a click opens (`desk`).

use egui::{
    CornerRadius, Frame, Margin, Panel, Rect, Response, Role, ScrollArea, Sense, Ui, Vec2, WidgetInfo, pos2,
    vec2,
};

use super::kit::{self, whole};
use crate::act::{Act, Pane};
use crate::text::{ButtonKind, Direction, Format, button, focus_ring, layout};
use crate::theme::{color, corner, size, space};
use crate::view::{Home, Level, Page, Person};
use crate::words;

/// Width of the side.
const WIDTH: f32 = 320.0;
/// Height of a person's row.
const ROW: f32 = 68.0;
/// Diameter of the disc.
const DISC: f32 = 44.0;

/// Draws the side; `page` says which row is chosen, `drafts` who has something unsent.
pub fn list_ui(ui: &mut Ui, home: &Home, page: Page, drafts: &dyn Fn(&Person) -> bool, pane: Pane<'_>) {
    let direction = pane.direction;
    let frame = Frame::new().fill(color::SURFACE);
    let panel = if direction.is_rtl() { Panel::right("people") } else { Panel::left("people") };
    panel.resizable(false).exact_size(WIDTH).frame(frame).show(ui, |ui| {
        head_ui(ui, home, pane);
        connection_ui(ui, home, pane);
        Frame::new().inner_margin(Margin::symmetric(whole(space::NEAR), 0)).show(ui, |ui| {
            ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
                ui.spacing_mut().item_spacing.y = space::TIGHT;
                if home.people.is_empty() {
                    Frame::new().inner_margin(Margin::same(whole(space::NEAR))).show(ui, |ui| {
                        kit::stack(ui, direction, |ui| kit::hint(ui, words::NO_CONTACTS, direction));
                    });
                }
                for person in &home.people {
                    let target = page_of(person);
                    let chosen = page == target || page == Page::SafetyNumber(person.id);
                    if person_ui(ui, person, chosen, drafts(person), direction).clicked() {
                        pane.send(Act::Show(target));
                    }
                }
            });
        });
    });
}

/// Where a click on somebody leads.
fn page_of(person: &Person) -> Page {
    match person.relation {
        khaima_runtime::Relation::AsksUs => Page::Request(person.id),
        _ => Page::Thread(person.conversation),
    }
}

fn head_ui(ui: &mut Ui, home: &Home, pane: Pane<'_>) {
    let direction = pane.direction;
    let margin = Margin {
        left: whole(space::APART),
        right: whole(space::APART),
        top: whole(space::INSIDE),
        bottom: whole(space::NEAR),
    };
    Frame::new().inner_margin(margin).show(ui, |ui| {
        ui.set_width(ui.available_width());
        ui.spacing_mut().item_spacing.y = space::NEAR;
        kit::row_from_end(ui, direction, space::TARGET, |ui| {
            if button(ui, words::LOCK, ButtonKind::Secondary, direction).clicked() {
                pane.send(Act::Lock);
            }
            kit::row(ui, direction, |ui| {
                let name = home.name.as_deref().filter(|name| !name.is_empty()).unwrap_or(words::MESSAGES);
                crate::text::label(
                    ui,
                    name,
                    &Format::new(size::TITLE, direction).bold().lines(1),
                    color::TEXT,
                );
            });
        });
        kit::row(ui, direction, |ui| {
            if button(ui, words::INVITE, ButtonKind::Primary, direction).clicked() {
                pane.send(Act::Show(Page::Invite));
            }
            if button(ui, words::JOIN, ButtonKind::Secondary, direction).clicked() {
                pane.send(Act::Show(Page::Join));
            }
        });
    });
}

/// The bottom of the side: how the connections stand. A click opens the relays.
fn connection_ui(ui: &mut Ui, home: &Home, pane: Pane<'_>) {
    if home.connection.words.is_empty() {
        return;
    }
    let direction = pane.direction;
    let (_, ink) = kit::level_colors(home.connection.level);
    let frame = Frame::new()
        .fill(color::SURFACE)
        .inner_margin(Margin::symmetric(whole(space::APART), whole(space::NEAR)));
    Panel::bottom("connection").frame(frame).show(ui, |ui| {
        // The whole of a danger stands above everything.
        let is_danger = home.connection.level == Level::Danger;
        let mut words = if is_danger { words::STOPPED.to_owned() } else { home.connection.words.clone() };
        if home.waiting > 0 && home.connection.level != Level::Good {
            words = format!("{words} {}", words::waiting(home.waiting));
        }
        let format = Format::new(size::SMALL, direction);
        let dot = space::INSIDE;
        let laid = layout(ui.ctx(), &words, &format, ui.available_width() - dot - space::NEAR);
        let height = laid.size().y.max(24.0);
        let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), height), Sense::click());
        response.widget_info(|| WidgetInfo::labeled(Role::Button, ui.is_enabled(), &words));
        let (dot_x, text_x) = if direction.is_rtl() {
            (rect.right() - dot / 2.0, rect.right() - dot - space::NEAR - laid.size().x)
        } else {
            (rect.left() + dot / 2.0, rect.left() + dot + space::NEAR)
        };
        let top = rect.center().y - laid.size().y / 2.0;
        let line = laid.lines().first().map_or(laid.size().y, |line| line.height);
        let fill = if home.connection.level == Level::Quiet { color::EDGE } else { ink };
        ui.painter().circle_filled(pos2(dot_x, top + line / 2.0), dot / 2.0 - 1.0, fill);
        laid.paint(
            ui.painter(),
            pos2(text_x, top),
            if home.connection.level == Level::Good { color::TEXT_QUIET } else { ink },
        );
        focus_ring(ui, rect, response.id);
        if response.clicked() {
            pane.send(Act::Show(Page::Relays));
        }
    });
}

fn person_ui(ui: &mut Ui, person: &Person, chosen: bool, has_draft: bool, direction: Direction) -> Response {
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), ROW), Sense::click());
    response.widget_info(|| {
        WidgetInfo::selected(Role::Button, ui.is_enabled(), chosen, spoken(person, has_draft))
    });
    if !ui.is_rect_visible(rect) {
        return response;
    }
    let fill = match (chosen, response.hovered()) {
        (true, _) => color::SUNKEN,
        (false, true) => color::HOVER,
        (false, false) => color::SURFACE,
    };
    ui.painter().rect_filled(rect, CornerRadius::same(corner::SOFT), fill);
    focus_ring(ui, rect.shrink(3.0), response.id);
    let inner = rect.shrink2(vec2(space::INSIDE, space::NEAR));
    // From here on as if the language ran from left to right; `place` mirrors.
    let place = |from_start: f32, top: f32, size: Vec2| {
        let left =
            if direction.is_rtl() { inner.right() - from_start - size.x } else { inner.left() + from_start };
        Rect::from_min_size(pos2(left, inner.top() + top), size)
    };
    let disc = Vec2::splat(DISC);
    kit::disc(ui, place(0.0, (inner.height() - DISC) / 2.0, disc), &person.name, person.avatar);

    let small = Format::new(size::SMALL, direction).lines(1);
    let time = layout(ui.ctx(), &person.time, &small, 110.0);
    let time_at = place(inner.width() - time.size().x, 4.0, time.size());
    time.paint(ui.painter(), time_at.min, color::TEXT_QUIET);

    let start = DISC + space::INSIDE;
    let mark = if person.verified { 14.0 + space::TIGHT } else { 0.0 };
    let room = inner.width() - start - time.size().x - space::NEAR - mark;
    let name = layout(ui.ctx(), &person.name, &Format::new(size::BODY, direction).bold().lines(1), room);
    let name_at = place(start, 1.0, name.size());
    name.paint(ui.painter(), name_at.min, color::TEXT);
    if person.verified {
        let tick = place(
            start + name.size().x + space::TIGHT,
            1.0 + (name.size().y - 14.0) / 2.0,
            Vec2::splat(14.0),
        );
        kit::check(ui, tick, color::GOOD);
    }

    let badge = if person.unread > 0 { badge_ui(ui, person.unread, &place, inner) } else { 0.0 };
    let (preview, ink) = preview(person, has_draft);
    let room = inner.width() - start - badge;
    let preview = layout(ui.ctx(), preview, &small, room);
    let preview_at = place(start, inner.height() - preview.size().y, preview.size());
    preview.paint(ui.painter(), preview_at.min, ink);
    response
}

/// The count of unread messages; answers the width it takes.
fn badge_ui(ui: &Ui, count: u32, place: &dyn Fn(f32, f32, Vec2) -> Rect, inner: Rect) -> f32 {
    let text = if count > 99 { "99+".to_owned() } else { count.to_string() };
    let laid =
        layout(ui.ctx(), &text, &Format::new(size::SMALL, Direction::LeftToRight).bold(), f32::INFINITY);
    let size = vec2((laid.size().x + 2.0 * space::NEAR - 2.0).max(22.0), 22.0);
    let rect = place(inner.width() - size.x, inner.height() - size.y, size);
    ui.painter().rect_filled(rect, CornerRadius::same(11), color::ACCENT);
    laid.paint(ui.painter(), rect.center() - laid.size() / 2.0, color::ON_ACCENT);
    size.x + space::NEAR
}

fn preview(person: &Person, has_draft: bool) -> (&str, egui::Color32) {
    match person.relation {
        khaima_runtime::Relation::AsksUs => (&person.preview, color::WARNING),
        _ if has_draft => (words::DRAFT, color::ACCENT),
        _ => (&person.preview, color::TEXT_QUIET),
    }
}

/// How a screen reader calls the row: who, what is new, what was last.
fn spoken(person: &Person, has_draft: bool) -> String {
    let mut parts = vec![person.name.clone()];
    if person.verified {
        parts.push(words::VERIFIED.to_owned());
    }
    if person.unread > 0 {
        parts.push(words::unread(person.unread));
    }
    parts.push(preview(person, has_draft).0.to_owned());
    parts.push(person.time.clone());
    parts.join(", ")
}
