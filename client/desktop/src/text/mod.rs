//! Every string a person reads or writes goes through here.
//!
//! egui 0.37 shapes letters well but knows no bidirectional order, so this module gives it one word-sized run at a time and orders,
//! breaks and places the results itself:
//!
//! ```text
//! foreign text -> guard (neutralised) -> pieces (bidi levels, one run each) -> compose (egui galleys, lines, order) -> Laid
//!                                                                          Laid -> paint, caret, selection
//! ```
//!
//! [`label`] and [`button`] draw, [`Editor`] edits; [`layout`] is for whoever must know a size first (message bubbles, lists).
//! When egui itself learns bidirectional text this module shrinks; it rests on details of epaint that hold in 0.37.
//!
//! Not its concern: colours and sizes (`theme`), the font files (`fonts`), passphrases (`passphrase`).

mod caret;
mod compose;
mod edit;
mod editor;
mod editor_ui;
mod engine;
mod guard;
mod laid;
mod metrics;
mod pieces;
mod widgets;

pub use caret::{Caret, Motion};
pub use edit::{backspace_start, next_grapheme, next_word, previous_grapheme, previous_word, word_at};
pub use editor::{Editor, EditorLook, EditorOutput};
pub(crate) use editor_ui::frame;
pub use engine::{layout, layout_once};
pub use guard::{
    BODY_CHARS_MAX, BODY_LINES_MAX, LINE_CHARS_MAX, MARKS_PER_BASE_MAX, NAME_CHARS_MAX, body, isolated, name,
    typed,
};
pub use laid::{Align, Block, Cluster, Direction, Format, Laid, Line, first_strong};
pub use widgets::{ButtonKind, button, label, label_named};
pub(crate) use widgets::{bounds, focus_ring};
