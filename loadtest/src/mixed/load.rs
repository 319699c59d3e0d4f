//! Everything at once, over open clients: three kinds of senders, receivers of every subprotocol,
//! one account of all of it.
//!
//! Each kind of senders keeps its own times; in the closed loop the publishers apart keep a window
//! full instead. An HTTP connection sends when its last request is answered, so that its messages
//! have an order as those of a client do.

use std::mem::take;

use anyhow::{Result, ensure};
use serde::Serialize;

use super::receivers::Receivers;
use super::senders::Senders;
use super::settings::Cast;
use crate::clock;
use crate::fanout::ledger::Ledger;
use crate::fanout::load::RELIABLE_IN_FLIGHT_MAX;
use crate::fanout::shape::Shape;
use crate::fleet::Fleet;
use crate::histogram::Latencies;
use crate::meter::{Meter, Usage};
use crate::pace::{BEHIND_MAX, Settling, TURN_NS_MAX};
use crate::procfs::Process;
use crate::progress::Progress;
use crate::rest::pool::{Pool, Request};
use crate::wire::http;
use crate::wire::publish::Publishes;
use crate::wire::stamp::{Stamp, narrow};
use crate::wire::subprotocol::Encoding;

/// Messages sent by one kind between two reads, so that a schedule that lags does not stop
/// reading.
const SENDS_PER_TURN_MAX: usize = 1024;

pub(crate) struct Load {
    pub(crate) fleet: Fleet,
    pub(crate) ledger: Ledger,
    shape: Shape,
    /// By place in the cast.
    pub(crate) receivers: Vec<Receivers>,
    /// By subscriber: its place in `receivers`.
    receivers_of: Vec<usize>,
    pub(crate) publishers: Senders,
    pub(crate) members: Senders,
    pub(crate) rest: Senders,
    /// By sender.
    sources: Vec<Source>,
    json: Publishes,
    protobuf: Publishes,
    pool: Pool,
    first_connection: usize,
    /// By group: the request up to its body.
    heads: Vec<Vec<u8>>,
    pub(crate) http: HttpFaults,
    pub(crate) first_refusal: Option<String>,
    /// Requests without an answer.
    asked: usize,
    /// From when a request was due to its 202.
    pub(crate) answers: Latencies,
    /// Messages under way beyond which nothing is sent.
    outstanding_max: usize,
    server: Option<Process>,
    /// Clients with something to write.
    touched: Vec<usize>,
}

/// One sender, as the ledger counts them.
struct Source {
    client: usize,
    /// Of a client that publishes; `None` for an HTTP connection.
    encoding: Option<Encoding>,
    group: usize,
    /// Whether it sends to the other groups too, in turn.
    goes_round: bool,
}

/// What happened between the two readings of a phase.
pub(crate) struct Measured {
    pub(crate) usage: Usage,
    pub(crate) delivered: u64,
}

/// What went wrong on HTTP connections. All zero in a good run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct HttpFaults {
    /// Answers with another status than 202.
    pub(crate) refused: u64,
    pub(crate) unanswered: u64,
    /// Answers to nothing that was asked.
    pub(crate) unasked: u64,
}

impl Load {
    pub(crate) fn new(
        fleet: Fleet,
        cast: &Cast,
        payload_bytes: usize,
        heads: Vec<Vec<u8>>,
        server: Option<Process>,
    ) -> Self {
        let shape = cast.shape();
        let receivers = cast.receivers.iter().map(|(subprotocol, clients)| {
            Receivers::new(*subprotocol, clients.clone(), cast.groups, payload_bytes)
        });
        let receivers: Vec<_> = receivers.collect();
        let places = receivers.iter().enumerate();
        let receivers_of =
            places.flat_map(|(place, kind)| kind.clients.clone().map(move |_| place)).collect();
        let layout = receivers[0].reader.layout();
        let (json, protobuf) = (
            Publishes::new(layout, Encoding::Json, true),
            Publishes::new(layout, Encoding::Protobuf, true),
        );
        let apart = cast.publishers.len();
        let http = apart + cast.publishing_members.len();
        let outstanding_max =
            if cast.has_reliable() { RELIABLE_IN_FLIGHT_MAX * cast.groups } else { BEHIND_MAX };
        Self {
            ledger: Ledger::new(shape),
            publishers: Senders::new("publishers", 0..apart),
            members: Senders::new("members", apart..http),
            rest: Senders::new("rest", http..shape.publishers),
            sources: sources(cast, &fleet),
            fleet,
            shape,
            receivers,
            receivers_of,
            json,
            protobuf,
            pool: Pool::new(cast.connections.len(), 1),
            first_connection: cast.connections.start,
            heads,
            http: HttpFaults::default(),
            first_refusal: None,
            asked: 0,
            answers: Latencies::new(),
            outstanding_max,
            server,
            touched: Vec::new(),
        }
    }

