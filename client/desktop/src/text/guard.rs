//! Makes text that others wrote safe to draw.
//!
//! What it neutralises: characters that reorder what surrounds them, characters nobody sees, letters buried under stacked marks, and
//! sheer length. Message bodies keep what honest writing needs (joiners, embeddings, isolates); names lose that too.
//!
//! Not its concern: what an address or a link means, and look-alike letters.

use unicode_bidi::BidiClass;
use unicode_segmentation::UnicodeSegmentation;

/// Combining marks drawn on one base letter; further ones are dropped. Vocalised Arabic needs 3.
pub const MARKS_PER_BASE_MAX: usize = 4;

/// Characters drawn of one line of a message; the rest of that line becomes an ellipsis.
pub const LINE_CHARS_MAX: usize = 10_000;

/// Characters drawn of one message. The largest envelope holds 64 KiB; more than this is no message but an attack on the screen.
pub const BODY_CHARS_MAX: usize = 20_000;

/// Lines drawn of one message, counted at its own line breaks.
pub const BODY_LINES_MAX: usize = 400;

/// Graphemes drawn of a name.
pub const NAME_CHARS_MAX: usize = 64;

/// The drawable form of a message body or another longer text.
///
/// Line breaks of all kinds become `\n`, other control characters go. The two overrides (U+202D, U+202E), with which text can be made
/// to show something else than it says, are spelt out. Embeddings and isolates stay: their effect ends with the paragraph.
#[must_use]
pub fn body(text: &str) -> String {
    let mut out = Clean::new(text);
    let mut chars = text.chars().peekable();
    let (mut total, mut line, mut lines) = (0_usize, 0_usize, 1_usize);
    while let Some(c) = chars.next() {
        if total >= BODY_CHARS_MAX {
            if line <= LINE_CHARS_MAX {
                out.text.push('…');
            }
            break;
        }
        total += 1;
        if is_line_break(c) {
            if c == '\r' && chars.peek() == Some(&'\n') {
                continue;
            }
            if lines >= BODY_LINES_MAX {
                out.text.push('…');
                break;
            }
            lines += 1;
            line = 0;
            out.base('\n');
            continue;
        }
        line += 1;
        if line > LINE_CHARS_MAX {
            if line == LINE_CHARS_MAX + 1 {
                out.base('…');
            }
            continue;
        }
        match c {
            '\t' => out.base('\t'),
            '\u{202D}' => out.spelt("[U+202D]"),
            '\u{202E}' => out.spelt("[U+202E]"),
            c if c.is_control() || is_hidden_format(c) => {}
            c => out.push(c),
        }
    }
    out.text
}

/// The drawable form of a name: of a person, a group, a file.
///
/// One line; no control, formatting or invisible character (a joiner stays inside an emoji); white space collapsed; at most
/// [`NAME_CHARS_MAX`] graphemes. Empty when nothing visible is left: the caller then shows its own placeholder.
#[must_use]
pub fn name(text: &str) -> String {
    let mut out = Clean::new("");
    let mut taken = 0_usize;
    let mut chars = text.chars().take(NAME_CHARS_MAX * 64).peekable();
    while let Some(c) = chars.next() {
        if c.is_whitespace() || is_line_break(c) || c == '\u{2800}' {
            if !out.text.is_empty() && !out.text.ends_with(' ') {
                out.base(' ');
            }
            continue;
        }
        let joins_emoji = c == '\u{200D}'
            && out.text.chars().next_back().is_some_and(is_pictorial)
            && chars.peek().copied().is_some_and(is_pictorial);
        let styles_emoji = c == '\u{FE0F}' && out.text.chars().next_back().is_some_and(is_pictorial);
        if joins_emoji || styles_emoji {
            out.text.push(c);
        } else if !(c.is_control() || is_invisible(c)) {
            out.push(c);
        }
    }
    let mut cut = String::new();
    for grapheme in out.text.trim_end().graphemes(true) {
        if taken == NAME_CHARS_MAX {
            cut.push('…');
            break;
        }
        taken += 1;
        cut.push_str(grapheme);
    }
    cut
}

/// A name ready to stand inside a sentence: neutralised by [`name`] and isolated (U+2068 … U+2069), so that its direction does not
/// reorder the words around it.
#[must_use]
pub fn isolated(text: &str) -> String {
    format!("\u{2068}{}\u{2069}", name(text))
}

/// What typing, pasting or an input method may put into an editor. One line when `multiline` is false.
#[must_use]
pub fn typed(text: &str, multiline: bool) -> String {
    let clean = body(text);
    if multiline { clean } else { clean.replace(['\n', '\t'], " ") }
}

/// The string being built, with the count of marks on its last base letter.
struct Clean {
    text: String,
    marks: usize,
}

impl Clean {
    fn new(source: &str) -> Self {
        Self { text: String::with_capacity(source.len().min(BODY_CHARS_MAX)), marks: 0 }
    }

    fn base(&mut self, c: char) {
        self.marks = 0;
        self.text.push(c);
    }

    fn spelt(&mut self, mark: &str) {
        self.marks = 0;
        self.text.push_str(mark);
    }

    fn push(&mut self, c: char) {
        if unicode_bidi::bidi_class(c) == BidiClass::NSM {
            self.marks += 1;
            if self.marks > MARKS_PER_BASE_MAX {
                return;
            }
        } else if !is_joiner(c) {
            self.marks = 0;
        }
        self.text.push(c);
    }
}

