//! Draws an editor and feeds it events: pointer, keyboard, input method, screen reader.
//!
//! Each paragraph is aligned by its own direction in the width of the box. The box grows from its least to its greatest number of rows, then
//! scrolls. What a screen reader needs goes into the accessibility tree alone; no event of egui's carries the text.
//!
//! Not its concern: what the events do to the text (`editor`).

use std::sync::Arc;

use egui::accesskit::{Action, ActionData, Role};
use egui::output::IMEOutput;
use egui::{
    CornerRadius, CursorIcon, Event, EventFilter, IMEPurpose, Id, PointerButton, Pos2, Rect, Response, Sense,
    Stroke, StrokeKind, Ui, Vec2, vec2,
};

use super::editor::{Editor, Effect};
use super::laid::{Block, Format, Laid};
use super::{bounds, edit, layout, metrics};
use crate::theme::{self, color, corner, space};

/// What an editor looks like and how Enter works in it.
#[derive(Clone, Copy, Debug)]
pub struct EditorLook<'a> {
    /// What a screen reader calls it; also tells editors in one place apart.
    pub name: &'a str,
    /// Shown while it is empty.
    pub hint: &'a str,
    /// Letter size and the direction of the interface.
    pub format: Format,
    /// Least and greatest height in rows.
    pub rows: (u8, u8),
    /// Enter submits and Shift+Enter breaks the line; otherwise Enter breaks it and Ctrl+Enter submits.
    pub enter_submits: bool,
}

/// What happened in a frame.
#[derive(Debug)]
pub struct EditorOutput {
    /// The box.
    pub response: Response,
    /// The text is another than before.
    pub changed: bool,
    /// Enter was pressed to submit.
    pub submitted: bool,
}

impl Editor {
    /// Shows the editor in the available width.
    pub fn show(&mut self, ui: &mut Ui, look: &EditorLook<'_>) -> EditorOutput {
        let id = ui.make_persistent_id(("editor", look.name));
        let margin = vec2(space::INSIDE, space::NEAR);
        let width = ui.available_width().max(4.0 * look.format.size);
        let room = width - 2.0 * margin.x;
        let ctx = ui.ctx().clone();
        let format = Format { block: if self.multiline { Block::Fill } else { Block::Tight }, ..look.format };
        let wrap = if self.multiline { room } else { f32::INFINITY };
        let lay = |text: &str| layout(&ctx, text, &format, wrap);

        let focused = ui.memory(|memory| memory.has_focus(id));
        let mut effect = self.on_screen_reader(ui, id);
        if focused && ui.is_enabled() {
            let handled = self.on_events(ui, id, look, &lay);
            effect.changed |= handled.changed;
            effect.moved |= handled.moved;
            effect.submitted |= handled.submitted;
        } else {
            self.end_composition();
        }

        let mut laid = lay(&self.text);
        let row = look.format.size * metrics::ARABIC;
        let (least, most) = (f32::from(look.rows.0.max(1)) * row, f32::from(look.rows.1.max(1)) * row);
        let height = laid.size().y.clamp(least, most.max(least));
        let outer = vec2(width, (height + 2.0 * margin.y).max(space::TARGET));
        let (rect, _) = ui.allocate_exact_size(outer, Sense::hover());
        let response = ui.interact(rect, id, Sense::click_and_drag());
        let inner = rect.shrink2(margin);

        self.keep_scroll(&laid, inner.size());
        let origin = inner.min + self.offset(&laid, inner.size());
        let pointed = self.on_pointer(ui, &response, &laid, origin);
        effect.changed |= pointed.changed;
        effect.moved |= pointed.moved;
        if pointed.changed {
            laid = lay(&self.text);
        }
        if effect.changed || effect.moved {
            self.reveal_caret(&laid, inner.size());
        } else if response.hovered() {
            self.on_wheel(ui, &laid, inner.size());
        }
        let origin = inner.min + self.offset(&laid, inner.size());
        self.paint(ui, id, rect, inner, origin, &laid, look);
        self.describe(ui, id, rect, look);
        EditorOutput { response, changed: effect.changed, submitted: effect.submitted }
    }

