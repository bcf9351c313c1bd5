#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    missing_docs
)]
// Helpers outside #[test] functions may stop the test.
//! Frames: round trips, limits, and everything a hostile peer may send.

#[allow(dead_code, reason = "shared by several test binaries")]
mod common;

use common::*;
use khaima_wire::*;
use proptest::collection::vec;
use proptest::prelude::*;

/// Reads `bytes` in pieces of the given size; all frames, then the error if there was one.
fn read<F: Frame>(bytes: &[u8], piece: usize) -> (Vec<F>, Option<FrameError>) {
    let mut decoder = FrameDecoder::<F>::new();
    let mut frames = Vec::new();
    for piece in bytes.chunks(piece.max(1)) {
        decoder.push(piece);
        loop {
            match decoder.next() {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                Err(error) => return (frames, Some(error)),
            }
        }
    }
    (frames, None)
}

fn with_prefix(body: &[u8]) -> Vec<u8> {
    let mut bytes = u32::try_from(body.len()).unwrap().to_be_bytes().to_vec();
    bytes.extend_from_slice(body);
    bytes
}

/// A frame by hand: code, id, body.
fn by_hand(code: u8, id: u8, body: &[u8]) -> Vec<u8> {
    let mut message = vec![0x08, code, 0x10, id, 0x1a];
    let mut length = body.len();
    while length >= 0x80 {
        message.push(length as u8 | 0x80);
        length >>= 7;
    }
    message.push(length as u8);
    message.extend_from_slice(body);
    with_prefix(&message)
}

fn field(number: u8, value: &[u8]) -> Vec<u8> {
    assert!(value.len() < 128);
    let mut bytes = vec![number << 3 | 2, value.len() as u8];
    bytes.extend_from_slice(value);
    bytes
}

fn read_one<F: Frame>(bytes: &[u8]) -> Result<Option<F>, FrameError> {
    let mut decoder = FrameDecoder::new();
    decoder.push(bytes);
    decoder.next()
}

const MALFORMED_7: FrameError = FrameError::Malformed { id: Some(RequestId::new(7)) };

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn every_client_frame_comes_back_however_it_is_cut(
        frames in vec(any_client_frame(), 1..4),
        piece in 1..70_000_usize,
    ) {
        let bytes: Vec<u8> = frames.iter().flat_map(|frame| frame.encode().unwrap()).collect();
        prop_assert_eq!(read::<ClientFrame>(&bytes, piece), (frames, None));
    }

    #[test]
    fn every_relay_frame_comes_back_however_it_is_cut(
        frames in vec(any_relay_frame(), 1..4),
        piece in 1..70_000_usize,
    ) {
        let bytes: Vec<u8> = frames.iter().flat_map(|frame| frame.encode().unwrap()).collect();
        prop_assert_eq!(read::<RelayFrame>(&bytes, piece), (frames, None));
    }

    #[test]
    fn the_claimed_length_is_the_real_length(client in any_client_frame(), relay in any_relay_frame()) {
        for bytes in [client.encode().unwrap(), relay.encode().unwrap()] {
            let (prefix, body) = bytes.split_first_chunk::<4>().unwrap();
            prop_assert_eq!(u32::from_be_bytes(*prefix) as usize, body.len());
            prop_assert!(body.len() <= MAX_FRAME);
        }
    }

    #[test]
    fn random_bytes_never_panic(bytes in vec(any::<u8>(), 0..600)) {
        let _ = <ClientFrame as Frame>::decode(&bytes);
        let _ = <RelayFrame as Frame>::decode(&bytes);
        let _ = read::<ClientFrame>(&bytes, 7);
        let _ = read::<RelayFrame>(&with_prefix(&bytes), 64);
    }

    #[test]
    fn random_bodies_of_every_code_never_panic(
        code in 0..20_u8,
        id in any::<u8>(),
        body in vec(any::<u8>(), 0..200),
    ) {
        let bytes = by_hand(code, id, &body);
        let _ = read_one::<ClientFrame>(&bytes);
        let _ = read_one::<RelayFrame>(&bytes);
    }

    #[test]
    fn what_a_changed_byte_leaves_readable_is_stable(
        frame in any_client_frame(),
        at in any::<prop::sample::Index>(),
        flip in 1..=u8::MAX,
    ) {
        let mut bytes = frame.encode().unwrap();
        let at = 4 + at.index(bytes.len() - 4);
        bytes[at] ^= flip;
        if let Ok(Some(decoded)) = read_one::<ClientFrame>(&bytes) {
            let again = decoded.encode().unwrap();
            prop_assert_eq!(read_one::<ClientFrame>(&again), Ok(Some(decoded)));
        }
    }
}