    pub(crate) fn is_sound(&self) -> bool {
        self.fleet.lost.is_empty()
    }

    /// Sends for `seconds`, each kind at the rate it was started with; publishers keep `window`
    /// messages each outstanding if there is one.
    pub(crate) fn run(
        &mut self,
        name: &'static str,
        window: usize,
        seconds: u64,
    ) -> Result<Measured> {
        for receivers in &mut self.receivers {
            receivers.latencies = Latencies::new();
        }
        self.answers = Latencies::new();
        let mut progress = Progress::new(name);
        let (meter, delivered) = (Meter::start(self.server), self.ledger.delivered);
        let end_ns = clock::now_ns() + clock::from_s(seconds);
        self.top_up(self.publishers.senders.clone(), window)?;
        while clock::now_ns() < end_ns && self.is_sound() {
            self.send_due()?;
            self.turn(self.sleep_ns())?;
            let mut freed = take(&mut self.ledger.freed);
            let apart = self.publishers.senders.end;
            self.top_up(freed.drain(..).filter(|&sender| sender < apart), window)?;
            self.ledger.freed = freed;
            ensure!(
                self.ledger.outstanding() < BEHIND_MAX,
                "the server is {BEHIND_MAX} messages behind: the rates are above what it can do"
            );
            self.tell(&mut progress);
        }
        for senders in [&mut self.publishers, &mut self.members, &mut self.rest] {
            senders.stop();
        }
        Ok(Measured { usage: meter.read(), delivered: self.ledger.delivered - delivered })
    }

    /// Waits until everything sent is answered and has arrived, or nothing more seems to come.
    pub(crate) fn settle(&mut self) -> Result<()> {
        let mut settling = Settling::start();
        while self.ledger.outstanding() + self.asked > 0
            && self.is_sound()
            && !settling.is_over(self.ledger.delivered)
        {
            self.turn(TURN_NS_MAX)?;
        }
        Ok(())
    }

    fn sleep_ns(&self) -> u64 {
        // What is due and held back waits for a delivery or an answer, as we do.
        if self.ledger.outstanding() >= self.outstanding_max {
            return TURN_NS_MAX;
        }
        let rest_ns = if self.pool.has_place() { self.rest.sleep_ns() } else { TURN_NS_MAX };
        self.publishers.sleep_ns().min(self.members.sleep_ns()).min(rest_ns)
    }

    /// Fills the windows of `publishers`.
    fn top_up(&mut self, publishers: impl Iterator<Item = usize>, window: usize) -> Result<()> {
        let now_ns = clock::now_ns();
        for publisher in publishers {
            for _ in self.ledger.under_way_of(publisher)..window {
                self.publish(publisher, now_ns);
                self.publishers.sent += 1;
            }
        }
        self.write_touched()
    }

    fn send_due(&mut self) -> Result<()> {
        let now_ns = clock::now_ns();
        for _ in 0..SENDS_PER_TURN_MAX {
            if self.ledger.outstanding() >= self.outstanding_max {
                break;
            }
            let mut has_sent = false;
            if let Some(due_ns) = self.publishers.take_due(now_ns) {
                let sender = self.publishers.next_sender();
                self.publishers.sent += 1;
                self.publish(sender, due_ns);
                has_sent = true;
            }
            if let Some(due_ns) = self.members.take_due(now_ns) {
                let sender = self.members.next_sender();
                self.members.sent += 1;
                self.publish(sender, due_ns);
                has_sent = true;
            }
            if self.pool.has_place()
                && let Some(due_ns) = self.rest.take_due(now_ns)
            {
                self.rest.sent += 1;
                self.ask(due_ns);
                has_sent = true;
            }
            if !has_sent {
                break;
            }
        }
        self.write_touched()
    }

