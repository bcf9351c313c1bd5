//! A conversation: who it is with, its messages, the composer.
//!
//! Only rows in sight are laid out. The others have an estimated height until they come into sight; what stands at the top of the
//! view (or the end of the conversation, if that is in sight) keeps its place when heights above it become known, when older rows
//! come, and when the window changes its width.
//!
//! Not its concern: which rows are loaded (`view::Thread`).

use std::collections::BTreeMap;
use std::sync::Arc;

use egui::{
    CornerRadius, Frame, Margin, Panel, Rect, Role, ScrollArea, Sense, Ui, UiBuilder, Vec2, WidgetInfo, pos2,
    vec2,
};
use khaima_runtime::{Command, Relation};

use super::composer::{Draft, composer_ui};
use super::kit::{self, whole};
use crate::act::{Act, Pane};
use crate::text::{ButtonKind, Direction, Format, Laid, button, layout};
use crate::theme::{color, corner, size, space};
use crate::view::{Item, Level, Page, Person, Says, Standing, Thread};
use crate::words;

/// Where the view of a conversation stands.
#[derive(Clone, Debug)]
pub struct Scroll {
    /// Height of each row laid out so far at this width.
    heights: BTreeMap<HeightKey, f32>,
    width: f32,
    anchor: Anchor,
}

/// What keeps its place.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Anchor {
    /// The end of the conversation, at the bottom.
    End,
    /// A row, whose top is so far below the top of the view.
    Row { order: u64, below: f32 },
}

impl Default for Scroll {
    fn default() -> Self {
        Self { heights: BTreeMap::new(), width: 0.0, anchor: Anchor::End }
    }
}

impl Scroll {
    /// Whether the newest row is in sight.
    #[must_use]
    pub fn is_at_end(&self) -> bool {
        self.anchor == Anchor::End
    }

    /// Goes to the newest row.
    pub fn to_end(&mut self) {
        self.anchor = Anchor::End;
    }
}

/// Draws the page.
pub fn thread_ui(
    ui: &mut Ui,
    person: &Person,
    thread: &Thread,
    scroll: &mut Scroll,
    draft: &mut Draft,
    pane: Pane<'_>,
) {
    head_ui(ui, person, pane);
    composer_ui(ui, person, draft, pane);
    warnings_ui(ui, person, pane);
    let margin = Margin::symmetric(whole(space::APART), 0);
    Frame::new().inner_margin(margin).show(ui, |ui| {
        if !thread.is_loaded() {
            ui.add_space(space::APART);
            kit::busy(ui, words::LOADING, pane.direction);
        } else if thread.items().is_empty() {
            ui.add_space(space::APART);
            kit::stack(ui, pane.direction, |ui| kit::hint(ui, words::EMPTY_THREAD, pane.direction));
        } else {
            rows_ui(ui, person, thread, scroll, pane);
        }
    });
}

fn head_ui(ui: &mut Ui, person: &Person, pane: Pane<'_>) {
    let direction = pane.direction;
    let frame = Frame::new()
        .fill(color::SURFACE)
        .inner_margin(Margin::symmetric(whole(space::APART), whole(space::NEAR)));
    Panel::top("person").frame(frame).show(ui, |ui| {
        kit::row_from_end(ui, direction, 48.0, |ui| {
            if person.relation == Relation::Accepted
                && button(ui, words::SAFETY_NUMBER, ButtonKind::Secondary, direction).clicked()
            {
                pane.send(Act::Show(Page::SafetyNumber(person.id)));
            }
            kit::row(ui, direction, |ui| {
                let (disc, _) = ui.allocate_exact_size(Vec2::splat(40.0), Sense::hover());
                kit::disc(ui, disc, &person.name, person.avatar);
                ui.add_space(space::TIGHT);
                kit::stack(ui, direction, |ui| {
                    ui.spacing_mut().item_spacing.y = 0.0;
                    let name = Format::new(size::BODY, direction).bold().lines(1);
                    crate::text::label(ui, &person.name, &name, color::TEXT);
                    let (state, ink) = match (person.relation, person.verified) {
                        (Relation::AskedByUs, _) => (words::WAITS, color::TEXT_QUIET),
                        (_, true) => (words::VERIFIED, color::GOOD),
                        (_, false) => (words::NOT_VERIFIED, color::TEXT_QUIET),
                    };
                    crate::text::label(ui, state, &Format::new(size::SMALL, direction), ink);
                });
            });
        });
    });
}

