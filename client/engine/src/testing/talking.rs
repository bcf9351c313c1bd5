//! Messages between accepted contacts.

use super::Net;
use super::net::{ALICE, BOB};
use crate::content::ContentBody;
use crate::query::MessageState;
use crate::{
    Command, CommandError, ConversationId, Engine, EngineError, Event, FailReason, Input, MAX_TEXT_LENGTH,
    MessageId, Problem,
};

#[test]
fn a_message_is_queued_then_sent_then_delivered() {
    let mut net = Net::new(101);
    let (bob, _) = net.meet(ALICE, BOB);
    net.alice().disconnect();
    net.alice().offline = true;
    net.bob().offline = true;
    let now = net.now;
    net.alice().say(bob, "one", now);
    assert_eq!(net.alice().states(bob), [MessageState::Queued]);
    net.alice().offline = false;
    net.run();
    assert_eq!(net.alice().states(bob), [MessageState::Sent { at: now }]);
    net.bob().offline = false;
    net.settle();
    assert!(matches!(net.alice().states(bob)[..], [MessageState::Delivered { .. }]));
}

#[test]
fn receipts_leave_together_after_5_to_60_seconds() {
    let mut net = Net::new(102);
    let (bob, _) = net.meet(ALICE, BOB);
    let sent = net.relay().submitted.len();
    let now = net.now;
    for number in 0..10 {
        net.alice().say(bob, &number.to_string(), now);
    }
    net.run();
    assert_eq!(net.relay().submitted.len(), sent + 10);
    net.pass(4_999);
    net.run();
    assert_eq!(net.relay().submitted.len(), sent + 10, "a receipt left before 5 seconds");
    let due = Engine::new().next_tick(&net.people[BOB].store, net.now).unwrap();
    assert!((5_000..=60_000).contains(&due.millis_since(now)));
    net.pass(55_001);
    net.run();
    assert_eq!(net.relay().submitted.len(), sent + 11, "one envelope for ten receipts");
    assert!(net.alice().states(bob).iter().all(|state| matches!(state, MessageState::Delivered { .. })));
}

#[test]
fn receipts_ride_with_the_next_message() {
    let mut net = Net::new(103);
    let (bob, alice) = net.meet(ALICE, BOB);
    let sent = net.relay().submitted.len();
    let now = net.now;
    net.alice().say(bob, "question", now);
    net.run();
    net.bob().say(alice, "answer", now);
    net.run();
    assert!(matches!(net.alice().states(bob)[..], [MessageState::Delivered { .. }]));
    net.bob().disconnect();
    net.settle();
    // Question, answer, and Alice's receipt for it; none of Bob's own.
    assert_eq!(net.relay().submitted.len(), sent + 3);
}

#[test]
fn sixty_four_receipts_do_not_wait() {
    let mut net = Net::new(104);
    let (bob, _) = net.meet(ALICE, BOB);
    let sent = net.relay().submitted.len();
    let now = net.now;
    for number in 0..64 {
        net.alice().say(bob, &number.to_string(), now);
    }
    net.run();
    assert_eq!(net.relay().submitted.len(), sent + 65);
    assert!(net.alice().states(bob).iter().all(|state| matches!(state, MessageState::Delivered { .. })));
}

#[test]
fn repeated_deliveries_are_shown_once_and_acknowledged() {
    let mut net = Net::new(105);
    net.repeats = true;
    let (bob, alice) = net.meet(ALICE, BOB);
    let now = net.now;
    net.alice().say(bob, "once", now);
    net.settle();
    assert_eq!(net.bob().thread(alice), ["< once"]);
    assert_eq!(net.relay().waiting(), 0);
}

#[test]
fn an_envelope_submitted_twice_is_shown_once_also_over_midnight() {
    let mut net = Net::new(106);
    let (bob, alice) = net.meet(ALICE, BOB);
    let now = net.now;
    net.alice().say(bob, "once", now);
    net.run();
    let (mailbox, sealed) = net.relay().submitted.last().unwrap().clone();
    for days in [0, 1, 10] {
        net.pass_days(days);
        net.relay().inject(mailbox, sealed.clone());
        net.settle();
        // Remembered on neighbouring days; later the ratchet knows it.
        let expected = if days == 10 { vec![(crate::DropReason::Duplicate, 1)] } else { Vec::new() };
        assert_eq!(net.bob().dropped(), expected);
    }
    assert_eq!(net.bob().thread(alice), ["< once"]);
    assert_eq!(net.relay().waiting(), 0);
}

