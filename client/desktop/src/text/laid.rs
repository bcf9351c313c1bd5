//! Text that is laid out: what [`super::layout`] returns.
//!
//! A [`Laid`] holds one egui galley to paint and, beside it, where every grapheme stands. Nothing of the text itself is kept.
//!
//! Not its concern: how it came about (`compose`), moving a caret over it (`caret`).

use std::ops::Range;
use std::sync::Arc;

use egui::{Color32, Galley, Painter, Pos2, Rect, Vec2, pos2, vec2};
use unicode_bidi::get_base_direction;

/// Which way text or the interface runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Direction {
    /// As in English, French and Spanish.
    #[default]
    LeftToRight,
    /// As in Arabic.
    RightToLeft,
}

impl Direction {
    /// True for [`Direction::RightToLeft`].
    #[must_use]
    pub fn is_rtl(self) -> bool {
        self == Self::RightToLeft
    }
}

/// The direction of the first strong character outside isolates; `None` when there is none (digits, emoji, punctuation).
#[must_use]
pub fn first_strong(text: &str) -> Option<Direction> {
    match get_base_direction(text) {
        unicode_bidi::Direction::Ltr => Some(Direction::LeftToRight),
        unicode_bidi::Direction::Rtl => Some(Direction::RightToLeft),
        unicode_bidi::Direction::Mixed => None,
    }
}

/// Where lines stand in their block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Align {
    /// In the middle.
    Center,
    /// Each paragraph at the side where its own direction starts.
    #[default]
    Natural,
}

/// How wide the block is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Block {
    /// As wide as was offered: editors.
    Fill,
    /// As wide as the widest line: labels and bubbles.
    #[default]
    Tight,
}

/// How to lay text out. Colour comes when painting.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Format {
    /// Letter size in points. Use few sizes: each fills the glyph atlas anew.
    pub size: f32,
    /// In the bold face.
    pub bold: bool,
    /// Direction of paragraphs that have no strong character.
    pub direction: Direction,
    /// Alignment of lines.
    pub align: Align,
    /// Width of the block.
    pub block: Block,
    /// Lines shown; what is beyond becomes an ellipsis.
    pub max_lines: Option<usize>,
}

impl Format {
    /// Regular text of `size` points, naturally aligned, in a tight block, with any number of lines.
    #[must_use]
    pub fn new(size: f32, direction: Direction) -> Self {
        Self { size, bold: false, direction, align: Align::Natural, block: Block::Tight, max_lines: None }
    }

    /// The same in bold.
    #[must_use]
    pub fn bold(self) -> Self {
        Self { bold: true, ..self }
    }

    /// The same with centred lines.
    #[must_use]
    pub fn centered(self) -> Self {
        Self { align: Align::Center, ..self }
    }

    /// The same in a block as wide as what is offered.
    #[must_use]
    pub fn filling(self) -> Self {
        Self { block: Block::Fill, ..self }
    }

    /// The same cut after `lines` lines.
    #[must_use]
    pub fn lines(self, lines: usize) -> Self {
        Self { max_lines: Some(lines), ..self }
    }
}

/// One grapheme on the screen.
#[derive(Clone, Debug, PartialEq)]
pub struct Cluster {
    /// Its bytes in the text.
    pub bytes: Range<usize>,
    /// Left edge, points from the left of the block.
    pub x0: f32,
    /// Right edge.
    pub x1: f32,
    /// Runs from right to left.
    pub rtl: bool,
}

impl Cluster {
    pub(super) fn is_visible(&self) -> bool {
        self.x1 - self.x0 > 0.01
    }
}

/// One line on the screen.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// Its bytes in the text, without the line break.
    pub bytes: Range<usize>,
    /// Top, points from the top of the block.
    pub y: f32,
    /// Height in points.
    pub height: f32,
    /// Its clusters, an index range into [`Laid::clusters`], from left to right.
    pub clusters: Range<usize>,
    /// Direction of its paragraph.
    pub direction: Direction,
    /// Where a caret stands while the line is empty.
    pub x_empty: f32,
    /// Ends with its paragraph, not by wrapping.
    pub hard: bool,
}

/// Text laid out.
#[derive(Clone, Debug)]
pub struct Laid {
    pub(super) galley: Arc<Galley>,
    pub(super) clusters: Vec<Cluster>,
    pub(super) lines: Vec<Line>,
    pub(super) size: Vec2,
    pub(super) elided: bool,
}

impl Laid {
    /// Width and height of the block in points.
    #[must_use]
    pub fn size(&self) -> Vec2 {
        self.size
    }

    /// The lines from top to bottom; at least one.
    #[must_use]
    pub fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// All clusters: line by line, from left to right within each.
    #[must_use]
    pub fn clusters(&self) -> &[Cluster] {
        &self.clusters
    }

    /// True when an ellipsis stands for text that did not fit.
    #[must_use]
    pub fn is_elided(&self) -> bool {
        self.elided
    }

    /// Paints with the block's left top at `at`.
    pub fn paint(&self, painter: &Painter, at: Pos2, color: Color32) {
        if !self.galley.rows.is_empty() {
            painter.galley(at, Arc::clone(&self.galley), color);
        }
    }

    /// The areas that bytes of `range` cover, relative to the block. A selected line break is shown as a narrow strip.
    #[must_use]
    pub fn selection_rects(&self, range: &Range<usize>) -> Vec<Rect> {
        let mut rects: Vec<Rect> = Vec::new();
        if range.is_empty() {
            return rects;
        }
        for line in &self.lines {
            let (top, bottom) = (line.y, line.y + line.height);
            let mut open: Option<Rect> = None;
            for cluster in self.clusters_of(line) {
                let inside = cluster.bytes.start < range.end && range.start < cluster.bytes.end;
                match (&mut open, inside && cluster.is_visible()) {
                    (Some(rect), true) => rect.max.x = cluster.x1,
                    (None, true) => {
                        open = Some(Rect::from_min_max(pos2(cluster.x0, top), pos2(cluster.x1, bottom)));
                    }
                    (Some(_), false) if cluster.is_visible() => rects.extend(open.take()),
                    _ => {}
                }
            }
            rects.extend(open);
            let takes_break = line.hard && range.start <= line.bytes.end && line.bytes.end < range.end;
            if takes_break && line.bytes.is_empty() {
                rects.push(Rect::from_min_size(pos2(line.x_empty - 2.0, top), vec2(4.0, line.height)));
            }
        }
        rects
    }

    pub(super) fn clusters_of(&self, line: &Line) -> &[Cluster] {
        self.clusters.get(line.clusters.clone()).unwrap_or_default()
    }
}
