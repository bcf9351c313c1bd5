//! Drives engine, vault and relay links with real clocks and sockets.

mod link;
