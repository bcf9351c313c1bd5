#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    missing_docs
)]
// Helpers outside #[test] functions may stop the test.
//! `docs/spec/wire.md` says what the code does, byte for byte.
//!
//! The page holds blocks between a line `<!-- block: NAME -->` and the end of the fenced text after it. Each is
//! made here from the code's own output and compared. `UPDATE_WIRE_DOC=1` writes them anew: look at the difference
//! before committing it, it is a change of the protocol.

#[allow(dead_code, reason = "shared by several test binaries")]
mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::PathBuf;

use common::*;
use khaima_wire::*;

/// A field of a protobuf message: number, name, kind, and how often it comes.
struct Field(u32, &'static str, Kind, Often);

enum Kind {
    U32,
    U64,
    Bool,
    /// So many bytes.
    Bytes(usize),
    /// One of the five sizes.
    Envelope,
    Proof,
    /// The message of the frame's code.
    Body,
}

#[derive(PartialEq)]
enum Often {
    /// Left out when zero, as protobuf does; bytes and messages are always there.
    Once,
    /// Present or absent.
    Optional,
    Repeated(usize),
}

use Kind::{Body, Bool, Bytes, Envelope as Sealed, Proof, U32, U64};
use Often::{Once, Optional, Repeated};

type Codes = &'static [(u32, &'static str, &'static [Field])];

const FRAME: &[Field] =
    &[Field(1, "code", U32, Once), Field(2, "id", U64, Once), Field(3, "body", Body, Once)];
const PROOF: &[Field] = &[Field(1, "public key", Bytes(32), Once), Field(2, "signature", Bytes(64), Once)];

const CLIENT: Codes = &[
    (1, "hello", &[Field(1, "version", U32, Once), Field(2, "role", U32, Once)]),
    (2, "ping", &[]),
    (3, "create", &[Field(1, "proof", Proof, Once), Field(2, "permit", Bytes(32), Optional)]),
    (4, "subscribe", &[Field(1, "proof", Proof, Once)]),
    (
        5,
        "publish",
        &[
            Field(1, "proof", Proof, Once),
            Field(2, "one-time bundle", Bytes(SealedBundle::SIZE), Repeated(MAX_PUBLISHED)),
            Field(3, "last resort", Bytes(SealedBundle::SIZE), Optional),
            Field(4, "replace", Bool, Once),
        ],
    ),
    (
        6,
        "acknowledge",
        &[
            Field(1, "mailbox", Bytes(32), Once),
            Field(2, "envelope id", Bytes(16), Repeated(MAX_ACKNOWLEDGED)),
        ],
    ),
    (7, "delete", &[Field(1, "proof", Proof, Once)]),
    (8, "claim", &[Field(1, "mailbox", Bytes(32), Once)]),
    (9, "submit", &[Field(1, "mailbox", Bytes(32), Once), Field(2, "sealed", Sealed, Once)]),
    (10, "redeem code", &[Field(1, "code", Bytes(InviteCode::LENGTH), Once)]),
];

const RELAY: Codes = &[
    (1, "hello", &[Field(1, "version", U32, Once), Field(2, "today", U32, Once)]),
    (2, "pong", &[]),
    (3, "created", &[]),
    (4, "already yours", &[]),
    (5, "not permitted", &[]),
    (
        6,
        "subscribed",
        &[
            Field(1, "one-time left", U32, Once),
            Field(2, "claimed", U64, Once),
            Field(3, "waiting", U32, Once),
        ],
    ),
    (7, "published", &[Field(1, "one-time left", U32, Once)]),
    (8, "acknowledged", &[]),
    (9, "deleted", &[Field(1, "permit", Bytes(32), Optional)]),
    (10, "bundle", &[Field(1, "sealed bundle", Bytes(SealedBundle::SIZE), Once)]),
    (11, "accepted", &[]),
    (12, "gone", &[]),
    (13, "full", &[]),
    (14, "busy", &[Field(1, "retry after, seconds", U32, Once)]),
    (15, "permits", &[Field(1, "permit", Bytes(32), Repeated(MAX_PERMITS))]),
    (16, "refused", &[Field(1, "refusal", U32, Once)]),
    (
        1_024,
        "deliver",
        &[
            Field(1, "mailbox", Bytes(32), Once),
            Field(2, "envelope id", Bytes(16), Once),
            Field(3, "stored, day", U32, Once),
            Field(4, "sealed", Sealed, Once),
        ],
    ),
    (1_025, "retiring", &[Field(1, "last day", U32, Once)]),
];

impl Kind {
    fn text(&self) -> String {
        match self {
            U32 => "uint32".to_owned(),
            U64 => "uint64".to_owned(),
            Bool => "bool".to_owned(),
            Bytes(size) => format!("{} bytes", grouped(*size)),
            Sealed => "sealed envelope".to_owned(),
            Proof => "owner proof".to_owned(),
            Body => "message of the code".to_owned(),
        }
    }
}

fn grouped(number: usize) -> String {
    if number < 1_000 { number.to_string() } else { format!("{},{:03}", number / 1_000, number % 1_000) }
}

/// The table of codes with their fields.
fn codes_block(codes: Codes) -> String {
    let mut text = String::new();
    for (code, name, fields) in codes {
        let _ = writeln!(text, "{code:>4}  {name}");
        fields_lines(fields, 6, &mut text);
    }
    text
}

fn fields_block(fields: &[Field]) -> String {
    let mut text = String::new();
    fields_lines(fields, 0, &mut text);
    text
}

fn fields_lines(fields: &[Field], indent: usize, text: &mut String) {
    for Field(number, name, kind, often) in fields {
        let often = match often {
            Once => String::new(),
            Optional => ", optional".to_owned(),
            Repeated(most) => format!(", repeated, at most {}", grouped(*most)),
        };
        let _ = writeln!(text, "{:indent$}{number}  {name}: {}{often}", "", kind.text());
    }
}

/// Writes a message down field by field, each with its bytes, and checks it against the fields it may have.
struct Listing {
    text: String,
    body: &'static [Field],
    codes: Codes,
}

impl Listing {
    fn of(frame: &[u8], codes: Codes) -> String {
        let (prefix, body) = frame.split_first_chunk::<4>().unwrap();
        let mut listing = Self { text: String::new(), body: &[], codes };
        listing.line(prefix, &format!("length {}", grouped(u32::from_be_bytes(*prefix) as usize)));
        listing.message(body, FRAME, 0);
        listing.text
    }

    fn message(&mut self, mut bytes: &[u8], fields: &[Field], depth: usize) {
        let mut seen: BTreeMap<u32, usize> = BTreeMap::new();
        let pad = "  ".repeat(depth);
        while !bytes.is_empty() {
            let start = bytes;
            let tag = varint(&mut bytes);
            let number = (tag >> 3) as u32;
            let Field(_, name, kind, often) =
                fields.iter().find(|field| field.0 == number).expect("a field of this message");
            let count = seen.entry(number).or_default();
            *count += 1;
            assert!(*count == 1 || matches!(often, Repeated(most) if *count <= *most), "{name} comes once");
            let value = varint(&mut bytes);
            let head = &start[..start.len() - bytes.len()];
            match kind {
                U32 | U64 | Bool => {
                    assert_eq!(tag & 7, 0, "{name} is a number");
                    self.line(head, &format!("{pad}{number} {name} = {value}"));
                    if depth == 0 && *name == "code" {
                        self.body = self
                            .codes
                            .iter()
                            .find(|entry| u64::from(entry.0) == value)
                            .map_or(&[], |entry| entry.2);
                    }
                }
                _ => {
                    assert_eq!(tag & 7, 2, "{name} has a length");
                    let (content, rest) = bytes.split_at(value as usize);
                    bytes = rest;
                    self.line(head, &format!("{pad}{number} {name}, {} bytes", grouped(content.len())));
                    match kind {
                        Bytes(size) => assert_eq!(content.len(), *size, "{name}"),
                        Sealed => assert!(SealedEnvelope::SIZES.contains(&content.len())),
                        _ => {}
                    }
                    match kind {
                        Proof => self.message(content, PROOF, depth + 1),
                        Body => self.message(content, self.body, depth + 1),
                        _ => self.text.push_str(&hex_lines(content)),
                    }
                }
            }
        }
    }

    fn line(&mut self, bytes: &[u8], note: &str) {
        let _ = writeln!(self.text, "{:<24}; {note}", hex_spaced(bytes));
    }
}

fn varint(bytes: &mut &[u8]) -> u64 {
    let mut value = 0;
    for shift in (0..).step_by(7) {
        let (byte, rest) = bytes.split_first().unwrap();
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            break;
        }
    }
    value
}

