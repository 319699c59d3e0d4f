//! What subscribers of a group's state are told (`client-protobuf.md` section 3, `client-json.md`
//! section 9).
//!
//! Both messages are numbered on the reliable subprotocol, so there are only open forms.

use super::{integer, map, string};
use crate::protocol::subprotocol::GroupStateItem;
use crate::protocol::subprotocol::protobuf::wire::{write_bytes, write_message};

/// The fields of a `GroupStateSnapshotMessage`: the states of a group's members.
pub fn open_group_state_snapshot<'a>(
    out: &mut Vec<u8>,
    group: &str,
    items: impl IntoIterator<Item = GroupStateItem<'a>>,
) {
    string(out, 1, group);
    for item in items {
        write_message(out, 2, |out| write_item(out, &item));
    }
}

/// The fields of a `GroupStateUpdateMessage`: the change of one member's state.
pub fn open_group_state_update(out: &mut Vec<u8>, group: &str, change: GroupStateItem<'_>) {
    open_group_state_snapshot(out, group, [change]);
}

fn write_item(out: &mut Vec<u8>, item: &GroupStateItem<'_>) {
    string(out, 1, item.connection_id);
    if let Some(user) = item.user {
        write_bytes(out, 2, user.as_bytes());
    }
    if let Some(state) = item.state {
        write_message(out, 3, |out| map(out, 1, state.iter()));
    }
    // An `int64`, which for times after 1970 is written like an `uint64`.
    integer(out, 4, item.updated_at_ms);
}
