//! Starting the window: command line, passphrase, fonts.
//!
//! Not its concern: what the window does (`app`).

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use eframe::egui::ViewportBuilder;
use khaima_runtime::Passphrase;
use zeroize::Zeroizing;

use crate::app::App;
use crate::{fonts, lock, theme, words};

/// Khaima: write to people through relays that cannot read, name or link you.
#[derive(Parser)]
#[command(name = "khaima", version, about)]
struct Options {
    /// Directory of the vault [default: khaima in your data directory]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Read the passphrase as one line from this file descriptor and unlock at once
    #[arg(long, value_name = "N")]
    passphrase_fd: Option<u32>,
}

/// The program.
#[must_use]
pub fn run() -> ExitCode {
    let options = Options::parse();
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_env_filter(tracing_subscriber::EnvFilter::from_env("KHAIMA_LOG"))
        .without_time()
        .init();
    match start(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Why there is no window.
#[derive(Debug, thiserror::Error)]
enum Unstarted {
    #[error("There is no home directory to keep a vault in. Say where with --data DIR.")]
    DataDirectory,
    #[error(
        "No passphrase could be read from that file descriptor. It must give one line of text of at most 1,024 bytes."
    )]
    Passphrase,
    #[error("The window could not be opened: {0}. Is there a display? khaima-cli works without one.")]
    Window(eframe::Error),
}

fn start(options: &Options) -> Result<(), Unstarted> {
    let data = options.data.clone().or_else(default_data).ok_or(Unstarted::DataDirectory)?;
    let passphrase = options.passphrase_fd.map(from_descriptor).transpose()?;
    let native = eframe::NativeOptions {
        viewport: ViewportBuilder::default()
            .with_title(words::TITLE)
            .with_app_id("khaima")
            .with_inner_size([1080.0, 720.0])
            .with_min_inner_size([720.0, 480.0]),
        renderer: eframe::Renderer::Glow,
        persist_window: false,
        ..eframe::NativeOptions::default()
    };
    let create = move |creation: &eframe::CreationContext<'_>| {
        fonts::install(&creation.egui_ctx);
        theme::install(&creation.egui_ctx);
        lock::install(&creation.egui_ctx);
        let app: Box<dyn eframe::App> = Box::new(App::new(&creation.egui_ctx, &data, passphrase));
        Ok(app)
    };
    eframe::run_native(words::TITLE, native, Box::new(create)).map_err(Unstarted::Window)
}

fn default_data() -> Option<PathBuf> {
    let home = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|dir| dir.is_absolute());
    home("XDG_DATA_HOME")
        .or_else(|| home("HOME").map(|home| home.join(".local/share")))
        .map(|dir| dir.join("khaima"))
}

fn from_descriptor(fd: u32) -> Result<Passphrase, Unstarted> {
    const MAX_LINE: u64 = Passphrase::MAX_LENGTH as u64 + 2;
    let mut line = Zeroizing::new(Vec::with_capacity(2048));
    // Opening by name needs no unsafe code; standard input may be a pipe that cannot be opened so.
    let read = match fd {
        0 => BufReader::with_capacity(1, std::io::stdin()).take(MAX_LINE).read_until(b'\n', &mut line),
        fd => File::open(format!("/dev/fd/{fd}"))
            .and_then(|file| BufReader::with_capacity(1, file).take(MAX_LINE).read_until(b'\n', &mut line)),
    };
    read.map_err(|_| Unstarted::Passphrase)?;
    let text = std::str::from_utf8(&line).map_err(|_| Unstarted::Passphrase)?;
    Passphrase::of(text.trim_end_matches(['\n', '\r'])).map_err(|_| Unstarted::Passphrase)
}
