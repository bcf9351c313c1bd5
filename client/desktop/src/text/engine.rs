//! Lays text out and remembers it for as long as it is shown.
//!
//! The engine lives in egui's memory, so that resetting that memory (at lock) drops every layout with the text it was made from.
//! A layout unused for two passes goes too. When epaint throws its glyph atlas away all layouts point to nothing: a fixed text laid out
//! in every pass tells.
//!
//! Not its concern: how lines are made (`compose`).

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use egui::text::LayoutJob;
use egui::{Color32, Context, FontId, Galley, Id};
use unicode_segmentation::UnicodeSegmentation;
use zeroize::Zeroizing;

use super::compose::compose;
use super::laid::{Direction, Format, Laid};
use crate::fonts;

/// Passes a layout is kept without being asked for.
const KEPT_PASSES: u64 = 2;

/// Characters looked at for each line of a text that is cut after some lines: more than fit on any screen.
const ELIDED_LINE_CHARS: usize = 600;

/// Attempts at finding how much text fits before an ellipsis.
const ELLIPSIS_TRIES: usize = 48;

/// Lays out `text` in lines of at most `width` points (infinity: no wrapping). Answers from memory while the text stays on screen.
///
/// The text is drawn as it is: neutralise what others wrote with [`super::body`] or [`super::name`] first; [`super::label`] does so itself.
#[must_use]
pub fn layout(ctx: &Context, text: &str, format: &Format, width: f32) -> Arc<Laid> {
    let shared: Arc<Mutex<Engine>> = ctx.data_mut(|data| {
        Arc::clone(data.get_temp_mut_or_default::<Arc<Mutex<Engine>>>(Id::unique("khaima text engine")))
    });
    let mut engine = shared.lock().unwrap_or_else(PoisonError::into_inner);
    engine.layout(ctx, text, format, width)
}

/// Lays out without remembering: for a passphrase shown while a button is held.
#[must_use]
pub fn layout_once(ctx: &Context, text: &str, format: &Format, width: f32) -> Laid {
    let font = FontId::new(format.size, fonts::family(format.bold));
    let pixels_per_point = ctx.pixels_per_point();
    ctx.fonts_mut(|fonts| compose(fonts, pixels_per_point, text, format, &font, width))
}

#[derive(Default)]
struct Engine {
    pass: u64,
    sentinel: Option<Arc<Galley>>,
    kept: BTreeMap<Key, Kept>,
}

/// Everything a layout depends on. The text is compared, not hashed: a collision would show one person's words under another's name.
#[derive(Clone, PartialEq, Eq)]
struct Key {
    text: Zeroizing<String>,
    size: u32,
    width: u32,
    pixels_per_point: u32,
    shape: (bool, bool, bool, bool, Option<usize>),
}

impl Ord for Key {
    fn cmp(&self, other: &Self) -> Ordering {
        let measures = |key: &Self| (key.size, key.width, key.pixels_per_point, key.shape);
        measures(self).cmp(&measures(other)).then_with(|| self.text.as_str().cmp(other.text.as_str()))
    }
}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

struct Kept {
    laid: Arc<Laid>,
    used: u64,
}

impl Engine {
    fn layout(&mut self, ctx: &Context, text: &str, format: &Format, width: f32) -> Arc<Laid> {
        self.begin_pass(ctx);
        let pixels_per_point = ctx.pixels_per_point();
        let key = Key {
            text: Zeroizing::new(text.to_owned()),
            size: format.size.to_bits(),
            width: width.to_bits(),
            pixels_per_point: pixels_per_point.to_bits(),
            shape: (
                format.bold,
                format.direction == Direction::RightToLeft,
                format.align == super::Align::Center,
                format.block == super::Block::Fill,
                format.max_lines,
            ),
        };
        if let Some(kept) = self.kept.get_mut(&key) {
            kept.used = self.pass;
            return Arc::clone(&kept.laid);
        }
        let font = FontId::new(format.size, fonts::family(format.bold));
        let laid = ctx.fonts_mut(|fonts| {
            let mut compose = |text: &str| compose(fonts, pixels_per_point, text, format, &font, width);
            match format.max_lines {
                Some(lines) => elide(text, lines.max(1), &mut compose),
                None => compose(text),
            }
        });
        let laid = Arc::new(laid);
        self.kept.insert(key, Kept { laid: Arc::clone(&laid), used: self.pass });
        laid
    }

    fn begin_pass(&mut self, ctx: &Context) {
        let pass = ctx.cumulative_pass_nr();
        if self.sentinel.is_some() && pass == self.pass {
            return;
        }
        self.pass = pass;
        let job = LayoutJob::simple_singleline(
            "x".to_owned(),
            FontId::new(16.0, fonts::family(false)),
            Color32::PLACEHOLDER,
        );
        let sentinel = ctx.fonts_mut(|fonts| fonts.layout_job(job));
        if self.sentinel.as_ref().is_some_and(|known| !Arc::ptr_eq(known, &sentinel)) {
            self.kept.clear();
        }
        self.sentinel = Some(sentinel);
        self.kept.retain(|_, kept| kept.used + KEPT_PASSES >= pass);
    }
}

/// Lays out at most `lines` lines, ending in an ellipsis at the logical end if there is more.
fn elide(text: &str, lines: usize, compose: &mut impl FnMut(&str) -> Laid) -> Laid {
    let enough =
        text.char_indices().nth(lines.saturating_mul(ELIDED_LINE_CHARS)).map_or(text.len(), |(at, _)| at);
    let shown = text.get(..enough).unwrap_or(text);
    let mut whole = compose(shown);
    let Some(last) = whole.lines.get(lines - 1).filter(|_| whole.lines.len() > lines) else {
        whole.elided = enough < text.len();
        return whole;
    };
    let mut end = last.bytes.end;
    for _ in 0..ELLIPSIS_TRIES {
        let kept = text.get(..end).unwrap_or_default().trim_end();
        let mut laid = compose(&Zeroizing::new(format!("{kept}…")));
        if laid.lines.len() <= lines || kept.is_empty() {
            laid.elided = true;
            return laid;
        }
        end = kept.len() - kept.graphemes(true).next_back().map_or(0, str::len);
    }
    let mut laid = compose("…");
    laid.elided = true;
    laid
}
