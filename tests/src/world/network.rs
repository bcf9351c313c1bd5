//! Connections and the frames on them.

use std::collections::BTreeMap;

use khaima_engine::{Dispatch, Input, LinkState, RelayId, Ticket};
use khaima_relay::core::Sent;
use khaima_wire::{
    ClientFrame, Envelope, FrameDecoder, FrameError, MailboxId, PROTOCOL_VERSION, Push, RelayFrame, Reply,
    Request, RequestId, Role, Timestamp,
};
use rand::RngExt;

use super::happening::Happening;
use super::{ConnId, DeviceRef, RelayRef, Stream, Weather, World};

/// One connection, from the attempt to the moment at which both ends know that it is gone.
pub(super) struct Connection {
    pub(super) device: DeviceRef,
    pub(super) relay: RelayRef,
    pub(super) relay_id: RelayId,
    pub(super) role: Role,
    exporter: [u8; 32],
    /// Nothing gets through any more.
    is_cut: bool,
    /// Unanswered requests.
    owed: BTreeMap<RequestId, Ticket>,
    heard: Timestamp,
    /// A check for silence is in the queue.
    is_checked: bool,
    /// When the last frame of each direction arrives: nothing ordered comes before it.
    last_to_relay: Timestamp,
    last_to_device: Timestamp,
    at_relay: bool,
}

/// A relay that owes an answer for so long is taken for dead.
const SILENCE_MILLIS: u64 = 15_000;

impl World {
    /// Starts to make a connection.
    pub(super) fn begin_connecting(&mut self, device: DeviceRef, relay_id: RelayId, role: Role) {
        let Some(process) = self.devices[device.0].process.as_mut() else { return };
        let Some(link) = process.links.get_mut(&(relay_id, role)) else { return };
        if link.connection.is_some() {
            return;
        }
        let number = ConnId(self.next_connection);
        self.next_connection += 1;
        link.connection = Some(number);
        let relay = self.relay_at(relay_id).expect("devices know relays of this world only");
        let connection = Connection {
            device,
            relay,
            relay_id,
            role,
            exporter: self.rng.random(),
            is_cut: false,
            owed: BTreeMap::new(),
            heard: self.now,
            is_checked: false,
            last_to_relay: self.now,
            last_to_device: self.now,
            at_relay: false,
        };
        self.connections.insert(number, connection);
        let millis = self.rng.random_range(40..400);
        self.after(millis, Happening::Connected(number));
    }

    /// The attempt is over: hello said and answered, or nothing.
    pub(super) fn on_connected(&mut self, number: ConnId) {
        if self.link_of(number).is_none() {
            self.connections.remove(&number);
            return;
        }
        let Some(connection) = self.connections.get_mut(&number) else { return };
        let device = connection.device;
        let reachable = !connection.is_cut
            && self.devices[device.0].is_online
            && self.relays[connection.relay.0].is_up
            && !Weather::happens(&mut self.rng, self.weather.loss);
        if !reachable {
            return self.on_lost_at_device(number);
        }
        connection.at_relay = true;
        connection.heard = self.now;
        let (role, relay_id, exporter) = (connection.role, connection.relay_id, connection.exporter);
        let core = &mut self.relays[connection.relay.0].core;
        core.connect(number, exporter);
        let answer = core.handle(number, ClientFrame::Hello { version: PROTOCOL_VERSION, role }, self.now);
        let is_greeted = matches!(answer.as_slice(), [(_, Sent::Frame(RelayFrame::Hello { .. }))]);
        assert!(is_greeted, "{:?}: the relay did not greet", self.seed);
        let Some(process) = self.devices[device.0].process.as_mut() else { return };
        if let Some(link) = process.links.get_mut(&(relay_id, role)) {
            link.is_up = true;
            link.failures = 0;
        }
        process.dispatcher.on_link(relay_id, role, LinkState::Up);
        self.pump(device);
    }

