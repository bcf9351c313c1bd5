//! `khaima`: the window.

use std::process::ExitCode;

/// Whatever is freed is wiped: also copies that libraries make of keys and texts, and strings that grew.
#[global_allocator]
static ALLOCATOR: zeroizing_alloc::ZeroAlloc<std::alloc::System> =
    zeroizing_alloc::ZeroAlloc(std::alloc::System);

fn main() -> ExitCode {
    khaima_desktop::start::run()
}
