//! Colours, sizes and spacing: the only place where they are written down.
//!
//! One light theme: quiet surfaces, dark text, one accent, and warm colours that are kept for what needs a person's attention. Body
//! text is 17 points, readable at arm's length; contrast of text on its surface is at least 4.5 to 1 (tested).
//!
//! Not its concern: line heights (`text`) and font files (`fonts`).

use egui::{Color32, Context, CornerRadius, Margin, Stroke, Theme, Visuals};

/// Colours. Read them as `theme::color::TEXT`.
pub mod color {
    use egui::Color32;

    /// Behind the conversation.
    pub const CANVAS: Color32 = Color32::from_rgb(0xF7, 0xF6, 0xF2);
    /// Panels, received bubbles, dialogs.
    pub const SURFACE: Color32 = Color32::from_rgb(0xFF, 0xFF, 0xFF);
    /// Editors, the chosen row of a list.
    pub const SUNKEN: Color32 = Color32::from_rgb(0xE9, 0xF1, 0xEE);
    /// Rows and quiet buttons under the pointer.
    pub const HOVER: Color32 = Color32::from_rgb(0xF0, 0xF5, 0xF3);
    /// Lines between surfaces.
    pub const LINE: Color32 = Color32::from_rgb(0xDF, 0xE3, 0xDF);
    /// Edges of editors and quiet buttons; 3 to 1 against the surface.
    pub const EDGE: Color32 = Color32::from_rgb(0x84, 0x8F, 0x8B);
    /// Text.
    pub const TEXT: Color32 = Color32::from_rgb(0x17, 0x1C, 0x1B);
    /// Times, hints, previews.
    pub const TEXT_QUIET: Color32 = Color32::from_rgb(0x53, 0x5E, 0x5B);
    /// Main buttons, own bubbles, focus.
    pub const ACCENT: Color32 = Color32::from_rgb(0x0B, 0x6B, 0x62);
    /// The accent under the pointer.
    pub const ACCENT_HOVER: Color32 = Color32::from_rgb(0x09, 0x59, 0x52);
    /// Text on the accent.
    pub const ON_ACCENT: Color32 = Color32::from_rgb(0xFF, 0xFF, 0xFF);
    /// Quiet text on the accent: times in own bubbles.
    pub const ON_ACCENT_QUIET: Color32 = Color32::from_rgb(0xD3, 0xEA, 0xE5);
    /// Behind selected text.
    pub const SELECTION: Color32 = Color32::from_rgb(0xB5, 0xDC, 0xD5);
    /// Behind a warning.
    pub const WARNING_SURFACE: Color32 = Color32::from_rgb(0xFD, 0xF1, 0xC7);
    /// Text and signs of a warning.
    pub const WARNING: Color32 = Color32::from_rgb(0x7A, 0x3E, 0x0C);
    /// Behind a danger notice.
    pub const DANGER_SURFACE: Color32 = Color32::from_rgb(0xFB, 0xE6, 0xE3);
    /// Alerts and what cannot be undone.
    pub const DANGER: Color32 = Color32::from_rgb(0xA6, 0x1B, 0x1B);
    /// The danger colour under the pointer.
    pub const DANGER_HOVER: Color32 = Color32::from_rgb(0x8A, 0x14, 0x14);
    /// Verified, received, safe.
    pub const GOOD: Color32 = Color32::from_rgb(0x1B, 0x6E, 0x35);
    /// Discs with a person's initial; white text on each.
    pub const AVATARS: [Color32; 8] = [
        Color32::from_rgb(0xB0, 0x52, 0x30),
        Color32::from_rgb(0x35, 0x64, 0x9F),
        Color32::from_rgb(0x70, 0x50, 0xA0),
        Color32::from_rgb(0x1F, 0x78, 0x5C),
        Color32::from_rgb(0x8A, 0x66, 0x14),
        Color32::from_rgb(0xA2, 0x3F, 0x6A),
        Color32::from_rgb(0x3F, 0x6F, 0x7F),
        Color32::from_rgb(0x5E, 0x6B, 0x2A),
    ];
}

/// Letter sizes in points. Few on purpose: each new one fills the glyph atlas anew.
pub mod size {
    /// Times, receipts, hints under fields.
    pub const SMALL: f32 = 14.0;
    /// Messages, labels, buttons, fields.
    pub const BODY: f32 = 17.0;
    /// Names at the head of a page, dialogs.
    pub const TITLE: f32 = 21.0;
    /// The one line that a screen is about: an alert, a safety number, family mode.
    pub const DISPLAY: f32 = 28.0;
}

