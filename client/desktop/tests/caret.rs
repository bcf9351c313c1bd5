//! The caret goes everywhere and comes back.

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

use khaima_desktop::text::{Caret, Laid, Motion};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use support::{LINES, Screen, TOKENS};

/// Every place reached by repeating a motion, the start included.
fn walk(laid: &Laid, start: Caret, motion: Motion) -> Vec<Caret> {
    let mut stops = vec![start];
    loop {
        let last = *stops.last().unwrap();
        let next = laid.step(last, motion, 0.0);
        if next == last || stops.len() > 3000 {
            return stops;
        }
        stops.push(next);
    }
}

fn places(laid: &Laid, stops: &[Caret]) -> Vec<(i32, i32)> {
    stops
        .iter()
        .map(|caret| {
            let rect = laid.caret_rect(*caret);
            ((rect.min.x * 10.0).round() as i32, rect.min.y.round() as i32)
        })
        .collect()
}

fn assert_round_trip(text: &str, laid: &Laid) {
    let rtl = laid.lines()[0].direction.is_rtl();
    let (forward, back) = if rtl { (Motion::Left, Motion::Right) } else { (Motion::Right, Motion::Left) };
    // From the visual start of the first line, whatever stands there.
    let x = if rtl { f32::INFINITY } else { f32::NEG_INFINITY };
    let start = laid.hit(egui::pos2(x, 0.0));
    let there = walk(laid, start, forward);
    let mut home = walk(laid, *there.last().unwrap(), back);
    home.reverse();
    assert_eq!(places(laid, &there), places(laid, &home), "{text:?}");
    // Nothing shown is skipped: as many steps as visible clusters, plus one over each paragraph break.
    let visible = laid.clusters().iter().filter(|cluster| cluster.x1 - cluster.x0 > 0.01).count();
    let breaks = laid.lines().iter().filter(|line| line.hard).count() - 1;
    assert_eq!(there.len(), visible + breaks + 1, "{text:?}");
}

#[test]
fn there_and_back_visits_the_same_places() {
    let mut screen = Screen::new();
    for text in LINES {
        assert_round_trip(text, &screen.lay(text, f32::INFINITY));
    }
    let seed = 11;
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    for _ in 0..600 {
        let length = rng.random_range(1..12);
        let text: String = (0..length).map(|_| TOKENS[rng.random_range(0..TOKENS.len())]).collect();
        println!("seed {seed}: {text:?}");
        assert_round_trip(&text, &screen.lay(&text, f32::INFINITY));
    }
}

#[test]
fn there_and_back_over_wrapped_lines() {
    let mut screen = Screen::new();
    for text in [
        "one two three four five six seven eight nine ten",
        "واحد اثنان ثلاثة أربعة خمسة ستة سبعة ثمانية تسعة عشرة",
    ] {
        let laid = screen.lay(text, 120.0);
        assert!(laid.lines().len() > 2);
        assert_round_trip(text, &laid);
    }
}

#[test]
fn a_line_break_is_stepped_over_in_both_directions() {
    let mut screen = Screen::new();
    for text in ["ab\ncd\n\nef", "سلام\nمرحبا\n\nأهلا"] {
        let laid = screen.lay(text, f32::INFINITY);
        assert_eq!(laid.lines().len(), 4);
        assert_round_trip(text, &laid);
    }
    // The start of the second line, backwards: the end of the first, not the same place again.
    let laid = screen.lay("سلام\nمرحبا", f32::INFINITY);
    let back = laid.step(Caret::before(9), Motion::Right, 0.0);
    assert_eq!(back.at, 8);
    assert_eq!(laid.caret_rect(back).min.y, 0.0);
    let again = laid.step(back, Motion::Right, 0.0);
    assert_eq!(again.at, 6);
}

#[test]
fn the_end_of_a_line_of_the_second_paragraph_stays_there() {
    let mut screen = Screen::new();
    let text = "سلام\nمرحبا";
    let laid = screen.lay(text, f32::INFINITY);
    let end = laid.step(Caret::before(9), Motion::LineEnd, 0.0);
    assert_eq!(end.at, text.len());
    assert_eq!(laid.step(end, Motion::Left, 0.0), end);
}

