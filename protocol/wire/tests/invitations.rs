#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    missing_docs
)]
// Helpers outside #[test] functions may stop the test.
//! Invitation links and relay addresses, as people paste them.

#[allow(dead_code, reason = "shared by several test binaries")]
mod common;

use common::*;
use khaima_wire::*;
use proptest::prelude::*;

type Change = Box<dyn FnOnce(&mut Vec<u8>)>;

const TODAY: Day = Day::new(20_700);

fn signed() -> SignedInvitation {
    Invitation { permit: Some(permit()), ..invitation() }.sign(&key()).unwrap()
}

/// Its bytes, signed again by `key` after `change`: what a forger who owns a mailbox can make.
fn resigned(change: impl FnOnce(&mut Vec<u8>), key_seed: [u8; 32]) -> String {
    use ed25519_dalek::Signer;
    let mut bytes = signed().bytes().to_vec();
    bytes.truncate(bytes.len() - 64);
    change(&mut bytes);
    let signature = ed25519_dalek::SigningKey::from_bytes(&key_seed)
        .sign(&[b"khaima/v1/invitation\0".as_slice(), &bytes].concat());
    bytes.extend(signature.to_bytes());
    format!("khaima:{}", data_encoding::BASE64URL_NOPAD.encode(&bytes))
}

#[test]
fn a_link_comes_back() {
    let parsed = SignedInvitation::parse(&signed().to_uri(), TODAY).unwrap();
    assert_eq!(parsed, signed());
    assert_eq!(parsed.invitation().mailbox(), key().id());
}

#[test]
fn a_qr_code_comes_back_and_is_alphanumeric() {
    let payload = signed().to_qr_payload();
    assert!(payload.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b':'));
    assert_eq!(SignedInvitation::parse(&payload, TODAY).unwrap(), signed());
    assert_eq!(SignedInvitation::parse(&payload.to_lowercase(), TODAY).unwrap(), signed());
}

#[test]
fn what_pasting_adds_is_forgiven() {
    let link = signed().to_uri();
    let (head, tail) = link.split_at(100);
    for text in [
        format!("  {}\r\n", *link),
        format!("{head}\r\n{tail}"),
        format!("{head}\n  {tail}"),
        format!("\u{feff}{}", *link),
        format!("\u{2066}{}\u{2069}", *link),
        format!("\u{200f}{}\u{200e}", *link),
        format!("\u{a0}{}", *link),
        link.replacen("khaima:", "Khaima:", 1),
        link.replacen("khaima:", "KHAIMA:", 1),
        link.replacen("khaima:", "khaima%3A", 1),
        link.replacen("khaima:", "khaima%3a", 1),
    ] {
        assert_eq!(SignedInvitation::parse(&text, TODAY), Ok(signed()), "{text:?}");
    }
}

#[test]
fn what_is_no_link_is_called_so() {
    let link = signed().to_uri();
    for text in [
        "",
        " ",
        "k",
        "khaima",
        "hello",
        "https://example.org/",
        "khaimaX",
        "signal:abc",
        "خيمة:abc",
        &link["khaima:".len()..],
        &format!("see {}", *link),
        &"khaima:A".repeat(1_000),
    ] {
        assert_eq!(SignedInvitation::parse(text, TODAY), Err(InvitationError::NotALink), "{text:?}");
    }
}

#[test]
fn a_link_cut_off_anywhere_is_damaged() {
    for link in [signed().to_uri(), signed().to_qr_payload()] {
        for end in "khaima:".len()..link.len() {
            assert_eq!(
                SignedInvitation::parse(&link[..end], TODAY),
                Err(InvitationError::Damaged),
                "cut at {end}"
            );
        }
    }
}

#[test]
fn a_change_of_any_bit_is_noticed() {
    let bytes = signed().bytes();
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut changed = bytes.to_vec();
            changed[at] ^= 1 << bit;
            let error = SignedInvitation::from_bytes(&changed).unwrap_err();
            // The first two bytes are version and flags.
            let newer = at < 2 && error == InvitationError::NewerVersion;
            assert!(newer || error == InvitationError::Damaged, "byte {at} bit {bit}: {error:?}");
        }
    }
}

