//! System packages: names what is missing, and installs it where this runs as root on Debian.

use std::path::Path;
use std::process::Command;

use anyhow::{Result, bail};

use crate::run::{run, say};

/// One thing the project needs from the system.
pub struct Need {
    /// Debian's name for it.
    package: &'static str,
    /// A file by which it is recognised: a program on the path, or a library.
    found_by: FoundBy,
    /// What it is for.
    purpose: &'static str,
}

enum FoundBy {
    Program(&'static str),
    Library(&'static str),
}

/// What a build needs: aws-lc-rs compiles C.
pub const BUILD: &[Need] =
    &[Need { package: "gcc", found_by: FoundBy::Program("cc"), purpose: "compiles the TLS library" }];

/// What fuzzing needs: libFuzzer is C++.
pub const FUZZ: &[Need] =
    &[Need { package: "g++", found_by: FoundBy::Program("c++"), purpose: "compiles libFuzzer" }];

/// What a window needs at run time.
pub const WINDOW: &[Need] = &[
    Need { package: "libgl1", found_by: FoundBy::Library("libGL.so.1"), purpose: "draws the window" },
    Need {
        package: "libgl1-mesa-dri",
        found_by: FoundBy::Library("dri/swrast_dri.so"),
        purpose: "draws without a graphics card",
    },
    Need {
        package: "libxkbcommon-x11-0",
        found_by: FoundBy::Library("libxkbcommon-x11.so.0"),
        purpose: "reads the keyboard",
    },
    Need {
        package: "libxcursor1",
        found_by: FoundBy::Library("libXcursor.so.1"),
        purpose: "shows the pointer",
    },
    Need { package: "libxi6", found_by: FoundBy::Library("libXi.so.6"), purpose: "reads the mouse" },
];

/// What the tests need beyond that.
pub const TESTS: &[Need] = &[Need {
    package: "libfribidi-bin",
    found_by: FoundBy::Program("fribidi"),
    purpose: "judges the order of Arabic text",
}];

/// What the driver of the interop tests needs.
pub const INTEROP: &[Need] = &[
    Need { package: "nodejs", found_by: FoundBy::Program("node"), purpose: "runs the official library" },
    Need { package: "npm", found_by: FoundBy::Program("npm"), purpose: "installs the official library" },
];

/// Makes sure that all of this is there.
///
/// # Errors
/// When something is missing and cannot be installed here; the message names the packages.
pub fn require(needs: &[&[Need]]) -> Result<()> {
    let missing: Vec<&Need> =
        needs.iter().flat_map(|group| group.iter()).filter(|need| !need.is_there()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let names: Vec<&str> = missing.iter().map(|need| need.package).collect();
    for need in &missing {
        say(&format!("missing: {} ({})", need.package, need.purpose));
    }
    if !may_install() {
        bail!("please install what is missing, on Debian: apt-get install {}", names.join(" "));
    }
    run("reading Debian's package lists", apt().arg("update").arg("-qq"))?;
    run(
        &format!("installing {}", names.join(" ")),
        apt().args(["install", "-y", "-qq", "--no-install-recommends"]).args(&names),
    )
}

fn apt() -> Command {
    let mut command = Command::new("apt-get");
    command.env("DEBIAN_FRONTEND", "noninteractive").stdout(std::process::Stdio::null());
    command
}

fn may_install() -> bool {
    let root = Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout == b"0\n");
    root && Path::new("/etc/debian_version").exists()
}

impl Need {
    fn is_there(&self) -> bool {
        match self.found_by {
            FoundBy::Program(name) => std::env::var_os("PATH").is_some_and(|path| {
                std::env::split_paths(&path)
                    .chain(["/usr/sbin".into(), "/sbin".into()])
                    .any(|dir| dir.join(name).exists())
            }),
            FoundBy::Library(name) => LIBRARY_DIRS.iter().any(|dir| Path::new(dir).join(name).exists()),
        }
    }
}

const LIBRARY_DIRS: &[&str] =
    &["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib", "/usr/lib64", "/lib", "/lib64"];
