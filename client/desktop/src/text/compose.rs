//! Puts shaped pieces into lines and lines into a block.
//!
//! For each paragraph: shape every piece as a galley of its own, fill lines greedily up to a break opportunity (white space hangs at the
//! end of a line), give trailing white space the paragraph's level, reverse runs of odd level, place from the left, align. The rows
//! of all those galleys then become the rows of one galley, which egui paints like any other.
//!
//! Spec: Unicode Annex 9, rules L1, L2, L4.
//!
//! Not its concern: levels and break opportunities (`pieces`), caching and ellipsis (`engine`).

use std::ops::Range;
use std::sync::Arc;

use egui::epaint::text::{FontsView, PlacedRow, Row};
use egui::text::LayoutJob;
use egui::{Color32, FontId, Galley, Rect, Vec2, pos2, vec2};
use unicode_segmentation::UnicodeSegmentation;

use super::laid::{Align, Block, Cluster, Format, Laid, Line};
use super::pieces::{Kind, Paragraph, Piece, split};
use super::{laid::Direction, metrics};

/// Lays `text` out in lines of at most `width` points (infinity: no wrapping).
pub(super) fn compose(
    fonts: &mut FontsView<'_>,
    pixels_per_point: f32,
    text: &str,
    format: &Format,
    font: &FontId,
    width: f32,
) -> Laid {
    let mut composer = Composer { fonts, pixels_per_point, text, font, width: width.max(2.0 * format.size) };
    let face = composer.face();
    let paragraphs = split(text, format.direction);
    let mut filled = Vec::new();
    for paragraph in &paragraphs {
        let mut lines = composer.fill(paragraph);
        let last = lines.len();
        for (index, parts) in lines.drain(..).enumerate() {
            filled.push(Filled::new(paragraph, parts, index + 1 == last));
        }
    }
    let widest = filled.iter().map(|line| line.visible).fold(0.0_f32, f32::max);
    let block = if format.block == Block::Fill && width.is_finite() { width } else { widest };
    let mut laid = Laid {
        galley: Arc::clone(&face.blank),
        clusters: Vec::with_capacity(text.len() / 2),
        lines: Vec::with_capacity(filled.len()),
        size: Vec2::ZERO,
        elided: false,
    };
    let mut galley = Blank::new(&face.blank, pixels_per_point);
    let mut y = 0.0;
    for line in filled {
        let factor = if line.arabic { metrics::ARABIC } else { metrics::LATIN };
        let height = composer.snap(format.size * factor);
        let baseline = y + composer.snap((height - face.height) / 2.0 + face.ascent);
        y = composer.place(line, block, format.align, y, height, baseline, &mut laid, &mut galley);
    }
    laid.size = vec2(block, y);
    laid.galley = galley.finish(laid.size);
    laid
}

/// The vertical measures of the first font and a galley without text.
struct Face {
    ascent: f32,
    height: f32,
    blank: Arc<Galley>,
}

/// A piece with its shape.
#[derive(Clone)]
struct Part {
    piece: Piece,
    row: Option<Arc<Row>>,
    /// Width of each grapheme, in logical order.
    widths: Vec<f32>,
    width: f32,
    /// Height of the base line in the row.
    baseline: f32,
}

/// A line before it is placed.
struct Filled {
    bytes: Range<usize>,
    direction: Direction,
    arabic: bool,
    hard: bool,
    /// In visual order.
    parts: Vec<Part>,
    /// Width without hanging white space.
    visible: f32,
    /// Width of hanging white space.
    hanging: f32,
}

impl Filled {
    fn new(paragraph: &Paragraph, mut parts: Vec<Part>, hard: bool) -> Self {
        let bytes = match (parts.first(), parts.last()) {
            (Some(first), Some(last)) => first.piece.bytes.start..last.piece.bytes.end,
            _ => paragraph.content.clone(),
        };
        let total: f32 = parts.iter().map(|part| part.width).sum();
        let hanging: f32 = parts
            .iter()
            .rev()
            .take_while(|part| part.piece.space || part.piece.kind == Kind::Invisible)
            .map(|part| part.width)
            .sum();
        reset_levels(&mut parts, u8::from(paragraph.direction.is_rtl()));
        reorder(&mut parts);
        Self {
            bytes,
            direction: paragraph.direction,
            arabic: paragraph.arabic,
            hard,
            parts,
            visible: total - hanging,
            hanging,
        }
    }
}

