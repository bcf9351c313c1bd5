//! What the window itself remembers, forgotten.
//!
//! At lock egui's memory goes (layouts hold the texts they were made from), and what was copied is overwritten on the clipboard and in the
//! selection that the middle mouse button pastes. A plugin keeps selected text from getting there in the first place.
//!
//! Not its concern: closing the vault (`work`), what the app holds (`app`).

use egui::{Context, FullOutput, Memory, OutputCommand, Plugin};

use crate::theme;

/// What overwrites clipboard and selection: something, since nothing is not taken over by all systems.
const BLANK: &str = " ";

/// Gives the guard to egui. Call once, before the first frame.
pub fn install(ctx: &Context) {
    ctx.add_plugin(NoSelection);
}

/// Makes egui forget, and overwrites clipboard and selection. To be called within a pass, before anything is drawn; the next frames
/// show the lock screen.
pub fn forget(ctx: &Context) {
    ctx.memory_mut(|memory| {
        // Options hold the theme and nothing of the person's.
        let options = memory.options.clone();
        *memory = Memory::default();
        memory.options = options;
    });
    theme::install(ctx);
    ctx.copy_text(BLANK.to_owned());
    ctx.output_mut(|output| output.commands.push(OutputCommand::TextSelectionSettled(BLANK.to_owned())));
    // Layouts go one frame after they were last drawn.
    ctx.request_repaint();
}

/// Keeps selected text out of the selection that other programs can read without being asked.
struct NoSelection;

impl Plugin for NoSelection {
    fn debug_name(&self) -> &'static str {
        "no selection"
    }

    fn output_hook(&mut self, _ctx: &Context, output: &mut FullOutput) {
        output
            .platform_output
            .commands
            .retain(|command| !matches!(command, OutputCommand::TextSelectionSettled(text) if text != BLANK));
    }
}
