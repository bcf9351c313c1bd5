//! The desktop client.
