//! How frames get to and from clients: QUIC, and a trait under which another transport can carry the same frames.
//!
//! Not its concern: what frames mean (`core`).

mod hub;
mod link;
mod quic;
mod reset;
mod session;
mod settings;
mod tls;

pub(crate) use hub::Hub;
pub use link::Link;
pub use quic::ConnectionLimits;
pub(crate) use quic::accept;
pub(crate) use reset::endpoint_config;
pub use settings::{server_config, transport_config};
pub use tls::{Identity, TlsError, provider};

#[cfg(test)]
mod tests;