    fn on_events(
        &mut self,
        ui: &Ui,
        id: Id,
        look: &EditorLook<'_>,
        lay: &dyn Fn(&str) -> Arc<Laid>,
    ) -> Effect {
        let filter = EventFilter {
            horizontal_arrows: true,
            vertical_arrows: self.multiline,
            ..EventFilter::default()
        };
        ui.memory_mut(|memory| memory.set_focus_lock_filter(id, filter));
        let mut total = Effect::default();
        for event in ui.input(|input| input.filtered_events(&filter)) {
            let effect =
                self.on_event(&event, look.enter_submits || !self.multiline, lay, &|text| ui.copy_text(text));
            total.changed |= effect.changed;
            total.moved |= effect.moved;
            total.submitted |= effect.submitted;
            if total.submitted {
                // What follows in this frame is meant for the next text.
                break;
            }
        }
        total
    }

    /// A screen reader or input aid may replace the text or the selection.
    fn on_screen_reader(&mut self, ui: &Ui, id: Id) -> Effect {
        let mut effect = Effect::default();
        let request = |action: Action| {
            ui.input(|input| {
                let values =
                    input.accesskit_action_requests(id, action).filter_map(|request| match &request.data {
                        Some(ActionData::Value(value)) => Some(value.to_string()),
                        _ => None,
                    });
                values.last()
            })
        };
        if let Some(value) = request(Action::SetValue) {
            self.set_text(&value);
            effect.changed = true;
        }
        if let Some(value) = request(Action::ReplaceSelectedText) {
            self.insert(&value);
            effect.changed = true;
        }
        effect
    }

    fn on_pointer(&mut self, ui: &Ui, response: &Response, laid: &Laid, origin: Pos2) -> Effect {
        let before = (self.caret(), self.selection());
        let mut effect = Effect::default();
        if response.hovered() {
            ui.ctx().set_cursor_icon(CursorIcon::Text);
        }
        let pasted = ui.input(|input| {
            input.events.iter().find_map(|event| match event {
                Event::MiddleClickPaste { pos, text } => Some((*pos, text.clone())),
                _ => None,
            })
        });
        if let Some((at, text)) = pasted.filter(|_| response.contains_pointer()) {
            self.move_to(laid.hit(at - origin.to_vec2()), false);
            self.insert(&text);
            response.request_focus();
            effect.changed = true;
        } else if let Some(pointer) = response.interact_pointer_pos() {
            let (pressed, shift) = ui.input(|input| (input.pointer.primary_pressed(), input.modifiers.shift));
            let hit = laid.hit(pointer - origin.to_vec2());
            if response.triple_clicked() {
                let line = self.paragraph_at(hit.at);
                self.select(&line);
            } else if response.double_clicked() {
                let word = edit::word_at(&self.text, hit.at);
                self.select(&word);
            } else if pressed
                && (response.is_pointer_button_down_on() || response.clicked_by(PointerButton::Primary))
            {
                // A slow frame may see button and release together.
                self.end_composition();
                self.move_to(hit, shift);
                response.request_focus();
            } else if response.dragged() {
                self.move_to(hit, true);
            }
        }
        effect.moved = before != (self.caret(), self.selection());
        effect
    }

    fn paragraph_at(&self, at: usize) -> std::ops::Range<usize> {
        let start = self.text.get(..at).and_then(|before| before.rfind('\n')).map_or(0, |found| found + 1);
        let end = self
            .text
            .get(at..)
            .and_then(|after| after.find('\n'))
            .map_or(self.text.len(), |found| at + found);
        start..end
    }

    /// Where the text's left top stands, relative to the inner box.
    fn offset(&self, laid: &Laid, room: Vec2) -> Vec2 {
        let rtl = laid.lines().first().is_some_and(|line| line.direction.is_rtl());
        let slack = room - laid.size();
        let x = if rtl && !self.multiline && slack.x > 0.0 { slack.x } else { 0.0 };
        let y = if laid.lines().len() == 1 && slack.y > 0.0 { slack.y / 2.0 } else { 0.0 };
        vec2(x, y.round()) - self.scroll
    }

    fn keep_scroll(&mut self, laid: &Laid, room: Vec2) {
        let most = (laid.size() - room).max(Vec2::ZERO);
        self.scroll = self.scroll.clamp(Vec2::ZERO, most);
    }