#[test]
fn a_change_of_any_character_is_noticed() {
    let link = signed().to_uri();
    for at in "khaima:".len()..link.len() {
        for other in *b"AaZz09-_%+/=." {
            let mut changed = link.as_bytes().to_vec();
            if changed[at] == other {
                continue;
            }
            changed[at] = other;
            let changed = String::from_utf8(changed).unwrap();
            assert!(SignedInvitation::parse(&changed, TODAY).is_err(), "{at} {}", char::from(other));
        }
    }
}

#[test]
fn bytes_behind_a_link_are_damage() {
    let link = signed().to_uri();
    for tail in ["A", "AA", "AAAA", "=", "?x=1", "#"] {
        let text = format!("{}{tail}", *link);
        assert_eq!(SignedInvitation::parse(&text, TODAY), Err(InvitationError::Damaged), "{tail}");
    }
    let mut bytes = signed().bytes().to_vec();
    bytes.push(0);
    assert_eq!(SignedInvitation::from_bytes(&bytes), Err(InvitationError::Damaged));
}

#[test]
fn other_alphabets_and_padding_are_damage() {
    let bytes = signed().bytes();
    let standard = format!("khaima:{}", data_encoding::BASE64_NOPAD.encode(&bytes));
    assert!(standard.contains('+') || standard.contains('/'), "the sample tells the alphabets apart");
    assert_eq!(SignedInvitation::parse(&standard, TODAY), Err(InvitationError::Damaged));
    let short = &bytes[..bytes.len() - 1];
    let padded = format!("khaima:{}", data_encoding::BASE64URL.encode(short));
    assert_eq!(SignedInvitation::parse(&padded, TODAY), Err(InvitationError::Damaged));
}

#[test]
fn a_second_spelling_of_the_last_character_is_damage() {
    // A length that is no multiple of 3 leaves unused bits in the last character; they have to be zero.
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut tried = 0;
    for host in ["a", "ab", "abc"] {
        let relay = RelayAddress::new(host, 1, pin()).unwrap();
        let link = Invitation { relay, ..invitation() }.sign(&key()).unwrap().to_uri();
        if link.len() % 4 == "khaima:".len() % 4 {
            continue;
        }
        tried += 1;
        let (last, head) = (link.as_bytes()[link.len() - 1], &link[..link.len() - 1]);
        let good: Vec<u8> = alphabet
            .iter()
            .copied()
            .filter(|&c| SignedInvitation::parse(&format!("{head}{}", char::from(c)), TODAY).is_ok())
            .collect();
        assert_eq!(good, [last]);
    }
    assert_eq!(tried, 2);
}

#[test]
fn a_link_can_be_used_until_the_end_of_its_last_day() {
    let link = signed().to_uri();
    let last = invitation().expires;
    assert!(SignedInvitation::parse(&link, last.minus(1)).is_ok());
    assert!(SignedInvitation::parse(&link, last).is_ok());
    assert_eq!(SignedInvitation::parse(&link, last.plus(1)), Err(InvitationError::Expired { since: last }));
}

#[test]
fn expiry_is_judged_only_when_the_signature_holds() {
    let mut changed = signed().bytes().to_vec();
    changed[5] = 0; // an earlier day
    let text = format!("khaima:{}", data_encoding::BASE64URL_NOPAD.encode(&changed));
    assert_eq!(SignedInvitation::parse(&text, Day::new(u32::MAX)), Err(InvitationError::Damaged));
}

#[test]
fn a_newer_version_or_flag_is_called_so() {
    let seed = [0x11; 32];
    for (at, value, expected) in [
        (0, 2, InvitationError::NewerVersion),
        (0, 255, InvitationError::NewerVersion),
        (1, 4 | 2, InvitationError::NewerVersion),
        (0, 0, InvitationError::Damaged),
    ] {
        let text = resigned(|bytes| bytes[at] = value, seed);
        assert_eq!(SignedInvitation::parse(&text, TODAY), Err(expected), "{at} {value}");
    }
    assert_eq!(SignedInvitation::parse(&resigned(|_| {}, seed), TODAY), Ok(signed()));
}