#[test]
fn every_sample_comes_back() {
    for (name, frame) in client_frames() {
        assert_eq!(read_one(&frame.encode().unwrap()), Ok(Some(frame)), "{name}");
    }
    for (name, frame) in relay_frames() {
        assert_eq!(read_one(&frame.encode().unwrap()), Ok(Some(frame)), "{name}");
    }
}

#[test]
fn a_frame_cut_off_anywhere_waits_for_more() {
    for (name, frame) in client_frames() {
        let bytes = frame.encode().unwrap();
        for end in 0..bytes.len() {
            assert_eq!(read_one::<ClientFrame>(&bytes[..end]), Ok(None), "{name} cut at {end}");
        }
    }
    for (name, frame) in relay_frames() {
        let bytes = frame.encode().unwrap();
        for end in 0..bytes.len() {
            assert_eq!(read_one::<RelayFrame>(&bytes[..end]), Ok(None), "{name} cut at {end}");
        }
    }
}

/// Cut inside and given a length that fits: an error, or a frame whose optional end is missing; never the same.
#[test]
fn a_body_cut_off_anywhere_is_never_taken_for_the_whole() {
    for (name, frame) in client_frames() {
        let bytes = frame.encode().unwrap();
        for end in 4..bytes.len() {
            let cut = read_one::<ClientFrame>(&with_prefix(&bytes[4..end]));
            assert_ne!(cut, Ok(Some(frame.clone())), "{name} cut at {end}");
            assert_ne!(cut, Ok(None), "{name} cut at {end}");
        }
    }
}

#[test]
fn a_length_above_the_limit_is_an_error_before_anything_is_buffered() {
    for length in [MAX_FRAME as u32 + 1, 0x0100_0000, u32::MAX] {
        let mut decoder = FrameDecoder::<ClientFrame>::new();
        decoder.push(&length.to_be_bytes());
        assert_eq!(decoder.next(), Err(FrameError::TooLarge));
        decoder.push(&[0; 10_000]);
        assert_eq!(decoder.pending(), 0);
        assert_eq!(decoder.next(), Err(FrameError::TooLarge));
        assert!(FrameError::TooLarge.is_fatal());
    }
}

#[test]
fn a_length_at_the_limit_is_waited_for() {
    let mut decoder = FrameDecoder::<ClientFrame>::new();
    decoder.push(&(MAX_FRAME as u32).to_be_bytes());
    assert_eq!(decoder.next(), Ok(None));
    assert_eq!(decoder.pending(), 4);
}

#[test]
fn decoding_a_slice_above_the_limit_is_an_error() {
    assert_eq!(<ClientFrame as Frame>::decode(&vec![0; MAX_FRAME + 1]), Err(FrameError::TooLarge));
}

#[test]
fn an_empty_frame_is_malformed() {
    assert_eq!(read_one::<ClientFrame>(&[0; 4]), Err(FrameError::Malformed { id: None }));
    assert_eq!(read_one::<RelayFrame>(&[0; 4]), Err(FrameError::Malformed { id: None }));
}

#[test]
fn the_frame_after_a_malformed_one_is_read() {
    let mut decoder = FrameDecoder::<ClientFrame>::new();
    decoder.push(&by_hand(8, 7, b"not a message"));
    let ping = ClientFrame::Request { id: RequestId::new(8), request: Request::Ping };
    decoder.push(&ping.encode().unwrap());
    assert_eq!(decoder.next(), Err(MALFORMED_7));
    assert!(!MALFORMED_7.is_fatal());
    assert_eq!(decoder.next(), Ok(Some(ping)));
    assert_eq!(decoder.next(), Ok(None));
    assert_eq!(decoder.pending(), 0);
}

#[test]
fn unknown_codes_keep_their_number_and_id() {
    let request = read_one::<ClientFrame>(&by_hand(99, 7, b"whatever")).unwrap().unwrap();
    assert_eq!(request, ClientFrame::Request { id: RequestId::new(7), request: Request::Unknown(99) });
    let reply = read_one::<RelayFrame>(&by_hand(99, 7, b"whatever")).unwrap().unwrap();
    assert_eq!(reply, RelayFrame::Reply { id: RequestId::new(7), reply: Reply::Unknown(99) });
}

