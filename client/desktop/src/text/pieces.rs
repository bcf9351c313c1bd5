//! Splits text into paragraphs and these into pieces: the longest runs that epaint shapes and orders rightly by itself.
//!
//! epaint guesses one direction per run and mirrors nothing, so a piece is a word of one level, or a single grapheme wherever epaint's
//! guess would be wrong (digits and signs inside Arabic, punctuation at an odd level).
//!
//! Spec: Unicode Annex 9 (P2, P3, X1–I2 by `unicode-bidi`), Annex 14 (by `unicode-linebreak`).
//!
//! Not its concern: widths, lines and the order on a line (`compose`).

use std::ops::Range;

use unicode_bidi::{BidiClass, Level, ParagraphBidiInfo, bidi_class};
use unicode_linebreak::linebreaks;
use unicode_segmentation::UnicodeSegmentation;

use super::laid::{Direction, first_strong};

/// Graphemes in one piece at most; a longer "word" is an attack or a key, and is shaped in parts.
const PIECE_GRAPHEMES_MAX: usize = 200;

/// How a piece is shaped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Right-to-left letters with their marks.
    Joined,
    /// Anything else at an even level.
    Plain,
    /// One grapheme that must not be shaped together with its neighbours.
    Single,
    /// Formatting character: no galley, no width.
    Invisible,
}

/// One run of text, in logical order.
#[derive(Clone, Debug)]
pub(super) struct Piece {
    pub bytes: Range<usize>,
    pub level: u8,
    pub kind: Kind,
    /// White space that hangs at the end of a line.
    pub space: bool,
    /// Takes the paragraph's level at the end of a line or before a tab (rule L1).
    pub resets: bool,
    pub tab: bool,
    /// A line may begin here.
    pub break_before: bool,
}

/// One paragraph.
#[derive(Clone, Debug)]
pub(super) struct Paragraph {
    /// Its text, without the line break that ends it.
    pub content: Range<usize>,
    pub direction: Direction,
    /// Holds Arabic letters, which need more height.
    pub arabic: bool,
    pub pieces: Vec<Piece>,
}

/// The paragraphs of `text`; at least one. One without a strong character goes the way of the one before it, the first one the way of
/// `fallback`.
pub(super) fn split(text: &str, fallback: Direction) -> Vec<Paragraph> {
    let mut paragraphs = Vec::new();
    let mut start = 0;
    let mut direction = fallback;
    let mut separators = text.char_indices().filter(|(_, c)| bidi_class(*c) == BidiClass::B).peekable();
    while let Some((at, c)) = separators.next() {
        let mut next = at + c.len_utf8();
        if c == '\r' && separators.peek().is_some_and(|(after, c)| *after == next && *c == '\n') {
            separators.next();
            next += 1;
        }
        let found = paragraph(text, start..at, direction);
        direction = found.direction;
        paragraphs.push(found);
        start = next;
    }
    paragraphs.push(paragraph(text, start..text.len(), direction));
    paragraphs
}

fn paragraph(text: &str, content: Range<usize>, fallback: Direction) -> Paragraph {
    let part = text.get(content.clone()).unwrap_or_default();
    let direction = first_strong(part).unwrap_or(fallback);
    let base = match direction {
        Direction::LeftToRight => Level::ltr(),
        Direction::RightToLeft => Level::rtl(),
    };
    let bidi = ParagraphBidiInfo::new(part, Some(base));
    let mut breaks = linebreaks(part).map(|(at, _)| at).peekable();
    let mut pieces: Vec<Piece> = Vec::new();
    let mut in_last = 0_usize;
    let mut arabic = false;
    for (offset, grapheme) in part.grapheme_indices(true) {
        while breaks.next_if(|at| *at < offset).is_some() {}
        let break_before = offset > 0 && breaks.next_if_eq(&offset).is_some();
        let Some(first) = grapheme.chars().next() else { continue };
        let level = bidi.levels.get(offset).map_or(base.number(), Level::number);
        let class = bidi_class(first);
        arabic |= class == BidiClass::AL;
        let kind = kind(first, class, level);
        let bytes = content.start + offset..content.start + offset + grapheme.len();
        if let Some(last) = pieces.last_mut()
            && matches!(kind, Kind::Joined | Kind::Plain)
            && last.kind == kind
            && last.level == level
            && !break_before
            && in_last < PIECE_GRAPHEMES_MAX
        {
            last.bytes.end = bytes.end;
            in_last += 1;
            continue;
        }
        in_last = 1;
        let space = first.is_whitespace() && !matches!(first, '\u{A0}' | '\u{202F}' | '\u{2007}');
        pieces.push(Piece {
            bytes,
            level,
            kind,
            space,
            resets: resets(class),
            tab: class == BidiClass::S,
            break_before,
        });
    }
    Paragraph { content, direction, arabic, pieces }
}

fn kind(first: char, class: BidiClass, level: u8) -> Kind {
    let odd = level % 2 == 1;
    match first {
        '\u{200E}'
        | '\u{200F}'
        | '\u{61C}'
        | '\u{202A}'..='\u{202E}'
        | '\u{2066}'..='\u{2069}'
        | '\u{FEFF}' => Kind::Invisible,
        '\u{600}'..='\u{605}' | '\u{660}'..='\u{66C}' | '\u{6DD}' | '\u{6F0}'..='\u{6F9}' => Kind::Single,
        c if c.is_whitespace() || c.is_control() => Kind::Single,
        '\u{200C}' | '\u{200D}' if odd => Kind::Joined,
        _ => match class {
            BidiClass::R | BidiClass::AL | BidiClass::NSM if odd => Kind::Joined,
            BidiClass::R | BidiClass::AL => Kind::Single,
            _ if odd => Kind::Single,
            _ => Kind::Plain,
        },
    }
}

/// White space, separators, isolate marks and what rule X9 removes.
fn resets(class: BidiClass) -> bool {
    use BidiClass::{B, BN, FSI, LRE, LRI, LRO, PDF, PDI, RLE, RLI, RLO, S, WS};
    matches!(class, B | BN | FSI | LRE | LRI | LRO | PDF | PDI | RLE | RLI | RLO | S | WS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_paragraph_has_its_own_direction() {
        let text = "12\nhello\nمرحبا\r\n12\n";
        let found: Vec<_> =
            split(text, Direction::RightToLeft).into_iter().map(|p| (p.content, p.direction)).collect();
        use Direction::{LeftToRight, RightToLeft};
        assert_eq!(
            found,
            [
                (0..2, RightToLeft),
                (3..8, LeftToRight),
                (9..19, RightToLeft),
                (21..23, RightToLeft),
                (24..24, RightToLeft)
            ]
        );
    }

    #[test]
    fn arabic_digits_stand_alone() {
        let pieces = split("١٢٣", Direction::RightToLeft).remove(0).pieces;
        assert_eq!(pieces.len(), 3);
        assert!(pieces.iter().all(|piece| piece.kind == Kind::Single));
    }

    #[test]
    fn an_endless_word_is_split() {
        let pieces = split(&"x".repeat(5000), Direction::LeftToRight).remove(0).pieces;
        assert_eq!(pieces.len(), 5000 / PIECE_GRAPHEMES_MAX);
    }
}