    /// Sends a request of a device on its link, or drops it as a link without connection does.
    pub(super) fn send_request(&mut self, device: DeviceRef, dispatch: Dispatch) {
        let process = self.devices[device.0].process.as_ref().expect("only running devices send");
        let link = process.links.get(&(dispatch.relay, dispatch.role)).filter(|link| link.is_up);
        let Some(number) = link.and_then(|link| link.connection) else { return };
        let Some(connection) = self.connections.get_mut(&number) else { return };
        let pin = *self.relays[connection.relay.0].address.pin();
        let request = dispatch.request.into_request(&connection.exporter, &pin);
        let id = RequestId::new(dispatch.ticket.number());
        if connection.owed.is_empty() {
            connection.heard = self.now;
        }
        connection.owed.insert(id, dispatch.ticket);
        let check = !std::mem::replace(&mut connection.is_checked, true);
        self.watch.on_request(device, &request, self.now, &self.devices);
        let mailbox = mailbox_of(&request);
        let bytes = ClientFrame::Request { id, request }.encode().expect("frames within their bounds");
        self.watch.on_bytes_to_relay(mailbox, &bytes);
        self.transmit(number, bytes, Direction::ToRelay);
        if check {
            self.after(SILENCE_MILLIS, Happening::CheckSilence(number));
        }
    }

    fn transmit(&mut self, number: ConnId, bytes: Vec<u8>, direction: Direction) {
        let weather = self.weather;
        let lost = Weather::happens(&mut self.rng, weather.loss);
        let breaks = Weather::happens(&mut self.rng, weather.breaks);
        let mut arrives = self.now.plus_millis(self.rng.random_range(15..180));
        match weather.stream {
            Stream::Ordered => {
                if lost {
                    // Sent again, perhaps more than once.
                    arrives = arrives.plus_millis(self.rng.random_range(200..4_000));
                }
                self.put_frame(number, bytes, direction, arrives, true);
            }
            Stream::Torn => {
                if lost {
                    // Somebody will notice.
                    return self.doom(number, 20_000);
                }
                if Weather::happens(&mut self.rng, weather.repeat) {
                    let again = arrives.plus_millis(self.rng.random_range(0..8_000));
                    self.put_frame(number, bytes.clone(), direction, again, false);
                }
                let overtaken = Weather::happens(&mut self.rng, weather.overtake);
                if overtaken {
                    arrives = arrives.plus_millis(self.rng.random_range(100..6_000));
                }
                self.put_frame(number, bytes, direction, arrives, !overtaken);
            }
        }
        if breaks {
            // What was sent just before may or may not get through; the ends notice when they notice.
            if self.rng.random_bool(0.5) {
                self.cut_one(number);
            } else {
                self.doom(number, 5_000);
            }
        }
    }

    fn put_frame(
        &mut self,
        number: ConnId,
        bytes: Vec<u8>,
        direction: Direction,
        at: Timestamp,
        ordered: bool,
    ) {
        let Some(connection) = self.connections.get_mut(&number) else { return };
        let last = match direction {
            Direction::ToRelay => &mut connection.last_to_relay,
            Direction::ToDevice => &mut connection.last_to_device,
        };
        let at = if ordered { at.max(*last) } else { at };
        if ordered {
            *last = at;
        }
        self.frames_on_their_way += 1;
        let happening = match direction {
            Direction::ToRelay => Happening::ToRelay(number, bytes),
            Direction::ToDevice => Happening::ToDevice(number, bytes),
        };
        self.at(at, happening);
    }

    pub(super) fn on_frame_at_relay(&mut self, number: ConnId, bytes: &[u8]) {
        self.frames_on_their_way -= 1;
        let Some(connection) = self.connections.get(&number) else { return };
        let relay = connection.relay;
        if !self.gets_through(number) || !connection.at_relay {
            return;
        }
        let frame = decode::<ClientFrame>(bytes).expect("devices send what decodes");
        let sent = self.relays[relay.0].core.handle(number, frame, self.now);
        if Weather::happens(&mut self.rng, self.weather.relay_death) {
            let down = self.long_or_short();
            return self.kill_relay(relay, down);
        }
        self.deliver(sent);
    }

