//! The bundled fonts, and nothing but them.
//!
//! Every family lists Noto Sans, Noto Sans Arabic, Twemoji in this order; no font is ever asked of the system, so that a message
//! cannot make system code parse one and the same words look the same everywhere.
//!
//! Not its concern: sizes (`theme`) and shaping (`text`).

use std::sync::Arc;

use egui::{Context, FontData, FontDefinitions, FontFamily};

/// The family of regular or bold text.
#[must_use]
pub fn family(bold: bool) -> FontFamily {
    if bold { FontFamily::Name(BOLD.into()) } else { FontFamily::Proportional }
}

/// Gives the fonts to egui. Call once, before the first frame.
pub fn install(ctx: &Context) {
    ctx.set_fonts(definitions());
}

fn definitions() -> FontDefinitions {
    let mut fonts = FontDefinitions::empty();
    let files: [(&str, &'static [u8]); 5] = [
        ("noto", include_bytes!("../../../assets/fonts/NotoSans-Regular.ttf")),
        ("noto-bold", include_bytes!("../../../assets/fonts/NotoSans-Bold.ttf")),
        ("arabic", include_bytes!("../../../assets/fonts/NotoSansArabic-Regular.ttf")),
        ("arabic-bold", include_bytes!("../../../assets/fonts/NotoSansArabic-Bold.ttf")),
        ("emoji", include_bytes!("../../../assets/fonts/Twemoji.ttf")),
    ];
    for (name, bytes) in files {
        fonts.font_data.insert(name.to_owned(), Arc::new(FontData::from_static(bytes)));
    }
    let regular = ["noto", "arabic", "emoji"].map(str::to_owned).to_vec();
    let bold = ["noto-bold", "arabic-bold", "emoji"].map(str::to_owned).to_vec();
    fonts.families.insert(FontFamily::Proportional, regular.clone());
    fonts.families.insert(FontFamily::Monospace, regular);
    fonts.families.insert(FontFamily::Name(BOLD.into()), bold);
    fonts
}

const BOLD: &str = "bold";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_family_names_fonts_that_exist() {
        let fonts = definitions();
        assert_eq!(fonts.families.len(), 3);
        for names in fonts.families.values() {
            assert!(!names.is_empty());
            assert!(names.iter().all(|name| fonts.font_data.contains_key(name)));
        }
    }
}
