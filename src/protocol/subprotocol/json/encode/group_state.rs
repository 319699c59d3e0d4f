//! What subscribers of a group's state are told (`client-json.md` sections 4.5 and 9).
//!
//! Both messages are numbered on the reliable subprotocol, so there are only open forms.

use super::{integer, string, string_map};
use crate::protocol::subprotocol::GroupStateItem;

/// The states of a group's members, up to the closing brace.
pub fn open_group_state_snapshot<'a>(
    out: &mut Vec<u8>,
    group: &str,
    items: impl IntoIterator<Item = GroupStateItem<'a>>,
) {
    open(out, "groupStateSnapshot", group, items);
}

/// The change of one member's state, up to the closing brace.
pub fn open_group_state_update(out: &mut Vec<u8>, group: &str, change: GroupStateItem<'_>) {
    open(out, "groupStateUpdate", group, [change]);
}

fn open<'a>(
    out: &mut Vec<u8>,
    message_type: &str,
    group: &str,
    items: impl IntoIterator<Item = GroupStateItem<'a>>,
) {
    out.extend_from_slice(br#"{"type":""#);
    out.extend_from_slice(message_type.as_bytes());
    out.extend_from_slice(br#"","group":"#);
    string(out, group);
    out.extend_from_slice(br#","items":["#);
    for (index, item) in items.into_iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write_item(out, &item);
    }
    out.push(b']');
}

fn write_item(out: &mut Vec<u8>, item: &GroupStateItem<'_>) {
    out.extend_from_slice(br#"{"connectionId":"#);
    string(out, item.connection_id);
    if let Some(user) = item.user {
        out.extend_from_slice(br#","userId":"#);
        string(out, user);
    }
    if let Some(state) = item.state {
        out.extend_from_slice(br#","state":"#);
        string_map(out, state.iter());
    }
    out.extend_from_slice(br#","updatedAt":"#);
    integer(out, item.updated_at_ms);
    out.push(b'}');
}