#[test]
fn a_lost_answer_to_a_submission_does_no_harm() {
    let mut net = Net::new(107);
    let (bob, alice) = net.meet(ALICE, BOB);
    let mut lost = 0;
    net.loses = Some(Box::new(move |who, what| {
        lost += usize::from(who == "alice" && what == "submit");
        who == "alice" && what == "submit" && lost <= 2
    }));
    let now = net.now;
    net.alice().say(bob, "one", now);
    net.alice().say(bob, "two", now);
    net.settle();
    net.settle();
    assert_eq!(net.bob().thread(alice), ["< one", "< two"]);
    assert!(net.alice().states(bob).iter().all(|state| matches!(state, MessageState::Delivered { .. })));
    assert!(net.bob().dropped().is_empty());
}

#[test]
fn a_receipt_overtakes_the_relays_lost_answer() {
    let mut net = Net::new(108);
    let (bob, _) = net.meet(ALICE, BOB);
    net.loses = Some(Box::new(|who, what| who == "alice" && what == "submit"));
    let now = net.now;
    net.alice().say(bob, "one", now);
    net.run();
    net.pass(61_000);
    net.run();
    assert!(matches!(net.alice().states(bob)[..], [MessageState::Delivered { .. }]));
    assert_eq!(crate::query::pending_jobs(&net.alice().store).unwrap(), 0);
}

#[test]
fn reversed_deliveries_are_all_read() {
    let mut net = Net::new(109);
    let (bob, alice) = net.meet(ALICE, BOB);
    net.bob().disconnect();
    net.bob().offline = true;
    let now = net.now;
    for word in ["one", "two", "three", "four"] {
        net.alice().say(bob, word, now);
    }
    net.run();
    net.bob().offline = false;
    net.reverses = true;
    net.settle();
    assert_eq!(net.bob().thread(alice), ["< four", "< three", "< two", "< one"]);
    net.pass_days(2);
    assert_eq!(net.bob().thread(alice).len(), 4, "no gap is left");
    assert!(net.bob().dropped().is_empty());
}

#[test]
fn a_missing_message_shows_after_a_day_and_vanishes_when_it_comes() {
    let mut net = Net::new(110);
    let (bob, alice) = net.meet(ALICE, BOB);
    net.bob().disconnect();
    net.bob().offline = true;
    let now = net.now;
    for word in ["one", "two", "three", "four"] {
        net.alice().say(bob, word, now);
    }
    net.run();
    let mailbox = net.relay().submitted.last().unwrap().0;
    let held: Vec<_> = net.relay().mailboxes.get_mut(&mailbox).unwrap().queue.drain(1..3).collect();
    net.bob().offline = false;
    net.run();
    assert_eq!(net.bob().thread(alice), ["< one", "< four"]);
    net.pass(86_000_000);
    assert_eq!(net.bob().thread(alice).len(), 2, "too early");
    net.pass(401_000);
    assert_eq!(net.bob().thread(alice), ["< one", "< [2 missing]", "< four"]);
    assert!(net.bob().events.iter().any(|event| matches!(event, Event::GapNoticed { .. })));
    net.relay().inject(mailbox, held[0].2.clone());
    net.run();
    assert_eq!(net.bob().thread(alice), ["< one", "< [1 missing]", "< four", "< two"]);
    net.relay().inject(mailbox, held[1].2.clone());
    net.run();
    assert_eq!(net.bob().thread(alice), ["< one", "< four", "< two", "< three"]);
    assert!(net.bob().events.iter().any(|event| matches!(event, Event::GapClosed { .. })));
}

