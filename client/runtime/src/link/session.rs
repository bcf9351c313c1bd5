//! One connected link: says hello, sends requests, hands on answers and pushes, until the connection ends.

use std::collections::BTreeMap;
use std::time::Duration;

use khaima_engine::Ticket;
use khaima_wire::{
    ClientFrame, Day, FrameDecoder, PROTOCOL_VERSION, Refusal, RelayFrame, Reply, Request, RequestId, Role,
    is_supported,
};
use quinn::{RecvStream, SendStream};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::connect::Connected;
use super::task::{LinkId, LinkOrder, LinkReport, Trouble};

/// A relay that owes an answer for so long is taken for dead, and the link connects anew.
const SILENCE: Duration = Duration::from_secs(15);
/// How long a relay may take to say hello.
const HELLO_TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes read at once: one of the largest envelopes.
const READ_SIZE: usize = 66 * 1024;

/// How a session ended.
pub enum Ended {
    /// The driver wants no link any more.
    Stopped,
    /// The connection is gone; connect again.
    Lost(Trouble),
}

/// Runs until the connection or the driver ends it.
pub async fn run(
    link: &LinkId,
    connected: Connected,
    orders: &mut mpsc::Receiver<LinkOrder>,
    reports: &mpsc::Sender<LinkReport>,
) -> Ended {
    let ended = match Session::open(link, &connected).await {
        Ok((mut session, today)) => {
            if reports.send(LinkReport::Up { link: link.clone(), today }).await.is_err() {
                Ended::Stopped
            } else {
                session.serve(&connected, orders, reports).await
            }
        }
        Err(trouble) => Ended::Lost(trouble),
    };
    connected.connection.close(0u32.into(), b"");
    // A moment for the relay to hear of it; whether it does changes nothing.
    let _ = tokio::time::timeout(Duration::from_millis(200), connected.endpoint.wait_idle()).await;
    ended
}

struct Session<'a> {
    link: &'a LinkId,
    send: SendStream,
    incoming: Incoming,
    owed: BTreeMap<RequestId, Ticket>,
}

impl<'a> Session<'a> {
    async fn open(link: &'a LinkId, connected: &Connected) -> Result<(Self, Day), Trouble> {
        let (send, receive) = connected.connection.open_bi().await.map_err(|_| Trouble::Unreachable)?;
        let incoming = Incoming { receive, decoder: FrameDecoder::new(), buffer: vec![0; READ_SIZE] };
        let mut session = Self { link, send, incoming, owed: BTreeMap::new() };
        session.write(&ClientFrame::Hello { version: PROTOCOL_VERSION, role: link.role }).await?;
        let hello = tokio::time::timeout(HELLO_TIMEOUT, session.incoming.next())
            .await
            .map_err(|_| Trouble::Unreachable)??;
        match hello {
            RelayFrame::Hello { version, today } if is_supported(version) => Ok((session, today)),
            RelayFrame::Hello { .. }
            | RelayFrame::Reply { reply: Reply::Refused(Refusal::UnsupportedVersion), .. } => {
                Err(Trouble::OtherVersion)
            }
            _ => Err(Trouble::Nonsense),
        }
    }

    async fn serve(
        &mut self,
        connected: &Connected,
        orders: &mut mpsc::Receiver<LinkOrder>,
        reports: &mpsc::Sender<LinkReport>,
    ) -> Ended {
        let pin = *self.link.address.pin();
        let mut silent_since = Instant::now();
        loop {
            let silence = async {
                if self.owed.is_empty() {
                    std::future::pending::<()>().await;
                }
                tokio::time::sleep_until(silent_since + SILENCE).await;
            };
            tokio::select! {
                order = orders.recv() => match order {
                    Some(LinkOrder::Request { ticket, request }) => {
                        if self.owed.is_empty() {
                            silent_since = Instant::now();
                        }
                        let request = request.into_request(&connected.exporter, &pin);
                        if let Err(trouble) = self.request(ticket, request).await {
                            return Ended::Lost(trouble);
                        }
                    }
                    Some(LinkOrder::Reconnect) => return Ended::Lost(Trouble::Unreachable),
                    None => return Ended::Stopped,
                },
                frame = self.incoming.next() => {
                    silent_since = Instant::now();
                    let report = match frame {
                        Ok(RelayFrame::Reply { id, reply }) => match self.owed.remove(&id) {
                            Some(ticket) => LinkReport::Reply { ticket, reply },
                            None => return Ended::Lost(Trouble::Nonsense),
                        },
                        Ok(RelayFrame::Push(push)) if self.link.role == Role::Owner => {
                            LinkReport::Push { link: self.link.clone(), push }
                        }
                        Ok(_) => return Ended::Lost(Trouble::Nonsense),
                        Err(trouble) => return Ended::Lost(trouble),
                    };
                    if reports.send(report).await.is_err() {
                        return Ended::Stopped;
                    }
                }
                () = silence => return Ended::Lost(Trouble::Unreachable),
            }
        }
    }

    async fn request(&mut self, ticket: Ticket, request: Request) -> Result<(), Trouble> {
        let id = RequestId::new(ticket.number());
        self.owed.insert(id, ticket);
        self.write(&ClientFrame::Request { id, request }).await
    }

    async fn write(&mut self, frame: &ClientFrame) -> Result<(), Trouble> {
        let bytes = frame.encode().map_err(|_| Trouble::Nonsense)?;
        match tokio::time::timeout(SILENCE, self.send.write_all(&bytes)).await {
            Ok(Ok(())) => Ok(()),
            _ => Err(Trouble::Unreachable),
        }
    }
}

/// The relay's half of the stream. Cancelling [`Incoming::next`] loses nothing: bytes read are in the decoder.
struct Incoming {
    receive: RecvStream,
    decoder: FrameDecoder<RelayFrame>,
    buffer: Vec<u8>,
}

impl Incoming {
    async fn next(&mut self) -> Result<RelayFrame, Trouble> {
        loop {
            if let Some(frame) = self.decoder.next().map_err(|_| Trouble::Nonsense)? {
                return Ok(frame);
            }
            match self.receive.read(&mut self.buffer).await {
                Ok(Some(count)) => self.decoder.push(self.buffer.get(..count).unwrap_or_default()),
                Ok(None) | Err(_) => return Err(Trouble::Unreachable),
            }
        }
    }
}
