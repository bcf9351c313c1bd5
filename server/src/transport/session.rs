//! Drives one connection: bytes to frames, frames to the core, store answers and wakes to frames, frames to bytes.
//!
//! A client that reads slowly fills its own queue of a few frames and waits there; nobody else does. One that takes
//! longer than a deadline is cut off. What the store was already doing for a client that went away is still brought to
//! its end, because somebody else may have to hear of it.
//!
//! Not its concern: what a frame means (`core`), how connections come about (`quic`).

use std::sync::Arc;
use std::time::Duration;

use khaima_wire::{ClientFrame, FrameDecoder, Push, RelayFrame, Reply};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use super::hub::{Hub, WakeBox};
use super::link::Link;
use crate::core::{Action, CloseReason, ConnectionState, StoreError, StoreReply, Ticket};
use crate::store::MailboxStore;

/// Time for the first frame.
const HELLO_DEADLINE: Duration = Duration::from_secs(10);
/// Time from the first byte of a frame to its last: 64 KiB over a bad telephone line.
const FRAME_DEADLINE: Duration = Duration::from_secs(60);
/// Time for the client to take one frame.
const WRITE_DEADLINE: Duration = Duration::from_secs(30);
/// Time between ticks of a connection.
const TICK: Duration = Duration::from_secs(5);
/// Frames that wait to be written; then the connection waits.
const WRITE_QUEUE: usize = 8;
/// Bytes read at a time. Idle connections keep it, so it is small.
const READ_BUFFER: usize = 2_048;

/// Serves a connection until it ends. `stop` turns true when the relay is to stop.
pub(crate) async fn serve<S: MailboxStore, L: Link>(
    hub: Arc<Hub<S>>,
    link: &L,
    reader: L::Reader,
    writer: L::Writer,
    stop: watch::Receiver<bool>,
) {
    let (frames, queue) = mpsc::channel(WRITE_QUEUE);
    let writing = tokio::spawn(write_frames::<L>(writer, queue));
    let mut session = Session {
        state: ConnectionState::new(link.exporter(), link.prefix()),
        hub,
        frames,
        wakes: Arc::new(WakeBox::default()),
        watching: Vec::new(),
        answers: JoinSet::new(),
    };
    let ended = session.run(reader, stop).await;
    session.wind_up(ended).await;
    drop(session);
    // Who is being told something (a refusal, the end) gets the time to hear it.
    match ended {
        Ended::Close(_) => drop(writing.await),
        Ended::Lost => writing.abort(),
    }
    link.close(match ended {
        Ended::Close(reason) => reason,
        Ended::Lost => CloseReason::TooSlow,
    });
}

/// Writes frames until there will be no more or the client does not take one in time.
async fn write_frames<L: Link>(mut writer: L::Writer, mut queue: mpsc::Receiver<Vec<u8>>) {
    while let Some(frame) = queue.recv().await {
        match timeout(WRITE_DEADLINE, writer.write_all(&frame)).await {
            Ok(Ok(())) => {}
            // The queue closes with this, and so the session ends.
            Ok(Err(_)) | Err(_) => return,
        }
    }
    L::finish(writer).await;
}

/// How a connection ended.
#[derive(Clone, Copy, Debug)]
enum Ended {
    /// By us, after what was queued is written.
    Close(CloseReason),
    /// The client is gone or does not listen.
    Lost,
}

struct Session<S> {
    hub: Arc<Hub<S>>,
    state: ConnectionState,
    frames: mpsc::Sender<Vec<u8>>,
    wakes: Arc<WakeBox>,
    watching: Vec<khaima_wire::MailboxId>,
    answers: JoinSet<(Ticket, Result<StoreReply, StoreError>)>,
}