    fn reveal_caret(&mut self, laid: &Laid, room: Vec2) {
        let caret = laid.caret_rect(self.caret);
        self.scroll.x = self.scroll.x.clamp((caret.min.x - room.x).max(0.0), caret.min.x.max(0.0));
        self.scroll.y = self.scroll.y.clamp((caret.max.y - room.y).max(0.0), caret.min.y.max(0.0));
        self.keep_scroll(laid, room);
    }

    fn on_wheel(&mut self, ui: &Ui, laid: &Laid, room: Vec2) {
        if laid.size().y > room.y {
            let turned = ui.input_mut(|input| std::mem::take(&mut input.smooth_scroll_delta.y));
            self.scroll.y -= turned;
            self.keep_scroll(laid, room);
        }
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of one drawing step")]
    fn paint(
        &self,
        ui: &Ui,
        id: Id,
        rect: Rect,
        inner: Rect,
        origin: Pos2,
        laid: &Laid,
        look: &EditorLook<'_>,
    ) {
        let focused = ui.memory(|memory| memory.has_focus(id));
        let caret = self.caret_on_screen(laid, inner, origin);
        if focused && ui.is_enabled() {
            let to_global = ui.ctx().layer_transform_to_global(ui.layer_id()).unwrap_or_default();
            ui.output_mut(|output| {
                output.ime = Some(IMEOutput {
                    purpose: IMEPurpose::Normal,
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
        let painter = ui.painter().with_clip_rect(ui.clip_rect().intersect(inner.expand2(vec2(3.0, 2.0))));
        let move_by = origin.to_vec2();
        if focused {
            for selected in laid.selection_rects(&self.selection()) {
                painter.rect_filled(selected.translate(move_by), CornerRadius::ZERO, color::SELECTION);
            }
        }
        if self.text.is_empty() {
            let hint = layout(ui.ctx(), look.hint, &look.format.filling().lines(1), inner.width());
            let y = ((inner.height() - hint.size().y) / 2.0).max(0.0);
            let y = if look.rows.0 > 1 { 0.0 } else { y };
            hint.paint(&painter, inner.min + vec2(0.0, y), color::TEXT_QUIET);
        }
        laid.paint(&painter, origin, color::TEXT);
        if let Some(preedit) = &self.preedit {
            for composed in laid.selection_rects(preedit) {
                let line = composed.translate(move_by);
                painter.hline(line.x_range(), line.bottom() - 2.0, Stroke::new(1.5, color::ACCENT));
            }
        }
        if focused {
            painter.rect_filled(caret, CornerRadius::ZERO, color::ACCENT);
        }
    }

    fn caret_on_screen(&self, laid: &Laid, inner: Rect, origin: Pos2) -> Rect {
        let caret = laid.caret_rect(self.caret).translate(origin.to_vec2());
        // White space may hang out of the box; the caret stays in sight.
        let x = caret.min.x.clamp(inner.left(), inner.right()).round();
        Rect::from_min_max(egui::pos2(x - 1.0, caret.min.y + 2.0), egui::pos2(x + 1.0, caret.max.y - 2.0))
    }

    fn describe(&self, ui: &Ui, id: Id, rect: Rect, look: &EditorLook<'_>) {
        let enabled = ui.is_enabled();
        ui.ctx().accesskit_node_builder(id, |node| {
            node.set_role(if self.multiline { Role::MultilineTextInput } else { Role::TextInput });
            node.set_label(look.name);
            node.set_bounds(bounds(rect));
            node.set_value(self.text.as_str());
            node.set_placeholder(look.hint);
            if enabled {
                node.add_action(Action::Focus);
                node.add_action(Action::SetValue);
                node.add_action(Action::ReplaceSelectedText);
            } else {
                node.set_disabled();
            }
        });
    }
}

/// The box around something to write in.
pub(crate) fn frame(ui: &Ui, rect: Rect, focused: bool) {
    let stroke =
        if focused { Stroke::new(theme::FOCUS_RING, color::ACCENT) } else { Stroke::new(1.0, color::EDGE) };
    ui.painter().rect(rect, CornerRadius::same(corner::SOFT), color::SUNKEN, stroke, StrokeKind::Inside);
}
