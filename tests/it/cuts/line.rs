//! One reliable connection over as many transports as it takes (client-connect.md, section 11).
//!
//! A line does what the libraries do underneath: when its transport is gone it makes a new one
//! with the connection id and the newest token it was given. What was said on the old transport
//! may be lost; whoever owns the line learns of the new one ([`News::Attached`]) and says it again.
//! That the server refuses, forgets or swaps a connection is a failure.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use rustix::event::PollFlags;

use super::speech::{Heard, Speech};
use crate::support::http::{Response, check_acceptance};
use crate::support::{Close, Frame, Token, Upgrade, frame};

/// Between two attempts.
const RETRY_PAUSE: Duration = Duration::from_millis(20);

/// What the owner of a line has to know.
pub(super) enum News {
    /// There is a transport again, and the server may be told things.
    Attached,
    Heard(Heard),
}

pub(super) struct Line {
    proxy: SocketAddr,
    pub(super) speech: Speech,
    token: Token,
    identity: Option<Identity>,
    transport: Option<Transport>,
    retry_at: Instant,
    /// The transports that began with a `connected` message.
    pub(super) attachments: usize,
}

/// What a connection recovers with.
struct Identity {
    id: String,
    token: String,
}

impl Line {
    pub(super) fn new(proxy: SocketAddr, speech: Speech, token: Token) -> Self {
        let retry_at = Instant::now();
        Self { proxy, speech, token, identity: None, transport: None, retry_at, attachments: 0 }
    }

    /// The connection id, once there is one.
    pub(super) fn id(&self) -> Option<&str> {
        self.identity.as_ref().map(|identity| &*identity.id)
    }

    /// The socket and what to wait for; nothing between two transports.
    pub(super) fn interest(&self) -> Option<(&TcpStream, PollFlags)> {
        let transport = self.transport.as_ref()?;
        let mut flags = PollFlags::IN;
        flags.set(PollFlags::OUT, !transport.unsent.is_empty());
        Some((&transport.stream, flags))
    }

    /// Says something, if there is a transport to say it on. If not, that is no loss: what counts
    /// is said again with [`News::Attached`].
    pub(super) fn say(&mut self, frame: &Frame) {
        if let Some(transport) = self.transport.as_mut().filter(|own| !own.is_shaking_hands) {
            transport.unsent.extend(frame.bytes());
        }
    }

    /// Reads, writes and reconnects; what that brought.
    pub(super) fn turn(&mut self) -> Vec<News> {
        let mut news = Vec::new();
        let Some(transport) = &mut self.transport else {
            if self.retry_at <= Instant::now() {
                self.transport = Some(self.dial());
            }
            return news;
        };
        let is_alive = transport.fill();
        if transport.is_shaking_hands
            && let Some(response) = Response::take(&mut transport.unread, true)
        {
            assert_eq!(response.status, 101, "{response:?}");
            check_acceptance(&response);
            transport.is_shaking_hands = false;
            news.push(News::Attached);
        }
        if !transport.is_shaking_hands {
            while let Some(frame) = Frame::take(&mut transport.unread) {
                match frame.opcode {
                    frame::PING => {
                        transport.unsent.extend(Frame::new(frame::PONG, frame.payload).bytes());
                    }
                    frame::CLOSE => {
                        let close = Close::from_payload(&frame.payload);
                        panic!("{:?}: {close:?}", self.identity.as_ref().map(|own| &own.id));
                    }
                    _ => news.push(News::Heard(self.speech.hear(&frame))),
                }
            }
        }
        if !(is_alive && transport.flush()) {
            self.transport = None;
            self.retry_at = Instant::now() + RETRY_PAUSE;
        }
        for entry in &news {
            if let News::Heard(Heard::Connected { id, token }) = entry {
                self.attached(id, token);
            }
        }
        news
    }

    /// C41: the same connection; its newest token counts.
    fn attached(&mut self, id: &str, token: &str) {
        assert!(!token.is_empty(), "a token");
        if let Some(identity) = &self.identity {
            assert_eq!(identity.id, id, "another connection");
        }
        self.identity = Some(Identity { id: id.to_owned(), token: token.to_owned() });
        self.attachments += 1;
    }

    fn dial(&self) -> Transport {
        let mut target = format!("/client/hubs/chat?access_token={}", self.token.sign());
        if let Some(Identity { id, token }) = &self.identity {
            target.push_str(&format!("&awps_connection_id={id}&awps_reconnection_token={token}"));
        }
        let stream = TcpStream::connect(self.proxy).expect("the proxy accepts");
        stream.set_nodelay(true).expect("a TCP socket");
        stream.set_nonblocking(true).expect("a TCP socket");
        let unsent = Upgrade::new(target).offer(self.speech.subprotocol()).bytes();
        Transport { stream, is_shaking_hands: true, unread: Vec::new(), unsent }
    }

    /// Ends the connection for good and waits until the server has let go.
    pub(super) fn hang_up(mut self) {
        let mut transport = self.transport.take().expect("no cuts any more");
        transport.unsent.extend(Frame::close(1000, "").bytes());
        transport.stream.set_nonblocking(false).expect("a TCP socket");
        transport.stream.write_all(&transport.unsent).expect("the server takes bytes");
        let mut rest = Vec::new();
        transport.stream.read_to_end(&mut rest).expect("an orderly end");
    }
}

/// One TCP connection of a line.
struct Transport {
    stream: TcpStream,
    is_shaking_hands: bool,
    unread: Vec<u8>,
    unsent: Vec<u8>,
}

impl Transport {
    /// Reads what there is; whether more may come.
    fn fill(&mut self) -> bool {
        let mut chunk = [0; 64 * 1024];
        match self.stream.read(&mut chunk) {
            Ok(length) => {
                self.unread.extend_from_slice(&chunk[..length]);
                length > 0
            }
            Err(error) => error.kind() == ErrorKind::WouldBlock,
        }
    }

    /// Writes what the kernel takes; whether the rest may be written later.
    fn flush(&mut self) -> bool {
        while !self.unsent.is_empty() {
            match self.stream.write(&self.unsent) {
                Ok(length) => drop(self.unsent.drain(..length)),
                Err(error) => return error.kind() == ErrorKind::WouldBlock,
            }
        }
        true
    }
}
