//! Group state (`client-json.md` section 9).
//!
//! What is no map of texts is malformed; a map that is too large is part of the message.

use super::properties::Properties;
use crate::protocol::subprotocol::json::scan::Members;
use crate::protocol::subprotocol::{
    ClientMessage, GroupState, GroupStateBuilder, MessageError, Property, SetGroupState,
};

impl<'a> Properties<'a> {
    #[inline(never)]
    pub(super) fn set_group_state(&self) -> Result<ClientMessage<'a>, MessageError> {
        let (group, ack_id) = (self.group()?, self.ack_id()?);
        let state = match self.object(Property::State)? {
            None => Ok(None),
            Some(object) => state(object)?.map(Some),
        };
        Ok(ClientMessage::SetGroupState(SetGroupState { group, state, ack_id }))
    }
}

/// The outer error is for what is no map of texts, the inner one for a map that is too large.
fn state(object: &str) -> Result<Result<GroupState, MessageError>, MessageError> {
    let mut builder = GroupStateBuilder::default();
    let mut members = Members::open(object)?;
    while let Some(member) = members.next()? {
        let (key, value) = member.texts().ok_or(MessageError::Invalid(Property::State))?;
        builder.push(&key, &value);
    }
    Ok(builder.finish())
}
