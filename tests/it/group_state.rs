//! The state of a group's members (client-json.md, section 9).

use serde_json::{Value, json};

use crate::support::{Call, Client, Endpoint, Guest, Server, now, on_shards};

/// A member of `room` by its token, without any role: membership is all it takes.
fn member(server: &Endpoint) -> Guest {
    server.client().user("ana").groups(&["room"])
}

fn set(state: Value) -> Value {
    json!({"type": "setGroupState", "group": "room", "state": state})
}

fn mood(mood: &str) -> Value {
    set(json!({"mood": mood}))
}

fn subscribe() -> Value {
    json!({"type": "subscribeGroupState", "group": "room"})
}

fn unsubscribe() -> Value {
    json!({"type": "unsubscribeGroupState", "group": "room"})
}

/// Subscribes and hands back the items of the snapshot, which follows the ack.
fn subscribed(client: &mut Client) -> Vec<Value> {
    client.succeed(subscribe());
    let snapshot = client.json();
    assert_eq!(snapshot["type"], "groupStateSnapshot", "{snapshot}");
    assert_eq!(snapshot["group"], "room", "{snapshot}");
    snapshot["items"].as_array().expect("items").clone()
}

/// The one item of an update, which has to be next.
fn update(client: &mut Client) -> Value {
    let update = client.json();
    assert_eq!(update["type"], "groupStateUpdate", "{update}");
    assert_eq!(update["group"], "room", "{update}");
    let items = update["items"].as_array().expect("items");
    assert_eq!(items.len(), 1, "{update}");
    items[0].clone()
}

/// The next update is this state of this connection; `None` is cleared. Its time is the result.
fn updated(client: &mut Client, id: &str, state: Option<Value>) -> u64 {
    let item = update(client);
    assert_eq!(item["connectionId"], id, "{item}");
    assert_eq!(item.get("state"), state.as_ref(), "{item}");
    item["updatedAt"].as_u64().expect("milliseconds")
}