#[test]
fn a_gone_mailbox_fails_the_message_and_it_can_be_sent_again() {
    let mut net = Net::new(111);
    let (bob, alice) = net.meet(ALICE, BOB);
    let mailbox = net.bob().record(alice).own_mailbox.unwrap();
    net.bob().disconnect();
    net.bob().offline = true;
    let lost = net.relay().mailboxes.remove(&mailbox).unwrap();
    let now = net.now;
    net.alice().say(bob, "are you there", now);
    net.settle();
    assert_eq!(net.alice().states(bob), [MessageState::Failed(FailReason::Gone)]);
    assert!(net.alice().contact("bob").mailbox_gone);
    assert!(net.alice().events.contains(&Event::Problem(Problem::ContactMailboxGone { contact: bob })));
    net.relay().mailboxes.insert(mailbox, lost);
    net.bob().offline = false;
    let conversation = ConversationId::of(bob);
    let order = crate::query::messages(&net.alice().store, conversation, None, 1).unwrap()[0].order;
    let now = net.now;
    net.alice().command(Command::Retry { conversation, order }, now).unwrap();
    net.settle();
    assert_eq!(net.bob().thread(alice), ["< are you there"]);
    assert!(matches!(net.alice().states(bob)[..], [MessageState::Delivered { .. }]));
    assert!(!net.alice().contact("bob").mailbox_gone);
    let now = net.now;
    let again = net.alice().command(Command::Retry { conversation, order }, now);
    assert!(matches!(again, Err(EngineError::Command(CommandError::NotFailed))));
}

#[test]
fn a_message_sent_again_by_hand_is_shown_once() {
    let mut net = Net::new(112);
    let (bob, alice) = net.meet(ALICE, BOB);
    let contact = net.alice().record(bob);
    let content = net.alice().content(1, ContentBody::Text("once".into()));
    let mailbox = net.bob().record(alice).own_mailbox.unwrap();
    let now = net.now;
    for _ in 0..2 {
        let sealed = net.alice().craft(&contact, &content, now);
        net.relay().inject(mailbox, sealed);
    }
    net.settle();
    assert_eq!(net.bob().thread(alice), ["< once"]);
}

#[test]
fn a_full_mailbox_is_told_and_tried_again() {
    let mut net = Net::new(113);
    let (bob, alice) = net.meet(ALICE, BOB);
    net.relay().full = true;
    let now = net.now;
    net.alice().say(bob, "patience", now);
    net.settle();
    assert_eq!(net.alice().states(bob), [MessageState::QueueFull]);
    let full = Event::Problem(Problem::MailboxFull { contact: bob });
    assert_eq!(net.alice().events.iter().filter(|event| **event == full).count(), 1);
    net.relay().full = false;
    net.pass(400_000);
    net.settle();
    assert_eq!(net.bob().thread(alice), ["< patience"]);
}

#[test]
fn the_longest_text_arrives_and_a_longer_one_changes_nothing() {
    let mut net = Net::new(114);
    let (bob, alice) = net.meet(ALICE, BOB);
    let before = net.alice().store.commits();
    let conversation = ConversationId::of(bob);
    let text = |length: usize| Command::SendText { conversation, body: "x".repeat(length) };
    let now = net.now;
    let result = net.alice().command(text(MAX_TEXT_LENGTH + 1), now);
    let error = CommandError::TextTooLong { length: MAX_TEXT_LENGTH + 1, limit: MAX_TEXT_LENGTH };
    assert!(matches!(result, Err(EngineError::Command(found)) if found == error));
    let result = net.alice().command(text(0), now);
    assert!(matches!(result, Err(EngineError::Command(CommandError::TextEmpty))));
    assert_eq!(net.alice().store.commits(), before);
    net.alice().command(text(MAX_TEXT_LENGTH), now).unwrap();
    net.settle();
    assert_eq!(net.bob().thread(alice)[0].len(), MAX_TEXT_LENGTH + 2);
    assert!(matches!(net.alice().states(bob)[..], [MessageState::Delivered { .. }]));
    // No record is larger than a store must take.
    assert!(
        net.people[BOB]
            .store
            .iter()
            .chain(net.people[ALICE].store.iter())
            .all(|(_, bytes)| bytes.len() <= 61_440)
    );
}

