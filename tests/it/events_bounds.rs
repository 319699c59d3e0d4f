//! What a handler cannot do to the server: bounds of queues, times and sizes.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{
    ALL_EVENTS, Answer, Client, Hold, ONE_ATTEMPT, Server, Setup, USER_EVENTS, Upstream, event,
};

fn server(upstream: &Upstream, settings: &str) -> Server {
    Setup::new().config(ONE_ATTEMPT).config(settings).config(&upstream.handler(USER_EVENTS)).start()
}

/// Far from the ids that a client counts by itself.
const FIRST: u64 = 1000;

/// Sends an event without waiting for anything.
fn send(client: &mut Client, name: &str, text: &str) {
    let mut request = event(name, text);
    request["ackId"] = json!(FIRST);
    client.send_json(&request);
}

#[test]
fn what_finds_no_room_fails_at_once() {
    // E46; `eventQueueMessages`: the bound is the handler's, whatever the shard.
    let upstream = Upstream::start();
    let hold = Hold::new();
    upstream.always("e", Answer::text("done").held(&hold));
    let server = server(&upstream, "eventQueueMessages = 3\n");
    let mut clients: Vec<_> = (0..3).map(|_| server.client().connect()).collect();
    for client in &mut clients {
        send(client, "e", "");
    }
    upstream.await_all("e", 3);
    for shard in [0, 1] {
        let mut late = server.client().on(shard).connect();
        late.fail(event("e", ""), "InternalServerError");
    }
    let mut simple = server.client().simple().connect();
    simple.send("x");
    assert_eq!(simple.closed().code, 1011);
    server.await_events("blocking", "rejected_full", 3.0);
    hold.release();
    for client in &mut clients {
        assert_eq!(client.ack(FIRST)["success"], true);
        client.succeed(event("e", ""));
    }
    server.await_events("user", "delivered", 6.0);
    assert_eq!(upstream.all("e").len(), 6, "what was rejected was never sent");
}

#[test]
fn bytes_are_bounded_as_well() {
    // `eventQueueBytes`
    let upstream = Upstream::start();
    let hold = Hold::new();
    upstream.once("e", Answer::status(204).held(&hold));
    let server = server(&upstream, "eventQueueBytes = 1048576\n");
    let large = "x".repeat(700_000);
    let mut first = server.client().connect();
    send(&mut first, "e", &large);
    upstream.next("e");
    let mut second = server.client().connect();
    second.fail(event("e", &large), "InternalServerError");
    second.succeed(event("e", "a small one fits"));
    hold.release();
    assert_eq!(first.ack(FIRST)["success"], true);
    second.succeed(event("e", &large));
    server.await_events("blocking", "rejected_full", 1.0);
}

#[test]
fn requests_under_way_are_bounded() {
    // `eventConcurrency`: the others wait their turn.
    let upstream = Upstream::start();
    let hold = Hold::new();
    upstream.always("e", Answer::text("done").held(&hold));
    let server = server(&upstream, "eventConcurrency = 2\n");
    let mut clients: Vec<_> = (0..6).map(|_| server.client().connect()).collect();
    for client in &mut clients {
        send(client, "e", "");
    }
    server.await_metric("corecast_event_handler_queue", &[("hub", "chat")], 6.0);
    upstream.await_all("e", 2);
    assert_eq!(clients.iter_mut().map(|client| client.sync().len()).sum::<usize>(), 0);
    assert_eq!(upstream.all("e").len(), 2);
    hold.release();
    for client in &mut clients {
        assert_eq!(client.ack(FIRST)["success"], true);
    }
    // Whoever came third had to wait for one of the first two, and so on.
    let requests = upstream.all("e");
    for (index, request) in requests.iter().enumerate().skip(2) {
        let mut answers: Vec<_> =
            requests[..index].iter().map(|earlier| earlier.answered().expect("answered")).collect();
        answers.sort();
        assert!(request.arrived >= answers[index - 2], "{index}: {request:?}");
    }
}

#[test]
fn a_handler_that_does_not_answer_fails_in_its_time() {
    // E51: 7.2, a timeout is not retried, and waiting for one's turn counts.
    let upstream = Upstream::start();
    upstream.always("never", Answer::never());
    let settings = "eventTimeoutInSeconds = 1\neventConcurrency = 1\n";
    let server = Setup::new().config(settings).config(&upstream.handler(USER_EVENTS)).start();
    let mut clients: Vec<_> = (0..4).map(|_| server.client().connect()).collect();
    let begun = Instant::now();
    for client in &mut clients {
        send(client, "never", "");
    }
    for client in &mut clients {
        assert_eq!(client.ack(FIRST)["error"]["name"], "InternalServerError");
        assert!(begun.elapsed() >= Duration::from_secs(1), "{:?}", begun.elapsed());
    }
    // One after the other would have been four seconds.
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    server.await_events("user", "failed_timeout", 4.0);
    assert!(upstream.all("never").len() <= 4, "{:?}", upstream.all("never"));
    clients[0].succeed(event("e", ""));
}

