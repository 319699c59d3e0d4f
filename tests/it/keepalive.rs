//! Pings of the server and clients that answer nothing (client-connect.md, section 10).

use std::time::{Duration, Instant};

use crate::support::frame::{CLOSE, PING, PONG};
use crate::support::{Close, Frame, Setup, Upstream, Wire};

const INTERVAL: Duration = Duration::from_secs(1);
/// Three intervals, but never less than this.
const SILENCE_MAX: Duration = Duration::from_secs(15);
/// Coarse timers and a busy machine.
const SLACK: Duration = Duration::from_secs(6);

#[test]
fn silent_clients_are_pinged_and_then_dropped() {
    // C40, O3: side by side, a client that answers and one that does not. E35: the handler is told.
    let upstream = Upstream::start();
    let server = Setup::new()
        .config("[hubs.chat]\nwebSocketKeepAliveIntervalInSeconds = 1\n")
        .config(&upstream.handler("systemEvents = ['disconnected']"))
        .start();
    let mut silent = server.client().simple().wire();
    let connected = Instant::now();
    let answering = server.client().simple().wire();
    let answerer = std::thread::spawn(move || answer_pings(answering, SILENCE_MAX + SLACK));

    let mut pings = 0_u32;
    let close = loop {
        let frame = silent.frame_or_end().expect("a close frame before the end");
        match frame.opcode {
            PING => pings += 1,
            CLOSE => break Close::from_payload(&frame.payload),
            _ => panic!("{frame:?}"),
        }
    };
    let lasted = connected.elapsed();
    assert_eq!((close.code, &*close.reason), (1001, "PingTimeout"));
    assert!(lasted >= SILENCE_MAX - INTERVAL, "dropped after {lasted:?}");
    assert!(lasted <= SILENCE_MAX + SLACK, "dropped after {lasted:?}");
    // One for every interval; the last may coincide with the end.
    assert!((12..=lasted.as_secs().try_into().expect("seconds")).contains(&pings), "{pings} pings");
    server.await_metric("corecast_connections_closed_total", &[("category", "PingTimeout")], 1.0);
    let told = upstream.next("disconnected").json();
    assert_eq!(told["reason"], "The client did not respond to pings.");

    let answered = answerer.join().expect("the answering client stays");
    assert!(answered > pings, "{answered} pings answered");
}

/// Answers pings for as long as told and then checks that the connection is still good.
fn answer_pings(mut wire: Wire, time: Duration) -> u32 {
    let begun = Instant::now();
    let mut answered = 0;
    while begun.elapsed() < time {
        let ping = wire.frame_or_end().expect("an open connection");
        assert_eq!(ping.opcode, PING, "{ping:?}");
        wire.send(Frame::new(PONG, ping.payload).bytes());
        answered += 1;
    }
    wire.send(Frame::new(PING, "still there?").bytes());
    assert_eq!(wire.frame().text(), "still there?");
    answered
}
