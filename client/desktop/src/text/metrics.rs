//! Line heights.
//!
//! One factor for Latin and a larger one for paragraphs with Arabic letters, whose vowel signs stack above and below.
//!
//! Not its concern: letter sizes (`theme`).

/// Line height of a paragraph without Arabic letters, as a multiple of the letter size.
pub(super) const LATIN: f32 = 1.4;

/// Line height of a paragraph with Arabic letters.
pub(super) const ARABIC: f32 = 1.65;
