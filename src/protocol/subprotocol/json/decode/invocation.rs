//! Invocations (`client-json.md` sections 3.7 and 8).
//!
//! Once there is an id, nothing that is wrong with the request closes the connection.

use super::properties::{Properties, id_of, payload_of};
use crate::protocol::subprotocol::{
    ClientMessage, DataType, Invoke, InvokeRequest, MessageError, Payload, Property,
};

impl<'a> Properties<'a> {
    #[inline(never)]
    pub(super) fn invoke(&self) -> Result<ClientMessage<'a>, MessageError> {
        let invocation_id = self.required_text(Property::InvocationId)?;
        let invocation_id = id_of(invocation_id, Property::InvocationId)?;
        Ok(ClientMessage::Invoke(Invoke { invocation_id, request: self.invoke_request() }))
    }

    fn invoke_request(&self) -> Result<InvokeRequest<'a>, MessageError> {
        if self.value(Property::Stream).is_some() {
            return Err(MessageError::NotAllowed(Property::Stream));
        }
        if self.text(Property::Target)?.is_some_and(|target| target != "event") {
            return Err(MessageError::Invalid(Property::Target));
        }
        let (event, metadata) = (self.event_name()?, self.metadata()?);
        Ok(InvokeRequest { event, payload: self.optional_payload()?, metadata })
    }

    /// Metadata does not stand in for a payload here: there may be none.
    fn optional_payload(&self) -> Result<Option<Payload<'a>>, MessageError> {
        match (self.data_type()?, self.data()) {
            (None, None) => Ok(None),
            (Some(_), None) => Err(MessageError::Missing(Property::Data)),
            (data_type, Some(data)) => {
                payload_of(data_type.unwrap_or(DataType::Json), data).map(Some)
            }
        }
    }
}