fn hex_spaced(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ")
}

/// Sixteen bytes a line; where all are the same, one byte and how often.
fn hex_lines(bytes: &[u8]) -> String {
    if bytes.len() > 16 && bytes.iter().all(|byte| byte == &bytes[0]) {
        return format!("{:02x} * {}\n", bytes[0], bytes.len());
    }
    bytes.chunks(16).map(|line| hex_spaced(line) + "\n").collect()
}

/// The bytes a listing stands for.
fn bytes_of(listing: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for line in listing.lines() {
        let line = line.split(';').next().unwrap().trim();
        if let Some((byte, count)) = line.split_once(" * ") {
            let byte = u8::from_str_radix(byte, 16).unwrap();
            bytes.extend(vec![byte; count.parse().unwrap()]);
        } else {
            bytes.extend(line.split_whitespace().map(|byte| u8::from_str_radix(byte, 16).unwrap()));
        }
    }
    bytes
}

fn limits_block() -> String {
    let sizes = SealedEnvelope::SIZES.map(grouped).join(" / ");
    let mut text = String::new();
    for (name, value) in [
        ("frame without its length, at most", grouped(MAX_FRAME)),
        ("sealed envelope, one of", sizes),
        ("sealed bundle", grouped(SealedBundle::SIZE)),
        ("bundle inside it, at most", grouped(SealedBundle::MAX_PLAIN)),
        ("one-time bundles in a publish, at most", grouped(MAX_PUBLISHED)),
        ("envelope ids in an acknowledge, at most", grouped(MAX_ACKNOWLEDGED)),
        ("permits in a reply, at most", grouped(MAX_PERMITS)),
        ("invite code, characters", grouped(InviteCode::LENGTH)),
        ("host of a relay, at most", grouped(RelayAddress::MAX_HOST)),
        ("text looked at as an invitation, at most", grouped(SignedInvitation::MAX_TEXT)),
        ("mailbox id", grouped(MailboxId::LENGTH)),
        ("mailbox public key", grouped(MailboxPublicKey::LENGTH)),
        ("owner proof signature", grouped(OwnerProof::SIGNATURE_LENGTH)),
        ("envelope id", grouped(EnvelopeId::LENGTH)),
        ("relay pin", grouped(RelayPin::LENGTH)),
        ("permit", grouped(Permit::LENGTH)),
    ] {
        let _ = writeln!(text, "{name:<42} {value}");
    }
    text
}

