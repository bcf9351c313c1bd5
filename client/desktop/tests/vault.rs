//! The window over the real worker and a real vault.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    missing_docs,
    reason = "tests"
)]

mod window;

use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

use egui::{Key, Modifiers};
use khaima_desktop::app::App;
use khaima_desktop::when::Zone;
use khaima_desktop::words;
use khaima_desktop::work::Worker;
use khaima_runtime::api::{Answer, Call, agent};
use window::Window;

struct Rig {
    window: Window,
    app: App,
    woken: Receiver<()>,
}

impl Rig {
    fn new(data: &std::path::Path) -> Self {
        let (wake, woken) = sync_channel(1);
        let start = move || {
            let wake = wake.clone();
            Worker::start(Arc::new(move || {
                // Full: a frame is due anyway.
                let _ = wake.try_send(());
            }))
        };
        let app = App::with_worker(data, Zone::utc(), Box::new(start));
        let mut rig = Self { window: Window::new(), app, woken };
        rig.frames(2);
        rig
    }

    fn frames(&mut self, count: usize) {
        let Self { window, app, .. } = self;
        for _ in 0..count {
            window.frame(|ui| {
                app.take_in(&ui.ctx().clone());
                app.draw(ui);
            });
        }
    }

    fn type_into(&mut self, name: &str, text: &str) {
        self.click(name);
        self.window.text(text);
        self.frames(1);
    }

    fn click(&mut self, name: &str) {
        let Self { window, app, .. } = self;
        window.click(name, |ui| {
            app.take_in(&ui.ctx().clone());
            app.draw(ui);
        });
    }

    /// Frames, each after the worker or the client has asked for one, until something is so.
    fn until(&mut self, is_so: impl Fn(&Self) -> bool) {
        self.frames(2);
        while !is_so(self) {
            self.woken.recv_timeout(Duration::from_secs(120)).unwrap();
            self.frames(2);
        }
    }
}

#[test]
fn a_vault_is_made_locked_refused_to_a_wrong_passphrase_and_opened_again() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("vault");
    let mut rig = Rig::new(&data);
    rig.type_into(words::NAME, "Layla");
    rig.type_into(words::PASSPHRASE, "seven tents");
    rig.type_into(words::PASSPHRASE_AGAIN, "seven tents");
    rig.click(words::CREATE);
    rig.until(|rig| rig.window.has("Layla"));
    assert!(rig.window.has(words::FIRST_HEADING));

    // While it is open the terminal talks to it, and may lock it.
    let answer = agent::ask(&data, &Call::Status, &mut |_| true).unwrap().unwrap();
    assert!(matches!(answer, Answer::Status { name, .. } if name == "Layla"));
    agent::ask(&data, &Call::Lock, &mut |_| true).unwrap().unwrap();
    rig.until(|rig| rig.window.has(words::UNLOCK));
    assert!(agent::ask(&data, &Call::Status, &mut |_| true).is_none());

    rig.window.text("eight tents");
    rig.frames(1);
    rig.window.key(Key::Enter, Modifiers::NONE);
    rig.until(|rig| rig.window.says("This passphrase does not open this vault."));
    rig.window.text("seven tents");
    rig.frames(1);
    rig.window.key(Key::Enter, Modifiers::NONE);
    rig.until(|rig| rig.window.has("Layla"));

    rig.type_into(words::RELAY_ADDRESS, "not an address");
    rig.click(words::USE_RELAY);
    rig.until(|rig| rig.window.says("This is not the address of a relay."));
    rig.app.end();
    assert!(agent::ask(&data, &Call::Status, &mut |_| true).is_none());
}
