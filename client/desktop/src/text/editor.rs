//! The editor of everything a person writes but passphrases.
//!
//! One buffer of fixed capacity that never moves and is wiped on drop; no undo history and no copies beyond what is on the screen. Pasted
//! text is neutralised on its way in, copied text leaves in logical order.
//!
//! Keys: arrows move by grapheme on the screen, with Ctrl or Alt by word; Shift extends the selection; Home and End by line, with Ctrl
//! by text; Backspace takes one code point (an emoji whole), Delete a grapheme, with Ctrl a word; Ctrl+A, C, X, V; Enter as the
//! [`EditorLook`] says, Shift+Enter breaks the line.
//!
//! Not its concern: what it looks like (`editor_ui`), passphrases (`passphrase`).

use std::ops::Range;
use std::sync::Arc;

use egui::{Event, ImeEvent, Key, Modifiers};
use unicode_segmentation::UnicodeSegmentation;
use zeroize::{Zeroize, Zeroizing};

use super::caret::{Caret, Motion};
use super::laid::Laid;
use super::{edit, guard};

pub use super::editor_ui::{EditorLook, EditorOutput};

/// A text being written.
pub struct Editor {
    pub(super) text: Zeroizing<String>,
    pub(super) multiline: bool,
    pub(super) caret: Caret,
    /// The other end of the selection.
    pub(super) anchor: usize,
    /// What an input method shows but has not committed.
    pub(super) preedit: Option<Range<usize>>,
    pub(super) scroll: egui::Vec2,
    max_bytes: usize,
    goal_x: Option<f32>,
}

impl std::fmt::Debug for Editor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Editor(..)")
    }
}

/// What an event did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Effect {
    pub changed: bool,
    pub moved: bool,
    pub submitted: bool,
}

/// Lays the text out as it is now.
pub(super) type LayText<'a> = &'a dyn Fn(&str) -> Arc<Laid>;

/// Text to put on the clipboard.
pub(super) type CopyText<'a> = &'a dyn Fn(String);

impl Editor {
    /// An empty editor of several lines, holding at most `max_bytes` bytes of UTF-8; they are reserved at once.
    #[must_use]
    pub fn multiline(max_bytes: usize) -> Self {
        Self {
            text: Zeroizing::new(String::with_capacity(max_bytes)),
            multiline: true,
            caret: Caret::default(),
            anchor: 0,
            preedit: None,
            scroll: egui::Vec2::ZERO,
            max_bytes,
            goal_x: None,
        }
    }

    /// An empty editor of one line.
    #[must_use]
    pub fn single_line(max_bytes: usize) -> Self {
        Self { multiline: false, ..Self::multiline(max_bytes) }
    }

    /// What is written so far, in logical order, with anything an input method still composes.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// True when there is nothing but white space.
    #[must_use]
    pub fn is_blank(&self) -> bool {
        self.text.trim().is_empty()
    }

    /// The caret.
    #[must_use]
    pub fn caret(&self) -> Caret {
        self.caret
    }

    /// The selected bytes; empty at the caret when nothing is selected.
    #[must_use]
    pub fn selection(&self) -> Range<usize> {
        self.caret.at.min(self.anchor)..self.caret.at.max(self.anchor)
    }

    /// Replaces everything and puts the caret at the end. Neutralised and cut to capacity like anything typed.
    pub fn set_text(&mut self, text: &str) {
        self.clear();
        self.insert(text);
    }

    /// Writes `text` over the selection, as if typed.
    pub fn insert(&mut self, text: &str) {
        self.preedit = None;
        self.replace(self.selection(), text);
    }

    /// Empties and wipes.
    pub fn clear(&mut self) {
        self.text.zeroize();
        self.caret = Caret::default();
        self.anchor = 0;
        self.preedit = None;
        self.goal_x = None;
        self.scroll = egui::Vec2::ZERO;
    }

