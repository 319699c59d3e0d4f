//! Group state: the small map of texts that a member shows to the others of its group.
//!
//! A [`GroupState`] has no key twice and keeps the limit of its size (`client-json.md` section 9).
//! Like metadata it keeps the sender's order, but any text will do. It is owned, because it
//! outlives the message that brought it.
//!
//! A state that is too large is no reason to close a connection: the decoder hands it on as the
//! error that the ack will name. Who is a member and who has subscribed is left to the shard.

use std::borrow::Cow;

use super::repeated::remove_superseded;
use super::{MessageError, Property};

/// All keys and values of a state together (`client-json.md` section 9).
pub const GROUP_STATE_BYTES_MAX: usize = 8192;

/// Entries kept while a state is collected: twice as many as can have a key of their own.
const ENTRIES_MAX: usize = 2 * GROUP_STATE_BYTES_MAX;

/// The request to replace or clear the sender's state in a group (`client-json.md` section 9).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetGroupState<'a> {
    pub group: Cow<'a, str>,
    /// Without a state the sender's is cleared. An error is answered `BadRequest`.
    pub state: Result<Option<GroupState>, MessageError>,
    pub ack_id: Option<u64>,
}

/// The state of one member in one group. It may be empty, which is not the same as none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupState {
    entries: Box<[(Box<str>, Box<str>)]>,
}

impl GroupState {
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Keys and values in the sender's order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.entries.iter().map(|(key, value)| (key.as_ref(), value.as_ref()))
    }

    /// All keys and values together, at most [`GROUP_STATE_BYTES_MAX`].
    pub fn bytes(&self) -> usize {
        self.iter().map(|(key, value)| key.len() + value.len()).sum()
    }
}

/// Collects entries for as long as they keep the limit.
#[derive(Debug, Default)]
pub struct GroupStateBuilder {
    entries: Vec<(Box<str>, Box<str>)>,
    bytes: usize,
}

impl GroupStateBuilder {
    /// Adds one entry. Past the limit nothing is kept, so a client cannot make the server hold
    /// what it is going to refuse.
    pub fn push(&mut self, key: &str, value: &str) {
        self.bytes += key.len() + value.len();
        if self.is_too_long() {
            self.entries = Vec::new();
            return;
        }
        self.entries.push((key.into(), value.into()));
        // Only entries of the empty key can come to so many: they need not have a byte.
        if self.entries.len() > ENTRIES_MAX {
            remove_superseded(&mut self.entries);
        }
    }

    /// The state, in which the last entry of a repeated key counts. Replaced entries count towards
    /// the limit, as they do in metadata.
    pub fn finish(mut self) -> Result<GroupState, MessageError> {
        if self.is_too_long() {
            return Err(MessageError::TooLong(Property::State));
        }
        remove_superseded(&mut self.entries);
        Ok(GroupState { entries: self.entries.into() })
    }

    fn is_too_long(&self) -> bool {
        self.bytes > GROUP_STATE_BYTES_MAX
    }
}

/// What subscribers are told about one member (`client-json.md` section 9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupStateItem<'a> {
    pub connection_id: &'a str,
    pub user: Option<&'a str>,
    /// Nothing once it is cleared.
    pub state: Option<&'a GroupState>,
    /// Unix time. It rises with every item of the same connection.
    pub updated_at_ms: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn build(entries: &[(&str, &str)]) -> Result<GroupState, MessageError> {
        let mut builder = GroupStateBuilder::default();
        for (key, value) in entries {
            builder.push(key, value);
        }
        builder.finish()
    }

    #[test]
    fn any_text_may_be_an_entry_and_order_is_kept() {
        let entries = [("mood", "busy"), ("", ""), ("é\n", "𝄞\0"), ("a b", " ")];
        let state = build(&entries).unwrap();
        assert_eq!(state.iter().collect::<Vec<_>>(), entries);
        assert_eq!(state.bytes(), 8 + 8 + 4);
        assert!(build(&[]).unwrap().is_empty());
    }

    #[test]
    fn the_last_entry_of_a_key_counts() {
        // P26 takes a protobuf map for the same thing.
        let state = build(&[("a", "1"), ("b", "2"), ("a", "3"), ("A", "4")]).unwrap();
        assert_eq!(state.iter().collect::<Vec<_>>(), [("b", "2"), ("a", "3"), ("A", "4")]);
    }

    #[test]
    fn entries_without_a_byte_do_not_pile_up() {
        let mut builder = GroupStateBuilder::default();
        builder.push("a", "1");
        for _ in 0..3 * ENTRIES_MAX {
            builder.push("", "");
            assert!(builder.entries.len() <= ENTRIES_MAX + 1);
        }
        builder.push("a", "2");
        let state = builder.finish().unwrap();
        assert_eq!(state.iter().collect::<Vec<_>>(), [("", ""), ("a", "2")]);
    }

    #[test]
    fn a_state_of_more_than_8192_bytes_is_refused() {
        let too_long = Err(MessageError::TooLong(Property::State));
        let value = "v".repeat(GROUP_STATE_BYTES_MAX - 1);
        let state = build(&[("k", &value)]).unwrap();
        assert_eq!(state.bytes(), GROUP_STATE_BYTES_MAX);
        assert_eq!(build(&[("kk", &value)]), too_long);
        assert_eq!(build(&[("k", &value), ("l", ""), ("m", "")]), too_long);
        assert_eq!(build(&[("k", &value), ("k", "")]), too_long);
    }
}