#[test]
fn an_expired_certificate_is_a_warning_and_no_loss() {
    let mut net = Net::new(115);
    let (bob, alice) = net.meet(ALICE, BOB);
    let contact = net.alice().record(bob);
    let content = net.alice().content(1, ContentBody::Text("late".into()));
    let mailbox = net.bob().record(alice).own_mailbox.unwrap();
    let now = net.now;
    let sealed = net.alice().craft(&contact, &content, now);
    let content = net.alice().content(2, ContentBody::Text("in time".into()));
    let in_time = net.alice().craft(&contact, &content, now);
    net.pass_days(60);
    net.run();
    let stored = now.day();
    net.relay().inject_on(mailbox, sealed, stored.plus(46));
    net.relay().inject_on(mailbox, in_time, stored.plus(45));
    net.run();
    assert_eq!(net.bob().thread(alice), ["< late (old certificate)", "< in time"]);
}

#[test]
fn a_changed_list_of_devices_shows_once() {
    let mut net = Net::new(116);
    let (bob, alice) = net.meet(ALICE, BOB);
    let contact = net.alice().record(bob);
    let mailbox = net.bob().record(alice).own_mailbox.unwrap();
    let now = net.now;
    for number in [1, 2] {
        let mut content = net.alice().content(number, ContentBody::Text("hello".into()));
        content.statement_number = 2;
        content.statement_hash = [7; 32];
        let sealed = net.alice().craft(&contact, &content, now);
        net.relay().inject(mailbox, sealed);
    }
    net.settle();
    assert_eq!(net.bob().thread(alice).len(), 2, "the words are shown");
    assert!(net.bob().contact("alice").statement_mismatch);
    let problem = Event::Problem(Problem::StatementMismatch { contact: alice });
    assert_eq!(net.bob().events.iter().filter(|event| **event == problem).count(), 1);
}

#[test]
fn content_of_a_later_version_leaves_a_row() {
    let mut net = Net::new(117);
    let (bob, alice) = net.meet(ALICE, BOB);
    let contact = net.alice().record(bob);
    let mailbox = net.bob().record(alice).own_mailbox.unwrap();
    let content = net.alice().content(1, ContentBody::Nothing);
    let now = net.now;
    let sealed = net.alice().craft(&contact, &content, now);
    net.relay().inject(mailbox, sealed);
    net.settle();
    assert_eq!(net.bob().thread(alice), ["< [unsupported]"]);
}

#[test]
fn reading_marks_rows_and_counts_the_rest() {
    let mut net = Net::new(118);
    let (bob, alice) = net.meet(ALICE, BOB);
    let now = net.now;
    for word in ["one", "two", "three"] {
        net.alice().say(bob, word, now);
    }
    net.settle();
    let list = crate::query::conversations(&net.bob().store).unwrap();
    assert_eq!((list.len(), list[0].unread, list[0].name.as_str()), (1, 3, "alice"));
    let conversation = ConversationId::of(alice);
    let rows = crate::query::messages(&net.bob().store, conversation, None, 100).unwrap();
    let now = net.now;
    net.bob().command(Command::MarkRead { conversation, up_to: rows[1].order }, now).unwrap();
    assert_eq!(crate::query::conversations(&net.bob().store).unwrap()[0].unread, 1);
    net.bob().command(Command::MarkRead { conversation, up_to: u64::MAX }, now).unwrap();
    assert_eq!(crate::query::conversations(&net.bob().store).unwrap()[0].unread, 0);
    let page = crate::query::messages(&net.bob().store, conversation, Some(rows[2].order), 1).unwrap();
    assert_eq!(page, [rows[1].clone()]);
}

#[test]
fn names_and_marks_are_kept() {
    let mut net = Net::new(119);
    let (bob, _) = net.meet(ALICE, BOB);
    let now = net.now;
    net.alice().command(Command::Rename { contact: bob, name: "Brother".into() }, now).unwrap();
    net.alice().command(Command::MarkVerified { contact: bob, verified: true }, now).unwrap();
    let shown = net.alice().contact("Brother");
    assert!(shown.verified && shown.own_name == "bob");
}

#[test]
fn without_a_session_the_words_wait_for_a_bundle() {
    let mut net = Net::new(120);
    let (bob, alice) = net.meet(ALICE, BOB);
    net.alice().lose_sessions();
    let now = net.now;
    net.alice().say(bob, "one", now);
    net.alice().say(bob, "two", now);
    assert_eq!(net.alice().states(bob), [MessageState::Queued, MessageState::Queued]);
    net.settle();
    assert_eq!(net.bob().thread(alice), ["< one", "< two"]);
    let now = net.now;
    net.bob().say(alice, "three", now);
    net.settle();
    assert_eq!(net.alice().thread(bob), ["> one", "> two", "< three"]);
    // The bundle used was replaced.
    let mailbox = net.bob().record(alice).own_mailbox.unwrap();
    assert_eq!(net.relay().mailboxes[&mailbox].one_time.len(), 2);
}

