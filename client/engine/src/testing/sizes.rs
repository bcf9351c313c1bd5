//! Envelopes have one of five sizes, and a first message looks like a later one.

use khaima_wire::{BundleKey, MailboxId, RelayAddress, RelayPin, SealedEnvelope};

use super::Net;
use super::net::{ALICE, BOB};
use crate::content::{ContactRequest, ContentBody, MAX_GREETING, MAX_NAME, MAX_RECEIPTS, encode_slip};
use crate::records::{Place, Profile, Slip};
use crate::{ConversationId, MAX_TEXT_LENGTH, MessageId};

#[test]
fn the_largest_contact_request_fits_the_smallest_envelope() {
    let mut net = Net::new(501);
    net.request(ALICE, BOB);
    let alice = net.bob().only_contact().id;
    let contact = net.bob().record(alice);
    let now = net.now;
    let profile = Profile::require(&net.bob().store).unwrap();
    // The longest host there is.
    let host = format!("{0}.{0}.{0}.{1}", "a".repeat(63), "b".repeat(61));
    assert_eq!(host.len(), RelayAddress::MAX_HOST);
    let relay = RelayAddress::new(&host, 65_535, RelayPin::from_bytes([255; 32])).unwrap();
    let place = Place {
        relay,
        mailbox: MailboxId::from_bytes([255; 32]),
        bundle_key: BundleKey::from_bytes(&[255; 32]),
    };
    let slip = Slip { number: u32::MAX, device: 127, places: vec![place] };
    let request = ContactRequest {
        statement: profile.statement.clone(),
        slip: encode_slip(&slip, &profile.identity, &mut net.bob().rng),
        name: "n".repeat(MAX_NAME),
        greeting: "g".repeat(MAX_GREETING),
        proof: [255; 32],
    };
    let mut content = net.bob().content(0, ContentBody::Request(request));
    content.written = khaima_wire::Timestamp::from_millis(u64::MAX);
    content.statement_number = u32::MAX;
    let sealed = net.bob().craft(&contact, &content, now);
    assert_eq!(sealed.size(), 3_968);
}

#[test]
fn first_messages_and_later_ones_have_the_same_sizes() {
    let mut net = Net::new(502);
    let (bob, alice) = net.meet(ALICE, BOB);
    let now = net.now;
    net.alice().say(bob, "ok", now);
    net.run();
    net.bob().say(alice, "ok", now);
    net.settle();
    let sizes: Vec<usize> = net.relay().submitted.iter().map(|(_, sealed)| sealed.size()).collect();
    assert!(sizes.len() >= 5);
    assert!(sizes.iter().all(|size| *size == 3_968), "request, answer, receipts, texts: {sizes:?}");
}

#[test]
fn the_longest_text_fits_also_as_a_first_message_with_all_receipts() {
    let mut net = Net::new(503);
    net.request(ALICE, BOB);
    let alice = net.bob().only_contact().id;
    let contact = net.bob().record(alice);
    let mut content = net.bob().content(u64::MAX, ContentBody::Text("x".repeat(MAX_TEXT_LENGTH)));
    content.receipts = vec![MessageId::from_bytes([255; 16]); MAX_RECEIPTS];
    content.written = khaima_wire::Timestamp::from_millis(u64::MAX);
    let now = net.now;
    assert_eq!(net.bob().craft(&contact, &content, now).size(), SealedEnvelope::MAX_SIZE);
}

#[test]
fn a_text_takes_the_smallest_size_it_fits() {
    let mut net = Net::new(504);
    let (bob, alice) = net.meet(ALICE, BOB);
    let now = net.now;
    for length in [1, 2_000, 6_000, 14_000, 30_000, MAX_TEXT_LENGTH] {
        net.alice().say(bob, &"x".repeat(length), now);
    }
    net.run();
    let all: Vec<usize> = net.relay().submitted.iter().map(|(_, sealed)| sealed.size()).collect();
    let last = &all[all.len() - 6..];
    assert_eq!(last, [3_968, 3_968, 8_064, 16_256, 32_640, 65_408]);
    let rows = crate::query::messages(&net.bob().store, ConversationId::of(alice), None, 10).unwrap();
    assert_eq!(rows.len(), 6);
}