#[test]
fn states_are_shown_to_whoever_subscribes() {
    // J67: the exact texts; the subscriber's own changes too.
    on_shards(&[1, 2, 4], |server| {
        for from in 0..server.shards {
            let mut owner = member(server).on(from).connect();
            let mut nameless = server.client().groups(&["room"]).on(from).connect();
            let mut watcher = member(server).on(server.shards - 1).connect();
            assert_eq!(subscribed(&mut watcher), [] as [Value; 0]);

            owner.send_json(&mood("busy"));
            let text = watcher.text();
            let value: Value = serde_json::from_str(&text).expect("JSON");
            let (id, at) = (owner.id.clone(), value["items"][0]["updatedAt"].as_u64());
            let at = at.expect("milliseconds");
            let item = format!(
                r#"{{"connectionId":"{id}","userId":"ana","state":{{"mood":"busy"}},"updatedAt":{at}}}"#
            );
            let tail = format!(r#""group":"room","items":[{item}]}}"#);
            assert_eq!(text, format!(r#"{{"type":"groupStateUpdate",{tail}"#));
            assert!(at.abs_diff(now() * 1000) < 60_000, "{at} is not now");
            // The owner has not subscribed.
            assert_eq!(owner.sync(), [] as [Value; 0]);

            owner.send(r#"{"type":"subscribeGroupState","group":"room","ackId":5}"#);
            assert_eq!(owner.text(), r#"{"type":"ack","ackId":5,"success":true}"#);
            assert_eq!(owner.text(), format!(r#"{{"type":"groupStateSnapshot",{tail}"#));

            nameless.succeed(set(json!({})));
            for client in [&mut watcher, &mut owner] {
                let item = update(client);
                assert_eq!(item.get("userId"), None, "{item}");
                assert_eq!(item["state"], json!({}), "an empty state is a state");
            }
            // Clearing, said in both ways, and when there is nothing to clear.
            for request in [set(Value::Null), json!({"type": "setGroupState", "group": "room"})] {
                owner.succeed(request);
                updated(&mut watcher, &id, None);
                updated(&mut owner, &id, None);
            }
            for client in [watcher, owner, nameless] {
                client.leave_server();
            }
        }
    });
}

#[test]
fn only_members_have_states() {
    // J66: nothing changes, and without ack id nothing is said.
    on_shards(&[1, 2], |server| {
        let mut watcher = member(server).on(0).connect();
        subscribed(&mut watcher);
        let guest = server.client().permitted().groups(&["another"]);
        let mut outsider = guest.on(server.shards - 1).connect();
        for request in [mood("busy"), set(Value::Null), subscribe()] {
            outsider.fail(request.clone(), "BadRequest");
            outsider.send_json(&request);
            assert_eq!(outsider.sync(), [] as [Value; 0]);
        }
        outsider.succeed(unsubscribe());
        // Every way of becoming a member will do.
        outsider.join("room");
        outsider.succeed(mood("here"));
        updated(&mut watcher, &outsider.id, Some(json!({"mood": "here"})));
        let mut added = server.client().connect();
        Call::new("PUT", format!("groups/room/connections/{}", added.id)).expect(server, 200);
        added.succeed(mood("too"));
        updated(&mut watcher, &added.id, Some(json!({"mood": "too"})));
        assert_eq!(subscribed(&mut added).len(), 2);
        assert_eq!(watcher.sync(), [] as [Value; 0]);
    });
}

#[test]
fn snapshots_hold_the_states_of_all_shards_in_order() {
    // J67: once set is set, wherever somebody looks; sorted by connection id.
    on_shards(&[1, 2, 4], |server| {
        let mut members: Vec<_> = (0..server.shards)
            .flat_map(|shard| [shard; 3])
            .map(|shard| member(server).on(shard).connect())
            .collect();
        let mut expected = Vec::new();
        for (number, owner) in members.iter_mut().enumerate() {
            if number % 3 > 0 {
                owner.succeed(mood(&number.to_string()));
                expected.push((owner.id.clone(), json!({"mood": number.to_string()})));
            }
        }
        expected.sort_by(|(one, _), (other, _)| one.cmp(other));
        for watcher in &mut members {
            // Twice: the second time there is a new snapshot.
            for _ in 0..2 {
                let items = subscribed(watcher).into_iter().map(|item| {
                    let id = item["connectionId"].as_str().expect("an id").to_owned();
                    (id, item["state"].clone())
                });
                assert_eq!(items.collect::<Vec<_>>(), expected);
            }
        }
    });
}

#[test]
fn a_snapshot_has_two_hundred_items_at_most() {
    // J67: section 9.
    on_shards(&[1, 2], |server| {
        let mut members: Vec<_> = (0..210).map(|_| member(server).connect()).collect();
        for owner in &mut members {
            owner.succeed(mood("one of many"));
        }
        let mut ids: Vec<_> = members.iter().map(|owner| owner.id.clone()).collect();
        ids.sort();
        let items = subscribed(&mut members[0]);
        assert_eq!(items.len(), 200);
        for (item, id) in items.iter().zip(&ids) {
            assert_eq!(item["connectionId"], *id);
        }
    });
}

#[test]
fn unsubscribing_ends_the_updates() {
    // J67
    on_shards(&[1, 2], |server| {
        let mut owner = member(server).on(0).connect();
        let mut watcher = member(server).on(server.shards - 1).connect();
        let mut witness = member(server).on(server.shards - 1).connect();
        subscribed(&mut watcher);
        subscribed(&mut witness);
        watcher.succeed(unsubscribe());
        watcher.succeed(unsubscribe());
        owner.succeed(mood("unseen"));
        updated(&mut witness, &owner.id, Some(json!({"mood": "unseen"})));
        assert_eq!(watcher.sync(), [] as [Value; 0]);
        assert_eq!(subscribed(&mut watcher).len(), 1);
        // Whoever leaves the group is no subscriber after coming back.
        let mut leaver = server.client().permitted().groups(&["room"]).connect();
        subscribed(&mut leaver);
        leaver.leave("room");
        leaver.join("room");
        owner.succeed(mood("seen"));
        for client in [&mut watcher, &mut witness] {
            updated(client, &owner.id, Some(json!({"mood": "seen"})));
        }
        assert_eq!(leaver.sync(), [] as [Value; 0]);
    });
}

#[test]
fn leaving_clears_the_state() {
    // J68: however it happens; without a state there is nothing to tell.
    on_shards(&[1, 2, 4], |server| {
        let mut watcher = member(server).on(0).connect();
        subscribed(&mut watcher);
        for shard in 0..server.shards {
            for way in ["leave", "removed", "removed from all", "close", "vanish", "reliable close"]
            {
                println!("{way} on shard {shard}");
                let guest = server.client().permitted().groups(&["room"]).on(shard);
                let guest = if way.starts_with("reliable") { guest.reliable() } else { guest };
                let (mut owner, stateless) = (guest.connect(), guest.connect());
                owner.succeed(mood("here"));
                let id = owner.id.clone();
                let set_at = updated(&mut watcher, &id, Some(json!({"mood": "here"})));
                let go = |mut client: Client| match way {
                    "leave" => client.leave("room"),
                    "removed" => {
                        let path = format!("groups/room/connections/{}", client.id);
                        Call::new("DELETE", path).expect(server, 204);
                    }
                    "removed from all" => {
                        let path = format!("connections/{}/groups", client.id);
                        Call::new("DELETE", path).expect(server, 204);
                    }
                    "vanish" => drop(client),
                    _ => client.leave_server(),
                };
                go(stateless);
                go(owner);
                assert!(updated(&mut watcher, &id, None) > set_at);
            }
        }
        assert_eq!(subscribed(&mut watcher), [] as [Value; 0]);
    });
}

#[test]
fn a_state_does_not_come_back_with_its_owner() {
    // J68
    on_shards(&[1, 2], |server| {
        let mut owner = server.client().permitted().groups(&["room"]).on(0).connect();
        let mut watcher = member(server).on(server.shards - 1).connect();
        owner.succeed(mood("here"));
        owner.leave("room");
        owner.join("room");
        assert_eq!(subscribed(&mut watcher), [] as [Value; 0]);
        owner.succeed(mood("again"));
        updated(&mut watcher, &owner.id, Some(json!({"mood": "again"})));
    });
}

#[test]
fn times_of_one_owner_increase() {
    // J69: also within one millisecond, and every change is told.
    on_shards(&[1, 2], |server| {
        let mut owner = member(server).on(0).connect();
        let mut watcher = member(server).on(server.shards - 1).connect();
        subscribed(&mut watcher);
        for number in 0..300 {
            owner.send_json(&mood(&number.to_string()));
        }
        let mut last = 0;
        for number in 0..300 {
            let state = json!({"mood": number.to_string()});
            let at = updated(&mut watcher, &owner.id, Some(state));
            assert!(at > last, "{at} after {last}");
            last = at;
        }
    });
}

#[test]
fn a_set_replaces_the_whole_state_of_one_group() {
    // J67: groups are apart from each other.
    on_shards(&[1, 2], |server| {
        let guest = server.client().groups(&["room", "hall"]);
        let mut owner = guest.clone().on(0).connect();
        let mut watcher = guest.on(server.shards - 1).connect();
        owner.succeed(set(json!({"a": "1", "b": "é"})));
        owner.succeed(json!({"type": "setGroupState", "group": "hall", "state": {"c": "3"}}));
        assert_eq!(subscribed(&mut watcher)[0]["state"], json!({"a": "1", "b": "é"}));
        owner.succeed(set(json!({"b": "2"})));
        updated(&mut watcher, &owner.id, Some(json!({"b": "2"})));
        owner.succeed(json!({"type": "setGroupState", "group": "hall"}));
        assert_eq!(watcher.sync(), [] as [Value; 0]);
    });
}

#[test]
fn states_have_a_size() {
    // J66: section 9: 8 192 bytes of keys and values; the old state stays.
    on_shards(&[1, 2], |server| {
        let mut owner = member(server).on(0).connect();
        let mut watcher = member(server).on(server.shards - 1).connect();
        subscribed(&mut watcher);
        let largest = json!({"é": "x".repeat(4096 - 2), "k": "é".repeat(2047) + "x"});
        owner.succeed(set(largest.clone()));
        updated(&mut watcher, &owner.id, Some(largest.clone()));
        owner.fail(set(json!({"k": "x".repeat(8192)})), "BadRequest");
        owner.send_json(&set(json!({"k": "x".repeat(8192)})));
        assert_eq!(owner.sync(), [] as [Value; 0]);
        assert_eq!(subscribed(&mut owner)[0]["state"], largest);
    });
}

#[test]
fn malformed_requests_end_the_connection() {
    // J30, J28: section 9.
    let server = Server::start();
    for request in [
        set(json!("busy")),
        set(json!([])),
        set(json!({"mood": 7})),
        set(json!({"mood": null})),
        json!({"type": "setGroupState", "state": {}}),
        json!({"type": "setGroupState", "group": " ", "state": {}}),
        json!({"type": "subscribeGroupState"}),
        json!({"type": "unsubscribeGroupState", "group": 7}),
    ] {
        let mut client = member(&server).connect();
        client.send_json(&request);
        assert_eq!(client.disconnected().code, 1007, "{request}");
    }
}

#[test]
fn ack_ids_count_here_too() {
    // J12
    let server = Server::start();
    let mut client = member(&server).connect();
    for request in [mood("x"), subscribe(), unsubscribe()] {
        client.succeed(request.clone());
        let mut again = request;
        again["ackId"] = json!(1);
        client.send_json(&again);
        assert_eq!(client.ack(1)["error"]["name"], "Duplicate");
    }
    let snapshots =
        client.sync().iter().filter(|told| told["type"] == "groupStateSnapshot").count();
    assert_eq!(snapshots, 1);
}

#[test]
fn whoever_does_not_ask_is_not_told() {
    // J71: groups with streams and states beside clients that know neither.
    on_shards(&[1, 2], |server| {
        let mut bystanders: Vec<_> = (0..server.shards)
            .flat_map(|at| [member(server).on(at), member(server).reliable().on(at)])
            .map(|guest| guest.connect())
            .collect();
        let mut busy = server.client().permitted().groups(&["room"]).connect();
        subscribed(&mut busy);
        busy.succeed(mood("busy"));
        busy.send_json(
            &json!({"type": "sendToGroup", "group": "room", "stream": {"streamId": "s"}}),
        );
        busy.send_json(&json!({"type": "streamData", "streamId": "s", "streamSequenceId": 1,
            "dataType": "text", "data": "x"}));
        busy.send_json(&json!({"type": "streamData", "streamId": "s", "streamSequenceId": 7,
            "dataType": "text", "data": "x"}));
        busy.send_json(&json!({"type": "streamEnd", "streamId": "s"}));
        busy.send_json(&json!({"type": "invoke", "invocationId": "1", "event": "e"}));
        busy.of_type("streamClosed");
        busy.of_type("invokeResponse");
        busy.leave("room");
        busy.publish("room", "marker");
        for bystander in &mut bystanders {
            for expected in ["x", "", "marker"] {
                let message = bystander.json();
                assert_eq!(
                    (&message["type"], &message["data"]),
                    (&json!("message"), &json!(expected))
                );
            }
        }
    });
}
