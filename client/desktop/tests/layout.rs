//! Order, lines and size of laid-out text.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    missing_docs,
    reason = "tests"
)]

mod support;

use std::io::Write as _;
use std::process::{Command, Stdio};

use khaima_desktop::text::{Direction, Format, Laid, body};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use support::{LINES, Screen, TOKENS};
use unicode_segmentation::UnicodeSegmentation as _;

fn random_strings(seed: u64, count: usize) -> Vec<String> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    (0..count)
        .map(|_| {
            let length = rng.random_range(1..14);
            (0..length).map(|_| TOKENS[rng.random_range(0..TOKENS.len())]).collect()
        })
        .collect()
}

/// Visual order as fribidi sees it: for each string, the logical indices of its characters from left to right.
fn fribidi(strings: &[String]) -> Option<Vec<Vec<usize>>> {
    let mut child = Command::new("fribidi")
        .args(["--nobreak", "--nopad", "--novisual", "--vtol", "--charset", "UTF-8"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .ok()?;
    let mut input = child.stdin.take().unwrap();
    let lines = strings.join("\n") + "\n";
    let writer = std::thread::spawn(move || input.write_all(lines.as_bytes()).unwrap());
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let order: Vec<Vec<usize>> = text
        .lines()
        .map(|line| line.split_whitespace().map(|index| index.parse().unwrap()).collect())
        .collect();
    assert_eq!(order.len(), strings.len(), "one line of answer per string");
    Some(order)
}

fn is_invisible(grapheme: &str) -> bool {
    grapheme
        .chars()
        .all(|c| matches!(c, '\u{200C}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}'))
}

/// Visible graphemes from left to right, by number in logical order.
fn our_order(text: &str, laid: &Laid) -> Vec<usize> {
    let starts: Vec<usize> = text.grapheme_indices(true).map(|(at, _)| at).collect();
    laid.clusters()
        .iter()
        .filter(|cluster| !is_invisible(&text[cluster.bytes.clone()]))
        .map(|cluster| starts.binary_search(&cluster.bytes.start).unwrap())
        .collect()
}

fn their_order(text: &str, chars: &[usize]) -> Vec<usize> {
    let grapheme_of: Vec<usize> =
        text.graphemes(true).enumerate().flat_map(|(index, g)| g.chars().map(move |_| index)).collect();
    let graphemes: Vec<&str> = text.graphemes(true).collect();
    let mut order: Vec<usize> =
        chars.iter().map(|c| grapheme_of[*c]).filter(|index| !is_invisible(graphemes[*index])).collect();
    order.dedup();
    order
}

#[test]
fn visual_order_agrees_with_fribidi() {
    let mut screen = Screen::new();
    for seed in [1, 2, 3, 4] {
        let mut strings = random_strings(seed, 600);
        strings.extend(LINES.iter().map(|line| (*line).to_owned()));
        let Some(theirs) = fribidi(&strings) else {
            println!("skipped: the program fribidi is not installed (Debian package libfribidi-bin)");
            return;
        };
        let mut wrong = Vec::new();
        for (text, chars) in strings.iter().zip(&theirs) {
            let laid = screen.lay(text, f32::INFINITY);
            assert_eq!(laid.lines().len(), 1);
            if our_order(text, &laid) != their_order(text, chars) {
                wrong.push((text, our_order(text, &laid), their_order(text, chars)));
            }
        }
        assert!(
            wrong.is_empty(),
            "seed {seed}: {} of {} differ, first {:?}",
            wrong.len(),
            strings.len(),
            wrong.first()
        );
    }
}

#[test]
fn clusters_tile_every_line_without_gaps() {
    let mut screen = Screen::new();
    let seed = 5;
    let mut strings = random_strings(seed, 300);
    strings.extend(LINES.iter().map(|line| (*line).to_owned()));
    for text in &strings {
        for width in [60.0, 200.0, f32::INFINITY] {
            let laid = screen.lay(text, width);
            let mut covered: Vec<_> = laid.clusters().iter().map(|cluster| cluster.bytes.clone()).collect();
            covered.sort_by_key(|bytes| bytes.start);
            let all: Vec<_> = text.grapheme_indices(true).map(|(at, g)| at..at + g.len()).collect();
            assert_eq!(covered, all, "seed {seed}: {text:?} at {width}");
            for line in laid.lines() {
                let clusters = &laid.clusters()[line.clusters.clone()];
                for pair in clusters.windows(2) {
                    assert!((pair[0].x1 - pair[1].x0).abs() < 0.01, "seed {seed}: {text:?} at {width}");
                }
                assert!(
                    clusters.iter().all(|cluster| line.bytes.start <= cluster.bytes.start
                        && cluster.bytes.end <= line.bytes.end)
                );
            }
        }
    }
}

#[test]
fn lines_stay_within_the_width() {
    let mut screen = Screen::new();
    for text in LINES {
        for width in [80.0, 150.0, 300.0] {
            let laid = screen.lay(text, width);
            assert!(laid.size().x <= width + 0.5, "{text:?}: {} > {width}", laid.size().x);
            for line in laid.lines() {
                let clusters = &laid.clusters()[line.clusters.clone()];
                let visible =
                    clusters.iter().filter(|cluster| !text[cluster.bytes.clone()].trim().is_empty());
                for cluster in visible {
                    assert!(
                        cluster.x0 >= -0.5 && cluster.x1 <= width + 0.5,
                        "{text:?} at {width}: {cluster:?}"
                    );
                }
            }
        }
    }
}

#[test]
fn each_paragraph_aligns_by_its_own_direction_in_a_filled_block() {
    let mut screen = Screen::new();
    let format = Format::new(17.0, Direction::RightToLeft).filling();
    let text = "12\nhello\nمرحبا\n";
    let laid = screen.lay_as(text, &format, 400.0);
    let edges: Vec<(f32, f32)> = laid
        .lines()
        .iter()
        .map(|line| {
            let clusters = &laid.clusters()[line.clusters.clone()];
            (clusters.first().map_or(line.x_empty, |c| c.x0), clusters.last().map_or(line.x_empty, |c| c.x1))
        })
        .collect();
    assert_eq!(edges.len(), 4);
    assert!((edges[0].1 - 400.0).abs() < 0.5, "neutral text follows the interface");
    assert!(edges[1].0.abs() < 0.5, "Latin starts at the left");
    assert!((edges[2].1 - 400.0).abs() < 0.5, "Arabic ends at the right");
    assert!((edges[3].0 - 400.0).abs() < 0.5, "an empty line follows the one before it");
}

#[test]
fn arabic_letters_join_and_lam_alef_is_one_shape() {
    let mut screen = Screen::new();
    let joined = screen.lay("سلام", f32::INFINITY).size().x;
    let apart: f32 = "سلام".chars().map(|c| screen.lay(&c.to_string(), f32::INFINITY).size().x).sum();
    assert!(joined < apart * 0.8, "{joined} against {apart}");
}

/// The characters whose shapes are painted, from left to right.
fn painted(screen: &mut Screen, text: &str) -> String {
    let laid = screen.lay(text, f32::INFINITY);
    let output =
        screen.frame(Vec::new(), |ui| laid.paint(ui.painter(), egui::pos2(10.0, 10.0), egui::Color32::BLACK));
    let mut shapes: Vec<(f32, char)> = Vec::new();
    for clipped in &output.shapes {
        if let egui::Shape::Text(text) = &clipped.shape {
            assert!(text.galley.job.text.is_empty(), "the galley keeps no copy of the text");
            let rows = text.galley.rows.iter();
            shapes.extend(
                rows.flat_map(|row| row.glyphs.iter().map(|glyph| (row.pos.x + glyph.pos.x, glyph.chr))),
            );
        }
    }
    shapes.sort_by(|a, b| a.0.total_cmp(&b.0));
    shapes.into_iter().map(|(_, chr)| chr).collect()
}

#[test]
fn brackets_are_painted_mirrored_and_digits_in_their_order() {
    let mut screen = Screen::new();
    assert_eq!(painted(&mut screen, "س (١٢٣)"), "(١٢٣)س");
    assert_eq!(painted(&mut screen, "س [۱۲۳]"), "[۱۲۳]س");
    assert_eq!(painted(&mut screen, "س «ab»"), "«ab»س");
    assert_eq!(painted(&mut screen, "(123)"), "(123)");
}

#[test]
fn every_shown_letter_has_a_glyph() {
    let mut screen = Screen::new();
    let missing = screen.lay("\u{10FFFD}", f32::INFINITY).size().x;
    assert!(missing > 0.0, "tofu is drawn for what no font has");
    let format = Format::new(17.0, Direction::LeftToRight);
    let ctx = screen.ctx.clone();
    screen.frame(Vec::new(), |_| {
        for bold in [false, true] {
            let font = egui::FontId::new(format.size, khaima_desktop::fonts::family(bold));
            let needed = "aéñœ¿¡«»…—•ابتثجحخدذرزسشصضطظعغفقكلمنهويءآأؤإئةىپچگڤ٠١٢٣٤٥٦٧٨٩۰۱۲۳ًٌٍَُِّْ،؟؛ـﷺ👍👨🇪❤";
            for c in needed.chars() {
                assert!(ctx.fonts_mut(|fonts| fonts.has_glyph(&font, c)), "{c:?} {bold}");
            }
        }
    });
}

#[test]
fn an_emoji_sequence_is_one_cluster_as_wide_as_one_emoji() {
    let mut screen = Screen::new();
    let one = screen.lay("👍", f32::INFINITY).size().x;
    for sequence in ["👍🏽", "👨\u{200D}👩\u{200D}👧", "🇪🇭"] {
        let laid = screen.lay(sequence, f32::INFINITY);
        assert_eq!(laid.clusters().len(), 1);
        assert!((laid.size().x - one).abs() < 0.5, "{sequence}: {} against {one}", laid.size().x);
    }
}

#[test]
fn a_cut_text_ends_in_an_ellipsis_and_keeps_to_its_lines() {
    let mut screen = Screen::new();
    for text in [LINES[12], LINES[2], "one\ntwo\nthree"] {
        for lines in [1, 2] {
            let format = Format::new(17.0, Direction::LeftToRight).lines(lines);
            let laid = screen.lay_as(text, &format, 180.0);
            assert_eq!(laid.lines().len(), lines);
            assert!(laid.is_elided());
            assert!(laid.size().x <= 180.5);
        }
    }
    let whole = screen.lay_as("short", &Format::new(17.0, Direction::LeftToRight).lines(1), 180.0);
    assert!(!whole.is_elided());
}

#[test]
fn a_megabyte_is_laid_out_in_part_only() {
    let mut screen = Screen::new();
    let attacks = [
        "x".repeat(1_000_000),
        "مرحبا ".repeat(90_000),
        "a\n".repeat(500_000),
        "\u{202B}a\u{202C}".repeat(120_000),
        "a\u{301}".repeat(300_000),
        "(".repeat(1_000_000),
        "👨\u{200D}".repeat(140_000),
        "\u{2067}א".repeat(190_000),
    ];
    for attack in &attacks {
        let shown = body(attack);
        assert!(shown.chars().count() <= khaima_desktop::text::BODY_CHARS_MAX + 1);
        let laid = screen.lay(&shown, 400.0);
        assert!(laid.clusters().len() <= khaima_desktop::text::BODY_CHARS_MAX + 1);
        let narrow = screen.lay(&shown.chars().take(2_000).collect::<String>(), 1.0);
        assert!(!narrow.lines().is_empty());
    }
}

#[test]
fn a_layout_is_remembered_while_shown_and_made_anew_after_a_change() {
    let mut screen = Screen::new();
    let format = Format::new(17.0, Direction::LeftToRight);
    let first = screen.lay_as("hello", &format, 100.0);
    let again = screen.lay_as("hello", &format, 100.0);
    assert!(std::sync::Arc::ptr_eq(&first, &again));
    let bold = screen.lay_as("hello", &format.bold(), 100.0);
    assert!(bold.size().x > first.size().x);
    screen.ctx.set_zoom_factor(2.0);
    screen.frame(Vec::new(), |_| {});
    let zoomed = screen.lay_as("hello", &format, 100.0);
    assert!(!std::sync::Arc::ptr_eq(&first, &zoomed));
}

#[test]
fn a_layout_not_shown_is_dropped_with_its_text() {
    let mut screen = Screen::new();
    let format = Format::new(17.0, Direction::LeftToRight);
    let weak = std::sync::Arc::downgrade(&screen.lay_as("gone soon", &format, 100.0));
    assert!(weak.upgrade().is_some());
    for _ in 0..4 {
        screen.lay_as("other", &format, 100.0);
    }
    assert!(weak.upgrade().is_none());
}

#[test]
fn resetting_memory_drops_all_layouts() {
    let mut screen = Screen::new();
    let format = Format::new(17.0, Direction::LeftToRight);
    let weak = std::sync::Arc::downgrade(&screen.lay_as("locked away", &format, 100.0));
    assert!(weak.upgrade().is_some());
    screen.ctx.memory_mut(|memory| *memory = egui::Memory::default());
    assert!(weak.upgrade().is_none());
}
