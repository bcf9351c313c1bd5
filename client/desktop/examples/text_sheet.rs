//! Shows the lines that text must get right, as bubbles and in the editors, to be looked at beside `pango-view`.
//!
//! `text_sheet bubbles` (the default), `text_sheet plain` (bare lines, for comparison), `text_sheet forms` (fields, buttons, a QR code).

#![allow(missing_docs, reason = "an example")]

use eframe::egui;
use egui::{CornerRadius, Frame, Margin, Panel, ScrollArea, Ui, vec2};
use khaima_desktop::fonts;
use khaima_desktop::passphrase::{PassphraseField, PassphraseLook};
use khaima_desktop::qr::QrPicture;
use khaima_desktop::text::{
    self, ButtonKind, Direction, Editor, EditorLook, Format, body, button, isolated, label, layout,
};
use khaima_desktop::theme::{self, color, corner, size, space};

const LINES: [&str; 14] = [
    "مرحبا بالعالم",
    "السلام عليكم ورحمة الله وبركاته، كيف حالكم اليوم؟",
    "الاجتماع يوم الثلاثاء الساعة 10:30 في القاعة B12 مع Marie و José.",
    "Hello, my friend said «مرحبا بك في بيتنا» and left (بسرعة).",
    "رقم الهاتف: \u{202A}+212 661-234567\u{202C} والبريد user@example.org",
    "أَهْلًا وَسَهْلًا بِكُمْ — لا إله إلا الله — لأن الآن",
    "١٢٣٤٥٦٧٨٩٠ و 1234567890 (اختبار) [أقواس] 50%",
    "شكرا 👍🏽 👨\u{200D}👩\u{200D}👧 🇪🇭 Emoji",
    "عدد 123 مرحبا",
    "هذه رسالة طويلة جدا باللغة العربية تحتوي على عدة أسطر لاختبار التفاف النص داخل الفقاعة، وفيها كلمات English words في الوسط وأرقام مثل 2026 و ١٢٣ حتى نتأكد من أن الترتيب صحيح (في كل سطر) وأن الأقواس [مقلوبة] كما يجب، ثم نكتب https://example.org/a-b?c=1 في النهاية.",
    "كتـــاب مُحَمَّدٌ ﷺ ۱۲۳۴ پارسی، گچ ئۇيغۇر",
    "قال John (Smith) Jr. إنه وصل.",
    "Où êtes-vous ? L'œuvre est déjà là — ¿cómo estás? Mañana llegaré.",
    "invoice\u{202E}fdp.exe",
];

struct Sheet {
    page: String,
    composer: Editor,
    name: Editor,
    passphrase: PassphraseField,
}

impl eframe::App for Sheet {
    fn ui(&mut self, ui: &mut Ui, _frame: &mut eframe::Frame) {
        match self.page.as_str() {
            "plain" => plain(ui),
            "forms" => self.forms(ui),
            _ => self.bubbles(ui),
        }
    }
}

fn plain(ui: &mut Ui) {
    let format = Format::new(22.0, Direction::LeftToRight);
    Frame::new().fill(color::SURFACE).inner_margin(Margin::same(10)).show(ui, |ui| {
        for line in LINES.iter().take(13) {
            label(ui, line, &format.filling(), color::TEXT);
        }
    });
}