    /// A stranger without a name throws an envelope into a mailbox; what the relay answers.
    pub fn throw(&mut self, relay: RelayRef, envelope: Envelope) -> Option<Reply> {
        let number = ConnId(self.next_connection);
        self.next_connection += 1;
        let now = self.now;
        let core = &mut self.relays[relay.0].core;
        core.connect(number, [0; 32]);
        core.handle(number, ClientFrame::Hello { version: PROTOCOL_VERSION, role: Role::Anonymous }, now);
        let frame = ClientFrame::Request { id: RequestId::new(1), request: Request::Submit(envelope) };
        let (own, others): (Vec<_>, Vec<_>) =
            core.handle(number, frame, now).into_iter().partition(|(to, _)| *to == number);
        core.disconnect(number);
        self.deliver(others);
        own.into_iter().find_map(|(_, sent)| match sent {
            Sent::Frame(RelayFrame::Reply { reply, .. }) => Some(reply),
            _ => None,
        })
    }

    /// Puts on their way what a relay sends.
    pub(super) fn deliver(&mut self, sent: Vec<(ConnId, Sent)>) {
        for (number, sent) in sent {
            match sent {
                Sent::Frame(frame) => {
                    let frame = match &mut self.tamper {
                        Some(tamper) => tamper(frame, &mut self.rng),
                        None => Some(frame),
                    };
                    let Some(frame) = frame else { continue };
                    let bytes = frame.encode().expect("frames within their bounds");
                    self.transmit(number, bytes, Direction::ToDevice);
                }
                Sent::Closed => {
                    if let Some(connection) = self.connections.get_mut(&number) {
                        connection.at_relay = false;
                        let at = connection.last_to_device.plus_millis(1);
                        self.at(at, Happening::LostAtDevice(number));
                        self.doom(number, 1_000);
                    }
                }
            }
        }
    }

    pub(super) fn on_frame_at_device(&mut self, number: ConnId, bytes: &[u8]) {
        self.frames_on_their_way -= 1;
        if !self.gets_through(number) {
            return;
        }
        let now = self.now;
        let Some(connection) = self.connections.get_mut(&number) else { return };
        connection.heard = now;
        let (device, relay) = (connection.device, connection.relay_id);
        let Ok(frame) = decode::<RelayFrame>(bytes) else {
            // Nonsense; only relays that are tampered with say such.
            return self.on_lost_at_device(number);
        };
        let input = match frame {
            RelayFrame::Reply { id, reply } => {
                // A repeated answer has no ticket any more; the dispatcher is given it all the same where it has.
                let Some(ticket) = connection.owed.remove(&id) else { return };
                let node = &mut self.devices[device.0];
                let Some(process) = node.process.as_mut() else { return };
                process.dispatcher.on_reply(ticket, reply, now, &mut node.rng)
            }
            RelayFrame::Push(Push::Deliver(delivery)) => Some(Input::Delivery(relay, delivery)),
            RelayFrame::Push(_) | RelayFrame::Hello { .. } => None,
        };
        if let Some(input) = input {
            self.step(device, input).unwrap_or_else(|error| panic!("{:?}: a frame: {error}", self.seed));
        }
        self.pump(device);
    }

    fn gets_through(&self, number: ConnId) -> bool {
        self.connections.get(&number).is_some_and(|connection| {
            !connection.is_cut
                && self.devices[connection.device.0].is_online
                && self.relays[connection.relay.0].is_up
                && self.link_of(number).is_some()
        })
    }

    /// The device's end of a connection, while it has one.
    fn link_of(&self, number: ConnId) -> Option<&super::device::Link> {
        let connection = self.connections.get(&number)?;
        let process = self.devices[connection.device.0].process.as_ref()?;
        let link = process.links.get(&(connection.relay_id, connection.role))?;
        (link.connection == Some(number)).then_some(link)
    }

    /// Both ends will notice within `millis`, or thrice that, that the connection is no good. Until then it goes on.
    fn doom(&mut self, number: ConnId, millis: u64) {
        let device = self.rng.random_range(1..=millis);
        let relay = self.rng.random_range(1..=3 * millis);
        self.after(device, Happening::LostAtDevice(number));
        self.after(relay, Happening::LostAtRelay(number));
    }

