//! Group state (`client-json.md` section 9).

use super::{assert_refused, decoded, written};
use crate::protocol::subprotocol::json::encode;
use crate::protocol::subprotocol::{
    ClientMessage, GroupState, GroupStateBuilder, GroupStateItem, MessageError, Property,
    SetGroupState,
};

fn set(properties: &str) -> String {
    format!(r#"{{"type":"setGroupState","group":"floor-3"{properties}}}"#)
}

fn state_of(text: &str) -> Result<Option<GroupState>, MessageError> {
    match decoded(text) {
        ClientMessage::SetGroupState(set) => set.state,
        other => panic!("{text}: {other:?}"),
    }
}

fn state(entries: &[(&str, &str)]) -> GroupState {
    let mut builder = GroupStateBuilder::default();
    for (key, value) in entries {
        builder.push(key, value);
    }
    builder.finish().unwrap()
}

#[test]
fn requests_are_decoded() {
    // J66, J67 (the decoding)
    let text = r#"{"type":"setGroupState","group":"floor-3","state":{"mood":"busy"},"ackId":21}"#;
    let expected = SetGroupState {
        group: "floor-3".into(),
        state: Ok(Some(state(&[("mood", "busy")]))),
        ack_id: Some(21),
    };
    assert_eq!(decoded(text), ClientMessage::SetGroupState(expected));
    assert_eq!(
        decoded(r#"{"type":"subscribeGroupState","group":"g","ackId":0}"#),
        ClientMessage::SubscribeGroupState { group: "g".into(), ack_id: Some(0) }
    );
    assert_eq!(
        decoded(r#"{"type":"unsubscribeGroupState","group":"g"}"#),
        ClientMessage::UnsubscribeGroupState { group: "g".into(), ack_id: None }
    );
    for kind in ["setGroupState", "subscribeGroupState", "unsubscribeGroupState"] {
        let text = format!(r#"{{"type":"{kind}"}}"#);
        assert_refused(&text, MessageError::Missing(Property::Group));
        let text = format!(r#"{{"type":"{kind}","group":" "}}"#);
        assert_refused(&text, MessageError::Invalid(Property::Group));
        // J9
        let text = format!(r#"{{"type":"{kind}","group":"g","ackId":"1"}}"#);
        assert_refused(&text, MessageError::Invalid(Property::AckId));
    }
}

#[test]
fn an_empty_state_is_not_a_cleared_one() {
    assert_eq!(state_of(&set(r#","state":{}"#)), Ok(Some(GroupState::default())));
    assert_eq!(state_of(&set(r#","state":null"#)), Ok(None));
    assert_eq!(state_of(&set("")), Ok(None));
}

#[test]
fn a_state_is_a_map_of_texts() {
    let text = set(r#","state":{"":"","a\"b":"\u00e9","k":"1","\u006b":"2"}"#);
    let expected = state(&[("", ""), ("a\"b", "é"), ("k", "2")]);
    assert_eq!(state_of(&text), Ok(Some(expected)));
    for value in ["1", r#""k""#, "[]", "true"] {
        let text = set(&format!(r#","state":{value}"#));
        assert_refused(&text, MessageError::Invalid(Property::State));
    }
    for value in ["1", "null", "{}", r#""\ud800""#] {
        // After an entry that is already too long as well.
        for first in ["", &"v".repeat(9000)] {
            let text = set(&format!(r#","state":{{"a":"{first}","k":{value}}}"#));
            assert_refused(&text, MessageError::Invalid(Property::State));
        }
    }
}

#[test]
fn a_state_that_is_too_large_is_answered() {
    let with = |bytes: usize| set(&format!(r#","state":{{"k":"{}"}}"#, "v".repeat(bytes - 1)));
    assert_eq!(state_of(&with(8192)).unwrap().unwrap().bytes(), 8192);
    assert_eq!(state_of(&with(8193)), Err(MessageError::TooLong(Property::State)));
}

#[test]
fn messages_have_their_properties_in_order() {
    // J67, J68 (the encoding)
    use encode::{
        close_message, close_numbered_message, open_group_state_snapshot, open_group_state_update,
    };
    let busy = state(&[("mood", "busy"), ("\"", "\n")]);
    let item = GroupStateItem {
        connection_id: "c7",
        user: Some("ana"),
        state: Some(&busy),
        updated_at_ms: 1_790_000_000_123,
    };
    assert_eq!(
        written(|out| {
            open_group_state_update(out, "floor-3", item);
            close_numbered_message(out, 12);
        }),
        r#"{"type":"groupStateUpdate","group":"floor-3","items":[{"connectionId":"c7","userId":"ana","state":{"mood":"busy","\"":"\n"},"updatedAt":1790000000123}],"sequenceId":12}"#
    );
    let cleared = GroupStateItem { connection_id: "c8", user: None, state: None, ..item };
    assert_eq!(
        written(|out| {
            open_group_state_update(out, "floor-3", cleared);
            close_message(out);
        }),
        r#"{"type":"groupStateUpdate","group":"floor-3","items":[{"connectionId":"c8","updatedAt":1790000000123}]}"#
    );
    assert_eq!(
        written(|out| {
            open_group_state_snapshot(out, "floor-3", []);
            close_numbered_message(out, 13);
        }),
        r#"{"type":"groupStateSnapshot","group":"floor-3","items":[],"sequenceId":13}"#
    );
    let empty = GroupState::default();
    let items = [
        GroupStateItem { connection_id: "a", user: None, state: Some(&empty), updated_at_ms: 1 },
        GroupStateItem { connection_id: "b", user: Some("\\"), state: None, updated_at_ms: 2 },
    ];
    assert_eq!(
        written(|out| {
            open_group_state_snapshot(out, "g", items);
            close_message(out);
        }),
        r#"{"type":"groupStateSnapshot","group":"g","items":[{"connectionId":"a","state":{},"updatedAt":1},{"connectionId":"b","userId":"\\","updatedAt":2}]}"#
    );
}
