//! What a client decides: identity, contacts, conversations, outbox. Sans-IO.
