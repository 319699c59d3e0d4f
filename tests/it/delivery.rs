//! Who receives what, on one shard and between many (client-json.md, sections 3 and 10).

use serde_json::{Value, json};

use crate::support::{Client, Server, on_shards, publication};

/// One client on every shard, each of them twice, all with every permission.
fn two_on_each(server: &Server, user: &str) -> Vec<Client> {
    let client = |shard| server.client().user(user).permitted().on(shard).connect();
    (0..server.shards).flat_map(|shard| [client(shard), client(shard)]).collect()
}

#[test]
fn a_join_is_effective_when_it_is_acknowledged() {
    // J5, J6: from every shard to every shard; the publisher is in no group.
    on_shards(&[1, 2, 4], |server| {
        for from in 0..server.shards {
            let role = ["webpubsub.sendToGroup"];
            let mut publisher = server.client().roles(&role).on(from).connect();
            for to in 0..server.shards {
                let mut member = server.client().permitted().on(to).connect();
                for round in 0..20 {
                    // A group nobody was ever in, so that interest has to travel first.
                    let group = format!("{from}-{to}-{round}");
                    member.join(&group);
                    publisher.publish(&group, "here");
                    assert_eq!(member.group_text(&group), "here");
                    member.leave(&group);
                    publisher.publish(&group, "gone");
                }
                assert_eq!(member.sync(), [] as [Value; 0]);
            }
            publisher.fail(json!({"type": "joinGroup", "group": "g"}), "Forbidden");
        }
    });
}

#[test]
fn publications_reach_every_member_once_and_in_order() {
    // J6, J24: several publishers on every shard, all of them members.
    on_shards(&[1, 2, 4], |server| {
        const ROUNDS: usize = 50;
        let mut members = two_on_each(server, "ana");
        for member in &mut members {
            member.join("room");
        }
        let mut outsider = server.client().permitted().connect();
        outsider.join("other room");
        for round in 0..ROUNDS {
            for (number, member) in members.iter_mut().enumerate() {
                member.send_json(&publication("room", &format!("{number} {round}")));
            }
        }
        let publishers = members.len();
        for member in &mut members {
            let mut next_round = vec![0; publishers];
            for _ in 0..publishers * ROUNDS {
                let text = member.group_text("room");
                let (number, round) = text.split_once(' ').expect("two numbers");
                let number: usize = number.parse().expect("a number");
                assert_eq!(round.parse(), Ok(next_round[number]), "from publisher {number}");
                next_round[number] += 1;
            }
        }
        // And nothing more: a marker on every path is the next thing to arrive.
        for sender in 0..publishers {
            members[sender].publish("room", "marker");
            for member in &mut members {
                assert_eq!(member.group_text("room"), "marker");
            }
        }
        assert_eq!(outsider.sync(), [] as [Value; 0]);
    });
}

#[test]
fn no_echo_spares_the_sender_only() {
    // J23, J24
    on_shards(&[1, 2, 4], |server| {
        // All of one user: it is the connection that counts.
        let mut members = two_on_each(server, "ana");
        for member in &mut members {
            member.join("room");
        }
        for sender in 0..members.len() {
            let mut silent = publication("room", "not to myself");
            silent["noEcho"] = json!(true);
            members[sender].succeed(silent);
            let mut loud = publication("room", "to all");
            loud["noEcho"] = json!(false);
            members[sender].succeed(loud);
            for (number, member) in members.iter_mut().enumerate() {
                if number != sender {
                    assert_eq!(member.group_text("room"), "not to myself");
                }
                assert_eq!(member.group_text("room"), "to all");
            }
        }
    });
}

#[test]
fn hubs_do_not_hear_each_other() {
    // C19: the other side of it.
    on_shards(&[1, 2], |server| {
        for shard in 0..server.shards {
            let mut here = server.client().permitted().groups(&["room"]).on(shard).connect();
            let mut there = server.client().hub("other").permitted().groups(&["room"]).connect();
            here.publish("room", "here");
            there.publish("room", "there");
            assert_eq!(here.group_text("room"), "here");
            assert_eq!(there.group_text("room"), "there");
        }
    });
}

#[test]
fn members_that_left_or_vanished_are_forgotten() {
    // J4, J6
    on_shards(&[1, 2, 4], |server| {
        let mut publisher = server.client().permitted().on(0).connect();
        let mut witness = server.client().groups(&["room"]).on(server.shards - 1).connect();
        for shard in 0..server.shards {
            let mut orderly = server.client().permitted().on(shard).connect();
            let mut leaver = server.client().permitted().on(shard).connect();
            let abrupt = server.client().groups(&["room"]).on(shard).connect();
            orderly.join("room");
            leaver.join("room");
            leaver.leave("room");
            orderly.leave_server();
            drop(abrupt);
            publisher.publish("room", "who is left?");
            assert_eq!(witness.group_text("room"), "who is left?");
            assert_eq!(leaver.sync(), [] as [Value; 0]);
        }
        // A group that was empty on every shard works again.
        let mut late = server.client().permitted().on(server.shards - 1).connect();
        late.join("empty until now");
        publisher.publish("empty until now", "hello");
        assert_eq!(late.group_text("empty until now"), "hello");
    });
}

#[test]
fn large_messages_cross_shards_whole() {
    // Near the limit, to a member on every shard.
    on_shards(&[1, 4], |server| {
        let mut publisher = server.client().permitted().on(0).connect();
        let text = "0123456789".repeat(100_000);
        for shard in 0..server.shards {
            let mut member = server.client().groups(&["room"]).on(shard).connect();
            publisher.publish("room", &text);
            assert_eq!(member.group_text("room"), text);
        }
    });
}