/// Rule L1: white space at the end of the line and before a tab takes the paragraph's level.
fn reset_levels(parts: &mut [Part], base: u8) {
    let mut trailing = true;
    for part in parts.iter_mut().rev() {
        trailing = part.piece.tab || (trailing && part.piece.resets);
        if trailing {
            part.piece.level = base;
        }
    }
}

/// Rule L2: from the highest level to the lowest odd one, reverses every run of parts at that level or above.
fn reorder(parts: &mut [Part]) {
    let Some(highest) = parts.iter().map(|part| part.piece.level).max() else { return };
    for level in (1..=highest).rev() {
        for run in parts.chunk_by_mut(|a, b| (a.piece.level >= level) == (b.piece.level >= level)) {
            if run.first().is_some_and(|part| part.piece.level >= level) {
                run.reverse();
            }
        }
    }
}

struct Composer<'a, 'f> {
    fonts: &'a mut FontsView<'f>,
    pixels_per_point: f32,
    text: &'a str,
    font: &'a FontId,
    width: f32,
}

impl Composer<'_, '_> {
    fn snap(&self, points: f32) -> f32 {
        (points * self.pixels_per_point).round() / self.pixels_per_point
    }

    fn galley(&mut self, text: String) -> Arc<Galley> {
        let mut job = LayoutJob::simple_singleline(text, self.font.clone(), Color32::PLACEHOLDER);
        job.round_output_to_gui = false;
        job.keep_trailing_whitespace = true;
        self.fonts.layout_job(job)
    }

    fn face(&mut self) -> Face {
        let probe = self.galley("x".to_owned());
        let glyph = probe.rows.first().and_then(|row| row.glyphs.first());
        let (ascent, height) =
            glyph.map_or((self.font.size, self.font.size), |glyph| (glyph.font_ascent, glyph.font_height));
        // A job with one empty section: egui paints nothing of a galley whose job has none.
        let blank = self.galley(String::new());
        Face { ascent, height, blank }
    }

    fn shape(&mut self, piece: Piece) -> Part {
        let text = self.text.get(piece.bytes.clone()).unwrap_or_default();
        if piece.kind == Kind::Invisible {
            return Part { piece, row: None, widths: vec![0.0], width: 0.0, baseline: 0.0 };
        }
        let mirrored = (piece.kind == Kind::Single && piece.level % 2 == 1).then(|| mirrored(text)).flatten();
        let galley = self.galley(mirrored.unwrap_or_else(|| text.to_owned()));
        let Some(row) = galley.rows.first().map(|placed| Arc::clone(&placed.row)) else {
            return Part { piece, row: None, widths: vec![0.0], width: 0.0, baseline: 0.0 };
        };
        let widths = match piece.kind {
            Kind::Joined => grapheme_widths(text, &row, true),
            Kind::Plain => grapheme_widths(text, &row, false),
            Kind::Single | Kind::Invisible => vec![row.size.x],
        };
        let baseline = row.glyphs.first().map_or(0.0, |glyph| glyph.pos.y);
        let width = row.size.x;
        Part { piece, row: Some(row), widths, width, baseline }
    }

    /// The lines of one paragraph, parts in logical order. An empty paragraph is one empty line.
    fn fill(&mut self, paragraph: &Paragraph) -> Vec<Vec<Part>> {
        let mut lines = Vec::new();
        let mut line = FillingLine::default();
        let mut rest = paragraph.pieces.as_slice();
        while !rest.is_empty() {
            let length = rest.iter().skip(1).take_while(|piece| !piece.break_before).count() + 1;
            let (chunk, after) = rest.split_at(length.min(rest.len()));
            rest = after;
            let parts: Vec<Part> = chunk.iter().map(|piece| self.shape(piece.clone())).collect();
            let total: f32 = parts.iter().map(|part| part.width).sum();
            let hanging: f32 =
                parts.iter().rev().take_while(|part| part.piece.space).map(|part| part.width).sum();
            if !line.parts.is_empty() && line.width + total - hanging > self.width {
                lines.push(line.end());
            }
            if total - hanging <= self.width {
                line.extend(parts, total);
            } else {
                self.fill_too_wide(parts, &mut line, &mut lines);
            }
        }
        lines.push(line.end());
        lines
    }