#[test]
fn what_cannot_be_read_is_kept_and_read_later() {
    let mut net = Net::new(121);
    let (bob, alice) = net.meet(ALICE, BOB);
    let kept = net.bob().lose_sessions();
    let now = net.now;
    net.alice().say(bob, "sealed", now);
    net.settle();
    assert_eq!(net.bob().thread(alice), ["< [unreadable]"]);
    assert!(net.bob().events.contains(&Event::Problem(Problem::Undecryptable { contact: alice })));
    assert_eq!(net.relay().waiting(), 0, "acknowledged once it was kept");
    // The old session comes back, and a new one begins.
    net.bob().restore(kept);
    net.alice().lose_sessions();
    let now = net.now;
    net.alice().say(bob, "anew", now);
    net.settle();
    assert_eq!(net.bob().thread(alice), ["< anew", "< sealed"]);
    assert_eq!(net.bob().count(crate::RecordKind::Held) + net.bob().count(crate::RecordKind::HeldBlob), 0);
}

#[test]
fn what_cannot_be_read_is_forgotten_after_a_week() {
    let mut net = Net::new(122);
    let (bob, alice) = net.meet(ALICE, BOB);
    net.bob().lose_sessions();
    let now = net.now;
    for _ in 0..40 {
        net.alice().say(bob, "sealed", now);
    }
    net.settle();
    assert_eq!(net.bob().count(crate::RecordKind::Held), 32, "no more than 32 are kept");
    assert_eq!(net.bob().dropped(), [(crate::DropReason::HeldFull, 8)]);
    net.pass_days(6);
    assert_eq!(net.bob().count(crate::RecordKind::Held), 32);
    net.pass_days(1);
    assert_eq!(net.bob().count(crate::RecordKind::Held) + net.bob().count(crate::RecordKind::HeldBlob), 0);
    assert_eq!(net.bob().thread(alice).len(), 32, "the rows stay");
}

#[test]
fn a_jump_of_numbers_beyond_reason_is_dropped() {
    let mut net = Net::new(123);
    let (bob, alice) = net.meet(ALICE, BOB);
    let contact = net.alice().record(bob);
    let mailbox = net.bob().record(alice).own_mailbox.unwrap();
    let now = net.now;
    for number in [u64::MAX, 1_000_001, 1_000_000] {
        let content = net.alice().content(number, ContentBody::Text(number.to_string()));
        let sealed = net.alice().craft(&contact, &content, now);
        net.relay().inject(mailbox, sealed);
    }
    net.settle();
    net.pass_days(2);
    assert_eq!(net.bob().thread(alice), ["< [999999 missing]", "< 1000000"]);
    assert_eq!(net.bob().dropped(), [(crate::DropReason::Malformed, 2)]);
}

#[test]
fn receipts_for_nothing_are_ignored() {
    let mut net = Net::new(124);
    let (bob, alice) = net.meet(ALICE, BOB);
    let contact = net.alice().record(bob);
    let mailbox = net.bob().record(alice).own_mailbox.unwrap();
    let mut content = net.alice().content(0, ContentBody::Nothing);
    content.receipts = vec![MessageId::from_bytes([1; 16]); 64];
    let now = net.now;
    let sealed = net.alice().craft(&contact, &content, now);
    let sent = net.relay().submitted.len();
    net.relay().inject(mailbox, sealed);
    net.settle();
    assert!(net.bob().thread(alice).is_empty());
    assert_eq!(net.relay().submitted.len(), sent, "a receipt gets no receipt");
}

#[test]
fn a_tick_without_anything_due_changes_nothing() {
    let mut net = Net::new(125);
    net.meet(ALICE, BOB);
    net.settle();
    let now = net.now;
    let step = net.alice().step(Input::Tick, now).unwrap();
    assert!(step.changes.is_empty() && step.effects.is_empty() && step.events.is_empty());
}