    /// Hands out what was written, to be sent, and leaves the editor empty.
    #[must_use]
    pub fn take(&mut self) -> Zeroizing<String> {
        let taken = Zeroizing::new(self.text.trim().to_owned());
        self.clear();
        taken
    }

    /// Puts the caret somewhere; `extend` keeps the other end of the selection.
    pub(super) fn move_to(&mut self, caret: Caret, extend: bool) {
        self.caret = caret;
        if !extend {
            self.anchor = caret.at;
        }
        self.goal_x = None;
    }

    pub(super) fn select(&mut self, range: &Range<usize>) {
        self.anchor = range.start;
        self.caret = Caret::after(range.end);
        self.goal_x = None;
    }

    pub(super) fn end_composition(&mut self) {
        self.preedit = None;
    }

    /// Applies one event to the focused editor.
    pub(super) fn on_event(
        &mut self,
        event: &Event,
        enter_submits: bool,
        lay: LayText<'_>,
        copy: CopyText<'_>,
    ) -> Effect {
        let before = (self.caret, self.anchor);
        let mut effect = match event {
            Event::Text(text) if text != "\n" && text != "\r" => self.edit(|editor| editor.insert(text)),
            Event::Paste(text) => self.edit(|editor| editor.insert(text)),
            Event::Copy | Event::Cut => {
                let selected = self.text.get(self.selection()).unwrap_or_default();
                if !selected.is_empty() {
                    copy(selected.to_owned());
                }
                let cut = matches!(event, Event::Cut) && !selected.is_empty();
                if cut { self.edit(|editor| editor.insert("")) } else { Effect::default() }
            }
            Event::Ime(event) => self.on_ime(event),
            Event::Key { key, pressed: true, modifiers, .. } => {
                self.on_key(*key, *modifiers, enter_submits, lay)
            }
            _ => Effect::default(),
        };
        effect.moved |= before != (self.caret, self.anchor);
        effect
    }

    fn edit(&mut self, act: impl FnOnce(&mut Self)) -> Effect {
        act(self);
        Effect { changed: true, ..Effect::default() }
    }

    fn on_key(&mut self, key: Key, modifiers: Modifiers, enter_submits: bool, lay: LayText<'_>) -> Effect {
        let by_word = modifiers.ctrl || modifiers.alt;
        let extend = modifiers.shift;
        match key {
            Key::Enter => return self.on_enter(modifiers, enter_submits),
            Key::Backspace => {
                return self.delete(|text, at| match by_word {
                    true => edit::previous_word(text, at)..at,
                    false => edit::backspace_start(text, at)..at,
                });
            }
            Key::Delete => {
                return self.delete(|text, at| match by_word {
                    true => at..edit::next_word(text, at),
                    false => at..edit::next_grapheme(text, at),
                });
            }
            Key::A if modifiers.command => self.select(&(0..self.text.len())),
            Key::ArrowLeft | Key::ArrowRight => self.sideways(key == Key::ArrowRight, by_word, extend, lay),
            Key::ArrowUp | Key::ArrowDown if self.multiline => {
                let laid = lay(&self.text);
                let goal = self.goal_x.unwrap_or_else(|| laid.caret_rect(self.caret).min.x);
                let motion = if key == Key::ArrowUp { Motion::Up } else { Motion::Down };
                self.move_to(laid.step(self.caret, motion, goal), extend);
                self.goal_x = Some(goal);
            }
            Key::Home if modifiers.command => self.move_to(Caret::before(0), extend),
            Key::End if modifiers.command => self.move_to(self.resting(self.text.len()), extend),
            Key::Home => self.move_to(lay(&self.text).step(self.caret, Motion::LineStart, 0.0), extend),
            Key::End => self.move_to(lay(&self.text).step(self.caret, Motion::LineEnd, 0.0), extend),
            _ => {}
        }
        Effect::default()
    }