fn warnings_ui(ui: &mut Ui, person: &Person, pane: Pane<'_>) {
    let said = [
        person.mailbox_gone.then(|| words::mailbox_gone(&person.name)),
        person.other_devices.then(|| words::other_devices(&person.name)),
    ];
    for text in said.into_iter().flatten() {
        let margin = Margin {
            left: whole(space::APART),
            right: whole(space::APART),
            top: whole(space::NEAR),
            bottom: 0,
        };
        Frame::new()
            .inner_margin(margin)
            .show(ui, |ui| kit::note(ui, &text, Level::Warning, None, pane.direction));
    }
}

fn rows_ui(ui: &mut Ui, person: &Person, thread: &Thread, scroll: &mut Scroll, pane: Pane<'_>) {
    let (width, view) = (ui.available_width(), ui.available_height());
    if (scroll.width - width).abs() > 0.5 {
        scroll.heights.clear();
        scroll.width = width;
    }
    let wanted = settle(ui, thread.items(), scroll, width, view, pane.direction);
    let tops = tops(thread.items(), &scroll.heights, width);
    let total = tops.last().copied().unwrap_or_default();
    let area = ScrollArea::vertical()
        .id_salt(("rows", thread.conversation.as_bytes()))
        .auto_shrink(false)
        .vertical_scroll_offset(wanted);
    let shown = area.show_viewport(ui, |ui, viewport| {
        ui.set_min_height(total);
        let origin = ui.max_rect().min;
        for (index, item) in thread.items().iter().enumerate() {
            let (Some(top), Some(bottom)) = (tops.get(index), tops.get(index + 1)) else { break };
            if *bottom < viewport.top() || *top > viewport.bottom() {
                continue;
            }
            let rect = Rect::from_min_size(origin + vec2(0.0, *top), vec2(width, bottom - top));
            let mut place = ui.new_child(UiBuilder::new().id_salt(item.order).max_rect(rect));
            item_ui(&mut place, item, has_day(thread.items(), index), person, thread, pane);
        }
    });
    let offset = shown.state.clamped_offset().y;
    let end = (total - shown.inner_rect.height()).max(0.0);
    scroll.anchor = if offset >= end - 1.0 {
        Anchor::End
    } else {
        let index = tops.partition_point(|top| *top <= offset).saturating_sub(1);
        match (thread.items().get(index), tops.get(index)) {
            (Some(item), Some(top)) => Anchor::Row { order: item.order, below: top - offset },
            _ => Anchor::End,
        }
    };
    if thread.has_older() && offset < view {
        pane.send(Act::LoadOlder);
    }
}

/// Lays out what will be in sight, so that its heights are exact before anything is drawn, and answers how far down the view is.
fn settle(ui: &Ui, items: &[Item], scroll: &mut Scroll, width: f32, view: f32, direction: Direction) -> f32 {
    // Exact heights move what is in sight; three rounds are more than ever needed.
    let mut offset = 0.0;
    for _ in 0..3 {
        let tops = tops(items, &scroll.heights, width);
        let total = tops.last().copied().unwrap_or_default();
        offset = match scroll.anchor {
            Anchor::End => total - view,
            Anchor::Row { order, below } => {
                let index = items.partition_point(|item| item.order < order);
                tops.get(index).copied().unwrap_or(total) - below
            }
        }
        .clamp(0.0, (total - view).max(0.0));
        let mut news = false;
        for (index, item) in items.iter().enumerate() {
            let (Some(top), Some(bottom)) = (tops.get(index), tops.get(index + 1)) else { break };
            let near = *bottom >= offset - view / 2.0 && *top <= offset + 1.5 * view;
            if near && !scroll.heights.contains_key(&key(items, index)) {
                let height = height(ui, item, has_day(items, index), width, direction);
                scroll.heights.insert(key(items, index), height);
                news = true;
            }
        }
        if !news {
            break;
        }
    }
    offset
}