fn agreement_block() -> String {
    format!(
        "protocol version    {PROTOCOL_VERSION}\nALPN                {}\nexporter label      {}\nexporter context    empty\nexporter length     32\n",
        std::str::from_utf8(ALPN).unwrap(),
        std::str::from_utf8(EXPORTER_LABEL).unwrap(),
    )
}

fn labels_block() -> String {
    Label::ALL.iter().map(|label| format!("{}{}\n", Label::PREFIX, label.purpose())).collect()
}

fn named(parts: &[(&str, &[u8])]) -> String {
    parts
        .iter()
        .map(|(name, bytes)| format!("; {name}, {} bytes\n{}", grouped(bytes.len()), hex_lines(bytes)))
        .collect()
}

fn mailbox_block() -> String {
    named(&[
        ("seed of the mailbox key", key().expose_seed()),
        ("public key", key().public().as_bytes()),
        ("mailbox id", key().id().as_bytes()),
    ])
}

fn proof_block() -> String {
    let proof = key().prove(&EXPORTER, &pin(), Purpose::Create);
    named(&[
        ("label", &Label::OWNER.bytes()),
        ("exporter", &EXPORTER),
        ("relay pin", pin().as_bytes()),
        ("purpose: create", &[Purpose::Create.byte()]),
        ("mailbox id", key().id().as_bytes()),
        ("signature over the bytes above", &proof.signature),
    ])
}

