//! An application's server as event handlers see it: real HTTP/1.1, scripted, with a memory.
//!
//! Written over `std::net` and by hand, because what is under test is every byte that arrives and
//! every way in which an answer can be wrong. Requests go by a name: the event of `ce-eventName`,
//! or else the last segment of the path (`validate` for endpoint validation). A test says what is
//! answered to which name and waits for requests by name. Without a script validation succeeds
//! and everything else is answered `204`.
//!
//! Each upstream has a loopback address of its own, so that it can go and come back on the same
//! port while other tests take ports by the hundred.

mod answer;
mod connection;
mod record;
mod request;

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::JoinHandle;

use rustix::net::{Shutdown, shutdown};

pub(crate) use answer::{Answer, Hold};
use record::Record;
pub(crate) use request::Request;

/// All user and system events: the settings of a handler that wants to know everything.
pub(crate) const ALL_EVENTS: &str =
    "userEventPattern = \"*\"\nsystemEvents = [\"connect\", \"connected\", \"disconnected\"]\n";

/// Every event is sent once, so that a failing one fails at once; stands before any table.
pub(crate) const ONE_ATTEMPT: &str = "eventAttempts = 1\n";

/// User events only.
pub(crate) const USER_EVENTS: &str = "userEventPattern = \"*\"\n";

pub(crate) struct Upstream {
    address: SocketAddr,
    record: Arc<Record>,
    open: Option<Open>,
}

/// While connections are accepted.
struct Open {
    listener: Arc<TcpListener>,
    acceptor: JoinHandle<()>,
}

impl Upstream {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind((fresh_loopback(), 0)).expect("a free port");
        let address = listener.local_addr().expect("bound");
        let record = Arc::new(Record::default());
        let open = Some(Open::new(listener, &record));
        Self { address, record, open }
    }

    /// Where it is, as a URL without path.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// `IP:PORT`, as messages name it.
    pub(crate) fn host(&self) -> String {
        self.address.to_string()
    }

    /// Configuration that makes this the next event handler of the hub `chat`, with these further
    /// settings of the handler.
    pub(crate) fn handler(&self, settings: &str) -> String {
        self.handler_at("/{hub}/{event}", settings)
    }

    /// The same with another path and query in the template.
    pub(crate) fn handler_at(&self, path: &str, settings: &str) -> String {
        self.handler_of("chat", path, settings)
    }

    /// The same for another hub.
    pub(crate) fn handler_of(&self, hub: &str, path: &str, settings: &str) -> String {
        let url = self.url();
        format!("[[hubs.{hub}.eventHandlers]]\nurlTemplate = '{url}{path}'\n{settings}\n")
    }

    /// Answers every request of this name so, from now on.
    pub(crate) fn always(&self, name: &str, answer: Answer) {
        self.respond(name, move |_| answer.clone());
    }

    /// Answers one request of this name so; several of these form a queue, which comes first.
    pub(crate) fn once(&self, name: &str, answer: Answer) {
        self.record.script(name, |script| script.queue.push_back(answer));
    }

    /// Answers every request of this name as the function says.
    pub(crate) fn respond(
        &self,
        name: &str,
        answer: impl Fn(&Request) -> Answer + Send + Sync + 'static,
    ) {
        self.record.script(name, |script| script.standing = Some(Arc::new(answer)));
    }

    /// The next request of this name that was not taken before.
    pub(crate) fn next(&self, name: &str) -> Arc<Request> {
        self.record.next(name)
    }

    /// Waits until so many requests of this name have come in all, and hands out all there are.
    pub(crate) fn await_all(&self, name: &str, count: usize) -> Vec<Arc<Request>> {
        self.record.await_all(name, count)
    }

    /// The requests of this name so far, taken or not.
    pub(crate) fn all(&self, name: &str) -> Vec<Arc<Request>> {
        self.record.all(name)
    }

    /// Every event so far, in the order of arrival; validation is none.
    pub(crate) fn events(&self) -> Vec<Arc<Request>> {
        self.record.events()
    }

    /// The names of all events so far.
    pub(crate) fn event_names(&self) -> Vec<String> {
        self.events().iter().map(|request| request.name().to_owned()).collect()
    }

    /// Refuses connections from now on and cuts those there are.
    pub(crate) fn stop(&mut self) {
        if let Some(open) = self.open.take() {
            open.close();
        }
        self.record.cut();
    }

    /// Accepts connections again, where it did before.
    pub(crate) fn resume(&mut self) {
        let listener = TcpListener::bind(self.address).expect("the address it had");
        self.open = Some(Open::new(listener, &self.record));
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Open {
    fn new(listener: TcpListener, record: &Arc<Record>) -> Self {
        let listener = Arc::new(listener);
        let (accepting, record) = (listener.clone(), record.clone());
        let acceptor = std::thread::spawn(move || {
            for stream in accepting.incoming() {
                let Ok(stream) = stream else { return };
                // Known before the thread exists, so that none escapes a cut.
                let stream = Arc::new(stream);
                let number = record.connected(&stream);
                let record = record.clone();
                std::thread::spawn(move || connection::serve(&stream, number, &record));
            }
        });
        Self { listener, acceptor }
    }

    fn close(self) {
        // Linux ends a waiting `accept` when the listener is shut down.
        shutdown(&self.listener, Shutdown::Both).expect("a listener");
        self.acceptor.join().expect("no panic inside");
    }
}

/// An address in 127.0.0.0/8 that no other upstream of this process has, and hardly one of
/// another process.
pub(crate) fn fresh_loopback() -> Ipv4Addr {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let [_, _, high, low] = std::process::id().to_be_bytes();
    let last = u8::try_from(number % 254 + 1).expect("one byte");
    Ipv4Addr::new(127, high | 0x40, low, last)
}