/// What a row's height depends on beside the width: which it is, whether a day stands above it, whether it failed, how long it is.
type HeightKey = (u64, bool, bool, usize);

fn key(items: &[Item], index: usize) -> HeightKey {
    let Some(item) = items.get(index) else { return HeightKey::default() };
    let failed = matches!(item.says, Says::Ours { standing: Standing::Failed(_), .. });
    (item.order, has_day(items, index), failed, text_of(item).len())
}

fn text_of(item: &Item) -> &str {
    match &item.says {
        Says::Notice(text) | Says::Theirs { text, .. } | Says::Ours { text, .. } => text,
    }
}

/// The top of each row, and below the last one the total.
fn tops(items: &[Item], heights: &BTreeMap<HeightKey, f32>, width: f32) -> Vec<f32> {
    let mut tops = Vec::with_capacity(items.len() + 1);
    let mut top = space::NEAR;
    for (index, item) in items.iter().enumerate() {
        tops.push(top);
        top += heights.get(&key(items, index)).copied().unwrap_or_else(|| estimate(item, width));
    }
    tops.push(top + space::NEAR);
    tops
}

fn estimate(item: &Item, width: f32) -> f32 {
    let letters = f32::from(u16::try_from(text_of(item).len()).unwrap_or(u16::MAX));
    let lines = (letters * size::BODY * 0.5 / (width * BUBBLE_SHARE).max(100.0)).ceil().max(1.0);
    lines * size::BODY * 1.4 + size::SMALL * 1.4 + 2.0 * space::NEAR + space::NEAR
}

/// Whether a row is the first of its day.
fn has_day(items: &[Item], index: usize) -> bool {
    let before = index.checked_sub(1).and_then(|index| items.get(index));
    items.get(index).is_some_and(|item| before.is_none_or(|before| before.day != item.day))
}

/// The parts of a row, laid out.
struct Parts {
    day: Option<Arc<Laid>>,
    text: Arc<Laid>,
    /// Time and state; none for notices.
    foot: Option<Arc<Laid>>,
    /// A warning inside their bubble.
    warning: Option<Arc<Laid>>,
    /// Why ours failed, below the bubble.
    failed: Option<Arc<Laid>>,
}

fn parts(ui: &Ui, item: &Item, day: bool, width: f32, direction: Direction) -> Parts {
    let small = Format::new(size::SMALL, direction);
    let most = bubble_room(width);
    let lay = |text: &str, format: &Format| layout(ui.ctx(), text, format, most);
    let body = Format::new(size::BODY, direction);
    let mut parts = Parts { day: None, text: lay("", &small), foot: None, warning: None, failed: None };
    if day {
        parts.day = Some(lay(&item.day_words, &small));
    }
    match &item.says {
        Says::Notice(text) => parts.text = lay(text, &small.centered()),
        Says::Theirs { text, warning } => {
            parts.text = lay(text, &body);
            parts.foot = Some(lay(&item.time, &small));
            parts.warning = warning.map(|warning| lay(warning, &small));
        }
        Says::Ours { text, standing } => {
            parts.text = lay(text, &body);
            let word = match standing {
                Standing::OnItsWay(word) => word,
                Standing::Failed(reason) => {
                    parts.failed = Some(lay(reason, &small));
                    words::NOT_SENT
                }
            };
            parts.foot = Some(lay(&format!("{} · {word}", item.time), &small));
        }
    }
    parts
}

fn bubble_room(width: f32) -> f32 {
    (width * BUBBLE_SHARE).min(BUBBLE_MOST) - 2.0 * MARGIN.x
}

impl Parts {
    fn bubble(&self) -> Vec2 {
        let inside = [Some(&self.text), self.warning.as_ref(), self.foot.as_ref()];
        let size = inside
            .into_iter()
            .flatten()
            .fold(Vec2::ZERO, |size, part| vec2(size.x.max(part.size().x), size.y + part.size().y));
        size + 2.0 * MARGIN
    }

    fn day_height(&self) -> f32 {
        self.day.as_ref().map_or(0.0, |day| day.size().y + 2.0 * space::NEAR)
    }

