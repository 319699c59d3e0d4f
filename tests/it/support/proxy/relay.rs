//! One connection through the proxy: two sockets, and a pipe in each direction.
//!
//! A pipe reads only while it has room, so a side that does not read slows the other down as it
//! would without the proxy. A relay that is over has reset or closed both sockets.

use std::io::{ErrorKind, Read, Result, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use rustix::event::PollFlags;
use rustix::net::sockopt::set_socket_linger;

use super::Fault;

/// Read from one side and not yet taken by the other.
const PENDING_BYTES_MAX: usize = 64 * 1024;

/// Both sockets, both directions, and what they suffer from at the moment.
pub(super) struct Relay {
    client: TcpStream,
    server: TcpStream,
    to_server: Pipe,
    to_client: Pipe,
    stalled_until: Option<Instant>,
    pub(super) is_over: bool,
}

/// One direction.
#[derive(Default)]
struct Pipe {
    pending: Vec<u8>,
    /// The source has nothing more to say.
    is_ended: bool,
    /// The sink has been told so, or never will be; what still comes is thrown away.
    is_shut: bool,
    /// The bytes that may still pass before both sides are reset.
    fuse: Option<usize>,
}

impl Relay {
    /// Nothing if the server does not accept, which the client sees as a reset.
    pub(super) fn connect(client: TcpStream, server: SocketAddr) -> Option<Self> {
        let server = TcpStream::connect(server).ok();
        for socket in [Some(&client), server.as_ref()].into_iter().flatten() {
            socket.set_nodelay(true).expect("a TCP socket");
            socket.set_nonblocking(true).expect("a TCP socket");
        }
        let Some(server) = server else {
            reset_on_drop(&client);
            return None;
        };
        let (to_server, to_client) = Default::default();
        Some(Self { client, server, to_server, to_client, stalled_until: None, is_over: false })
    }

    /// The sockets and what to wait for on each, the client's first.
    pub(super) fn interests(&self) -> [(&TcpStream, PollFlags); 2] {
        [
            (&self.client, interest(&self.to_server, &self.to_client)),
            (&self.server, interest(&self.to_client, &self.to_server)),
        ]
    }

    pub(super) fn stalled_until(&self) -> Option<Instant> {
        self.stalled_until
    }

    /// Ends the stall if its time has come, or whatever its time is.
    pub(super) fn wake(&mut self, regardless: bool) {
        if regardless || self.stalled_until.is_some_and(|until| until <= Instant::now()) {
            self.stalled_until = None;
        }
    }

    /// Moves what can be moved.
    pub(super) fn pump(&mut self) {
        let pumped = self
            .to_server
            .pump(&self.client, &self.server)
            .and_then(|()| self.to_client.pump(&self.server, &self.client));
        if pumped.is_err() {
            self.reset();
        } else if self.to_server.is_done() && self.to_client.is_done() {
            self.is_over = true;
        }
    }

    pub(super) fn suffer(&mut self, fault: Fault) {
        match fault {
            Fault::Reset => self.reset(),
            Fault::Finish => {
                self.to_server.cut(&self.server);
                self.to_client.cut(&self.client);
            }
            Fault::HalfCloseToServer => self.to_server.cut(&self.server),
            Fault::HalfCloseToClient => {
                self.to_client.cut(&self.client);
                self.to_server.drain();
            }
            Fault::Mute => self.to_client.drain(),
            Fault::ResetAfter(bytes) => self.to_client.fuse = Some(bytes),
            Fault::Stall(time) => self.stalled_until = Some(Instant::now() + time),
        }
    }

    /// Both sides are reset when the relay is dropped, which is soon.
    pub(super) fn reset(&mut self) {
        reset_on_drop(&self.client);
        reset_on_drop(&self.server);
        self.is_over = true;
    }
}

/// What to wait for on the socket between the pipe it fills and the pipe it empties.
fn interest(filled: &Pipe, emptied: &Pipe) -> PollFlags {
    let mut flags = PollFlags::empty();
    flags.set(PollFlags::IN, filled.may_read());
    flags.set(PollFlags::OUT, !emptied.pending.is_empty());
    flags
}

/// Closing a socket that lingers for no time resets the connection.
fn reset_on_drop(socket: &TcpStream) {
    set_socket_linger(socket, Some(Duration::ZERO)).expect("a TCP socket");
}

impl Pipe {
    fn may_read(&self) -> bool {
        !self.is_ended && self.pending.len() < PENDING_BYTES_MAX
    }

    fn is_done(&self) -> bool {
        self.is_ended && self.is_shut
    }

    /// Ends the stream at the sink in the middle of whatever is under way.
    fn cut(&mut self, sink: &TcpStream) {
        // Fails if the sink has reset the connection, which the next read finds out.
        let _ = sink.shutdown(Shutdown::Write);
        self.drain();
    }

    /// From here on everything is thrown away, and the sink is told nothing.
    fn drain(&mut self) {
        self.is_shut = true;
        self.pending.clear();
    }

    fn pump(&mut self, mut source: &TcpStream, mut sink: &TcpStream) -> Result<()> {
        if self.may_read() {
            let mut chunk = [0; 16 * 1024];
            if let Some(length) = unless_blocked(source.read(&mut chunk))? {
                self.is_ended = length == 0;
                if !self.is_shut {
                    self.pending.extend_from_slice(&chunk[..length]);
                }
            }
        }
        while !self.pending.is_empty() {
            let allowed = self.fuse.unwrap_or(usize::MAX).min(self.pending.len());
            let Some(length) = unless_blocked(sink.write(&self.pending[..allowed]))? else {
                return Ok(());
            };
            self.pending.drain(..length);
            if let Some(fuse) = &mut self.fuse {
                *fuse -= length;
                if *fuse == 0 {
                    return Err(ErrorKind::ConnectionReset.into());
                }
            }
        }
        if self.is_ended && !self.is_shut {
            self.is_shut = true;
            sink.shutdown(Shutdown::Write)?;
        }
        Ok(())
    }
}

/// Nothing if the socket was not ready.
fn unless_blocked(outcome: Result<usize>) -> Result<Option<usize>> {
    match outcome {
        Ok(length) => Ok(Some(length)),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(error),
    }
}
