//! A window without a window: runs frames of an egui context that has our fonts and theme.

#![allow(dead_code, reason = "each test file uses its part")]

use std::sync::Arc;

use egui::{Context, Event, FullOutput, Key, Modifiers, Pos2, RawInput, Rect, Ui, vec2};
use khaima_desktop::text::{Direction, Format, Laid, layout};
use khaima_desktop::{fonts, theme};

/// The lines that must come out right, judged by eye against Pango; the last wraps.
pub const LINES: [&str; 13] = [
    "مرحبا بالعالم",
    "السلام عليكم ورحمة الله وبركاته، كيف حالكم اليوم؟",
    "الاجتماع يوم الثلاثاء الساعة 10:30 في القاعة B12 مع Marie و José.",
    "Hello, my friend said «مرحبا بك في بيتنا» and left (بسرعة).",
    "رقم الهاتف: \u{202A}+212 661-234567\u{202C} والبريد user@example.org",
    "أَهْلًا وَسَهْلًا بِكُمْ — لا إله إلا الله — لأن الآن",
    "١٢٣٤٥٦٧٨٩٠ و 1234567890 (اختبار) [أقواس] 50%",
    "شكرا 👍🏽 👨\u{200D}👩\u{200D}👧 🇪🇭 Emoji",
    "عدد 123 مرحبا",
    "كتـــاب مُحَمَّدٌ ﷺ ۱۲۳۴ پارسی، گچ ئۇيغۇر",
    "قال John (Smith) Jr. إنه وصل.",
    "Sent \u{2068}ملف-١.pdf\u{2069} to \u{2068}أحمد\u{2069}, 3 files",
    "هذه رسالة طويلة جدا باللغة العربية تحتوي على عدة أسطر لاختبار التفاف النص داخل الفقاعة، وفيها كلمات English words في الوسط وأرقام مثل 2026 و ١٢٣ حتى نتأكد من أن الترتيب صحيح (في كل سطر) وأن الأقواس [مقلوبة] كما يجب، ثم نكتب https://example.org/a-b?c=1 في النهاية.",
];

pub struct Screen {
    pub ctx: Context,
    time: f64,
}

impl Screen {
    pub fn new() -> Self {
        let ctx = Context::default();
        fonts::install(&ctx);
        theme::install(&ctx);
        let mut screen = Self { ctx, time: 0.0 };
        screen.frame(Vec::new(), |_| {});
        screen
    }

    pub fn frame(&mut self, events: Vec<Event>, mut ui: impl FnMut(&mut Ui)) -> FullOutput {
        self.time += 0.1;
        // Widgets look at the state of the modifiers as well as at those of each key.
        let modifiers = events.iter().find_map(|event| match event {
            Event::Key { modifiers, .. } => Some(*modifiers),
            _ => None,
        });
        let changed = Event::ModifiersChanged(modifiers.unwrap_or_default());
        let events = std::iter::once(changed).chain(events).collect();
        let input = RawInput {
            screen_rect: Some(Rect::from_min_size(Pos2::ZERO, vec2(800.0, 600.0))),
            time: Some(self.time),
            events,
            ..RawInput::default()
        };
        let mut output = self.ctx.run_ui(input, |root| ui(root));
        output.textures_delta.clear();
        output
    }

    /// Lays out at 17 points.
    pub fn lay(&mut self, text: &str, width: f32) -> Arc<Laid> {
        self.lay_as(text, &Format::new(17.0, Direction::LeftToRight), width)
    }

    pub fn lay_as(&mut self, text: &str, format: &Format, width: f32) -> Arc<Laid> {
        let mut laid = None;
        self.frame(Vec::new(), |ui| laid = Some(layout(ui.ctx(), text, format, width)));
        laid.unwrap()
    }
}

pub fn key(key: Key, modifiers: Modifiers) -> Event {
    Event::Key { key, physical_key: None, pressed: true, repeat: false, modifiers }
}

pub fn press(name: Key) -> Event {
    key(name, Modifiers::NONE)
}

pub fn text(text: &str) -> Event {
    Event::Text(text.to_owned())
}

/// Pieces random strings are made of: letters of both directions, digits of all three kinds, signs, brackets, spaces, marks, emoji, joiners,
/// and the invisible characters of bidirectional text.
pub const TOKENS: [&str; 44] = [
    "a",
    "Bc",
    "é",
    "word",
    "user@x.org",
    "https://x.org/?q=1",
    "ا",
    "ب",
    "سلام",
    "لا",
    "مُحَمَّد",
    "ﷺ",
    "پ",
    "ئۇ",
    "ـ",
    "ש",
    "1",
    "23",
    "10:30",
    "٣",
    "١٢٣",
    "۴",
    "+212",
    "-5",
    "50%",
    "$",
    "،",
    "؟",
    ".",
    ",",
    "(",
    ")",
    "[",
    "]",
    "«",
    "»",
    " ",
    "  ",
    "👍🏽",
    "👨\u{200D}👩\u{200D}👧",
    "\u{200E}",
    "\u{200F}",
    "\u{2068}",
    "\u{2069}",
];
