//! Before anything is open: make a vault, or unlock the one that is there.
//!
//! Not its concern: how strong a passphrase is, what opening costs.

use egui::Ui;
use khaima_runtime::Passphrase;

use super::kit;
use crate::act::{Act, Pane};
use crate::passphrase::{PassphraseField, PassphraseLook};
use crate::text::{ButtonKind, Editor};
use crate::view::Level;
use crate::words;

/// What the gate shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gate {
    /// Whether there is a vault to unlock; else one is to be made.
    pub has_vault: bool,
    /// What is being done, if anything: the fields wait for it.
    pub busy: Option<&'static str>,
    /// What went wrong.
    pub trouble: Option<String>,
}

/// What is being typed at the gate.
pub struct GateForm {
    /// A name, for a new vault.
    pub name: Editor,
    passphrase: PassphraseField,
    again: PassphraseField,
    wants_focus: bool,
}

impl Default for GateForm {
    fn default() -> Self {
        Self {
            name: Editor::single_line(NAME_BYTES),
            passphrase: PassphraseField::default(),
            again: PassphraseField::default(),
            wants_focus: true,
        }
    }
}

impl GateForm {
    /// Takes the passphrase out of the fields, which are wiped. None when they differ, or hold nothing.
    fn take(&mut self, twice: bool) -> Result<Passphrase, &'static str> {
        let taken = Passphrase::of(self.passphrase.expose()).unwrap_or_default();
        let again = Passphrase::of(self.again.expose()).unwrap_or_default();
        self.passphrase.clear();
        self.again.clear();
        self.wants_focus = true;
        if taken.is_empty() {
            Err(words::PASSPHRASE_EMPTY)
        } else if twice && !taken.is_same(&again) {
            Err(words::PASSPHRASES_DIFFER)
        } else {
            Ok(taken)
        }
    }
}

/// Draws it.
pub fn gate_ui(ui: &mut Ui, gate: &mut Gate, form: &mut GateForm, pane: Pane<'_>) {
    let direction = pane.direction;
    kit::page(ui, direction, "gate", |ui| {
        ui.add_space(ui.available_height().min(600.0) * 0.12);
        kit::heading(
            ui,
            if gate.has_vault { words::UNLOCK_HEADING } else { words::CREATE_HEADING },
            direction,
        );
        kit::prose(ui, if gate.has_vault { words::UNLOCK_TEXT } else { words::CREATE_TEXT }, direction);
        if let Some(trouble) = &gate.trouble {
            kit::note(ui, trouble, Level::Warning, None, direction);
        }
        if let Some(busy) = gate.busy {
            kit::busy(ui, busy, direction);
        } else if gate.has_vault {
            unlock_ui(ui, gate, form, pane);
        } else {
            create_ui(ui, gate, form, pane);
        }
    });
}

fn unlock_ui(ui: &mut Ui, gate: &mut Gate, form: &mut GateForm, pane: Pane<'_>) {
    kit::caption(ui, words::PASSPHRASE, pane.direction);
    let shown = form.passphrase.show(ui, &look(words::PASSPHRASE, words::SHOW, pane));
    // There is nothing else to type into: a click beside the field does not take the keyboard away.
    let lost = ui.memory(|memory| memory.focused().is_none());
    if std::mem::take(&mut form.wants_focus) || lost {
        shown.response.request_focus();
    }
    let ready = !form.passphrase.is_empty();
    let pressed = kit::button_if(ui, ready, words::UNLOCK, ButtonKind::Primary, pane.direction).clicked();
    if ready && (pressed || shown.submitted) {
        match form.take(false) {
            Ok(passphrase) => pane.send(Act::Unlock(passphrase)),
            Err(trouble) => gate.trouble = Some(trouble.to_owned()),
        }
    }
}

fn create_ui(ui: &mut Ui, gate: &mut Gate, form: &mut GateForm, pane: Pane<'_>) {
    let direction = pane.direction;
    let named = kit::field(ui, &mut form.name, words::NAME, words::NAME_HINT, (1, 1), direction);
    if std::mem::take(&mut form.wants_focus) && form.name.is_blank() {
        named.response.request_focus();
    }
    kit::hint(ui, words::NAME_NOTE, direction);
    kit::caption(ui, words::PASSPHRASE, direction);
    form.passphrase.show(ui, &look(words::PASSPHRASE, words::SHOW, pane));
    kit::caption(ui, words::PASSPHRASE_AGAIN, direction);
    let again = form.again.show(ui, &look(words::PASSPHRASE_AGAIN, words::SHOW_AGAIN, pane));
    kit::hint(ui, words::PASSPHRASE_NOTE, direction);
    let ready = !form.name.is_blank() && !form.passphrase.is_empty() && !form.again.is_empty();
    let pressed = kit::button_if(ui, ready, words::CREATE, ButtonKind::Primary, direction).clicked();
    if ready && (pressed || again.submitted) {
        match form.take(true) {
            Ok(passphrase) => pane.send(Act::Create(passphrase)),
            Err(trouble) => gate.trouble = Some(trouble.to_owned()),
        }
    }
}

fn look<'a>(name: &'a str, show_name: &'a str, pane: Pane<'_>) -> PassphraseLook<'a> {
    PassphraseLook { name, show_name, direction: pane.direction }
}

/// Bytes of a name.
pub const NAME_BYTES: usize = 64;
