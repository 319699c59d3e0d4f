//! Who may come back and who may not (client-connect.md, section 11.1 and 11.3).

use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::support::{
    Call, Client, Guest, JSON, Pass, RELIABLE_JSON, Server, Setup, Upgrade, Upstream, now,
    on_shards,
};

fn member(server: &Server) -> Guest {
    server.client().user("ana").permitted().groups(&["room"]).reliable()
}

#[test]
fn the_way_a_transport_ends_decides() {
    // C45
    on_shards(&[1, 2], |server| {
        let guest = member(server);
        let lost = |end: &str| -> Pass {
            let mut client = guest.connect();
            let pass = client.pass();
            match end {
                "end of stream" => drop(client.lose()),
                "reset" => drop(client.abort()),
                "no code" => {
                    let mut socket = client.into_socket();
                    socket.close(None).expect("an open connection");
                    while socket.read().is_ok() {}
                }
                code => {
                    let code = code.parse().expect("a code");
                    client.send_close(code, "bye");
                    assert_eq!(client.closed().code, code);
                }
            }
            pass
        };
        for end in ["end of stream", "reset", "no code", "1001", "1011", "3000", "4999"] {
            let pass = lost(end);
            println!("recovering after {end}");
            // Whether or not the loss has been noticed.
            guest.recover(&pass).leave_server();
            let pass = lost(end);
            server.await_detached(1);
            guest.recover(&pass).leave_server();
        }
        let pass = lost("1000");
        guest.refused(&pass);
        Call::new("HEAD", format!("connections/{}", pass.id)).expect(server, 404);
    });
}

#[test]
fn the_servers_own_closes_are_final() {
    // C50, A65, J30: by the application, attached and detached, and for a mistake of the client.
    on_shards(&[1, 2, 4], |server| {
        let guest = member(server);
        for shard in 0..server.shards {
            let mut client = guest.clone().on(shard).connect();
            let pass = client.pass();
            let close = Call::new("DELETE", format!("connections/{}", pass.id));
            let exists = Call::new("HEAD", format!("connections/{}", pass.id));
            close.clone().query("reason", "bye").expect(server, 204);
            let told = json!({"type": "system", "event": "disconnected", "message": "bye"});
            assert_eq!(client.json(), told);
            let end = client.closed();
            assert_eq!((end.code, &*end.reason), (1000, "bye"));
            guest.refused(&pass);
            exists.expect(server, 404);

            for close in ["connections/ID", "users/ana", "groups/room", ""] {
                let pass = guest.clone().on(shard).connect().lose();
                server.await_detached(1);
                let call = match close {
                    "" => Call::post(":closeConnections"),
                    "connections/ID" => Call::new("DELETE", format!("connections/{}", pass.id)),
                    place => Call::post(format!("{place}/:closeConnections")),
                };
                call.expect(server, 204);
                server.await_detached(0);
                guest.refused(&pass);
                Call::new("HEAD", format!("connections/{}", pass.id)).expect(server, 404);
            }

            let mut client = guest.clone().on(shard).connect();
            let pass = client.pass();
            client.send("not JSON");
            assert_eq!(client.disconnected().code, 1007);
            guest.refused(&pass);
        }
    });
}

#[test]
fn refusals_close_with_1008_and_never_answer_with_an_error() {
    // C43, C44: the transport that is attached does not notice.
    on_shards(&[1, 2, 4], |server| {
        for shard in 0..server.shards {
            let guest = member(server);
            let mut client = guest.clone().on(shard).connect();
            let pass = client.pass();
            let mut other = guest.clone().on(shard).connect();
            let refused = |id: &str, token: &str| {
                println!("id {id:?} with token {token:?}");
                guest.refused(&Pass::new(id, token));
            };
            refused(&pass.id, &other.pass().token);
            refused(&other.id, &pass.token);
            for token in ["", "x", "eyJhbGciOiJub25lIn0.e30.", &pass.token[1..], &tampered(&pass)] {
                refused(&pass.id, token);
            }
            for id in ["x", "..", "%00", &pass.id[1..], &of_shard(0), &of_shard(7), &of_shard(255)]
            {
                refused(id, &pass.token);
            }
            // Without any token, in another hub, and of a connection that is not reliable.
            let target = format!("/client/hubs/chat?awps_connection_id={}", pass.id);
            let upgrade = Upgrade::new(target).offer("x").offer(RELIABLE_JSON).offer(JSON);
            let (response, wire) = upgrade.send(server);
            assert_eq!(response.header("sec-websocket-protocol"), Some(RELIABLE_JSON));
            assert_eq!(Client::on(wire).closed().code, 1008);
            server.client().hub("other").reliable().refused(&pass);
            let mut plain = server.client().on(shard).connect();
            refused(&plain.id, &pass.token);

            assert_eq!(plain.sync(), [] as [Value; 0]);
            for client in [&mut client, &mut other] {
                assert_eq!(client.sync(), [] as [Value; 0]);
            }
            guest.recover(&pass).leave_server();
        }
    });
}

