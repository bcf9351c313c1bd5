//! What passes between client and relay: ids, envelopes, padding, frames, invitations.