#[test]
fn unknown_fields_are_skipped() {
    let mut body = field(1, key().id().as_bytes());
    body.extend(field(15, b"of a later version"));
    let claim =
        ClientFrame::Request { id: RequestId::new(7), request: Request::Claim { mailbox: key().id() } };
    assert_eq!(read_one(&by_hand(8, 7, &body)), Ok(Some(claim)));
}

#[test]
fn bytes_after_the_message_are_malformed() {
    let mut body = field(1, key().id().as_bytes());
    body.push(0);
    assert_eq!(read_one::<ClientFrame>(&by_hand(8, 7, &body)), Err(MALFORMED_7));
}

#[test]
fn a_request_without_an_id_is_malformed() {
    let none = FrameError::Malformed { id: None };
    assert_eq!(read_one::<ClientFrame>(&by_hand(2, 0, &[])), Err(none));
    assert!(none.is_fatal());
}

#[test]
fn a_hello_has_no_id_and_a_push_neither() {
    let none = FrameError::Malformed { id: None };
    assert_eq!(read_one::<ClientFrame>(&by_hand(1, 7, &[])), Err(none));
    assert_eq!(read_one::<RelayFrame>(&by_hand(1, 7, &[])), Err(none));
    let retiring = RelayFrame::Push(Push::Retiring { last_day: Day::new(1) }).encode().unwrap();
    let mut with_id = retiring[4..].to_vec();
    with_id.extend([0x10, 7]);
    assert_eq!(read_one::<RelayFrame>(&with_prefix(&with_id)), Err(none));
}

#[test]
fn ids_of_the_wrong_length_are_malformed() {
    for length in [0, 1, 31, 33, 64] {
        let body = field(1, &vec![1; length]);
        assert_eq!(read_one::<ClientFrame>(&by_hand(8, 7, &body)), Err(MALFORMED_7), "{length}");
    }
    let mut acknowledge = field(1, &[1; 32]);
    acknowledge.extend(field(2, &[2; 15]));
    assert_eq!(read_one::<ClientFrame>(&by_hand(6, 7, &acknowledge)), Err(MALFORMED_7));
}

#[test]
fn a_proof_with_a_weak_key_or_none_is_malformed() {
    let mut weak = [0; 32];
    weak[0] = 1;
    for public_key in [weak, [0; 32], [0xff; 32]] {
        let mut proof = field(1, &public_key);
        proof.extend(field(2, &[0; 64]));
        assert_eq!(read_one::<ClientFrame>(&by_hand(4, 7, &field(1, &proof))), Err(MALFORMED_7));
    }
    assert_eq!(read_one::<ClientFrame>(&by_hand(4, 7, &[])), Err(MALFORMED_7));
    let short = field(1, &field(1, key().public().as_bytes()));
    assert_eq!(read_one::<ClientFrame>(&by_hand(4, 7, &short)), Err(MALFORMED_7));
}

#[test]
fn a_permit_of_the_wrong_length_is_malformed_and_not_left_out() {
    let mut proof = field(1, key().public().as_bytes());
    proof.extend(field(2, &[0; 64]));
    // By hand: the proof is below 128 bytes.
    let mut body = field(1, &proof);
    body.extend(field(2, &[]));
    assert_eq!(read_one::<ClientFrame>(&by_hand(3, 7, &body)), Err(MALFORMED_7));
}

#[test]
fn an_envelope_of_another_size_is_malformed() {
    let mut body = field(1, &[1; 32]);
    body.extend(field(2, &[0x5a; 100]));
    assert_eq!(read_one::<ClientFrame>(&by_hand(9, 7, &body)), Err(MALFORMED_7));
}