fn bundle_block() -> String {
    use sha2::Digest;
    let bundle_key = BundleKey::from_bytes(&[0x77; 32]);
    let sealed = SealedBundle::seal(b"prekeys", &bundle_key, &key().id(), &mut rng(1)).unwrap();
    let bytes = sealed.as_bytes();
    named(&[
        ("bundle key", bundle_key.expose()),
        ("mailbox id", key().id().as_bytes()),
        ("bundle", b"prekeys"),
        ("nonce", &bytes[..24]),
        ("first bytes of the ciphertext", &bytes[24..40]),
        ("tag", &bytes[bytes.len() - 16..]),
        ("SHA-256 of the 4,032 bytes", &sha2::Sha256::digest(bytes)),
    ])
}

fn permit_block() -> String {
    let code = InviteCode::from_wire(b"0123456789ABCDEFGHJK").unwrap();
    format!(
        "; as people see it: {}\n{}",
        *code.to_text(),
        named(&[
            ("invite code on the wire", code.expose()),
            ("hash of the code", &code.hash()),
            ("permit", permit().expose()),
            ("hash of the permit", &permit().hash()),
        ])
    )
}

fn sample_invitation() -> SignedInvitation {
    Invitation { permit: Some(permit()), ..invitation() }.sign(&key()).unwrap()
}

fn invitation_block() -> String {
    let signed = sample_invitation();
    let bytes = signed.bytes();
    let mut rest = bytes.as_slice();
    let mut parts = Vec::new();
    for (name, length) in [
        ("version", 1),
        ("flags: a permit follows", 1),
        ("expires, day", 4),
        ("length of the host", 1),
        ("host", usize::from(bytes[6])),
        ("port", 2),
        ("relay pin", 32),
        ("mailbox public key", 32),
        ("link secret", 32),
        ("statement hash, of the statement \"statement\"", 32),
        ("permit", 32),
        ("signature over the label and the bytes above", 64),
    ] {
        let (part, tail) = rest.split_at(length);
        parts.push((name, part));
        rest = tail;
    }
    assert!(rest.is_empty());
    named(&parts)
}

fn derived_block() -> String {
    let invitation = sample_invitation().into_invitation();
    named(&[
        ("mailbox id", invitation.mailbox().as_bytes()),
        ("bundle key", invitation.bundle_key().expose()),
        ("proof key", invitation.proof_key().expose()),
    ])
}

/// Every block of the page.
fn blocks() -> BTreeMap<String, String> {
    let mut blocks: BTreeMap<String, String> = [
        ("agreement", agreement_block()),
        ("limits", limits_block()),
        ("labels", labels_block()),
        ("frame fields", fields_block(FRAME)),
        ("owner proof fields", fields_block(PROOF)),
        ("client codes", codes_block(CLIENT)),
        ("relay codes", codes_block(RELAY)),
        ("mailbox id", mailbox_block()),
        ("owner proof", proof_block()),
        ("sealed bundle", bundle_block()),
        ("permits and codes", permit_block()),
        ("relay address", format!("{}\n", address())),
        ("invitation bytes", invitation_block()),
        ("invitation keys", derived_block()),
        ("invitation link", format!("{}\n", *sample_invitation().to_uri())),
        ("invitation QR text", format!("{}\n", *sample_invitation().to_qr_payload())),
    ]
    .map(|(name, text)| (name.to_owned(), text))
    .into();
    for (name, frame) in client_frames() {
        blocks.insert(format!("frame {name}"), Listing::of(&frame.encode().unwrap(), CLIENT));
    }
    for (name, frame) in relay_frames() {
        blocks.insert(format!("frame {name}"), Listing::of(&frame.encode().unwrap(), RELAY));
    }
    blocks
}

