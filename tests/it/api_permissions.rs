//! Permissions at run time (client-roles.md, section 4; rest-api.md, section 6.9).

use serde_json::json;

use crate::support::{Call, Client, Endpoint, Server, on_shards};

/// An action: the name of its permission, the request that needs it.
#[derive(Clone, Copy, PartialEq)]
struct Action(&'static str, &'static str);

const JOIN: Action = Action("joinLeaveGroup", "joinGroup");
const SEND: Action = Action("sendToGroup", "sendToGroup");

impl Action {
    fn ask(self, server: &Endpoint, method: &'static str, id: &str, group: Option<&str>) -> u16 {
        let call = Call::new(method, format!("permissions/{}/connections/{id}", self.0));
        match group {
            Some(group) => call.query("targetName", group).status(server),
            None => call.status(server),
        }
    }

    /// Grants (`+`) or revokes (`-`), one group or, without name, everything.
    fn change(self, server: &Endpoint, id: &str, operation: &str) {
        let group = Some(&operation[1..]).filter(|group| !group.is_empty());
        let (method, status) =
            if operation.starts_with('+') { ("PUT", 200) } else { ("DELETE", 204) };
        assert_eq!(self.ask(server, method, id, group), status, "{operation}");
    }

    /// Whether the client may, as it finds out itself; the check has to say the same.
    fn may(self, server: &Endpoint, client: &mut Client, group: &str) -> bool {
        let request = json!({"type": self.1, "group": group, "data": 1, "noEcho": true});
        let ack = client.request(request);
        let may = ack["success"] == true;
        assert!(may || ack["error"]["name"] == "Forbidden", "{ack}");
        let checked = self.ask(server, "HEAD", &client.id.clone(), Some(group));
        assert_eq!(checked, if may { 200 } else { 404 }, "the check for {group}");
        may
    }
}

/// A role, operations, then groups that are allowed, groups that are not, and whether all are.
type Case = (
    Option<&'static str>,
    &'static [&'static str],
    &'static [&'static str],
    &'static [&'static str],
    bool,
);

#[test]
fn the_latest_operation_on_a_group_decides() {
    // R14-R18, A17, A18
    on_shards(&[1, 2, 4], |server| {
        // What follows the action in the role, if there is one.
        let (all, pattern, single) = (Some(""), Some("s.t.*"), Some(".g1"));
        let cases: [Case; 14] = [
            (None, &[], &[], &["g1"], false),
            (None, &["+g1"], &["g1"], &["g2"], false),
            (None, &["+g1", "+g1"], &["g1"], &["g2"], false),
            (None, &["+g1", "-g1"], &[], &["g1"], false),
            (all, &[], &["g1", "g2"], &[], true),
            (all, &["-g1"], &["g2"], &["g1"], false),
            (all, &["-g1", "+g1"], &["g1", "g2"], &[], true),
            (pattern, &["-t.a"], &["t.b"], &["t.a", "x"], false),
            (single, &["-g1"], &[], &["g1", "g2"], false),
            (None, &["+g1", "+g2", "-"], &[], &["g1", "g2"], false),
            (None, &["-g1", "+"], &["g1", "g2"], &[], true),
            (all, &["-", "+g1"], &["g1"], &["g2"], false),
            (pattern, &["-"], &[], &["t.a"], false),
            (pattern, &["+", "-t.a"], &["x", "t.b"], &["t.a"], false),
        ];
        for (number, (role, operations, allowed, denied, everything)) in cases.iter().enumerate() {
            let shard = u16::try_from(number).expect("few") % server.shards;
            for action in [JOIN, SEND] {
                let role = role.map(|rest| format!("webpubsub.{}{rest}", action.0));
                let roles: Vec<_> = role.iter().collect();
                let mut client = server.client().roles(&roles).on(shard).connect();
                let id = client.id.clone();
                for operation in *operations {
                    action.change(server, &id, operation);
                }
                for group in *allowed {
                    assert!(
                        action.may(server, &mut client, group),
                        "{role:?} {operations:?} {group}"
                    );
                }
                for group in *denied {
                    assert!(
                        !action.may(server, &mut client, group),
                        "{role:?} {operations:?} {group}"
                    );
                }
                let status = action.ask(server, "HEAD", &id, None);
                assert_eq!(status == 200, *everything, "{role:?} {operations:?}");
                // R19
                let other = if action == JOIN { SEND } else { JOIN };
                assert!(!other.may(server, &mut client, "g1"), "the other action");
            }
        }
    });
}

#[test]
fn revoking_leaves_memberships_alone() {
    // R21
    let server = Server::start();
    let mut client = server.client().permitted().connect();
    client.join("room");
    let id = client.id.clone();
    JOIN.change(&server, &id, "-");
    Call::text("groups/room/:send", "still here").expect(&server, 202);
    assert_eq!(client.group_text("room"), "still here");
    assert!(!JOIN.may(&server, &mut client, "room"));
    Call::new("HEAD", "groups/room").expect(&server, 200);
}

#[test]
fn a_simple_publisher_loses_its_group_at_the_next_frame() {
    // 6.9.5; client-roles.md 4 and 5
    let server = Server::start();
    let mut member = server.client().groups(&["room"]).connect();
    let publisher = || server.client().groups(&["me"]).publishing_to("room");
    let id = || {
        let list = Call::new("GET", "groups/me/connections").expect(&server, 200).json();
        list["value"][0]["connectionId"].as_str().expect("an id").to_owned()
    };
    let mut granted = publisher().connect();
    SEND.change(&server, &id(), "+room");
    granted.send("allowed");
    assert_eq!(member.group_text("room"), "allowed");
    SEND.change(&server, &id(), "-room");
    granted.send("denied");
    assert_eq!(granted.closed().code, 1008);
}

#[test]
fn names_of_permissions_ignore_case_and_targets_are_checked() {
    // A14-A16; section 4
    let server = Server::start();
    let client = server.client().connect();
    for (permission, status) in [
        ("sendToGroup", 200),
        ("SENDTOGROUP", 200),
        ("joinleavegroup", 200),
        ("send", 400),
        ("sendToGroups", 400),
        ("webpubsub.sendToGroup", 400),
    ] {
        let path = format!("permissions/{permission}/connections/{}", client.id);
        assert_eq!(Call::new("PUT", path).status(&server), status, "{permission}");
    }
    let path = format!("permissions/sendToGroup/connections/{}", client.id);
    for method in ["PUT", "DELETE", "HEAD"] {
        for wrong in [" ", "a\nb", &"g".repeat(1025)] {
            let call = Call::new(method, &path).query("targetName", wrong);
            assert_eq!(call.status(&server), 400, "{method} {wrong:?}");
        }
    }
    // Empty is as absent.
    Call::new("DELETE", &path).raw_query("targetName=").expect(&server, 204);
    Call::new("HEAD", &path).expect(&server, 404);
    Call::new("PUT", &path).raw_query("targetName=").expect(&server, 200);
    Call::new("HEAD", &path).expect(&server, 200);
}

#[test]
fn a_new_connection_begins_with_its_roles() {
    // R20, the part without recovery.
    let server = Server::start();
    let mut first = server.client().user("ana").connect();
    let id = first.id.clone();
    SEND.change(&server, &id, "+");
    assert!(SEND.may(&server, &mut first, "room"));
    first.leave_server();
    let mut second = server.client().user("ana").connect();
    assert!(!SEND.may(&server, &mut second, "room"));
    assert_eq!(SEND.ask(&server, "HEAD", &id, None), 404, "it is gone");
}
