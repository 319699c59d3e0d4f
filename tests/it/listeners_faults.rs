//! Brokers and servers that are killed under load: two thousand events a second from several
//! clients, on all shards.
//!
//! Whatever is killed, and when:
//!
//! 1. Every event whose client was told of success arrives, at least once; with a spool also if it
//!    is the server that is killed.
//! 2. Events of one connection arrive for the first time in the order in which they were sent.
//! 3. What arrives more than once was under way at the time: at most [`UNSETTLED_MAX`] for each
//!    fault.

mod load;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use load::{Load, Sent};

use crate::support::{
    Broker, EventHubs, Message, Script, Server, Setup, TempDir, USER, await_listener, event,
    fresh_loopback, listener,
};

/// Between two faults.
const PHASE: Duration = Duration::from_secs(2);

/// Events that the server lets a broker have at a time without an outcome; what was settled and not
/// yet noted when the server was killed comes to no more.
const UNSETTLED_MAX: usize = 2000;

/// From the end of the load to the last event, on a machine that is busy with other tests.
const DRAIN_PATIENCE: Duration = Duration::from_secs(60);

/// Enough for what comes in while a broker is away.
const CONFIG: &str = "eventListenerQueueMessages = 100000\neventListenerQueueBytes = 67108864\n";

/// The event whose arrival says that nothing more will come.
const END: &str = "end";

fn setup(table: &str) -> Setup {
    let config = format!("{CONFIG}{table}");
    Setup::new().args(&["--shutdown-grace", "0s"]).config(&config)
}

/// Waits for the last event and hands out those before it.
fn drained(server: &Server, receiver: &Script) -> Vec<Arc<Message>> {
    server.client().connect().succeed(event(END, ""));
    let since = Instant::now();
    loop {
        let mut messages = receiver.messages();
        if messages.iter().rev().take(100).any(|message| message.event() == END) {
            messages.retain(|message| message.event() != END);
            return messages;
        }
        assert!(since.elapsed() < DRAIN_PATIENCE, "only {} messages", messages.len());
        // Between two questions, not instead of one.
        std::thread::park_timeout(Duration::from_millis(50));
    }
}

/// Compares what clients were told with what arrived.
fn account(sent: &[Sent], messages: &[Arc<Message>], faults: usize) {
    let mut seen = HashSet::new();
    let mut last_of = std::collections::HashMap::new();
    let mut repeated = 0;
    for message in messages {
        let number: u32 = message.text().parse().expect("a number");
        let id = message.connection_id().to_owned();
        if !seen.insert((id.clone(), number)) {
            repeated += 1;
            continue;
        }
        if let Some(last) = last_of.insert(id.clone(), number) {
            assert!(last < number, "{id}: {number} after {last}");
        }
    }
    let mut acknowledged = 0;
    for Sent { id, count, acknowledged: told } in sent {
        for number in told {
            acknowledged += 1;
            assert!(seen.contains(&(id.clone(), *number)), "{id}: {number} of {count} is lost");
        }
    }
    let total: u32 = sent.iter().map(|sent| sent.count).sum();
    println!(
        "{total} sent, {acknowledged} acknowledged, {} arrived, {repeated} repeated",
        seen.len()
    );
    assert!(seen.len() <= total as usize, "more than was sent");
    assert!(acknowledged >= 5000, "hardly a load");
    assert!(repeated <= UNSETTLED_MAX * faults, "{repeated} repeated");
}

#[test]
fn a_broker_that_is_killed_costs_no_event() {
    // L30, L31: it loses its connections and comes back with its data.
    let mut broker = Broker::start();
    let queue = broker.queue();
    let server = setup(&listener("l", USER, &broker.endpoint(&queue, ""))).start();
    let load = Load::start(&server);
    load.lasts(PHASE);
    broker.kill();
    load.lasts(PHASE);
    broker.resume();
    load.lasts(PHASE);
    let sent = load.finish();
    let receiver = broker.receive(&queue);
    let messages = drained(&server, &receiver);
    account(&sent, &messages, 1);
    let total: u32 = sent.iter().map(|sent| sent.count).sum();
    await_listener(&server, "l", "delivered", total + 1);
}

#[test]
fn a_killed_server_goes_on_from_its_spool() {
    // The broker is there all the time.
    let broker = Broker::shared();
    let (queue, directory) = (broker.queue(), TempDir::new());
    let table =
        format!("{}{}", listener("l", USER, &broker.endpoint(&queue, "")), directory.spool());
    let setup = setup(&table).listen(format!("{}:0", fresh_loopback()));
    let mut server = setup.start();
    let load = Load::start(&server);
    for _ in 0..2 {
        load.lasts(PHASE);
        server = load.restarted(server, &setup);
    }
    load.lasts(PHASE);
    let sent = load.finish();
    let messages = drained(&server, &broker.receive(&queue));
    account(&sent, &messages, 2);
}

#[test]
fn a_server_that_is_killed_while_its_broker_is_away_loses_nothing() {
    // All that was acknowledged waits in the spool.
    let (hubs, directory) = (EventHubs::start(), TempDir::new());
    let table = format!("{}{}", listener("l", USER, &hubs.endpoint()), directory.spool());
    let setup = setup(&table).listen(format!("{}:0", fresh_loopback()));
    let mut server = setup.start();
    let load = Load::start(&server);
    load.lasts(PHASE);
    hubs.simply("down");
    load.lasts(PHASE);
    server = load.restarted(server, &setup);
    load.lasts(PHASE);
    let sent = load.finish();
    hubs.simply("up");
    let messages = drained(&server, &hubs);
    account(&sent, &messages, 2);
}