/// The id of a connection that never was, on a shard that may not exist either.
fn of_shard(shard: u8) -> String {
    let mut bytes = [0; 21];
    bytes[1] = shard;
    URL_SAFE_NO_PAD.encode(bytes)
}

/// A token whose last characters were exchanged.
fn tampered(pass: &Pass) -> String {
    let (rest, last) = pass.token.split_at(pass.token.len() - 4);
    format!("{rest}{}", if last == "AAAA" { "BBBB" } else { "AAAA" })
}

#[test]
fn older_tokens_stay_good() {
    // C41: the message that brought a newer one may have been lost.
    on_shards(&[1, 2], |server| {
        let guest = member(server);
        let first = guest.connect().lose();
        let mut latest = first.clone();
        for _ in 0..5 {
            latest = guest.recover(&latest).lose();
            guest.recover(&first).lose();
        }
        guest.recover(&latest).leave_server();
        guest.refused(&first);
    });
}

#[test]
fn an_id_alone_asks_for_a_recovery_and_a_token_alone_does_not() {
    // C49
    let server = Server::start();
    let guest = member(&server);
    let pass = guest.connect().lose();
    for id in ["", "&awps_connection_id="] {
        let query = format!("{id}&awps_reconnection_token={}", pass.token);
        let wire = server.client().reliable().asking(&query).wire();
        assert_ne!(Client::greeted(wire).id, pass.id);
    }
    guest.recover(&pass).leave_server();
}

#[test]
fn the_access_token_does_not_matter() {
    // C42, O18: libraries append to the URL they had, whose token may have expired.
    on_shards(&[1, 2], |server| {
        let guest = member(server);
        let mut client = guest.connect();
        let long_ago = now() - 4000;
        for token in [
            guest.clone().token(|token| token.claim("exp", long_ago)),
            guest.clone().token(|token| token.key("another key")),
            guest.clone().token(|token| token.claim("role", 7).claim("aud", "http://x/client")),
        ] {
            assert_eq!(token.upgrade().status(server), 401);
            client = token.recover(&client.lose());
        }
        for query in ["x=y", "access_token=garbage", "access_token="] {
            let target = format!("/client/hubs/chat?{query}{}", client.pass().query());
            let wire = Upgrade::new(target).offer(RELIABLE_JSON).accepted(server);
            let recovered = Client::greeted(wire);
            assert_eq!(recovered.id, client.id);
            client = recovered;
        }
        // What it may do is still what its first token said.
        client.join("g");
        let header = Upgrade::new(format!("/client?hub=CHAT{}", client.pass().query()))
            .header("Authorization", "Bearer garbage")
            .offer(RELIABLE_JSON);
        assert_eq!(Client::greeted(header.accepted(server)).id, client.id);
    });
}

#[test]
fn a_stopping_server_does_not_wait_for_the_lost() {
    // E35, O35: section 11.1: their state goes with the process, and the application is told.
    let upstream = Upstream::start();
    let config = upstream.handler("systemEvents = [\"disconnected\"]");
    let mut server = Setup::new().config(&config).args(&["--shutdown-grace", "0s"]).start();
    let guest = member(&server);
    let lost: Vec<_> = (0..10).map(|_| guest.connect().lose()).collect();
    server.await_detached(10);
    let begun = Instant::now();
    server.stop();
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
    let told = upstream.await_all("disconnected", lost.len());
    for pass in lost {
        let events: Vec<_> = told.iter().filter(|event| event.connection_id() == pass.id).collect();
        assert_eq!(events.len(), 1, "{events:?}");
        assert_eq!(events[0].json()["reason"], "The service is restarting.");
    }
}
