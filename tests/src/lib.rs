//! The whole system: a simulated world, and once over real QUIC.
