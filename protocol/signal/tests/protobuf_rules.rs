//! What the decoder accepts and refuses, on a server certificate written by hand.
//!
//! Spec: Signal protocol 0.1 Protobuf rules.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    missing_docs,
    reason = "test code"
)]

use khaima_signal::sealed_sender::{CertificateError, ServerCertificate};

/// Field 2 (bytes) of the contents: a public key.
fn key_field() -> Vec<u8> {
    [&[0x12, 33, 0x05][..], &[9; 32]].concat()
}

fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    [&[number << 3 | 2, u8::try_from(bytes.len()).unwrap()][..], bytes].concat()
}

/// A certificate with these contents before the key.
fn certificate(contents: &[u8]) -> Vec<u8> {
    let contents = [contents, &key_field()].concat();
    let mut out = vec![0x0A];
    prost::encoding::encode_varint(contents.len() as u64, &mut out);
    out.extend_from_slice(&contents);
    out.extend_from_slice(&field(2, b"signature"));
    out
}

fn id_of(contents: &[u8]) -> Option<u32> {
    match ServerCertificate::decode(&certificate(contents)) {
        Ok(certificate) => Some(certificate.id()),
        Err(CertificateError::InvalidProtobufEncoding) => None,
        Err(other) => panic!("unexpected {other:?}"),
    }
}

#[test]
fn the_last_of_repeated_scalars_counts() {
    assert_eq!(id_of(&[0x08, 5, 0x08, 6]), Some(6));
}

#[test]
fn varints_may_be_longer_than_needed_but_not_than_ten_bytes() {
    assert_eq!(id_of(&[0x08, 0x85, 0x80, 0x00]), Some(5));
    assert_eq!(id_of(&[0x08, 0x85, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00]), Some(5));
    assert_eq!(id_of(&[0x08, 0x85, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00]), None);
    assert_eq!(id_of(&[0x08, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x02]), None);
    assert_eq!(id_of(&[0x08, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01]), Some(u32::MAX));
}

#[test]
fn a_wide_number_keeps_its_low_32_bits() {
    // 2^32 + 7
    assert_eq!(id_of(&[0x08, 0x87, 0x80, 0x80, 0x80, 0x10]), Some(7));
}

#[test]
fn unknown_fields_of_every_wire_type_are_skipped() {
    let unknown: [&[u8]; 5] = [
        &[0x18, 0x01],                                  // varint
        &[0x19, 1, 2, 3, 4, 5, 6, 7, 8],                // 8 bytes
        &[0x1A, 2, 0xAA, 0xBB],                         // length-delimited
        &[0x1B, 0x08, 0x01, 0x23, 0x08, 9, 0x24, 0x1C], // group with a group inside
        &[0x1D, 1, 2, 3, 4],                            // 4 bytes
    ];
    for bytes in unknown {
        assert_eq!(id_of(&[bytes, &[0x08, 5]].concat()), Some(5), "{bytes:02x?}");
    }
}

#[test]
fn malformed_fields_are_refused() {
    let malformed: [&[u8]; 12] = [
        &[0x1E, 0],                            // wire type 6
        &[0x1F, 0],                            // wire type 7
        &[0x00, 0],                            // field number 0
        &[0x02, 0],                            // field number 0, length-delimited
        &[0x1C],                               // end of a group that did not start
        &[0x1B, 0x24],                         // end of another group
        &[0x1B],                               // group without an end
        &[0x09, 0, 0, 0, 0, 0, 0, 0, 0],       // field 1 as 8 bytes
        &[0x0A, 1, 5],                         // field 1 as bytes
        &[0x0D, 0, 0, 0, 0],                   // field 1 as 4 bytes
        &[0x80, 0x80, 0x80, 0x80, 0x10, 0],    // field key 2^32
        &[0x1A, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F], // length past the end
    ];
    for bytes in malformed {
        assert_eq!(id_of(&[&[0x08, 5], bytes].concat()), None, "{bytes:02x?}");
    }
}

#[test]
fn groups_nest_a_hundred_deep_and_no_deeper() {
    let nested =
        |depth: usize, inner: &[u8]| [&vec![0x1B; depth], inner, &vec![0x1C; depth], &[0x08, 5]].concat();
    assert_eq!(id_of(&nested(99, &[0x20, 0])), Some(5));
    assert_eq!(id_of(&nested(100, &[])), Some(5));
    assert_eq!(id_of(&nested(100, &[0x20, 0])), None);
    assert_eq!(id_of(&nested(101, &[])), None);
}

#[test]
fn every_truncation_is_refused() {
    let whole = certificate(&[0x08, 5]);
    assert!(ServerCertificate::decode(&whole).is_ok());
    for length in 0..whole.len() {
        assert!(ServerCertificate::decode(&whole[..length]).is_err(), "length {length}");
    }
}