/// Distances in points, a scale of 4.
pub mod space {
    /// Between a sign and its word.
    pub const TIGHT: f32 = 4.0;
    /// Between things that belong together.
    pub const NEAR: f32 = 8.0;
    /// Inside buttons, fields and bubbles.
    pub const INSIDE: f32 = 12.0;
    /// Between groups, at the edge of panels.
    pub const APART: f32 = 16.0;
    /// Around a screen's content.
    pub const WIDE: f32 = 32.0;
    /// Least height and width of anything to click.
    pub const TARGET: f32 = 40.0;
}

/// Rounding of corners in points.
pub mod corner {
    /// Fields, buttons, rows.
    pub const SOFT: u8 = 10;
    /// Bubbles and dialogs.
    pub const ROUND: u8 = 14;
}

/// Width of the ring around what has the keyboard focus.
pub const FOCUS_RING: f32 = 2.0;

/// Gives the theme to egui. Call once, before the first frame.
pub fn install(ctx: &Context) {
    ctx.set_theme(Theme::Light);
    let mut visuals = Visuals::light();
    visuals.panel_fill = color::SURFACE;
    visuals.window_fill = color::SURFACE;
    visuals.extreme_bg_color = color::SUNKEN;
    visuals.override_text_color = Some(color::TEXT);
    visuals.selection.bg_fill = color::SELECTION;
    visuals.selection.stroke = Stroke::new(FOCUS_RING, color::ACCENT);
    visuals.window_stroke = Stroke::new(1.0, color::LINE);
    visuals.window_corner_radius = CornerRadius::same(corner::ROUND);
    visuals.menu_corner_radius = CornerRadius::same(corner::SOFT);
    visuals.widgets.noninteractive.bg_stroke = Stroke::new(1.0, color::LINE);
    visuals.hyperlink_color = color::ACCENT;
    visuals.warn_fg_color = color::WARNING;
    visuals.error_fg_color = color::DANGER;
    ctx.set_visuals_of(Theme::Light, visuals);
    ctx.all_styles_mut(|style| {
        style.spacing.item_spacing = egui::vec2(space::NEAR, space::NEAR);
        style.spacing.window_margin = Margin::same(16);
        style.spacing.interact_size.y = space::TARGET;
        // Movement draws the eye and costs power; nothing here needs it.
        style.animation_time = 0.0;
        style.spacing.scroll.kinetic.rubber_band = false;
    });
}

/// The colour that stands for somebody, by a number that the model gives each contact.
#[must_use]
pub fn avatar(number: u64) -> Color32 {
    let count = color::AVATARS.len();
    let index = usize::try_from(number % 8).unwrap_or(0).min(count - 1);
    color::AVATARS.get(index).copied().unwrap_or(color::ACCENT)
}

#[cfg(test)]
mod tests {
    use super::color::*;
    use super::*;

    /// Spec: WCAG 2.2, relative luminance and contrast ratio.
    fn contrast(a: Color32, b: Color32) -> f64 {
        let luminance = |color: Color32| {
            let linear = |channel: u8| {
                let c = f64::from(channel) / 255.0;
                if c <= 0.04045 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
            };
            0.2126 * linear(color.r()) + 0.7152 * linear(color.g()) + 0.0722 * linear(color.b())
        };
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn text_contrasts_with_its_surface() {
        let pairs = [
            (TEXT, CANVAS),
            (TEXT, SUNKEN),
            (TEXT, SELECTION),
            (TEXT_QUIET, CANVAS),
            (TEXT_QUIET, SUNKEN),
            (ACCENT, CANVAS),
            (ACCENT, SUNKEN),
            (ON_ACCENT, ACCENT),
            (ON_ACCENT_QUIET, ACCENT),
            (WARNING, WARNING_SURFACE),
            (DANGER, DANGER_SURFACE),
            (DANGER, CANVAS),
            (ON_ACCENT, DANGER),
            (GOOD, CANVAS),
        ];
        for (text, surface) in pairs {
            assert!(contrast(text, surface) >= 4.5, "{text:?} on {surface:?}: {}", contrast(text, surface));
        }
        for disc in AVATARS {
            assert!(contrast(ON_ACCENT, disc) >= 4.5, "{disc:?}: {}", contrast(ON_ACCENT, disc));
        }
    }

    #[test]
    fn edges_can_be_seen() {
        assert!(contrast(EDGE, SURFACE) >= 3.0);
        assert!(contrast(ACCENT, SUNKEN) >= 3.0);
    }

    #[test]
    fn every_number_has_an_avatar() {
        for number in 0..100 {
            assert!(AVATARS.contains(&avatar(number)));
        }
        assert!(AVATARS.contains(&avatar(u64::MAX)));
    }
}