    fn on_enter(&mut self, modifiers: Modifiers, enter_submits: bool) -> Effect {
        let breaks = self.multiline && (modifiers.shift || !(enter_submits || modifiers.command));
        if breaks {
            return self.edit(|editor| editor.insert("\n"));
        }
        // While an input method composes, Enter belongs to it.
        Effect { submitted: self.preedit.is_none(), ..Effect::default() }
    }

    fn sideways(&mut self, right: bool, by_word: bool, extend: bool, lay: LayText<'_>) {
        let laid = lay(&self.text);
        let forward = right != laid.is_rtl_at(self.caret);
        let selection = self.selection();
        if by_word {
            let at = self.caret.at;
            let target =
                if forward { edit::next_word(&self.text, at) } else { edit::previous_word(&self.text, at) };
            self.move_to(if forward { self.resting(target) } else { Caret::before(target) }, extend);
        } else if !extend && !selection.is_empty() {
            let end = if forward { self.resting(selection.end) } else { Caret::before(selection.start) };
            self.move_to(end, false);
        } else {
            let motion = if right { Motion::Right } else { Motion::Left };
            self.move_to(laid.step(self.caret, motion, 0.0), extend);
        }
    }

    fn delete(&mut self, range: impl FnOnce(&str, usize) -> Range<usize>) -> Effect {
        let selection = self.selection();
        let range = if selection.is_empty() { range(&self.text, self.caret.at) } else { selection };
        if range.is_empty() {
            return Effect::default();
        }
        self.edit(|editor| {
            editor.preedit = None;
            editor.replace(range, "");
        })
    }

    fn on_ime(&mut self, event: &ImeEvent) -> Effect {
        match event {
            ImeEvent::Preedit { text, .. } | ImeEvent::Commit(text) => {
                // Some platforms send empty ones while nothing is composed; they must not eat the selection.
                if (text.is_empty() && self.preedit.is_none()) || text == "\n" || text == "\r" {
                    return Effect::default();
                }
                let range = self.preedit.take().unwrap_or_else(|| self.selection());
                let start = range.start;
                let inserted = self.replace(range, text);
                if matches!(event, ImeEvent::Preedit { .. }) && inserted > 0 {
                    self.preedit = Some(start..start + inserted);
                }
                Effect { changed: true, ..Effect::default() }
            }
            ImeEvent::DeleteSurrounding { before_chars, after_chars } => {
                let at = self.caret.at;
                let (before, after) =
                    (self.text.get(..at).unwrap_or_default(), self.text.get(at..).unwrap_or_default());
                let start: usize = before.chars().rev().take(*before_chars).map(char::len_utf8).sum();
                let end: usize = after.chars().take(*after_chars).map(char::len_utf8).sum();
                self.edit(|editor| {
                    editor.preedit = None;
                    editor.replace(at - start..at + end, "");
                })
            }
            _ => Effect::default(),
        }
    }

    /// Replaces a range by the neutralised `with`, as much as fits, and puts the caret behind it; returns the bytes inserted.
    fn replace(&mut self, range: Range<usize>, with: &str) -> usize {
        if self.text.get(range.clone()).is_none() {
            return 0;
        }
        let clean = Zeroizing::new(guard::typed(with, self.multiline));
        let room = self.max_bytes.saturating_sub(self.text.len() - range.len());
        let fitting: usize = clean
            .graphemes(true)
            .scan(0, |end, grapheme| {
                *end += grapheme.len();
                (*end <= room).then_some(grapheme.len())
            })
            .sum();
        let inserted = clean.get(..fitting).unwrap_or_default();
        let start = range.start;
        self.text.replace_range(range, inserted);
        self.move_to(self.resting(start + inserted.len()), false);
        inserted.len()
    }

    /// A caret behind what was just written; at the start of a line, before what follows.
    fn resting(&self, at: usize) -> Caret {
        let before = self.text.get(..at).unwrap_or_default();
        if before.is_empty() || before.ends_with('\n') { Caret::before(at) } else { Caret::after(at) }
    }
}
