//! Clients that do not read (client-connect.md, section 12.3).

use std::net::TcpStream;

use rustix::net::sockopt::set_socket_recv_buffer_size;
use rustix::net::{AddressFamily, SocketType, connect, socket};

use crate::support::{Client, Frame, Server, Wire, on_shards, publication};

/// A connection to the server that can hold next to nothing unread, and a handle to widen it.
pub(crate) fn narrow(server: &Server) -> (Wire, TcpStream) {
    let socket = socket(AddressFamily::INET, SocketType::STREAM, None).expect("a socket");
    // Before connecting: the window of the connection is agreed then.
    set_socket_recv_buffer_size(&socket, 2048).expect("a small buffer");
    connect(&socket, &server.address).expect("the server accepts");
    let stream = TcpStream::from(socket);
    let handle = stream.try_clone().expect("a socket");
    (Wire::from(stream), handle)
}

/// Size of a message, and how many of them a queue holds: by their number, and by their bytes.
const BOUNDS: [(usize, usize); 2] = [(8 * 1024, 1000), (200_000, (16 << 20) / 200_000 - 1)];

/// Publishes numbered messages of this size. The healthy members read them in small batches.
pub(crate) fn publish(server: &Server, size: usize, count: usize, healthy: &mut [Client]) {
    let mut publisher = server.client().permitted().connect();
    let text = "x".repeat(size);
    let batch = (1 << 20) / size;
    let numbers: Vec<_> = (0..count).collect();
    for numbers in numbers.chunks(batch) {
        for number in numbers {
            publisher.send_json(&publication("room", &format!("{number} {text}")));
        }
        for member in healthy.iter_mut() {
            for number in numbers {
                let message = member.group_text("room");
                assert!(message.starts_with(&format!("{number} ")), "{message:.20} for {number}");
            }
        }
    }
}

/// Checks that these are the first messages, none missing and none torn.
fn check_beginning(messages: &[Frame], size: usize) {
    for (number, frame) in messages.iter().enumerate() {
        let text = frame.text();
        assert!(text.starts_with(&format!("{number} ")), "{text:.20} for {number}");
        assert_eq!(text.len(), size + format!("{number} ").len());
    }
}

#[test]
fn a_client_that_does_not_read_is_closed_and_nobody_else_notices() {
    // C51, O3
    on_shards(&[1, 2], |server| {
        for ((size, _), drops) in BOUNDS.into_iter().zip([1.0, 2.0]) {
            let (mut slow, handle) = narrow(server);
            slow.send(server.client().groups(&["room"]).simple().upgrade().bytes());
            assert_eq!(slow.response(true).status, 101);
            let mut healthy: Vec<_> = (0..server.shards)
                .map(|shard| server.client().groups(&["room"]).on(shard).connect())
                .collect();
            // The kernel takes a few MiB for the slow client, the queue another 16 at most.
            let count = (32 << 20) / size;
            publish(server, size, count, &mut healthy);

            // What the client finds when it reads at last: what the kernel had taken, nothing
            // torn, and why it ended.
            set_socket_recv_buffer_size(&handle, 4 << 20).expect("a large buffer");
            let (before, close) = slow.frames_to_close();
            assert_eq!(close.code, 1008, "{close:?} after {} messages", before.len());
            check_beginning(&before, size);
            println!("{} of {count} messages of {size} bytes arrived", before.len());
            drop((slow, handle));
            server.await_metric("corecast_slow_client_drops_total", &[], drops);
            let labels = [("category", "SlowClient")];
            server.await_metric("corecast_connections_closed_total", &labels, drops);
        }
    });
}

#[test]
fn a_slow_client_that_never_reads_again_is_removed_all_the_same() {
    // C51
    let server = Server::start();
    let (mut slow, _handle) = narrow(&server);
    slow.send(server.client().groups(&["room"]).simple().upgrade().bytes());
    assert_eq!(slow.response(true).status, 101);
    publish(&server, 8 * 1024, 4096, &mut []);
    server.await_metric("corecast_slow_client_drops_total", &[], 1.0);
}

#[test]
fn a_client_that_is_late_within_the_bound_gets_everything() {
    // C51: the other side of it.
    on_shards(&[1, 2], |server| {
        for (size, bound) in BOUNDS {
            let guest = server.client().groups(&["room"]).simple();
            let mut late = guest.wire();
            publish(server, size, bound, &mut []);
            let messages: Vec<_> = (0..bound).map(|_| late.frame()).collect();
            check_beginning(&messages, size);
        }
        assert_eq!(server.metrics().sum("corecast_slow_client_drops_total", &[]), 0.0);
    });
}