#[test]
fn lists_above_their_limits_are_neither_written_nor_read() {
    let request = |request| ClientFrame::Request { id: RequestId::new(7), request };
    let acknowledge = |count| {
        request(Request::Acknowledge { mailbox: key().id(), ids: vec![EnvelopeId::new(1, [0; 8]); count] })
    };
    assert!(acknowledge(MAX_ACKNOWLEDGED).encode().is_ok());
    assert_eq!(acknowledge(MAX_ACKNOWLEDGED + 1).encode(), Err(FrameError::TooLarge));

    let proof = key().prove(&EXPORTER, &pin(), Purpose::Publish);
    let publish = |count| {
        request(Request::Publish {
            proof: proof.clone(),
            one_time: vec![sealed_bundle(1); count],
            last_resort: Some(sealed_bundle(2)),
            replace: false,
        })
    };
    assert!(publish(MAX_PUBLISHED).encode().is_ok());
    assert_eq!(publish(MAX_PUBLISHED + 1).encode(), Err(FrameError::TooLarge));

    let permits =
        |count| RelayFrame::Reply { id: RequestId::new(7), reply: Reply::Permits(vec![permit(); count]) };
    assert!(permits(MAX_PERMITS).encode().is_ok());
    assert_eq!(permits(MAX_PERMITS + 1).encode(), Err(FrameError::TooLarge));

    let mut body = field(1, &[1; 32]);
    (0..=MAX_ACKNOWLEDGED).for_each(|_| body.extend(field(2, &[2; 16])));
    assert_eq!(read_one::<ClientFrame>(&by_hand(6, 7, &body)), Err(MALFORMED_7));
    let mut body = Vec::new();
    (0..=MAX_PERMITS).for_each(|_| body.extend(field(1, &[2; 32])));
    assert_eq!(read_one::<RelayFrame>(&by_hand(15, 7, &body)), Err(MALFORMED_7));
}

#[test]
fn the_largest_frames_fit() {
    let envelope = sealed_of(SealedEnvelope::MAX_SIZE, 0x5a);
    let mailbox = key().id();
    let submit = ClientFrame::Request {
        id: RequestId::new(u64::MAX),
        request: Request::Submit(Envelope { mailbox, sealed: envelope.clone() }),
    };
    let deliver = RelayFrame::Push(Push::Deliver(Delivery {
        mailbox,
        id: EnvelopeId::new(u64::MAX, [0xff; 8]),
        stored: Day::new(u32::MAX),
        sealed: envelope,
    }));
    let publish = ClientFrame::Request {
        id: RequestId::new(u64::MAX),
        request: Request::Publish {
            proof: key().prove(&EXPORTER, &pin(), Purpose::Publish),
            one_time: vec![sealed_bundle(1); MAX_PUBLISHED],
            last_resort: Some(sealed_bundle(2)),
            replace: true,
        },
    };
    for bytes in [submit.encode().unwrap(), deliver.encode().unwrap(), publish.encode().unwrap()] {
        assert!(bytes.len() <= 4 + MAX_FRAME);
    }
}

#[test]
fn what_a_peer_may_not_tell_apart_has_one_length() {
    let length = |reply| RelayFrame::Reply { id: RequestId::new(7), reply }.encode().unwrap().len();
    assert_eq!(length(Reply::Accepted), length(Reply::Gone));
    assert_eq!(length(Reply::Accepted), length(Reply::Full));
    assert_eq!(length(Reply::Created), length(Reply::AlreadyYours));
}

#[test]
fn a_length_field_inside_a_frame_that_promises_too_much_is_malformed() {
    // Field 3 of the frame claims 2^32 - 1 bytes.
    let lying = with_prefix(&[0x08, 9, 0x10, 7, 0x1a, 0xff, 0xff, 0xff, 0xff, 0x0f]);
    assert_eq!(read_one::<ClientFrame>(&lying), Err(FrameError::Malformed { id: None }));
    // Field 2 of the body does.
    let mut body = field(1, &[1; 32]);
    body.extend([0x12, 0xff, 0xff, 0xff, 0xff, 0x0f]);
    assert_eq!(read_one::<ClientFrame>(&by_hand(9, 7, &body)), Err(MALFORMED_7));
}

#[test]
fn debug_of_a_frame_shows_no_id_key_secret_or_content() {
    let text: String = client_frames()
        .iter()
        .map(|(_, frame)| format!("{frame:?}\n"))
        .chain(relay_frames().iter().map(|(_, frame)| format!("{frame:?}\n")))
        .collect();
    insta::assert_snapshot!(text);
}

#[test]
fn request_ids_never_come_round_to_the_connections_own() {
    assert_eq!(RequestId::new(1).next(), RequestId::new(2));
    assert_eq!(RequestId::new(u64::MAX).next(), RequestId::new(1));
    assert_eq!(RequestId::CONNECTION.next(), RequestId::new(1));
}
