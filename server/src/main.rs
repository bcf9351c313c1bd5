//! The relay program: `khaima-relay init | run | address | invite`.
//!
//! Not its concern: anything but words and signals; the work is in the library.

mod explain;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::{Parser, Subcommand};
use khaima_relay::{Config, DEFAULT_LISTEN, Home, HomeError, Server, invites};
use khaima_wire::{Day, Timestamp};
use tokio::signal::unix::{SignalKind, signal};

use explain::{Problem, explain_home, explain_start};

/// A relay for Khaima: it keeps sealed envelopes until the devices they are for have fetched them.
#[derive(Parser)]
#[command(version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Make a new relay in a directory: keys, empty store, configuration.
    Init {
        /// The directory; it must not exist yet, or be empty.
        dir: PathBuf,
        /// UDP address and port to listen on.
        #[arg(long, default_value_t = DEFAULT_LISTEN)]
        listen: SocketAddr,
        /// Name or IP address that people reach this machine by.
        #[arg(long)]
        host: Option<String>,
    },
    /// Run the relay until it is told to stop (Ctrl-C or SIGTERM).
    Run {
        /// The relay's directory.
        dir: PathBuf,
    },
    /// Show the relay's address, to give to people.
    Address {
        /// The relay's directory.
        dir: PathBuf,
    },
    /// Make an invite code. Whoever has it can make mailboxes on this relay.
    Invite {
        /// The relay's directory.
        dir: PathBuf,
        /// How many people may use the code.
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100_000))]
        uses: u32,
        /// After how many days it is no longer good.
        #[arg(long, default_value_t = 14, value_parser = clap::value_parser!(u32).range(1..=365))]
        days: u32,
    },
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Init { dir, listen, host } => init(&dir, listen, host.as_deref()),
        Command::Run { dir } => run(&dir),
        Command::Address { dir } => address(&dir),
        Command::Invite { dir, uses, days } => invite(&dir, uses, days),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("khaima-relay: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn init(dir: &Path, listen: SocketAddr, host: Option<&str>) -> Result<(), Problem> {
    let here = dir.display();
    // A specific address to listen on is where people reach it; "all addresses" says nothing.
    let guessed = if listen.ip().is_unspecified() { "127.0.0.1".to_owned() } else { listen.ip().to_string() };
    let home =
        Home::init(dir, listen, host.unwrap_or(&guessed)).map_err(|error| explain_home(&error, dir))?;
    let config = Config::load(dir).map_err(|error| explain_home(&HomeError::Config(error), dir))?;
    println!("A new relay is ready in {here}.\n");
    show_address(&home, &config, dir)?;
    if config.host == "127.0.0.1" {
        println!(
            "\nOnly this machine can reach 127.0.0.1. For others, write the name or IP address of this machine after\n\
             `host =` in {here}/relay.toml, then look at the address again: khaima-relay address {here}"
        );
    }
    println!(
        "\nWhat next:\n  \
         1. Start it:          khaima-relay run {here}\n  \
         2. Let UDP port {port} through the firewall.\n  \
         3. Make an invite:    khaima-relay invite {here} --uses 5\n     \
            and give each person the relay's address and the code. (Or write creation = \"open\" in relay.toml.)\n  \
         4. Keep a copy of {here}/identity.key in a safe place: with another key it is another relay to everybody.",
        port = config.listen.port(),
    );
    Ok(())
}

fn run(dir: &Path) -> Result<(), Problem> {
    keep_memory_private();
    tracing_subscriber::fmt()
        // Our own events only: other crates' may name addresses.
        .with_env_filter(tracing_subscriber::EnvFilter::new("off,khaima_relay=info"))
        .with_target(false)
        .with_ansi(false)
        .with_writer(std::io::stderr)
        .init();
    let config = Config::load(dir).map_err(|error| explain_home(&HomeError::Config(error), dir))?;
    let listen = config.listen;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Problem::new("The program cannot start its threads.", &error))?;
    runtime.block_on(async {
        // Before anything is announced: whoever reads the address may stop us the next moment.
        let listening =
            |kind| signal(kind).map_err(|error| Problem::new("Signals cannot be received.", &error));
        let (mut terminate, mut interrupt) =
            (listening(SignalKind::terminate())?, listening(SignalKind::interrupt())?);
        let relay = Server::start(config).map_err(|error| explain_start(&error, dir, listen))?;
        println!("{}", relay.address());
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        relay.stop().await;
        Ok(())
    })
}

fn address(dir: &Path) -> Result<(), Problem> {
    let config = Config::load(dir).map_err(|error| explain_home(&HomeError::Config(error), dir))?;
    let home = Home::open(dir).map_err(|error| explain_home(&error, dir))?;
    show_address(&home, &config, dir)
}

fn invite(dir: &Path, uses: u32, days: u32) -> Result<(), Problem> {
    let config = Config::load(dir).map_err(|error| explain_home(&HomeError::Config(error), dir))?;
    if config.policy.creation == khaima_relay::core::Creation::Open {
        return Err(Problem::words(
            "This relay is open: everybody can make mailboxes, and no code is needed. To allow it only to people \
             with a code, write creation = \"invite\" in relay.toml and restart the relay.",
        ));
    }
    let expires = today().plus(days);
    let code = invites::create(dir, uses, expires, &mut rand::rng())
        .map_err(|error| explain_home(&HomeError::from(error), dir))?;
    let date = expires.civil();
    println!("{}", code.to_text().as_str());
    eprintln!(
        "Good for {uses} {people}, until {}-{:02}-{:02}. A running relay knows it within a few seconds.",
        date.year,
        date.month,
        date.day,
        people = if uses == 1 { "person" } else { "people" },
    );
    Ok(())
}

/// Keeps keys and envelopes out of core dumps, and other processes of the same user out of our memory.
fn keep_memory_private() {
    use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
    // Neither is needed to serve; where the system does not know them, the relay runs all the same.
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
}

/// The address as text, and as QR code where a person is looking.
fn show_address(home: &Home, config: &Config, dir: &Path) -> Result<(), Problem> {
    use std::io::IsTerminal;
    if config.listen.port() == 0 && config.port.is_none() {
        println!("Any free port is used: the address is shown when the relay runs.");
        return Ok(());
    }
    let address = home
        .address(config, config.listen.port())
        .map_err(|error| explain_home(&HomeError::Address(error), dir))?
        .to_string();
    println!("{address}");
    if std::io::stdout().is_terminal()
        && let Ok(code) = qrcode::QrCode::new(address.as_bytes())
    {
        println!("{}", code.render::<qrcode::render::unicode::Dense1x2>().build());
    }
    Ok(())
}

fn today() -> Day {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_secs(since.as_secs()).day()
}
