//! Labels and buttons.
//!
//! Both neutralise what they are given, both are named in the accessibility tree. Buttons take focus, show it by a ring, and are pressed
//! by pointer, Space or Enter.
//!
//! Not its concern: editing (`editor`).

use egui::{Color32, CornerRadius, Id, Response, Role, Sense, Stroke, StrokeKind, Ui, WidgetInfo, vec2};

use super::guard;
use super::laid::{Direction, Format};
use super::layout;
use crate::theme::{self, color, corner, size, space};

/// How much a button wants to be pressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ButtonKind {
    /// Cannot be undone, or raises an alarm.
    Danger,
    /// The one main thing to do here.
    Primary,
    /// Looks like text until the pointer is on it.
    Quiet,
    /// Anything else.
    Secondary,
}

/// Draws text, wrapped at the available width. What others wrote is neutralised.
pub fn label(ui: &mut Ui, text: &str, format: &Format, color: Color32) -> Response {
    label_named(ui, text, None, format, color)
}

/// A label that a screen reader calls `name` instead of reading it out: signs, long numbers.
pub fn label_named(ui: &mut Ui, text: &str, name: Option<&str>, format: &Format, color: Color32) -> Response {
    let clean = guard::body(text);
    let laid = layout(ui.ctx(), &clean, format, ui.available_width());
    let (rect, response) = ui.allocate_exact_size(laid.size(), Sense::hover());
    if ui.is_rect_visible(rect) {
        laid.paint(ui.painter(), rect.min, color);
    }
    response.widget_info(|| WidgetInfo::labeled(Role::Label, ui.is_enabled(), name.unwrap_or(&clean)));
    response
}

/// A button with a word or two on it, at least [`space::TARGET`] high and wide. `direction` is that of the interface.
pub fn button(ui: &mut Ui, text: &str, kind: ButtonKind, direction: Direction) -> Response {
    let clean = guard::body(text);
    let format = Format::new(size::BODY, direction).centered();
    let format =
        if matches!(kind, ButtonKind::Primary | ButtonKind::Danger) { format.bold() } else { format };
    let margin = vec2(space::APART, space::TIGHT);
    let laid = layout(ui.ctx(), &clean, &format, (ui.available_width() - 2.0 * margin.x).max(space::TARGET));
    let wanted = (laid.size() + 2.0 * margin).max(vec2(space::TARGET, space::TARGET));
    let (rect, response) = ui.allocate_exact_size(wanted, Sense::click());
    response.widget_info(|| WidgetInfo::labeled(Role::Button, ui.is_enabled(), &clean));
    if ui.is_rect_visible(rect) {
        let lit = ui.is_enabled() && (response.hovered() || response.has_focus());
        let (fill, stroke, ink) = paint_of(kind, lit, ui.is_enabled());
        ui.painter().rect(rect, CornerRadius::same(corner::SOFT), fill, stroke, StrokeKind::Inside);
        laid.paint(ui.painter(), rect.center() - laid.size() / 2.0, ink);
        focus_ring(ui, rect, response.id);
    }
    response
}

/// Where a node of the accessibility tree is on the screen.
pub(crate) fn bounds(rect: egui::Rect) -> egui::accesskit::Rect {
    let [x0, y0, x1, y1] = [rect.min.x, rect.min.y, rect.max.x, rect.max.y].map(f64::from);
    egui::accesskit::Rect { x0, y0, x1, y1 }
}

/// The ring around the widget that has the keyboard.
pub(crate) fn focus_ring(ui: &Ui, rect: egui::Rect, id: Id) {
    if ui.memory(|memory| memory.has_focus(id)) {
        let ring = Stroke::new(theme::FOCUS_RING, color::ACCENT);
        let outer = rect.expand(2.0);
        ui.painter().rect_stroke(outer, CornerRadius::same(corner::SOFT + 2), ring, StrokeKind::Outside);
    }
}

fn paint_of(kind: ButtonKind, lit: bool, enabled: bool) -> (Color32, Stroke, Color32) {
    let edge = Stroke::new(1.0, color::EDGE);
    if !enabled {
        return (color::CANVAS, Stroke::new(1.0, color::LINE), color::TEXT_QUIET);
    }
    match (kind, lit) {
        (ButtonKind::Primary, false) => (color::ACCENT, Stroke::NONE, color::ON_ACCENT),
        (ButtonKind::Primary, true) => (color::ACCENT_HOVER, Stroke::NONE, color::ON_ACCENT),
        (ButtonKind::Danger, false) => (color::DANGER, Stroke::NONE, color::ON_ACCENT),
        (ButtonKind::Danger, true) => (color::DANGER_HOVER, Stroke::NONE, color::ON_ACCENT),
        (ButtonKind::Secondary, false) => (color::SURFACE, edge, color::TEXT),
        (ButtonKind::Secondary, true) => (color::HOVER, edge, color::TEXT),
        (ButtonKind::Quiet, false) => (Color32::TRANSPARENT, Stroke::NONE, color::ACCENT),
        (ButtonKind::Quiet, true) => (color::HOVER, Stroke::NONE, color::ACCENT),
    }
}