    fn height(&self) -> f32 {
        let failed =
            self.failed.as_ref().map_or(0.0, |failed| failed.size().y + space::TARGET + 2.0 * space::TIGHT);
        self.day_height() + self.bubble().y + failed + space::NEAR
    }
}

fn height(ui: &Ui, item: &Item, day: bool, width: f32, direction: Direction) -> f32 {
    parts(ui, item, day, width, direction).height()
}

fn item_ui(ui: &mut Ui, item: &Item, day: bool, person: &Person, thread: &Thread, pane: Pane<'_>) {
    let direction = pane.direction;
    let rect = ui.max_rect();
    let parts = parts(ui, item, day, rect.width(), direction);
    if let Some(day) = &parts.day {
        day.paint(
            ui.painter(),
            pos2(rect.center().x - day.size().x / 2.0, rect.top() + space::NEAR),
            color::TEXT_QUIET,
        );
    }
    let size = parts.bubble();
    let (at_left, fill, ink, quiet) = match &item.says {
        Says::Notice(_) => (None, color::WARNING_SURFACE, color::WARNING, color::WARNING),
        Says::Theirs { .. } => (Some(!direction.is_rtl()), color::SURFACE, color::TEXT, color::TEXT_QUIET),
        Says::Ours { .. } => {
            (Some(direction.is_rtl()), color::ACCENT, color::ON_ACCENT, color::ON_ACCENT_QUIET)
        }
    };
    let left = match at_left {
        None => rect.center().x - size.x / 2.0,
        Some(true) => rect.left(),
        Some(false) => rect.right() - size.x,
    };
    let bubble = Rect::from_min_size(pos2(left.round(), rect.top() + parts.day_height()), size);
    let response = ui.interact(bubble, ui.scope_id().with("bubble"), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, item.spoken(&person.name)));
    ui.painter().rect_filled(bubble, rounding(at_left), fill);
    let inner = bubble.shrink2(MARGIN);
    // The bubble is at its writer's side; in it everything begins where the words begin.
    let rtl = parts.text.lines().first().is_some_and(|line| line.direction.is_rtl());
    let mut top = inner.top();
    for (part, ink) in
        [(Some(&parts.text), ink), (parts.warning.as_ref(), color::WARNING), (parts.foot.as_ref(), quiet)]
    {
        let Some(part) = part else { continue };
        let x = if rtl { inner.right() - part.size().x } else { inner.left() };
        part.paint(ui.painter(), pos2(x.round(), top), ink);
        top += part.size().y;
    }
    if let Some(failed) = &parts.failed {
        failed_ui(ui, failed, bubble, item.order, thread, pane);
    }
}

fn failed_ui(ui: &mut Ui, reason: &Laid, bubble: Rect, order: u64, thread: &Thread, pane: Pane<'_>) {
    let rect = ui.max_rect();
    let rtl = pane.direction.is_rtl();
    let x = if rtl { rect.left() } else { rect.right() - reason.size().x };
    let top = bubble.bottom() + space::TIGHT;
    reason.paint(ui.painter(), pos2(x, top), color::DANGER);
    let line =
        Rect::from_min_size(pos2(rect.left(), top + reason.size().y), vec2(rect.width(), space::TARGET));
    let mut place = ui.new_child(UiBuilder::new().id_salt("failed").max_rect(line));
    kit::row_from_end(&mut place, pane.direction, space::TARGET, |ui| {
        if button(ui, words::TRY_AGAIN, ButtonKind::Secondary, pane.direction).clicked() {
            pane.send(Act::Command(Command::Retry { conversation: thread.conversation, order }));
        }
    });
}

/// Round, but for the corner at the writer.
fn rounding(at_left: Option<bool>) -> CornerRadius {
    let round = CornerRadius::same(corner::ROUND);
    match at_left {
        None => CornerRadius::same(corner::SOFT),
        Some(true) => CornerRadius { sw: 3, ..round },
        Some(false) => CornerRadius { se: 3, ..round },
    }
}

/// Of the width, a bubble takes at most this.
const BUBBLE_SHARE: f32 = 0.76;
/// And at most so many points: longer lines are hard to read.
const BUBBLE_MOST: f32 = 620.0;
/// Inside a bubble.
const MARGIN: Vec2 = vec2(14.0, space::NEAR);
