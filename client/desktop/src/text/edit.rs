//! Where graphemes and words begin: the arithmetic of editing, in bytes of the logical text.
//!
//! Every function takes a position on a character boundary and returns one; positions beyond the text count as its end.
//!
//! Not its concern: what is left and right on the screen (`caret`).

use epaint::text::has_emoji_presentation;
use unicode_segmentation::UnicodeSegmentation;

/// The end of the grapheme that starts at `at`.
#[must_use]
pub fn next_grapheme(text: &str, at: usize) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    at.min(text.len()) + rest.graphemes(true).next().map_or(0, str::len)
}

/// The start of the grapheme that ends at `at`.
#[must_use]
pub fn previous_grapheme(text: &str, at: usize) -> usize {
    let before = text.get(..at).unwrap_or(text);
    before.len() - before.graphemes(true).next_back().map_or(0, str::len)
}

/// Where a backspace at `at` deletes from: one code point, so that a wrong haraka can be taken off its letter, but a whole emoji or
/// line break.
#[must_use]
pub fn backspace_start(text: &str, at: usize) -> usize {
    let before = text.get(..at).unwrap_or(text);
    let Some(grapheme) = before.graphemes(true).next_back() else {
        return 0;
    };
    if grapheme.starts_with('\r') || has_emoji_presentation(grapheme) {
        return before.len() - grapheme.len();
    }
    before.len() - before.chars().next_back().map_or(0, char::len_utf8)
}

/// The end of the word at or after `at`.
#[must_use]
pub fn next_word(text: &str, at: usize) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    let mut offset = at.min(text.len());
    for part in rest.split_word_bounds() {
        offset += part.len();
        if is_word(part) {
            break;
        }
    }
    offset
}

/// The start of the word at or before `at`.
#[must_use]
pub fn previous_word(text: &str, at: usize) -> usize {
    let before = text.get(..at).unwrap_or(text);
    let mut offset = before.len();
    for part in before.split_word_bounds().rev() {
        offset -= part.len();
        if is_word(part) {
            break;
        }
    }
    offset
}

/// The word, or the run between words, that holds the character at `at`.
#[must_use]
pub fn word_at(text: &str, at: usize) -> std::ops::Range<usize> {
    let mut last = 0..0;
    for (start, part) in text.split_word_bound_indices() {
        last = start..start + part.len();
        if at < last.end {
            break;
        }
    }
    last
}

fn is_word(part: &str) -> bool {
    part.chars().any(char::is_alphanumeric) || has_emoji_presentation(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backspace_takes_a_haraka_before_its_letter() {
        let text = "بُ";
        assert_eq!(backspace_start(text, text.len()), 2);
        assert_eq!(previous_grapheme(text, text.len()), 0);
    }

    #[test]
    fn backspace_takes_emoji_and_line_breaks_whole() {
        for cluster in ["👨\u{200D}👩\u{200D}👧", "🇪🇭", "👍🏽", "\r\n", "\n"] {
            let text = format!("a{cluster}");
            assert_eq!(backspace_start(&text, text.len()), 1, "{cluster:?}");
        }
    }

    #[test]
    fn words_are_passed_one_by_one() {
        let text = "مرحبا بك, dear friend";
        let mut at = 0;
        let mut stops = Vec::new();
        while at < text.len() {
            at = next_word(text, at);
            stops.push(at);
        }
        assert_eq!(stops, [10, 15, 21, 28]);
        let mut back = Vec::new();
        while at > 0 {
            at = previous_word(text, at);
            back.push(at);
        }
        assert_eq!(back, [22, 17, 11, 0]);
    }

    #[test]
    fn positions_beyond_the_text_are_its_end() {
        assert_eq!(next_grapheme("ab", 9), 2);
        assert_eq!(previous_grapheme("ab", 9), 1);
        assert_eq!(next_word("ab", 9), 2);
        assert_eq!(previous_word("ab", 9), 0);
        assert_eq!(backspace_start("", 0), 0);
        assert_eq!(word_at("ab cd", 3), 3..5);
        assert_eq!(word_at("", 3), 0..0);
    }
}
