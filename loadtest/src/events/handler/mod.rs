//! The event handler that the server under test calls: a thread of this process.
//!
//! It answers every event with the event itself. A thread of its own, so that a client waiting for
//! its turn does not hold the handler back, and so that the cost of either can be told apart. It
//! ends with the process: nothing is lost with it, since every event has its answer by then.

mod server;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock, mpsc};
use std::thread::{self, JoinHandle};

use anyhow::{Context, Result, anyhow};

use self::server::Server;
use crate::procfs::Process;
use crate::socket;

/// A handler at work, as the thread of the clients sees it.
pub(crate) struct Handler {
    pub(crate) address: SocketAddr,
    counts: Arc<Counts>,
    /// The kernel's id of its thread.
    thread_id: u32,
    thread: JoinHandle<Result<()>>,
}

/// What has come so far. Written by one thread and read by another, each on its own: no order
/// between them is needed.
#[derive(Default)]
struct Counts {
    validations: AtomicU64,
    events: AtomicU64,
    /// Why a connection was given up, first.
    refusal: OnceLock<&'static str>,
}

impl Handler {
    /// Listens on `address` and answers each request `delay_ns` after it was read.
    pub(crate) fn start(address: SocketAddr, delay_ns: u64) -> Result<Self> {
        let listener = socket::listen(address).with_context(|| {
            format!("the handler cannot listen on {address} (--handler-listen)")
        })?;
        let counts = Arc::new(Counts::default());
        let mut server = Server::new(listener, delay_ns, Arc::clone(&counts))?;
        let (tell, told) = mpsc::channel();
        let serve = move || {
            // The other side waits for it.
            let _ = tell.send(rustix::thread::gettid());
            server.serve()
        };
        let thread = thread::Builder::new().name("handler".into()).spawn(serve);
        let thread = thread.context("starting the handler")?;
        let thread_id = told.recv().context("starting the handler")?.as_raw_pid().cast_unsigned();
        Ok(Self { address, counts, thread_id, thread })
    }

    pub(crate) fn is_running(&self) -> bool {
        !self.thread.is_finished()
    }

    /// Requests whether events may be posted.
    pub(crate) fn validations(&self) -> u64 {
        self.counts.validations.load(Relaxed)
    }

    /// Events posted, each as often as the server did so.
    pub(crate) fn events(&self) -> u64 {
        self.counts.events.load(Relaxed)
    }

    /// Why the first request that could not be answered was none.
    pub(crate) fn refusal(&self) -> Option<&'static str> {
        self.counts.refusal.get().copied()
    }

    /// CPU time so far.
    pub(crate) fn cpu_ns(&self) -> Option<u64> {
        Process::own().thread_cpu_ns(self.thread_id)
    }

    /// Why it is not running any more.
    pub(crate) fn into_error(self) -> Option<anyhow::Error> {
        if !self.thread.is_finished() {
            return None;
        }
        let ended = self.thread.join().unwrap_or_else(|_| Err(anyhow!("it panicked")));
        ended.err().map(|error| error.context("the handler has ended"))
    }
}
