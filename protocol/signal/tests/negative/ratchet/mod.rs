//! 33 to 45: the double ratchet, its limits, MACs and addresses, and which session a message opens in.

mod addresses;
mod counters;
mod limits;
mod macs;
mod sessions;
mod simultaneous;
