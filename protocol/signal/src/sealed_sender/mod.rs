//! Sealed sender: the form of envelope that hides its sender.