    /// Spreads a chunk that is wider than a whole line: at pieces if these fit, else between graphemes.
    fn fill_too_wide(&mut self, parts: Vec<Part>, line: &mut FillingLine, lines: &mut Vec<Vec<Part>>) {
        for mut part in parts {
            if part.piece.space || line.width + part.width <= self.width {
                let width = part.width;
                line.extend(vec![part], width);
                continue;
            }
            if !line.parts.is_empty() {
                lines.push(line.end());
            }
            while part.width > self.width {
                let Some((head, tail)) = self.cut(&part) else { break };
                lines.push(vec![head]);
                part = tail;
            }
            let width = part.width;
            line.extend(vec![part], width);
        }
    }

    /// Cuts a part before the first grapheme that does not fit on a line. `None` when it holds a single grapheme.
    fn cut(&mut self, part: &Part) -> Option<(Part, Part)> {
        let mut x = 0.0;
        let fitting = part
            .widths
            .iter()
            .take_while(|width| {
                x += **width;
                x <= self.width
            })
            .count()
            .max(1);
        let text = self.text.get(part.piece.bytes.clone()).unwrap_or_default();
        let (offset, _) = text.grapheme_indices(true).nth(fitting)?;
        let middle = part.piece.bytes.start + offset;
        let head = Piece { bytes: part.piece.bytes.start..middle, ..part.piece.clone() };
        let tail = Piece { bytes: middle..part.piece.bytes.end, ..part.piece.clone() };
        Some((self.shape(head), self.shape(tail)))
    }

    /// Places one line; returns where the next one starts.
    #[expect(
        clippy::too_many_arguments,
        reason = "the parts of one step; a struct for them would be used once"
    )]
    fn place(
        &self,
        line: Filled,
        block: f32,
        align: Align,
        y: f32,
        height: f32,
        baseline: f32,
        laid: &mut Laid,
        galley: &mut Blank,
    ) -> f32 {
        let rtl = line.direction.is_rtl();
        let room = block - line.visible;
        let start = match (align, rtl) {
            (Align::Center, _) => room / 2.0,
            (Align::Natural, true) => room,
            (Align::Natural, false) => 0.0,
        };
        let first = laid.clusters.len();
        let mut x = if rtl { start - line.hanging } else { start };
        for part in line.parts {
            if let Some(row) = &part.row {
                galley.push(row, pos2(self.snap(x), baseline - part.baseline));
            }
            self.push_clusters(&part, x, &mut laid.clusters);
            x += part.width;
        }
        let x_empty = match (align, rtl) {
            (Align::Center, _) => block / 2.0,
            (Align::Natural, true) => block,
            (Align::Natural, false) => 0.0,
        };
        laid.lines.push(Line {
            bytes: line.bytes,
            y,
            height,
            clusters: first..laid.clusters.len(),
            direction: line.direction,
            x_empty,
            hard: line.hard,
        });
        y + height
    }

    fn push_clusters(&self, part: &Part, x: f32, clusters: &mut Vec<Cluster>) {
        let text = self.text.get(part.piece.bytes.clone()).unwrap_or_default();
        let rtl = part.piece.level % 2 == 1;
        let first = clusters.len();
        let mut edge = if rtl { x + part.width } else { x };
        for ((offset, grapheme), width) in text.grapheme_indices(true).zip(&part.widths) {
            let start = part.piece.bytes.start + offset;
            let next = if rtl { edge - width } else { edge + width };
            clusters.push(Cluster {
                bytes: start..start + grapheme.len(),
                x0: edge.min(next),
                x1: edge.max(next),
                rtl,
            });
            edge = next;
        }
        if rtl && let Some(added) = clusters.get_mut(first..) {
            added.reverse();
        }
    }
}

#[derive(Default)]
struct FillingLine {
    parts: Vec<Part>,
    width: f32,
}

impl FillingLine {
    fn extend(&mut self, parts: Vec<Part>, width: f32) {
        self.parts.extend(parts);
        self.width += width;
    }

    fn end(&mut self) -> Vec<Part> {
        self.width = 0.0;
        std::mem::take(&mut self.parts)
    }
}

/// The galley under construction: a blank one that is given other galleys' rows. Its job stays empty, so it holds no text.
struct Blank {
    galley: Galley,
}

