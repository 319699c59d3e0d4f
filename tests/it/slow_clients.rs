//! Clients that do not read (client-connect.md, section 12.3).

use std::net::TcpStream;

use rustix::net::sockopt::set_socket_recv_buffer_size;
use rustix::net::{AddressFamily, SocketType, connect, socket};

use crate::support::{Client, Server, Wire, on_shards, publication};

/// A connection to the server that can hold next to nothing unread, and a handle to widen it.
fn narrow(server: &Server) -> (Wire, TcpStream) {
    let socket = socket(AddressFamily::INET, SocketType::STREAM, None).expect("a socket");
    // Before connecting: the window of the connection is agreed then.
    set_socket_recv_buffer_size(&socket, 2048).expect("a small buffer");
    connect(&socket, &server.address).expect("the server accepts");
    let stream = TcpStream::from(socket);
    let handle = stream.try_clone().expect("a socket");
    (Wire::from(stream), handle)
}

/// Publishes `text` in batches of one MiB, and has every healthy member read them, until the server
/// has dropped the slow one; then one batch more. The number of messages until then.
fn publish_until_dropped(server: &Server, text: &str, healthy: &mut [Client]) -> usize {
    let mut publisher = server.client().permitted().connect();
    let drops = || server.metrics().sum("corecast_slow_client_drops_total", &[]);
    let drops_before = drops();
    let batch = (1 << 20) / text.len();
    let mut published = 0;
    let mut published_when_dropped = None;
    // The kernel takes a few MiB for the slow client, the queue another 16 at most.
    for _ in 0..64 {
        for _ in 0..batch {
            publisher.send_json(&publication("room", &format!("{published} {text}")));
            published += 1;
        }
        for member in healthy.iter_mut() {
            for number in published - batch..published {
                let message = member.group_text("room");
                assert!(message.starts_with(&format!("{number} ")), "{message:.20} for {number}");
            }
        }
        if let Some(published) = published_when_dropped {
            return published;
        }
        published_when_dropped = (drops() > drops_before).then_some(published);
    }
    panic!("{published} messages did not make the client a slow one");
}

#[test]
fn a_client_that_does_not_read_is_closed_and_nobody_else_notices() {
    // C51, O3: by the number of messages, and by their bytes.
    on_shards(&[1, 2], |server| {
        for (size, bound, drops) in [(8 * 1024, 1000, 1.0), (200_000, (16 << 20) / 200_000, 2.0)] {
            let (mut slow, handle) = narrow(server);
            slow.send(server.client().groups(&["room"]).simple().upgrade().bytes());
            assert_eq!(slow.response(true).status, 101);
            let mut healthy: Vec<_> = (0..server.shards)
                .map(|shard| server.client().groups(&["room"]).on(shard).connect())
                .collect();
            let published = publish_until_dropped(server, &"x".repeat(size), &mut healthy);
            server.await_metric("corecast_slow_client_drops_total", &[], drops);
            let labels = [("category", "SlowClient")];
            server.await_metric("corecast_connections_closed_total", &labels, drops);

            // What the client finds when it reads at last: what the kernel had taken, nothing
            // torn, and why it ended.
            set_socket_recv_buffer_size(&handle, 4 << 20).expect("a large buffer");
            let (before, close) = slow.frames_to_close();
            assert_eq!(close.code, 1008, "{close:?} after {} messages", before.len());
            for (number, frame) in before.iter().enumerate() {
                let text = frame.text();
                assert!(text.starts_with(&format!("{number} ")), "{text:.20} for {number}");
            }
            let queued = published - before.len();
            println!("of {published} messages of {size} bytes {queued} were queued");
            assert!(queued >= bound, "dropped early: {queued} queued of {published}");
        }
    });
}