    /// Appends a client's next message to what it has to write.
    fn publish(&mut self, sender: usize, due_ns: u64) {
        let stamp = self.stamp(sender, due_ns);
        let Source { client, encoding, .. } = self.sources[sender];
        let publishes = match encoding {
            Some(Encoding::Protobuf) => &self.protobuf,
            Some(Encoding::Json) | None => &self.json,
        };
        publishes.put(&mut self.fleet.clients[client].socket.outgoing, stamp);
        self.touched.push(client);
    }

    /// Appends the next request to what a free HTTP connection has to write.
    fn ask(&mut self, due_ns: u64) {
        let Some(place) = self.pool.take() else { return };
        let stamp = self.stamp(self.rest.senders.start + place.connection, due_ns);
        let target = stamp.target as usize;
        self.pool.on_sent(place, Request { target, sequence: stamp.sequence, intended_ns: due_ns });
        self.asked += 1;
        let client = self.first_connection + place.connection;
        let outgoing = &mut self.fleet.clients[client].socket.outgoing;
        outgoing.extend_from_slice(&self.heads[target]);
        self.receivers[0].reader.layout().put_payload(outgoing, stamp);
        self.touched.push(client);
    }

    fn stamp(&mut self, sender: usize, due_ns: u64) -> Stamp {
        let source = &mut self.sources[sender];
        let group = source.group;
        if source.goes_round {
            source.group = self.shape.next_group(group);
        }
        let sequence = self.ledger.on_publish(sender, group);
        Stamp { publisher: narrow(sender), target: narrow(group), sequence, intended_ns: due_ns }
    }

    fn write_touched(&mut self) -> Result<()> {
        // A client can stand here several times; only its first write has bytes.
        let mut touched = take(&mut self.touched);
        for client in touched.drain(..) {
            self.fleet.write(client)?;
        }
        self.touched = touched;
        Ok(())
    }

    fn turn(&mut self, timeout_ns: u64) -> Result<()> {
        let Self { fleet, ledger, receivers, receivers_of, shape, pool, .. } = self;
        let Self { http, first_refusal, asked, answers, first_connection, .. } = self;
        ledger.freed.clear();
        fleet.turn(timeout_ns, |client, message, now_ns| {
            if let Some(&place) = receivers_of.get(client) {
                let group = shape.group_of(client);
                return receivers[place].on_message(client, group, message, now_ns, ledger);
            }
            let Some(connection) = client.checked_sub(*first_connection) else {
                return ledger.faults.wrong_group += 1;
            };
            let Some(request) = pool.on_answer(connection, now_ns) else {
                return http.unasked += 1;
            };
            *asked -= 1;
            if http::status(message) == http::ACCEPTED {
                answers.record(now_ns.saturating_sub(request.intended_ns));
            } else {
                http.refused += 1;
                first_refusal.get_or_insert_with(|| http::excerpt(message));
            }
        })?;
        receivers.iter_mut().try_for_each(|receivers| receivers.write_receipts(fleet))
    }

    fn tell(&self, progress: &mut Progress) {
        progress.tick(clock::now_ns(), || {
            let Ledger { delivered, published, .. } = self.ledger;
            let faults = self.ledger.faults.count_so_far() + self.http.refused;
            format!("{published} sent, {delivered} delivered, {faults} faults")
        });
    }

    /// Closes all clients; what was wrong with the run is then in the ledger and in `http`.
    pub(crate) fn finish(&mut self) -> Result<()> {
        self.ledger.settle_losses();
        self.http.unanswered = self.asked as u64;
        self.ledger.faults.clients_closed = self.fleet.lost.values().sum();
        self.fleet.close_all()?;
        Ok(())
    }
}

/// Publishers apart, members, and connections, in the order of the ledger.
fn sources(cast: &Cast, fleet: &Fleet) -> Vec<Source> {
    let shape = cast.shape();
    let source = |client: usize, sender: usize, goes_round: bool| Source {
        client,
        encoding: fleet.clients[client].dial.subprotocol.encoding(),
        group: if goes_round { shape.first_group(sender) } else { shape.group_of(client) },
        goes_round,
    };
    let members = cast.publishing_members.iter().copied().map(|client| (client, false));
    let apart = cast.publishers.clone().map(|client| (client, true));
    let connections = cast.connections.clone().map(|client| (client, true));
    let all = apart.chain(members).chain(connections).enumerate();
    all.map(|(sender, (client, goes_round))| source(client, sender, goes_round)).collect()
}