impl Blank {
    fn new(blank: &Galley, pixels_per_point: f32) -> Self {
        let mut galley = blank.clone();
        galley.rows.clear();
        galley.mesh_bounds = Rect::NOTHING;
        galley.num_vertices = 0;
        galley.num_indices = 0;
        galley.pixels_per_point = pixels_per_point;
        Self { galley }
    }

    fn push(&mut self, row: &Arc<Row>, pos: egui::Pos2) {
        let visuals = &row.visuals;
        if visuals.mesh.is_empty() {
            return;
        }
        self.galley.mesh_bounds |= visuals.mesh_bounds.translate(pos.to_vec2());
        self.galley.num_vertices += visuals.mesh.vertices.len();
        self.galley.num_indices += visuals.mesh.indices.len();
        self.galley.rows.push(PlacedRow { pos, row: Arc::clone(row), ends_with_newline: false });
    }

    fn finish(mut self, size: Vec2) -> Arc<Galley> {
        self.galley.rect = Rect::from_min_size(egui::Pos2::ZERO, size);
        Arc::new(self.galley)
    }
}

/// Splits the width of a shaped row among the graphemes of its text.
///
/// epaint gives the glyphs in visual order, each with the first character of its cluster, and fillers without width. A grapheme that has
/// no glyph of its own (the alef of a lam-alef) shares the width of the one before it.
fn grapheme_widths(text: &str, row: &Row, rtl: bool) -> Vec<f32> {
    let mut glyphs: Vec<(char, f32)> = row
        .glyphs
        .iter()
        .filter(|glyph| glyph.advance_width > 0.0)
        .map(|glyph| (glyph.chr, glyph.advance_width))
        .collect();
    if rtl {
        glyphs.reverse();
    }
    let firsts: Vec<Option<char>> = text.graphemes(true).map(|grapheme| grapheme.chars().next()).collect();
    let mut sums: Vec<Option<f32>> = vec![None; firsts.len()];
    let mut current = None;
    for (chr, advance) in glyphs {
        let from = current.map_or(0, |index: usize| index + 1);
        let found = firsts.iter().skip(from).position(|first| *first == Some(chr)).map(|index| index + from);
        let owner = found.or(current).unwrap_or(0);
        if let Some(sum) = sums.get_mut(owner) {
            *sum = Some(sum.unwrap_or(0.0) + advance);
        }
        current = Some(owner);
    }
    let mut widths = Vec::with_capacity(sums.len());
    for group in sums.chunk_by(|_, next| next.is_none()) {
        let sum = group.iter().flatten().sum::<f32>();
        let share = group.iter().fold(0.0_f32, |count, _| count + 1.0);
        widths.extend(group.iter().map(|_| sum / share));
    }
    let total: f32 = widths.iter().sum();
    let scale = if total > 0.0 { row.size.x / total } else { 0.0 };
    widths.iter_mut().for_each(|width| *width *= scale);
    widths
}

/// Rule L4 for the characters our fonts have. `None` when the text has no mirrored form.
fn mirrored(text: &str) -> Option<String> {
    const PAIRS: [(char, char); 19] = [
        ('(', ')'),
        ('[', ']'),
        ('{', '}'),
        ('<', '>'),
        ('«', '»'),
        ('‹', '›'),
        ('≤', '≥'),
        ('≪', '≫'),
        ('⁽', '⁾'),
        ('₍', '₎'),
        ('⟨', '⟩'),
        ('⟪', '⟫'),
        ('⟦', '⟧'),
        ('⁅', '⁆'),
        ('⌈', '⌉'),
        ('⌊', '⌋'),
        ('〈', '〉'),
        ('༺', '༻'),
        ('༼', '༽'),
    ];
    let mut chars = text.chars();
    let first = chars.next()?;
    let image = PAIRS.iter().find_map(|(open, close)| {
        (first == *open).then_some(*close).or_else(|| (first == *close).then_some(*open))
    })?;
    Some(std::iter::once(image).chain(chars).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_are_mirrored_with_their_marks() {
        assert_eq!(mirrored("(").as_deref(), Some(")"));
        assert_eq!(mirrored("»").as_deref(), Some("«"));
        assert_eq!(mirrored("]\u{301}").as_deref(), Some("[\u{301}"));
        assert_eq!(mirrored("a"), None);
        assert_eq!(mirrored(""), None);
    }
}
