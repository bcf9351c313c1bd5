//! The desktop client.
//!
//! A pure function of a view model: what is shown comes from `khaima-runtime`, what a person does goes back as commands. This crate draws
//! text right in both directions, takes passphrases without leaving copies, and shows nothing but plain text.
//!
//! Not its concern: what is decided about messages and keys (engine, vault, runtime).

pub mod act;
pub mod app;
pub mod fonts;
pub mod lock;
pub mod passphrase;
pub mod qr;
pub mod screens;
pub mod start;
pub mod text;
pub mod theme;
pub mod view;
pub mod when;
pub mod words;
pub mod work;
