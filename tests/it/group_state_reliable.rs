//! The state of a group's members on reliable connections and in protobuf (client-json.md,
//! section 9; client-protobuf.md, section 3).

use serde_json::{Value, json};

use crate::support::protobuf::{
    Answer, GroupState, GroupStateItem, GroupStates, Map, Request, SetGroupState, of_group,
};
use crate::support::{
    Client, Endpoint, Guest, ProtobufClient, RELIABLE_PROTOBUF, on_shards, publication,
};

fn member(server: &Endpoint) -> Guest {
    server.client().user("ana").permitted().groups(&["room"])
}

fn mood(mood: &str) -> Value {
    json!({"type": "setGroupState", "group": "room", "state": {"mood": mood}})
}

fn subscribe(client: &mut Client) {
    client.succeed(json!({"type": "subscribeGroupState", "group": "room"}));
}

/// The state in the only item of an update.
fn state(update: &Value) -> Option<&Value> {
    assert_eq!(update["type"], "groupStateUpdate", "{update}");
    update["items"][0].get("state")
}

/// Reads updates up to the one with this state; its number is the result.
fn until(client: &mut Client, state: &Value) -> Value {
    loop {
        let update = client.json();
        if update["type"] == "groupStateUpdate" && self::state(&update) == Some(state) {
            return update["sequenceId"].clone();
        }
    }
}