impl<S: MailboxStore> Session<S> {
    async fn run<R: AsyncReadExt + Unpin>(
        &mut self,
        mut reader: R,
        mut stop: watch::Receiver<bool>,
    ) -> Ended {
        let mut decoder = FrameDecoder::<ClientFrame>::new();
        let mut buffer = [0; READ_BUFFER];
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut deadline = Instant::now() + HELLO_DEADLINE;
        let mut more_in_decoder = false;
        let mut stopping = *stop.borrow();
        loop {
            if stopping && self.state.is_idle() {
                return Ended::Close(CloseReason::Stopping);
            }
            if more_in_decoder && !stopping && self.state.is_ready() {
                match self.next_frame(&mut decoder).await {
                    Ok(more) => more_in_decoder = more,
                    Err(ended) => return ended,
                }
                if more_in_decoder {
                    // A whole frame came: what follows has its own time.
                    deadline = Instant::now() + FRAME_DEADLINE;
                }
                continue;
            }
            let listening = !stopping && !more_in_decoder && self.state.is_ready();
            let waiting_for_client = listening && (!self.state.is_greeted() || decoder.pending() > 0);
            let actions = tokio::select! {
                read = reader.read(&mut buffer), if listening => match read {
                    Ok(0) | Err(_) => return Ended::Lost,
                    Ok(count) => {
                        if self.state.is_greeted() && decoder.pending() == 0 {
                            deadline = Instant::now() + FRAME_DEADLINE;
                        }
                        decoder.push(buffer.get(..count).unwrap_or_default());
                        more_in_decoder = true;
                        continue;
                    }
                },
                Some(answer) = self.answers.join_next(), if !self.answers.is_empty() => match answer {
                    Ok((ticket, answer)) => self.stored(ticket, answer),
                    // A store that panicked is a bug; this client starts anew.
                    Err(_) => return Ended::Lost,
                },
                mailboxes = self.wakes.take(), if !stopping => {
                    let (now, state) = (self.hub.now(), &mut self.state);
                    self.hub.with_relay(|relay| {
                        mailboxes.into_iter().flat_map(|mailbox| state.on_wake(relay, mailbox, now)).collect()
                    })
                }
                _ = tick.tick(), if !stopping => {
                    let (now, state) = (self.hub.now(), &mut self.state);
                    self.hub.with_relay(|relay| state.on_tick(relay, now))
                }
                () = self.frames.closed() => return Ended::Lost,
                _ = stop.changed(), if !stopping => {
                    stopping = true;
                    continue;
                }
                () = tokio::time::sleep_until(deadline), if waiting_for_client => {
                    return Ended::Close(CloseReason::TooSlow);
                }
            };
            if let Some(ended) = self.act(actions).await {
                return ended;
            }
        }
    }

    /// Takes the next frame out of the decoder. Whether there may be another.
    async fn next_frame(&mut self, decoder: &mut FrameDecoder<ClientFrame>) -> Result<bool, Ended> {
        let actions = match decoder.next() {
            Ok(None) => return Ok(false),
            Ok(Some(frame)) => {
                let (now, state) = (self.hub.now(), &mut self.state);
                self.hub.with_relay(|relay| state.on_frame(relay, frame, now, &mut rand::rng()))
            }
            Err(error) => self.state.on_unreadable(error),
        };
        self.act(actions).await.map_or(Ok(true), Err)
    }

    fn stored(&mut self, ticket: Ticket, answer: Result<StoreReply, StoreError>) -> Vec<Action> {
        let (now, state) = (self.hub.now(), &mut self.state);
        self.hub.with_relay(|relay| state.on_stored(relay, ticket, answer, now))
    }

    /// Does what the state asks for. `Some` when the connection is to end.
    async fn act(&mut self, actions: Vec<Action>) -> Option<Ended> {
        for action in actions {
            match action {
                Action::Apply(ticket, op) => {
                    // Begun here and now, so that operations reach the store in the order of the frames.
                    let answer = self.hub.store().apply(op);
                    self.answers.spawn(async move { (ticket, answer.await) });
                }
                Action::Close(reason) => return Some(Ended::Close(reason)),
                Action::Send(frame) => {
                    self.count(&frame);
                    // Nothing that the core sends is too large for a frame.
                    let Ok(bytes) = frame.encode() else { return Some(Ended::Lost) };
                    if self.frames.send(bytes).await.is_err() {
                        return Some(Ended::Lost);
                    }
                }
                Action::Watch(mailbox) => {
                    self.hub.watch(mailbox, &self.wakes);
                    self.watching.push(mailbox);
                }
                Action::Unwatch(mailbox) => {
                    self.hub.unwatch(&mailbox, &self.wakes);
                    self.watching.retain(|other| *other != mailbox);
                }
                Action::Wake(mailbox) => self.hub.wake(mailbox),
            }
        }
        None
    }

    fn count(&self, frame: &RelayFrame) {
        let metrics = &self.hub.metrics;
        match frame {
            RelayFrame::Push(Push::Deliver(_)) => metrics.delivered.add(),
            RelayFrame::Reply { reply: Reply::Accepted, .. } => metrics.accepted.add(),
            RelayFrame::Reply { reply: Reply::Busy { .. }, .. } => metrics.busy.add(),
            RelayFrame::Reply { reply: Reply::Refused(_), .. } => metrics.refused.add(),
            _ => {}
        }
    }

    /// Stops watching and brings to its end what the store is doing: only wakes come of that now.
    async fn wind_up(&mut self, ended: Ended) {
        for mailbox in std::mem::take(&mut self.watching) {
            self.hub.unwatch(&mailbox, &self.wakes);
        }
        if let Ended::Close(CloseReason::Stopping) = ended {
            return;
        }
        self.state.on_disconnected();
        while let Some(answer) = self.answers.join_next().await {
            let Ok((ticket, answer)) = answer else { continue };
            for action in self.stored(ticket, answer) {
                if let Action::Wake(mailbox) = action {
                    self.hub.wake(mailbox);
                }
            }
        }
    }
}