#[test]
fn a_signature_by_another_key_is_damage() {
    assert_eq!(SignedInvitation::parse(&resigned(|_| {}, [0x12; 32]), TODAY), Err(InvitationError::Damaged));
}

#[test]
fn a_well_signed_link_with_a_bad_address_is_damage() {
    let seed = [0x11; 32];
    let host_at = 7;
    let host_length = "relay.example".len();
    let changes: [(&str, Change); 5] = [
        ("upper case", Box::new(move |b| b[host_at] = b'R')),
        ("space", Box::new(move |b| b[host_at] = b' ')),
        ("not text", Box::new(move |b| b[host_at] = 0xff)),
        ("port 0", Box::new(move |b| b[host_at + host_length..][..2].fill(0))),
        (
            "no host",
            Box::new(move |b| {
                b[host_at - 1] = 0;
                b.drain(host_at..host_at + host_length);
            }),
        ),
    ];
    for (name, change) in changes {
        assert_eq!(
            SignedInvitation::parse(&resigned(change, seed), TODAY),
            Err(InvitationError::Damaged),
            "{name}"
        );
    }
}

#[test]
fn a_well_signed_link_with_a_part_too_many_or_too_few_is_damage() {
    let seed = [0x11; 32];
    let longer = resigned(|bytes| bytes.push(0), seed);
    let shorter = resigned(|bytes| bytes.truncate(bytes.len() - 1), seed);
    let permit_denied = resigned(|bytes| bytes[1] = 0, seed);
    for text in [longer, shorter, permit_denied] {
        assert_eq!(SignedInvitation::parse(&text, TODAY), Err(InvitationError::Damaged));
    }
}

#[test]
fn only_the_mailboxs_own_key_signs() {
    assert_eq!(invitation().sign(&MailboxKey::from_seed(&[0x12; 32])), Err(SignError));
}

#[test]
fn the_two_derived_keys_differ_and_depend_on_the_secret() {
    let one = invitation();
    let other = Invitation { secret: LinkSecret::from_bytes(&[0x67; 32]), ..invitation() };
    assert_ne!(one.bundle_key().expose(), one.proof_key().expose());
    assert_ne!(one.bundle_key(), other.bundle_key());
    assert_ne!(one.proof_key(), other.proof_key());
    assert_ne!(one.secret.statement_hash(b"statement"), other.secret.statement_hash(b"statement"));
    assert_ne!(one.secret.statement_hash(b"statement"), one.secret.statement_hash(b"Statement"));
}

#[test]
fn flags_come_back() {
    let many = Invitation { flags: InvitationFlags::MANY_USES, ..invitation() };
    let parsed = SignedInvitation::parse(&many.sign(&key()).unwrap().to_uri(), TODAY).unwrap();
    assert!(parsed.invitation().flags.many_uses());
    assert!(parsed.invitation().permit.is_none());
    assert!(!signed().invitation().flags.many_uses());
}

#[test]
fn debug_shows_no_invitation() {
    assert_eq!(format!("{:?}", signed()), "SignedInvitation(..)");
    assert_eq!(format!("{:?}", invitation()), "Invitation(..)");
    assert_eq!(format!("{:?}", invitation().secret), "LinkSecret(..)");
    assert_eq!(format!("{:?}", invitation().proof_key()), "ProofKey(..)");
    assert_eq!(format!("{:?}", address()), "RelayAddress(..)");
}

#[test]
fn an_address_with_each_kind_of_host_comes_back() {
    let pin_text = "IiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiI";
    for (text, host) in [
        ("relay.example:4433", "relay.example"),
        ("localhost:1", "localhost"),
        ("192.0.2.7:65535", "192.0.2.7"),
        ("[2001:db8::7]:443", "2001:db8::7"),
    ] {
        let text = format!("{text}#{pin_text}");
        let address: RelayAddress = text.parse().unwrap();
        assert_eq!(address.host(), host);
        assert_eq!(address.to_string(), text);
        assert_eq!(format!(" {text}\n").parse(), Ok(address));
    }
}