fn is_line_break(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\u{B}' | '\u{C}' | '\u{1C}'..='\u{1E}' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

fn is_joiner(c: char) -> bool {
    matches!(c, '\u{200C}' | '\u{200D}')
}

/// Formatting characters that have no use in a message: deprecated ones, annotations, language tags, invisible operators.
fn is_hidden_format(c: char) -> bool {
    matches!(c,
        '\u{2060}'..='\u{2065}' | '\u{206A}'..='\u{206F}' | '\u{FFF9}'..='\u{FFFB}' | '\u{FEFF}' | '\u{34F}'
        | '\u{E0000}'..='\u{E0FFF}' | '\u{1D173}'..='\u{1D17A}' | '\u{13430}'..='\u{1343F}'
        | '\u{1BCA0}'..='\u{1BCA3}')
}

/// Everything that takes no room or reorders: stripped from names.
fn is_invisible(c: char) -> bool {
    is_hidden_format(c)
        || matches!(c,
            '\u{AD}' | '\u{61C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}' | '\u{180B}'..='\u{180F}'
            | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{3164}' | '\u{FFA0}'
            | '\u{FE00}'..='\u{FE0F}')
}

/// Part of an emoji: a picture, a skin tone or the selector that asks for colour.
fn is_pictorial(c: char) -> bool {
    c == '\u{FE0F}' || (c >= '\u{2190}' && !c.is_alphanumeric() && !is_joiner(c) && !is_invisible(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_override_is_spelt_out() {
        assert_eq!(body("invoice\u{202E}fdp.exe"), "invoice[U+202E]fdp.exe");
        assert_eq!(body("a\u{202D}b\u{202C}"), "a[U+202D]b\u{202C}");
    }

    #[test]
    fn an_embedding_and_a_joiner_stay_in_a_body() {
        let honest = "رقم: \u{202A}+212 661\u{202C} می\u{200C}خواهم";
        assert_eq!(body(honest), honest);
    }

    #[test]
    fn line_breaks_of_all_kinds_become_one() {
        assert_eq!(body("a\r\nb\rc\u{2028}d\u{2029}e\u{85}f\u{B}g"), "a\nb\nc\nd\ne\nf\ng");
    }

    #[test]
    fn control_characters_go() {
        assert_eq!(body("a\0b\u{7}c\u{1b}[31md\u{9f}"), "abc[31md");
        assert_eq!(body("a\u{FEFF}b\u{206A}c\u{E0001}d"), "abcd");
    }

    #[test]
    fn at_most_four_marks_stay_on_a_base() {
        let bomb = format!("a{}b", "\u{301}".repeat(500));
        assert_eq!(body(&bomb).chars().count(), 2 + MARKS_PER_BASE_MAX);
        assert_eq!(name(&bomb).chars().count(), 2 + MARKS_PER_BASE_MAX);
        let through_joiners = format!("a{}", "\u{301}\u{200D}".repeat(100));
        let marks = body(&through_joiners).chars().filter(|c| *c == '\u{301}').count();
        assert_eq!(marks, MARKS_PER_BASE_MAX);
    }

    #[test]
    fn vocalised_arabic_is_left_alone() {
        let text = "أَهْلًا وَسَهْلًا بِكُمْ مُحَمَّدٌ";
        assert_eq!(body(text), text);
        assert_eq!(name(text), text);
    }

    #[test]
    fn names_lose_what_nobody_sees() {
        assert_eq!(name("\u{202E}Al\u{200B}ice\u{2066}\u{AD}\u{FEFF}\u{200F}"), "Alice");
        assert_eq!(name("  Al\u{3000}\n\t ice  "), "Al ice");
        assert_eq!(name("\u{200B}\u{3164}\u{2800}"), "");
        assert_eq!(name("a\u{FE0F}\u{200D}b"), "ab");
    }

    #[test]
    fn names_keep_their_emoji_whole() {
        assert_eq!(
            name("ليلى 👨\u{200D}👩\u{200D}👧 🇪🇭 ❤\u{FE0F}"),
            "ليلى 👨\u{200D}👩\u{200D}👧 🇪🇭 ❤\u{FE0F}"
        );
    }

    #[test]
    fn long_names_are_cut() {
        assert_eq!(name(&"x".repeat(1000)).chars().count(), NAME_CHARS_MAX + 1);
    }

    #[test]
    fn a_name_in_a_sentence_is_isolated() {
        assert_eq!(isolated("\u{2069}أحمد\u{202E}"), "\u{2068}أحمد\u{2069}");
    }

    #[test]
    fn length_is_capped_three_ways() {
        assert_eq!(body(&"x".repeat(1_000_000)).chars().count(), LINE_CHARS_MAX + 1);
        assert_eq!(body(&"x\n".repeat(500_000)).matches('\n').count(), BODY_LINES_MAX - 1);
        let wide = format!("{}\n", "y".repeat(9_000)).repeat(100);
        assert_eq!(body(&wide).chars().count(), BODY_CHARS_MAX + 1);
    }

    #[test]
    fn a_single_line_editor_takes_no_line_breaks() {
        assert_eq!(typed("a\nb\tc", false), "a b c");
        assert_eq!(typed("a\nb", true), "a\nb");
    }
}
