//! How a server ends (operations.md, section 10; client-connect.md, section 12).

use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::support::{Client, PATIENCE, Server, Setup, Token, Upgrade, Wire, eventually, frame};

const HEALTH: &str = "HEAD /api/health HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// The status of health on a connection that was open before: a stopping server accepts no more.
fn health(wire: &mut Wire) -> u16 {
    wire.send(HEALTH);
    wire.response(false).status
}

/// Clients of both kinds, and a connection to ask for health on.
fn guests(server: &Server) -> (Client, Client, Wire) {
    let told = server.client().permitted().groups(&["room"]).connect();
    let simple = server.client().groups(&["room"]).simple().connect();
    let mut probe = Wire::connect(server.address);
    assert_eq!(health(&mut probe), 200);
    (told, simple, probe)
}

#[test]
fn an_orderly_stop_tells_everyone_in_turn() {
    // O35, O3: health first, clients after the grace, exit code 0.
    for signal in [Signal::TERM, Signal::INT] {
        let mut server = Setup::new().args(&["--shutdown-grace", "2s"]).start();
        let (mut told, mut simple, mut probe) = guests(&server);
        let mut stubborn = server.client().simple().wire();
        let signalled = Instant::now();
        server.signal(signal);
        eventually("health 503", || (health(&mut probe) == 503).then_some(()));
        // Clients are still served, new ones are not.
        told.publish("room", "during the grace");
        assert_eq!(told.group_text("room"), "during the grace");
        assert_eq!(simple.text(), "during the grace");
        probe.send(server.client().upgrade().bytes());
        assert_eq!(probe.response(true).status, 503);
        assert!(signalled.elapsed() < Duration::from_secs(2), "too slow to see the grace");

        assert_eq!(told.disconnected().code, 1001);
        assert!(signalled.elapsed() >= Duration::from_secs(2), "{:?}", signalled.elapsed());
        assert_eq!(simple.closed().code, 1001);
        // One that does not answer the close frame keeps the server for a moment only.
        assert_eq!(stubborn.close().code, 1001);
        let labels = [("category", "ServiceReload")];
        eventually("two closes for ServiceReload", || {
            let closed = server.metrics().sum("corecast_connections_closed_total", &labels);
            (closed >= 2.0).then_some(())
        });
        stubborn.end();
        assert_eq!(server.exit().code(), Some(0));
    }
}

#[test]
fn an_idle_server_stops_after_its_grace() {
    // O35: nobody to tell.
    let mut server = Setup::new().args(&["--shutdown-grace", "0s"]).start();
    server.signal(Signal::TERM);
    assert_eq!(server.exit().code(), Some(0));
}

#[test]
fn a_second_signal_ends_at_once() {
    let mut server = Setup::new().args(&["--shutdown-grace", "120s"]).start();
    let (_told, _simple, mut probe) = guests(&server);
    server.signal(Signal::TERM);
    eventually("health 503", || (health(&mut probe) == 503).then_some(()));
    server.signal(Signal::TERM);
    let begun = Instant::now();
    server.exit();
    assert!(begun.elapsed() < PATIENCE / 2, "{:?}", begun.elapsed());
}

#[test]
fn clients_that_read_nothing_do_not_keep_the_server() {
    // operations.md, section 10.2: draining has a deadline.
    let args = ["--shutdown-grace", "0s", "--drain-deadline", "1s"];
    let mut server = Setup::new().args(&args).start();
    let clients: Vec<_> = (0..50).map(|_| server.client().simple().wire()).collect();
    server.signal(Signal::TERM);
    assert_eq!(server.exit().code(), Some(0));
    for mut wire in clients {
        let last = wire.frame_or_end();
        assert!(last.is_none_or(|last| last.opcode == frame::CLOSE));
    }
}

#[test]
fn a_new_server_takes_the_same_address() {
    // The old one leaves connections behind, which must not keep the address.
    let mut server = Setup::new().args(&["--shutdown-grace", "0s"]).start();
    let address = server.address;
    let (_told, _simple, _probe) = guests(&server);
    server.signal(Signal::KILL);
    server.exit();
    let server = Setup::new().listen(address).start();
    assert_eq!(server.address, address);
    let token = Token::for_hub("chat").sign();
    assert_eq!(Upgrade::to_hub("chat", &token).status(&server), 101);
}