#[test]
fn a_slow_answer_within_the_time_is_good() {
    // 7.2
    let upstream = Upstream::start();
    upstream.once("e", Answer::text("late").after(Duration::from_millis(700)));
    let server = server(&upstream, "eventTimeoutInSeconds = 5\n");
    let mut client = server.client().connect();
    client.succeed(event("e", ""));
    assert_eq!(client.json()["data"], "late");
}

#[test]
fn an_answer_may_be_large_but_not_without_end() {
    // E46: 7.2, at most 16 MiB; told with its length and without.
    let upstream = Upstream::start();
    let server = server(&upstream, "[hubs.chat]\noutboundQueueBytes = 67108864\n");
    let mut client = server.client().connect();
    let limit = 16 << 20;
    let endless =
        [&b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n"[..], &vec![b'x'; limit + 1]];
    for answer in [Answer::text(&"x".repeat(limit + 1)), Answer::bytes(endless.concat())] {
        upstream.once("e", answer);
        client.fail(event("e", ""), "InternalServerError");
    }
    server.await_events("user", "failed_answer", 2.0);
    upstream.once("e", Answer::text(&"x".repeat(4 << 20)));
    client.succeed(event("e", ""));
    assert_eq!(client.json()["data"].as_str().map(str::len), Some(4 << 20));
}

#[test]
fn broken_answers_are_failures() {
    // E46: and the server goes on.
    let upstream = Upstream::start();
    let server = server(&upstream, "eventTimeoutInSeconds = 2\n");
    let mut client = server.client().connect();
    let heads = "X-Filler: x\r\n".repeat(200_000);
    for bytes in [
        "",
        "\r\n\r\n",
        "HTTP/1.1 abc\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n",
        &format!("HTTP/1.1 200 OK\r\n{heads}\r\n"),
    ] {
        upstream.always("broken", Answer::bytes(bytes));
        let shown = &bytes[..bytes.len().min(60)];
        let ack = client.request(event("broken", ""));
        assert_eq!(ack["success"], false, "{shown:?}");
    }
    client.succeed(event("e", ""));
    assert_eq!(client.sync(), [] as [Value; 0]);
}

#[test]
fn an_answer_in_pieces_is_put_together() {
    // 8.4.3: chunked, as many frameworks answer.
    let upstream = Upstream::start();
    let server = server(&upstream, "");
    let mut client = server.client().connect();
    upstream.once(
        "e",
        Answer::bytes(
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n\
         3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
        ),
    );
    client.succeed(event("e", ""));
    assert_eq!(client.json()["data"], "abcde");
}

#[test]
fn notes_are_bounded_and_counted() {
    // `eventQueueMessages`: as many notifications again; those that find no room are dropped.
    let upstream = Upstream::start();
    let hold = Hold::new();
    upstream.always("connected", Answer::status(204).held(&hold));
    let server = Setup::new()
        .config("eventQueueMessages = 2\n")
        .config(&upstream.handler(ALL_EVENTS))
        .start();
    let mut clients: Vec<_> = (0..5).map(|_| server.client().connect()).collect();
    server.await_events("notification", "rejected_full", 3.0);
    for client in &mut clients {
        client.succeed(event("e", ""));
    }
    hold.release();
    server.await_events("connected", "delivered", 2.0);
}

#[test]
fn results_are_counted_by_kind() {
    // operations.md, section 2.5
    let upstream = Upstream::start();
    let mut server = Setup::new().config(ONE_ATTEMPT).config(&upstream.handler(ALL_EVENTS)).start();
    upstream.once("bad", Answer::status(400));
    let mut client = server.client().connect();
    client.succeed(event("good", ""));
    client.fail(event("bad", ""), "InternalServerError");
    client.leave_server();
    for (kind, result) in [
        ("connect", "delivered"),
        ("connected", "delivered"),
        ("user", "delivered"),
        ("user", "failed_status"),
        ("disconnected", "delivered"),
    ] {
        server.await_events(kind, result, 1.0);
    }
    let total = server.metrics().sum("corecast_event_handler_requests_total", &[]);
    assert_eq!(total, 5.0);
    let labels = [("hub", "chat"), ("event_kind", "user")];
    let name = "corecast_event_handler_duration_seconds_count";
    server.await_metric(name, &labels, 2.0);
    server.stop();
}
