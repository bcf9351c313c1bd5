//! QR codes: invitations and safety numbers as pictures.
//!
//! Always black on white with the quiet zone the standard asks for, whatever the theme, and with modules of whole pixels: phones read that best.
//!
//! Not its concern: what the text means.

use egui::accesskit::Role;
use egui::{Color32, CornerRadius, Rect, Response, Sense, Ui, Vec2, pos2, vec2};
use qrcode::{Color, EcLevel, QrCode};

/// Light modules around the code. ISO/IEC 18004 asks for 4.
pub const QUIET_ZONE: u16 = 4;

/// Why a QR code could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum QrError {
    /// More than a QR code holds (about 2,300 bytes). Show the text to copy instead.
    #[error("too long for a QR code")]
    TooLong,
}

/// A QR code, ready to draw.
#[derive(Clone)]
pub struct QrPicture {
    /// Modules on a side, without the quiet zone.
    width: u16,
    /// Row by row; true is dark.
    modules: Vec<bool>,
}

impl std::fmt::Debug for QrPicture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("QrPicture(..)")
    }
}

impl QrPicture {
    /// Encodes bytes; medium error correction, which survives a scratched screen.
    ///
    /// # Errors
    ///
    /// [`QrError::TooLong`] when they do not fit the largest code.
    pub fn new(bytes: &[u8]) -> Result<Self, QrError> {
        let code = QrCode::with_error_correction_level(bytes, EcLevel::M).map_err(|_| QrError::TooLong)?;
        let width = u16::try_from(code.width()).map_err(|_| QrError::TooLong)?;
        let modules = code.into_colors().into_iter().map(|module| module == Color::Dark).collect();
        Ok(Self { width, modules })
    }

    /// Modules on a side, without the quiet zone.
    #[must_use]
    pub fn width(&self) -> u16 {
        self.width
    }

    /// Whether a module is dark; outside the code none is.
    #[must_use]
    pub fn is_dark(&self, x: u16, y: u16) -> bool {
        let index = usize::from(y) * usize::from(self.width) + usize::from(x);
        x < self.width && self.modules.get(index).copied().unwrap_or(false)
    }

    /// Draws the code at most `side` points wide, quiet zone included. A screen reader calls it `name`.
    pub fn show(&self, ui: &mut Ui, side: f32, name: &str) -> Response {
        let pixels_per_point = ui.ctx().pixels_per_point();
        let count = f32::from(self.width + 2 * QUIET_ZONE);
        let module = ((side * pixels_per_point / count).floor().max(1.0)) / pixels_per_point;
        let (rect, response) = ui.allocate_exact_size(Vec2::splat(module * count), Sense::hover());
        ui.ctx().accesskit_node_builder(response.id, |node| {
            node.set_role(Role::Image);
            node.set_label(name);
            node.set_bounds(crate::text::bounds(rect));
        });
        if ui.is_rect_visible(rect) {
            let corner = (rect.min.to_vec2() * pixels_per_point).round() / pixels_per_point;
            ui.painter().rect_filled(
                Rect::from_min_size(corner.to_pos2(), rect.size()),
                CornerRadius::ZERO,
                Color32::WHITE,
            );
            for bar in self.bars(module) {
                ui.painter().rect_filled(bar.translate(corner), CornerRadius::ZERO, Color32::BLACK);
            }
        }
        response
    }

    /// Dark modules, joined along each row, relative to the left top of the quiet zone.
    fn bars(&self, module: f32) -> Vec<Rect> {
        let mut bars = Vec::new();
        for y in 0..self.width {
            let mut x = 0;
            while x < self.width {
                let start = x;
                while self.is_dark(x, y) {
                    x += 1;
                }
                if x > start {
                    let at = vec2(f32::from(start + QUIET_ZONE), f32::from(y + QUIET_ZONE)) * module;
                    bars.push(Rect::from_min_size(
                        pos2(at.x, at.y),
                        vec2(f32::from(x - start), 1.0) * module,
                    ));
                } else {
                    x += 1;
                }
            }
        }
        bars
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_corners_hold_the_finder_pattern() {
        let code = QrPicture::new(b"khaima:test").unwrap();
        let last = code.width() - 7;
        for (left, top) in [(0, 0), (last, 0), (0, last)] {
            for i in 0..7 {
                assert!(code.is_dark(left + i, top) && code.is_dark(left + i, top + 6));
                assert!(code.is_dark(left, top + i) && code.is_dark(left + 6, top + i));
            }
            assert!(!code.is_dark(left + 1, top + 1));
            assert!(code.is_dark(left + 3, top + 3));
        }
    }

    #[test]
    fn bars_cover_exactly_the_dark_modules() {
        let code = QrPicture::new(b"khaima:test").unwrap();
        let dark = code.modules.iter().filter(|dark| **dark).count();
        let covered: f32 = code.bars(1.0).iter().map(Rect::area).sum();
        assert_eq!(covered, dark as f32);
        let quiet = f32::from(QUIET_ZONE);
        let end = f32::from(code.width()) + quiet;
        assert!(
            code.bars(1.0)
                .iter()
                .all(|bar| bar.min.x >= quiet && bar.max.x <= end && bar.min.y >= quiet && bar.max.y <= end)
        );
    }

    #[test]
    fn nothing_outside_is_dark() {
        let code = QrPicture::new(b"x").unwrap();
        assert!(!code.is_dark(code.width(), 0) && !code.is_dark(0, code.width()));
    }

    #[test]
    fn too_much_text_is_an_error() {
        assert!(matches!(QrPicture::new(&[b'x'; 4000]), Err(QrError::TooLong)));
    }
}