    /// From now on nothing gets through on a connection, in neither direction; both ends find out later.
    pub(super) fn cut_one(&mut self, number: ConnId) {
        if let Some(connection) = self.connections.get_mut(&number)
            && !connection.is_cut
        {
            connection.is_cut = true;
            self.doom(number, 30_000);
        }
    }

    /// The same, for many.
    pub(super) fn cut(&mut self, which: impl Fn(&Connection) -> bool) {
        let hit: Vec<ConnId> =
            self.connections.iter().filter(|(_, it)| which(it)).map(|(number, _)| *number).collect();
        hit.into_iter().for_each(|number| self.cut_one(number));
    }

    /// A link looks whether its relay owes an answer for too long.
    pub(super) fn on_check_silence(&mut self, number: ConnId) {
        let is_linked = self.link_of(number).is_some();
        let Some(connection) = self.connections.get_mut(&number) else { return };
        connection.is_checked = false;
        if !is_linked || connection.owed.is_empty() {
            return;
        }
        let silent_at = connection.heard.plus_millis(SILENCE_MILLIS);
        if silent_at <= self.now {
            return self.on_lost_at_device(number);
        }
        connection.is_checked = true;
        self.at(silent_at, Happening::CheckSilence(number));
    }

    /// A device finds a connection gone, and will try again.
    pub(super) fn on_lost_at_device(&mut self, number: ConnId) {
        let is_linked = self.link_of(number).is_some();
        let Some(connection) = self.connections.get_mut(&number) else { return };
        let (device, relay_id, role) = (connection.device, connection.relay_id, connection.role);
        if !connection.at_relay {
            self.connections.remove(&number);
        } else if !std::mem::replace(&mut connection.is_cut, true) {
            let millis = self.rng.random_range(1..=90_000);
            self.after(millis, Happening::LostAtRelay(number));
        }
        if !is_linked {
            return;
        }
        let Some(process) = self.devices[device.0].process.as_mut() else { return };
        let Some(link) = process.links.get_mut(&(relay_id, role)) else { return };
        link.connection = None;
        link.is_up = false;
        let wait = 1_000_u64.checked_shl(link.failures.min(20)).unwrap_or(u64::MAX).min(300_000);
        link.failures += 1;
        let wait = self.rng.random_range(wait / 2..=wait * 3 / 2);
        process.dispatcher.on_link(relay_id, role, LinkState::Down);
        self.after(wait, Happening::Connect(device, relay_id, role));
        self.pump(device);
    }

    /// A relay finds a connection gone. The device finds out too, if it has not yet.
    pub(super) fn on_lost_at_relay(&mut self, number: ConnId) {
        let is_linked = self.link_of(number).is_some();
        let Some(connection) = self.connections.get_mut(&number) else { return };
        connection.is_cut = true;
        connection.at_relay = false;
        self.relays[connection.relay.0].core.disconnect(number);
        if is_linked {
            let millis = self.rng.random_range(1..=30_000);
            self.after(millis, Happening::LostAtDevice(number));
        } else {
            self.connections.remove(&number);
        }
    }
}

#[derive(Clone, Copy)]
enum Direction {
    ToRelay,
    ToDevice,
}

/// The mailbox a request is about.
fn mailbox_of(request: &Request) -> Option<MailboxId> {
    match request {
        Request::Acknowledge { mailbox, .. } | Request::Claim { mailbox } => Some(*mailbox),
        Request::Create { proof, .. }
        | Request::Delete { proof }
        | Request::Publish { proof, .. }
        | Request::Subscribe { proof } => Some(MailboxId::of_key(&proof.public_key)),
        Request::Submit(envelope) => Some(envelope.mailbox),
        _ => None,
    }
}

/// Reads one frame, in two pieces as a stream may bring it.
fn decode<F: khaima_wire::Frame>(bytes: &[u8]) -> Result<F, FrameError> {
    let mut decoder = FrameDecoder::<F>::new();
    let (head, tail) = bytes.split_at(bytes.len() / 2);
    decoder.push(head);
    decoder.push(tail);
    decoder.next().map(|frame| frame.expect("all of it is there"))
}