#[test]
fn where_directions_meet_one_position_has_two_places() {
    let mut screen = Screen::new();
    let laid = screen.lay("abc سلام", f32::INFINITY);
    let after_space = laid.caret_rect(Caret::after(4)).min.x;
    let before_seen = laid.caret_rect(Caret::before(4)).min.x;
    assert!(before_seen > after_space + 10.0, "the first Arabic letter stands at the right end");
}

#[test]
fn a_click_lands_on_the_nearer_edge() {
    let mut screen = Screen::new();
    for text in LINES {
        let laid = screen.lay(text, 300.0);
        for line in laid.lines() {
            for cluster in laid.clusters()[line.clusters.clone()].iter().filter(|c| c.x1 - c.x0 > 1.0) {
                let y = line.y + line.height / 2.0;
                for (x, edge) in [(cluster.x0 + 0.2, cluster.x0), (cluster.x1 - 0.2, cluster.x1)] {
                    let caret = laid.hit(egui::pos2(x, y));
                    let drawn = laid.caret_rect(caret);
                    assert!(
                        (drawn.min.x - edge).abs() < 0.1,
                        "{text:?}: {cluster:?} hit at {x}: {caret:?} {drawn:?}"
                    );
                    assert_eq!(drawn.min.y, line.y, "{text:?}");
                    assert!(caret.at == cluster.bytes.start || caret.at == cluster.bytes.end);
                }
            }
        }
    }
}

#[test]
fn up_and_down_keep_the_column() {
    let mut screen = Screen::new();
    let text = "mmmmmmmmmm\nm\nmmmmmmmmmm";
    let laid = screen.lay(text, f32::INFINITY);
    let goal = laid.caret_rect(Caret::after(8)).min.x;
    let middle = laid.step(Caret::after(8), Motion::Down, goal);
    assert_eq!(middle.at, 12);
    assert_eq!(laid.step(middle, Motion::Down, goal).at, 21);
    assert_eq!(laid.step(Caret::before(3), Motion::Up, goal).at, 0);
}

#[test]
fn home_and_end_keep_to_the_wrapped_line() {
    let mut screen = Screen::new();
    let laid = screen.lay("one two three four five", 80.0);
    let line = laid.lines()[1].clone();
    let end = laid.step(Caret::before(line.bytes.start), Motion::LineEnd, 0.0);
    assert_eq!(laid.caret_rect(end).min.y, line.y);
    let start = laid.step(end, Motion::LineStart, 0.0);
    assert_eq!((start.at, laid.caret_rect(start).min.y), (line.bytes.start, line.y));
}

#[test]
fn a_selection_over_both_directions_is_drawn_in_parts() {
    let mut screen = Screen::new();
    let text = "abc سلام def";
    let laid = screen.lay(text, f32::INFINITY);
    assert_eq!(laid.selection_rects(&(0..text.len())).len(), 1);
    assert_eq!(laid.selection_rects(&(2..6)).len(), 2, "c and space; the first Arabic letter");
    assert!(laid.selection_rects(&(3..3)).is_empty());
    let total: f32 = laid.selection_rects(&(0..text.len())).iter().map(egui::Rect::width).sum();
    assert!((total - laid.size().x).abs() < 0.1);
}

#[test]
fn any_byte_position_has_a_place() {
    let mut screen = Screen::new();
    let text = "a\u{2068}ب\u{2069}👨\u{200D}👩\nx";
    let laid = screen.lay(text, f32::INFINITY);
    for at in 0..text.len() + 5 {
        for caret in [Caret::before(at), Caret::after(at)] {
            assert!(laid.caret_rect(caret).is_finite());
            for motion in
                [Motion::Left, Motion::Right, Motion::Up, Motion::Down, Motion::LineStart, Motion::LineEnd]
            {
                assert!(laid.step(caret, motion, 3.0).at <= text.len().max(at));
            }
        }
    }
}
