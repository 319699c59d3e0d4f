//! A TCP proxy between clients and the server that does damage when it is told to.
//!
//! [`Proxy::start`] listens on a free port and forwards every connection to the server. Until it
//! is told otherwise it is transparent: bytes keep their order, the end of a stream and a reset
//! travel on to the other side. [`Proxy::inflict`] strikes all connections at once, for tests that
//! need one certain [`Fault`]; [`Proxy::torment`] strikes connections at random, and the same seed
//! gives the same faults in the same order. Which bytes a fault hits is up to the timing.
//!
//! One thread polls all sockets. Orders reach it through a channel and a byte on a socket pair,
//! and are answered when they have been carried out. The proxy ends when it is dropped, and resets
//! what is still connected.

mod exchange;
mod relay;
mod torment;

use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use exchange::Exchange;

use super::deadline::PATIENCE;

/// What can happen to one connection between a client and the server.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    /// Both sides are reset; what is under way is lost.
    Reset,
    /// Both sides read the end of the stream; what is under way is lost.
    Finish,
    /// The server reads the end of the stream. What it still says arrives.
    HalfCloseToServer,
    /// The client reads the end of the stream. The server learns nothing, not even that the
    /// client has gone, and what it says is lost.
    HalfCloseToClient,
    /// What the server says is lost from now on. The client learns nothing, until another fault.
    Mute,
    /// Both sides are reset once the server has sent this many more bytes: inside a frame, mostly.
    ResetAfter(usize),
    /// Nothing moves for this long.
    Stall(Duration),
}

/// What the thread of the proxy can be told.
enum Order {
    Inflict(Fault),
    /// Nothing moves on any connection, present or future, until it is released.
    Hold(bool),
    Torment {
        seed: u64,
        pause: Duration,
    },
    Relent,
}

/// An order, and where the number of connections or faults it concerned is awaited.
struct Commission {
    order: Order,
    done: Sender<usize>,
}

/// The proxy while it runs.
pub(crate) struct Proxy {
    /// Where clients find it.
    pub(crate) address: SocketAddr,
    /// None once it is to end.
    commissions: Option<Sender<Commission>>,
    /// Wakes the thread from its poll.
    bell: UnixStream,
    thread: Option<JoinHandle<()>>,
}

impl Proxy {
    /// Forwards to this address from now on.
    pub(crate) fn start(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        let (bell, wake) = UnixStream::pair().expect("a socket pair");
        let (commissions, orders) = channel();
        let exchange = Exchange::new(listener, server, orders, wake);
        let thread = Some(std::thread::spawn(move || exchange.run()));
        Self { address, commissions: Some(commissions), bell, thread }
    }

    /// Strikes every connection there is; hands back how many there were.
    pub(crate) fn inflict(&self, fault: Fault) -> usize {
        self.tell(Order::Inflict(fault))
    }

    /// Lets nothing through. Connections are accepted and wait; faults happen all the same.
    pub(crate) fn hold(&self) {
        self.tell(Order::Hold(true));
    }

    /// Ends [`hold`](Self::hold).
    pub(crate) fn release(&self) {
        self.tell(Order::Hold(false));
    }

    /// Strikes one connection after each pause, both chosen by the seed.
    pub(crate) fn torment(&self, seed: u64, pause: Duration) {
        self.tell(Order::Torment { seed, pause });
    }

    /// Ends [`torment`](Self::torment) and every stall; hands back how many faults there were.
    pub(crate) fn relent(&self) -> usize {
        self.tell(Order::Relent)
    }

    fn tell(&self, order: Order) -> usize {
        let (done, answer) = channel();
        let commissions = self.commissions.as_ref().expect("open until the drop");
        commissions.send(Commission { order, done }).expect("the thread runs");
        self.ring();
        answer.recv_timeout(PATIENCE).expect("the thread answers")
    }

    fn ring(&self) {
        // Fails once the thread has ended by a panic, which the join reports.
        let _ = (&self.bell).write_all(&[0]);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.commissions = None;
        self.ring();
        let ended = self.thread.take().expect("running until here").join();
        assert!(ended.is_ok() || std::thread::panicking(), "the proxy failed");
    }
}
