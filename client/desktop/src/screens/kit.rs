//! Parts that several screens are made of: rows and columns that follow the direction of the interface, headings, notes, discs.
//!
//! Not its concern: text itself (`text`), colours (`theme`).

use egui::{
    Align, Color32, CornerRadius, Frame, Layout, Margin, Rect, Response, Role, ScrollArea, Sense, Stroke, Ui,
    UiBuilder, Vec2, WidgetInfo, pos2, vec2,
};
use unicode_segmentation::UnicodeSegmentation;

use crate::text::{ButtonKind, Direction, Editor, EditorLook, EditorOutput, Format, button, label, layout};
use crate::theme::{self, color, corner, size, space};
use crate::view::Level;

/// Widest column of a page of text and fields.
const COLUMN: f32 = 520.0;

/// Things beside each other, from the side where the language starts.
pub fn row<R>(ui: &mut Ui, direction: Direction, add: impl FnOnce(&mut Ui) -> R) -> R {
    row_of(ui, direction, space::TARGET, Align::Center, add)
}

/// Things beside each other, from the side where the language ends.
pub fn row_from_end<R>(ui: &mut Ui, direction: Direction, height: f32, add: impl FnOnce(&mut Ui) -> R) -> R {
    let other = if direction.is_rtl() { Direction::LeftToRight } else { Direction::RightToLeft };
    row_of(ui, other, height, Align::Center, add)
}

fn row_of<R>(
    ui: &mut Ui,
    direction: Direction,
    height: f32,
    align: Align,
    add: impl FnOnce(&mut Ui) -> R,
) -> R {
    let layout = if direction.is_rtl() { Layout::right_to_left(align) } else { Layout::left_to_right(align) };
    ui.allocate_ui_with_layout(vec2(ui.available_width(), height), layout, add).inner
}

/// Things below each other, aligned where the language starts.
pub fn stack<R>(ui: &mut Ui, direction: Direction, add: impl FnOnce(&mut Ui) -> R) -> R {
    let align = if direction.is_rtl() { Align::Max } else { Align::Min };
    ui.with_layout(Layout::top_down(align), add).inner
}

/// A page of text and fields: a column of readable width that scrolls when the window is small.
pub fn page(ui: &mut Ui, direction: Direction, name: &str, add: impl FnOnce(&mut Ui)) {
    ScrollArea::vertical().id_salt(name).auto_shrink(false).show(ui, |ui| {
        let room = ui.available_rect_before_wrap();
        let side = ((room.width() - COLUMN) / 2.0).max(space::APART).floor();
        let column = Rect::from_min_max(room.min + vec2(side, space::WIDE), room.max - vec2(side, 0.0));
        ui.scope_builder(UiBuilder::new().max_rect(column), |ui| {
            stack(ui, direction, |ui| {
                ui.spacing_mut().item_spacing.y = space::INSIDE;
                add(ui);
            });
        });
        ui.add_space(space::WIDE);
    });
}

/// Margins are whole points.
pub fn whole(points: f32) -> i8 {
    #[expect(clippy::cast_possible_truncation, reason = "clamped to the range of an i8")]
    let whole = points.clamp(0.0, 127.0) as i8;
    whole
}

/// The heading of a page.
pub fn heading(ui: &mut Ui, text: &str, direction: Direction) -> Response {
    label(ui, text, &Format::new(size::TITLE, direction).bold(), color::TEXT)
}

/// Running text.
pub fn prose(ui: &mut Ui, text: &str, direction: Direction) -> Response {
    label(ui, text, &Format::new(size::BODY, direction), color::TEXT)
}

/// Quiet text beside or below something.
pub fn hint(ui: &mut Ui, text: &str, direction: Direction) -> Response {
    label(ui, text, &Format::new(size::SMALL, direction), color::TEXT_QUIET)
}

/// The name of the field that follows, close to it.
pub fn caption(ui: &mut Ui, text: &str, direction: Direction) {
    hint(ui, text, direction);
    ui.add_space(space::TIGHT - ui.spacing().item_spacing.y);
}

/// A named field of one or several rows.
pub fn field(
    ui: &mut Ui,
    editor: &mut Editor,
    name: &str,
    placeholder: &str,
    rows: (u8, u8),
    direction: Direction,
) -> EditorOutput {
    caption(ui, name, direction);
    let look = EditorLook {
        name,
        hint: placeholder,
        format: Format::new(size::BODY, direction),
        rows,
        enter_submits: rows.1 == 1,
    };
    editor.show(ui, &look)
}

/// A button that is grey while it cannot be pressed.
pub fn button_if(ui: &mut Ui, enabled: bool, text: &str, kind: ButtonKind, direction: Direction) -> Response {
    ui.add_enabled_ui(enabled, |ui| button(ui, text, kind, direction)).inner
}