#[test]
fn an_address_has_one_spelling() {
    let host = |host: &str| RelayAddress::new(host, 1, pin()).unwrap().host().to_owned();
    assert_eq!(host("Relay.EXAMPLE"), "relay.example");
    assert_eq!(host("2001:0DB8:0:0::7"), "2001:db8::7");
}

#[test]
fn what_is_no_address_says_which_part() {
    let pin_text = "IiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiI";
    let long = "a.".repeat(127);
    for (place, expected) in [
        ("relay.example", AddressError::Form),
        ("2001:db8::7:443", AddressError::Form),
        ("[2001:db8::7:443", AddressError::Form),
        ("[relay.example]:443", AddressError::Host),
        (":443", AddressError::Host),
        ("a b:443", AddressError::Host),
        ("a\u{7}b:443", AddressError::Host),
        ("خيمة:443", AddressError::Host),
        ("-a:443", AddressError::Host),
        ("a-:443", AddressError::Host),
        ("a..b:443", AddressError::Host),
        ("a.:443", AddressError::Host),
        ("10.1:443", AddressError::Host),
        ("010.0.0.1:443", AddressError::Host),
        ("256.0.0.1:443", AddressError::Host),
        ("0x7f000001:443", AddressError::Host),
        ("user@host:443", AddressError::Host),
        ("host/path:443", AddressError::Host),
        (&format!("{long}b:443"), AddressError::Host),
        (&format!("{}:443", "a".repeat(64)), AddressError::Host),
        ("a:", AddressError::Port),
        ("a:0", AddressError::Port),
        ("a:00443", AddressError::Port),
        ("a:+443", AddressError::Port),
        ("a:65536", AddressError::Port),
        ("a:٤٤٣", AddressError::Port),
    ] {
        assert_eq!(format!("{place}#{pin_text}").parse::<RelayAddress>(), Err(expected), "{place}");
    }
    for pin in [
        String::new(),
        pin_text[1..].to_owned(),
        format!("{pin_text}="),
        format!("{pin_text}I"),
        format!("{}J", &pin_text[..42]),
        pin_text.replace('I', "+"),
        format!("{pin_text}#"),
    ] {
        assert_eq!(format!("a:1#{pin}").parse::<RelayAddress>(), Err(AddressError::Pin), "{pin}");
    }
    assert_eq!("a:1".parse::<RelayAddress>(), Err(AddressError::Form));
}

#[test]
fn the_longest_host_fits_a_link() {
    let host = format!("{}.{}.{}.{}", "a".repeat(63), "b".repeat(63), "c".repeat(63), "d".repeat(61));
    assert_eq!(host.len(), RelayAddress::MAX_HOST);
    let relay = RelayAddress::new(&host, 1, pin()).unwrap();
    let signed = Invitation { relay, permit: Some(permit()), ..invitation() }.sign(&key()).unwrap();
    for text in [signed.to_uri(), signed.to_qr_payload()] {
        assert!(text.len() <= SignedInvitation::MAX_TEXT);
        assert_eq!(SignedInvitation::parse(&text, TODAY).as_ref(), Ok(&signed));
    }
}

proptest! {
    #[test]
    fn any_invitation_comes_back(signed in any_signed_invitation()) {
        prop_assert_eq!(&SignedInvitation::parse(&signed.to_uri(), Day::new(0)).unwrap(), &signed);
        prop_assert_eq!(&SignedInvitation::parse(&signed.to_qr_payload(), Day::new(0)).unwrap(), &signed);
        prop_assert_eq!(&SignedInvitation::from_bytes(&signed.bytes()).unwrap(), &signed);
    }

    #[test]
    fn any_address_comes_back(address in any_address()) {
        prop_assert_eq!(address.to_string().parse(), Ok(address));
    }

    #[test]
    fn any_text_is_read_without_panic(text in any::<String>(), tail in "\\PC{0,80}") {
        let _ = SignedInvitation::parse(&text, TODAY);
        let _ = SignedInvitation::parse(&format!("khaima:{tail}"), TODAY);
        let _ = SignedInvitation::from_bytes(text.as_bytes());
        let _ = text.parse::<RelayAddress>();
        let _ = InviteCode::parse(&text);
    }
}