fn page_path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/spec/wire.md")
}

const MARK: &str = "<!-- block: ";

/// The page cut into blocks, and the page with `blocks` put in.
fn read_page(page: &str, blocks: &BTreeMap<String, String>) -> (BTreeMap<String, String>, String) {
    let (mut found, mut rewritten) = (BTreeMap::new(), String::new());
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        let _ = writeln!(rewritten, "{line}");
        let Some(name) = line.strip_prefix(MARK).and_then(|rest| rest.strip_suffix(" -->")) else { continue };
        assert_eq!(lines.next(), Some("```text"), "a fence follows block {name:?}");
        let content: String =
            lines.by_ref().take_while(|&line| line != "```").map(|line| format!("{line}\n")).collect();
        let new = blocks.get(name).unwrap_or(&content);
        let _ = write!(rewritten, "```text\n{new}```\n");
        assert!(found.insert(name.to_owned(), content).is_none(), "block {name:?} comes once");
    }
    (found, rewritten)
}

#[test]
fn the_page_says_what_the_code_does() {
    let expected = blocks();
    let page = std::fs::read_to_string(page_path()).unwrap();
    let (found, rewritten) = read_page(&page, &expected);
    let names = |blocks: &BTreeMap<String, String>| blocks.keys().cloned().collect::<BTreeSet<_>>();
    assert_eq!(names(&found), names(&expected), "the page has every block and no other");
    if std::env::var_os("UPDATE_WIRE_DOC").is_some() {
        std::fs::write(page_path(), rewritten).unwrap();
        return;
    }
    for (name, text) in expected {
        assert_eq!(found[&name], text, "block {name:?} of docs/spec/wire.md");
    }
}

#[test]
fn the_frames_on_the_page_decode_to_their_samples() {
    let page = std::fs::read_to_string(page_path()).unwrap();
    let (found, _) = read_page(&page, &BTreeMap::new());
    let mut client = FrameDecoder::<ClientFrame>::new();
    for (name, frame) in client_frames() {
        client.push(&bytes_of(&found[&format!("frame {name}")]));
        assert_eq!(client.next(), Ok(Some(frame)), "{name}");
        assert_eq!(client.pending(), 0, "{name}");
    }
    let mut relay = FrameDecoder::<RelayFrame>::new();
    for (name, frame) in relay_frames() {
        relay.push(&bytes_of(&found[&format!("frame {name}")]));
        assert_eq!(relay.next(), Ok(Some(frame)), "{name}");
        assert_eq!(relay.pending(), 0, "{name}");
    }
}

#[test]
fn the_links_on_the_page_are_the_sample() {
    let page = std::fs::read_to_string(page_path()).unwrap();
    let (found, _) = read_page(&page, &BTreeMap::new());
    let today = invitation().expires;
    for name in ["invitation link", "invitation QR text"] {
        assert_eq!(SignedInvitation::parse(&found[name], today), Ok(sample_invitation()), "{name}");
    }
    let bytes = bytes_of(&found["invitation bytes"]);
    assert_eq!(SignedInvitation::from_bytes(&bytes), Ok(sample_invitation()));
    assert_eq!(found["relay address"].parse(), Ok(address()));
}

#[test]
fn every_code_has_a_frame_on_the_page() {
    for (codes, frames) in [
        (CLIENT, client_frames().iter().map(|(_, f)| f.encode().unwrap()).collect::<Vec<_>>()),
        (RELAY, relay_frames().iter().map(|(_, f)| f.encode().unwrap()).collect()),
    ] {
        let seen: BTreeSet<u64> = frames
            .iter()
            .map(|bytes| {
                assert_eq!(bytes[4], 0x08, "the code comes first");
                varint(&mut &bytes[5..])
            })
            .collect();
        for (code, name, _) in codes {
            assert!(seen.contains(&u64::from(*code)), "{name}");
        }
    }
}