impl Sheet {
    fn bubbles(&mut self, ui: &mut Ui) {
        Panel::bottom("composer")
            .frame(Frame::new().fill(color::SURFACE).inner_margin(Margin::same(12)))
            .show(ui, |ui| {
                let look = EditorLook {
                    name: "Message",
                    hint: "اكتب رسالة",
                    format: Format::new(size::BODY, Direction::RightToLeft),
                    rows: (1, 5),
                    enter_submits: true,
                };
                if self.composer.show(ui, &look).submitted {
                    println!("submitted: {:?}", self.composer.take().as_str());
                }
            });
        Frame::new().fill(color::CANVAS).inner_margin(Margin::same(12)).show(ui, |ui| {
            ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
                for (index, line) in LINES.iter().enumerate() {
                    bubble(ui, line, index % 2 == 1);
                }
            });
        });
    }

    fn forms(&mut self, ui: &mut Ui) {
        Frame::new().fill(color::SURFACE).inner_margin(Margin::same(24)).show(ui, |ui| {
            ui.spacing_mut().item_spacing.y = space::INSIDE;
            let rtl = Direction::RightToLeft;
            label(ui, "Unlock", &Format::new(size::TITLE, Direction::LeftToRight).bold(), color::TEXT);
            label(ui, "افتح القفل", &Format::new(size::TITLE, rtl).bold(), color::TEXT);
            let look = PassphraseLook {
                name: "Passphrase",
                show_name: "Show while held",
                direction: Direction::LeftToRight,
            };
            if self.passphrase.show(ui, &look).submitted {
                println!("passphrase of {} bytes", self.passphrase.expose().len());
            }
            let look = EditorLook {
                name: "Name",
                hint: "Your name",
                format: Format::new(size::BODY, Direction::LeftToRight),
                rows: (1, 1),
                enter_submits: true,
            };
            self.name.show(ui, &look);
            ui.horizontal(|ui| {
                for (text, kind) in [
                    ("Send", ButtonKind::Primary),
                    ("إرسال", ButtonKind::Primary),
                    ("Cancel", ButtonKind::Secondary),
                    ("Raise alert", ButtonKind::Danger),
                    ("More", ButtonKind::Quiet),
                ] {
                    button(ui, text, kind, Direction::LeftToRight);
                }
            });
            let sentence = format!(
                "{} joined «{}», invited by {}.",
                isolated("أحمد (1)"),
                isolated("فريق 12"),
                isolated("Marie")
            );
            label(ui, &sentence, &Format::new(size::BODY, Direction::LeftToRight), color::TEXT);
            let long = Format::new(size::SMALL, rtl).lines(1);
            label(ui, LINES[9], &long, color::TEXT_QUIET);
            label(ui, LINES[12], &Format { direction: Direction::LeftToRight, ..long }, color::TEXT_QUIET);
            label(
                ui,
                "12345 67890 12345 67890 12345",
                &Format::new(size::DISPLAY, Direction::LeftToRight).bold(),
                color::TEXT,
            );
            if let Ok(code) = QrPicture::new(
                b"khaima:AQ2yZXhhbXBsZS5vcmc6NDQzI3Bpbi1oZXJlLWFuZC1tb3JlLWFuZC1tb3JlLWFuZC1tb3Jl",
            ) {
                code.show(ui, 220.0, "Invitation as a QR code");
            }
        });
    }
}

fn bubble(ui: &mut Ui, text: &str, own: bool) {
    let format = Format::new(size::BODY, Direction::LeftToRight);
    let margin = vec2(14.0, 8.0);
    let most = (ui.available_width() * 0.72).min(560.0);
    let laid = layout(ui.ctx(), &body(text), &format, most - 2.0 * margin.x);
    let (row, _) = ui.allocate_exact_size(
        vec2(ui.available_width(), laid.size().y + 2.0 * margin.y),
        egui::Sense::hover(),
    );
    let outer = laid.size() + 2.0 * margin;
    let x = if own { row.right() - outer.x } else { row.left() };
    let rect = egui::Rect::from_min_size(egui::pos2(x, row.top()), outer);
    let (fill, ink) = if own { (color::ACCENT, color::ON_ACCENT) } else { (color::SURFACE, color::TEXT) };
    ui.painter().rect_filled(rect, CornerRadius::same(corner::ROUND), fill);
    laid.paint(ui.painter(), rect.min + margin, ink);
}

fn main() -> eframe::Result {
    let page = std::env::args().nth(1).unwrap_or_default();
    let options = eframe::NativeOptions {
        viewport: egui::ViewportBuilder::default().with_inner_size([820.0, 900.0]),
        ..Default::default()
    };
    eframe::run_native(
        "Text sheet",
        options,
        Box::new(|creation| {
            fonts::install(&creation.egui_ctx);
            theme::install(&creation.egui_ctx);
            let mut composer = Editor::multiline(8192);
            composer.set_text("مرحبا (لأن) 1 hello\nSecond line, سلام\n");
            let mut name = Editor::single_line(256);
            name.set_text("ليلى 👩\u{200D}🚀");
            let _: Option<text::Caret> = Some(composer.caret());
            Ok(Box::new(Sheet { page, composer, name, passphrase: PassphraseField::default() }))
        }),
    )
}
