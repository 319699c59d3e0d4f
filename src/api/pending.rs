//! A request whose head is good and whose body is still to come.
//!
//! It owns everything that the head said, so the bytes of the head may go. The caller feeds it
//! what arrives ([`Pending::read`]) until it is complete, and then asks what it means
//! ([`Pending::finish`]): the checks from the content type on (`rest-api.md` section 3.6). An
//! operation that takes no body goes the same way; a body it has nevertheless is read and ignored.

use super::answer::Exchange;
use super::content::ContentHeaders;
use super::draft::Draft;
use super::error::ApiError;
use super::operation::{ApiRequest, Operation};
use super::{bulk, message};
use crate::hub::name::HubName;
use crate::protocol::http::body::{BodyError, BodyProgress, BodyReader};

/// An authorised request, not complete yet.
#[derive(Debug)]
pub struct Pending {
    /// What the answer is written with.
    pub exchange: Exchange,
    pub(super) hub: HubName,
    pub(super) draft: Draft,
    pub(super) content: ContentHeaders,
    pub(super) body: BodyReader,
    pub(super) expects_continue: bool,
}

impl Pending {
    /// Whether the peer waits for [`CONTINUE`](crate::protocol::http::body::CONTINUE).
    pub fn expects_continue(&self) -> bool {
        self.expects_continue
    }

    /// Whether the body is complete, as it is from the beginning for a request without one.
    pub fn is_complete(&self) -> bool {
        self.body.is_done()
    }

    /// Takes what belongs to the body from the front of `bytes`.
    ///
    /// # Errors
    /// The body is too long or broken. The exchange writes that, and the connection ends.
    pub fn read(&mut self, bytes: &[u8]) -> Result<BodyProgress, ApiError> {
        self.body.read(bytes).map_err(|error| {
            self.exchange.close_afterwards();
            error.into()
        })
    }

    /// The operation, or why there is none. A body that is not complete is a broken one.
    pub fn finish(mut self) -> (Exchange, Result<ApiRequest, ApiError>) {
        if !self.is_complete() {
            self.exchange.close_afterwards();
            return (self.exchange, Err(ApiError::bad_body("The request body is not complete.")));
        }
        let category = self.exchange.category();
        let operation = finish(self.draft, self.content, self.body.into_bytes());
        let request = operation.map(|operation| ApiRequest { hub: self.hub, category, operation });
        (self.exchange, request)
    }
}

fn finish(draft: Draft, content: ContentHeaders, body: Vec<u8>) -> Result<Operation, ApiError> {
    content.check_coding()?;
    match draft {
        Draft::Whole(operation) => Ok(operation),
        Draft::Send(draft) => message::finish(draft, content, body),
        Draft::AddToGroups => bulk::finish(&content, body).map(Operation::AddToGroups),
        Draft::RemoveFromGroups => bulk::finish(&content, body).map(Operation::RemoveFromGroups),
    }
}

impl From<BodyError> for ApiError {
    fn from(error: BodyError) -> Self {
        Self::bad_body(error.to_string())
    }
}