/// Surface and ink of a level.
pub fn level_colors(level: Level) -> (Color32, Color32) {
    match level {
        Level::Good => (color::SUNKEN, color::GOOD),
        Level::Quiet => (color::SUNKEN, color::TEXT),
        Level::Warning => (color::WARNING_SURFACE, color::WARNING),
        Level::Danger => (color::DANGER_SURFACE, color::DANGER),
    }
}

/// A coloured box with a sentence; with `close` it has a button of that name, and the answer is whether it was pressed.
pub fn note(ui: &mut Ui, text: &str, level: Level, close: Option<&str>, direction: Direction) -> bool {
    let (surface, ink) = level_colors(level);
    let mut closed = false;
    let frame = Frame::new()
        .fill(surface)
        .corner_radius(CornerRadius::same(corner::SOFT))
        .inner_margin(Margin::symmetric(whole(space::INSIDE), whole(space::NEAR)));
    frame.show(ui, |ui| {
        ui.set_width(ui.available_width());
        let words = |ui: &mut Ui| {
            stack(ui, direction, |ui| label(ui, text, &Format::new(size::BODY, direction), ink));
        };
        match close {
            None => words(ui),
            Some(name) => {
                let room = ui.available_width() - space::TARGET - space::NEAR;
                let laid =
                    layout(ui.ctx(), &crate::text::body(text), &Format::new(size::BODY, direction), room);
                let height = laid.size().y.max(space::TARGET);
                row_from_end(ui, direction, height, |ui| {
                    closed = cross(ui, name, ink).clicked();
                    let align = if direction.is_rtl() {
                        Layout::right_to_left(Align::Center)
                    } else {
                        Layout::left_to_right(Align::Center)
                    };
                    ui.with_layout(align, |ui| {
                        label(ui, text, &Format::new(size::BODY, direction), ink);
                    });
                });
            }
        }
    });
    closed
}

/// A small cross that closes something.
fn cross(ui: &mut Ui, name: &str, ink: Color32) -> Response {
    let (rect, response) = ui.allocate_exact_size(Vec2::splat(space::TARGET), Sense::click());
    response.widget_info(|| WidgetInfo::labeled(Role::Button, ui.is_enabled(), name));
    if ui.is_rect_visible(rect) {
        let arm = 5.0;
        let stroke = Stroke::new(if response.hovered() { 2.5 } else { 1.6 }, ink);
        for (a, b) in [(vec2(-arm, -arm), vec2(arm, arm)), (vec2(-arm, arm), vec2(arm, -arm))] {
            ui.painter().line_segment([rect.center() + a, rect.center() + b], stroke);
        }
        crate::text::focus_ring(ui, rect.shrink(6.0), response.id);
    }
    response
}

/// The disc with somebody's first letter.
pub fn disc(ui: &Ui, rect: Rect, name: &str, number: u64) {
    let radius = rect.height().min(rect.width()) / 2.0;
    ui.painter().circle_filled(rect.center(), radius, theme::avatar(number));
    let initial = name.graphemes(true).find(|it| it.chars().any(char::is_alphanumeric)).unwrap_or("?");
    let initial = initial.to_uppercase();
    let laid =
        layout(ui.ctx(), &initial, &Format::new(size::BODY, Direction::LeftToRight).bold(), f32::INFINITY);
    laid.paint(ui.painter(), rect.center() - laid.size() / 2.0, color::ON_ACCENT);
}

/// A check mark within a small square.
pub fn check(ui: &Ui, rect: Rect, ink: Color32) {
    let at = |x: f32, y: f32| pos2(rect.left() + x * rect.width(), rect.top() + y * rect.height());
    let stroke = Stroke::new(2.0, ink);
    ui.painter().line_segment([at(0.15, 0.55), at(0.4, 0.8)], stroke);
    ui.painter().line_segment([at(0.4, 0.8), at(0.88, 0.22)], stroke);
}

/// Three dots, one of them dark in turn: something is being done.
pub fn busy(ui: &mut Ui, text: &str, direction: Direction) {
    prose(ui, text, direction);
    let (rect, response) = ui.allocate_exact_size(vec2(48.0, 16.0), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::ProgressIndicator, true, text));
    let steps = ui.input(|input| input.time / STEP_SECS);
    #[expect(clippy::cast_possible_truncation, reason = "a remainder of three")]
    let turn = (steps % 3.0) as i32;
    for index in 0..3_i32 {
        let ink = if index == turn { color::ACCENT } else { color::LINE };
        let x = rect.left() + 8.0 + 16.0 * f32::from(i16::try_from(index).unwrap_or_default());
        ui.painter().circle_filled(pos2(x, rect.center().y), 5.0, ink);
    }
    ui.ctx().request_repaint_after(std::time::Duration::from_secs_f64(STEP_SECS));
}

/// How long each dot is dark: slow enough not to take work from what is being done.
const STEP_SECS: f64 = 0.35;