#[test]
fn snapshots_and_updates_are_numbered() {
    // J67, J44, J45: in one count with the messages, the number last.
    on_shards(&[1, 2, 4], |server| {
        let mut watcher = member(server).reliable().on(server.shards - 1).connect();
        let mut owner = member(server).on(0).connect();
        watcher.publish("room", "x");
        assert_eq!(watcher.json()["sequenceId"], 1);
        subscribe(&mut watcher);
        let snapshot = r#"{"type":"groupStateSnapshot","group":"room","items":[],"sequenceId":2}"#;
        assert_eq!(watcher.text(), snapshot);
        owner.succeed(mood("busy"));
        let update = watcher.text();
        assert!(update.ends_with(r#"}],"sequenceId":3}"#), "{update}");
        owner.publish("room", "y");
        assert_eq!(watcher.json()["sequenceId"], 4);
        // All of it comes again.
        let guest = member(server).reliable();
        let mut watcher = guest.recover(&watcher.lose());
        let again: Vec<_> = (0..4).map(|_| watcher.json()).collect();
        let kinds: Vec<_> = again.iter().map(|told| told["type"].clone()).collect();
        assert_eq!(kinds, ["message", "groupStateSnapshot", "groupStateUpdate", "message"]);
        let numbers: Vec<_> = again.iter().map(|told| told["sequenceId"].clone()).collect();
        assert_eq!(numbers, [1, 2, 3, 4]);
        watcher.send_json(&json!({"type": "sequenceAck", "sequenceId": 3}));
        watcher.sync();
        let mut watcher = guest.recover(&watcher.lose());
        assert_eq!(watcher.json()["sequenceId"], 4);
        assert_eq!(watcher.sync(), [] as [Value; 0]);
    });
}

#[test]
fn states_and_subscriptions_survive_a_recovery() {
    // J67, J68, C46: nobody is told of it, and the gap arrives afterwards.
    on_shards(&[1, 2, 4], |server| {
        let guest = member(server).reliable();
        let mut watcher = member(server).on(0).connect();
        subscribe(&mut watcher);
        watcher.of_type("groupStateSnapshot");
        for shard in 0..server.shards {
            let mut owner = guest.clone().on(shard).connect();
            subscribe(&mut owner);
            owner.of_type("groupStateSnapshot");
            owner.succeed(mood("before"));
            assert_eq!(state(&watcher.json()), Some(&json!({"mood": "before"})));
            for round in 0..10 {
                let pass = owner.lose();
                server.await_detached(1);
                watcher.succeed(mood(&round.to_string()));
                assert_eq!(state(&watcher.json()), Some(&json!({"mood": round.to_string()})));
                owner = guest.recover(&pass);
                let number = until(&mut owner, &json!({"mood": round.to_string()}));
                owner.send_json(&json!({"type": "sequenceAck", "sequenceId": number}));
            }
            // Still its own state, as a newcomer sees it, and still subscribed.
            let mut newcomer = member(server).connect();
            subscribe(&mut newcomer);
            let items = newcomer.of_type("groupStateSnapshot")["items"].clone();
            let moods: Vec<_> = items.as_array().expect("items").iter().collect();
            let own =
                moods.iter().find(|item| item["connectionId"] == owner.id).expect("its state");
            assert_eq!(own["state"], json!({"mood": "before"}));
            newcomer.leave_server();
            owner.succeed(mood("after"));
            until(&mut owner, &json!({"mood": "after"}));
            assert_eq!(state(&watcher.json()), Some(&json!({"mood": "after"})));
            owner.leave_server();
            assert_eq!(state(&watcher.json()), None);
        }
        assert_eq!(watcher.sync(), [] as [Value; 0]);
    });
}

fn protobuf_state(entries: &[(&str, &str)]) -> GroupState {
    let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    GroupState { entries: entries.iter().map(owned).collect::<Map>() }
}

fn set(ack_id: u64, state: Option<GroupState>) -> Request {
    let ack_id = Some(ack_id);
    Request::SetGroupState(SetGroupState { group: "room".to_owned(), ack_id, state })
}

/// The items of the next message, which has to be an update of this number, or a snapshot.
fn items(client: &mut ProtobufClient, number: Option<u64>) -> Vec<GroupStateItem> {
    match client.next() {
        Answer::GroupStateUpdate(GroupStates { group, items, sequence_id })
        | Answer::GroupStateSnapshot(GroupStates { group, items, sequence_id }) => {
            assert_eq!((&*group, sequence_id), ("room", number));
            items
        }
        other => panic!("states expected: {other:?}"),
    }
}

#[test]
fn protobuf_and_json_subscribers_see_the_same() {
    // P26, J67
    on_shards(&[1, 2, 4], |server| {
        let last = server.shards - 1;
        let mut owner = ProtobufClient::connect(&member(server).on(0));
        let mut json = member(server).on(last).connect();
        let mut plain = ProtobufClient::connect(&server.client().groups(&["room"]).on(last));
        let reliable = member(server).on(last).speaking(RELIABLE_PROTOBUF);
        let mut reliable = ProtobufClient::from(reliable.connect());
        subscribe(&mut json);
        json.of_type("groupStateSnapshot");
        for (client, number) in [(&mut plain, None), (&mut reliable, Some(1))] {
            client.send(Request::SubscribeGroupState(of_group("room", 1)));
            assert!(matches!(client.next(), Answer::Ack(ack) if ack.success));
            assert_eq!(items(client, number), []);
        }
        let states = [
            (
                Some(protobuf_state(&[("mood", "busy"), ("é", "x")])),
                Some(json!({"mood": "busy", "é": "x"})),
            ),
            (Some(protobuf_state(&[])), Some(json!({}))),
            (None, None),
        ];
        for (number, (state, in_json)) in (2..).zip(states) {
            owner.send(set(number, state.clone()));
            assert!(owner.ack(number).success);
            let update = json.json();
            assert_eq!(self::state(&update), in_json.as_ref(), "{update}");
            let item = GroupStateItem {
                connection_id: owner.id().to_owned(),
                user_id: Some("ana".to_owned()),
                state,
                updated_at: update["items"][0]["updatedAt"].as_i64().expect("milliseconds"),
            };
            assert_eq!(items(&mut plain, None), std::slice::from_ref(&item));
            assert_eq!(items(&mut reliable, Some(number)), [item]);
        }
        // The other way round, with a user and without one, and in a snapshot.
        json.succeed(mood("fine"));
        plain.send(set(2, Some(protobuf_state(&[("mood", "so so")]))));
        assert!(plain.ack(2).success);
        let seen = items(&mut reliable, Some(5)).remove(0);
        assert_eq!(seen.user_id.as_deref(), Some("ana"));
        assert_eq!(seen.state, Some(protobuf_state(&[("mood", "fine")])));
        let seen = items(&mut reliable, Some(6)).remove(0);
        assert_eq!((seen.user_id, seen.state), (None, Some(protobuf_state(&[("mood", "so so")]))));
        owner.send(Request::SubscribeGroupState(of_group("room", 9)));
        assert!(owner.ack(9).success);
        let snapshot = items(&mut owner, None);
        assert_eq!(snapshot.len(), 2);
        assert!(snapshot.is_sorted_by_key(|item| item.connection_id.clone()));
        owner.send(Request::UnsubscribeGroupState(of_group("room", 10)));
        assert!(owner.ack(10).success);
        json.succeed(mood("gone"));
        assert_eq!(owner.sync(), []);
        let mut outsider = ProtobufClient::connect(&server.client());
        outsider.send(set(1, None));
        assert_eq!(outsider.ack(1).error.expect("an error").name, "BadRequest");
    });
}

#[test]
fn a_state_that_nobody_heard_of_is_shown_after_a_recovery() {
    // J67: the subscription made just before the loss counts.
    on_shards(&[1, 2], |server| {
        let guest = member(server).reliable();
        let mut watcher = guest.clone().on(0).connect();
        let mut owner = member(server).on(server.shards - 1).connect();
        subscribe(&mut watcher);
        let pass = watcher.lose();
        server.await_detached(1);
        owner.succeed(mood("meanwhile"));
        owner.succeed(publication("room", "x"));
        let mut watcher = guest.recover(&pass);
        let told: Vec<_> = (0..3).map(|_| watcher.json()["type"].clone()).collect();
        assert_eq!(told, ["groupStateSnapshot", "groupStateUpdate", "message"]);
    });
}
