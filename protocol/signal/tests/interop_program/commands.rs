//! Every command with every argument, as the specification lists them.
//!
//! Spec: interop 2 Types, 4 Commands.

/// What an argument may be.
#[derive(Clone, Copy, PartialEq)]
pub enum Kind {
    Text,
    TextOrNull,
    Hex,
    HexOrNull,
    Number,
    NumberOrNull,
    Flag,
    List,
    Object,
    /// May be left out.
    Optional(&'static Kind),
}

use Kind::{Flag, Hex, HexOrNull, List, Number, NumberOrNull, Object, Optional, Text, TextOrNull};

const NOW: (&str, Kind) = ("now_ms", Optional(&Number));

/// Every command with every argument.
pub const COMMANDS: &[(&str, &[(&str, Kind)])] = &[
    (
        "new_party",
        &[
            ("party", Text),
            ("name", Text),
            ("device", Number),
            ("registration_id", Number),
            ("identity_private", Optional(&Hex)),
        ],
    ),
    ("drop_party", &[("party", Text)]),
    ("save", &[("party", Text)]),
    ("load", &[("party", Text), ("state", Hex)]),
    ("bundle", &[("party", Text), ("one_time", Flag), ("kyber", Text), ("reuse", Optional(&Flag))]),
    ("prekeys", &[("party", Text)]),
    ("process_bundle", &[("party", Text), ("name", Text), ("device", Number), ("bundle", Object), NOW]),
    ("encrypt", &[("party", Text), ("name", Text), ("device", Number), ("plaintext", Hex), NOW]),
    (
        "decrypt",
        &[
            ("party", Text),
            ("name", Text),
            ("device", Number),
            ("type", Number),
            ("message", Hex),
            ("local_name", Optional(&Text)),
            ("local_device", Optional(&Number)),
        ],
    ),
    ("session_info", &[("party", Text), ("name", Text), ("device", Number), NOW]),
    ("archive", &[("party", Text), ("name", Text), ("device", Number)]),
    ("delete_session", &[("party", Text), ("name", Text), ("device", Number)]),
    ("set_identity", &[("party", Text), ("name", Text), ("device", Number), ("identity_key", Hex)]),
    ("forget_identity", &[("party", Text), ("name", Text), ("device", Number)]),
    ("get_identity", &[("party", Text), ("name", Text), ("device", Number)]),
    ("decryption_error", &[("type", Number), ("message", Hex), ("timestamp", Number), ("device", Number)]),
    ("parse_decryption_error", &[("plaintext_content", Hex)]),
    ("ratchet_key_matches", &[("party", Text), ("name", Text), ("device", Number), ("ratchet_key", Hex)]),
    ("group_create", &[("party", Text), ("distribution_id", Text)]),
    ("group_reset", &[("party", Text), ("distribution_id", Text)]),
    ("group_process", &[("party", Text), ("name", Text), ("device", Number), ("message", Hex)]),
    ("group_encrypt", &[("party", Text), ("distribution_id", Text), ("plaintext", Hex)]),
    ("group_decrypt", &[("party", Text), ("name", Text), ("device", Number), ("message", Hex)]),
    ("server_certificate", &[("key_id", Number), ("key", Hex), ("trust_root_private", Hex)]),
    (
        "sender_certificate",
        &[
            ("name", Text),
            ("e164", TextOrNull),
            ("device", Number),
            ("identity_key", Hex),
            ("expires_ms", Number),
            ("server_certificate", Hex),
            ("server_private", Hex),
        ],
    ),
    ("validate_certificate", &[("certificate", Hex), ("trust_roots", List), NOW]),
    (
        "ss1_encrypt",
        &[
            ("party", Text),
            ("name", Text),
            ("device", Number),
            ("certificate", Hex),
            ("plaintext", Hex),
            ("content_hint", Number),
            ("group_id", HexOrNull),
            NOW,
        ],
    ),
    (
        "ss1_seal",
        &[
            ("party", Text),
            ("name", Text),
            ("device", Number),
            ("certificate", Hex),
            ("type", Number),
            ("content", Hex),
            ("content_hint", Number),
            ("group_id", HexOrNull),
        ],
    ),
    ("ss_open", &[("party", Text), ("message", Hex)]),
    (
        "ss_decrypt",
        &[("party", Text), ("message", Hex), ("trust_root", Hex), ("local_e164", TextOrNull), NOW],
    ),
    (
        "ss2_encrypt",
        &[
            ("party", Text),
            ("recipients", List),
            ("excluded", List),
            ("certificate", Hex),
            ("type", Number),
            ("content", Hex),
            ("content_hint", Number),
            ("group_id", HexOrNull),
        ],
    ),
    ("ss2_split", &[("message", Hex)]),
    ("agree", &[("private_key", Hex), ("public_key", Hex)]),
    ("sign", &[("private_key", Hex), ("message", Hex)]),
    ("verify", &[("public_key", Hex), ("message", Hex), ("signature", Hex)]),
    ("public_key", &[("private_key", Hex)]),
    ("sign_alternate_identity", &[("private_key", Hex), ("other", Hex)]),
    ("verify_alternate_identity", &[("public_key", Hex), ("other", Hex), ("signature", Hex)]),
    (
        "fingerprint",
        &[
            ("version", Number),
            ("iterations", Number),
            ("local_id", Hex),
            ("local_key", Hex),
            ("remote_id", Hex),
            ("remote_key", Hex),
        ],
    ),
    ("fingerprint_compare", &[("mine", Hex), ("theirs", Hex)]),
];

/// The parts of a bundle.
pub const BUNDLE: &[(&str, Kind)] = &[
    ("registration_id", Number),
    ("device", Number),
    ("identity_key", Hex),
    ("prekey_id", NumberOrNull),
    ("prekey", HexOrNull),
    ("signed_prekey_id", Number),
    ("signed_prekey", Hex),
    ("signed_prekey_signature", Hex),
    ("kyber_prekey_id", Number),
    ("kyber_prekey", Hex),
    ("kyber_prekey_signature", Hex),
];
