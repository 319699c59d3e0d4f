//! What a REST request asks for, once it is known to be valid (`rest-api.md` section 6).
//!
//! An [`ApiRequest`] is the end of everything this layer checks: names follow their rules, limits
//! hold, the caller may do it, the body is what its type says. Whoever carries it out looks at
//! state and nothing else. It owns all it holds, so that it can travel to every shard inside one
//! `Arc`, and it says nothing about HTTP: which status an outcome becomes is known to
//! [`Exchange`](super::answer::Exchange), which stays with the connection.
//!
//! | Operations | Where the answer comes from |
//! | --- | --- |
//! | `Send`, `Close`, `AddToGroups`, `RemoveFromGroups` | every shard, all of them done |
//! | `Exists`, `AddToGroup`, `RemoveFromGroup`, of a connection | the shard of its id |
//! | the same of a user or group | every shard, any of them |
//! | `ListGroup` | every shard, merged by [`PageRequest`] |
//! | `Grant`, `Revoke`, `Check` | the shard of the connection's id |
//! | `GenerateToken` | no shard: the signer |

use std::time::Duration;

use super::category::Category;
use super::page::PageRequest;
use crate::hub::filter::Filter;
use crate::hub::name::HubName;
use crate::hub::permission::Action;
use crate::protocol::subprotocol::{Metadata, Payload};

/// One valid, authorised request.
#[derive(Debug)]
pub struct ApiRequest {
    pub hub: HubName,
    pub category: Category,
    pub operation: Operation,
}

/// Whom an operation is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Every connection of the hub.
    All,
    Group(String),
    User(String),
    Connection(String),
}

/// Who is put into a group or taken out of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Member {
    Connection(String),
    /// Every current connection of the user (section 6.6.3).
    User(String),
}

/// The operations of section 6.1, health excepted: that is answered at once.
#[derive(Debug)]
pub enum Operation {
    /// Section 6.3.
    Send { target: Target, message: SendMessage },
    /// Section 6.4. The target is never [`Target::All`].
    Exists { target: Target },
    /// Section 6.5; without a reason the text is empty.
    Close { target: Target, excluded: Vec<String>, reason: String },
    /// Section 6.6.1 and 6.6.3.
    AddToGroup { member: Member, group: String },
    /// Section 6.6.2 and 6.6.4; without a group: from all of them.
    RemoveFromGroup { member: Member, group: Option<String> },
    /// Section 6.7.
    AddToGroups(BulkMembership),
    /// Section 6.7; the filter sees the groups as they were before.
    RemoveFromGroups(BulkMembership),
    /// Section 6.8.
    ListGroup { group: String, page: PageRequest },
    /// Section 6.9; without a group: for all of them.
    Grant { action: Action, connection: String, group: Option<String> },
    /// Section 6.9, and `client-roles.md` section 4 on what revoking one group means.
    Revoke { action: Action, connection: String, group: Option<String> },
    /// Section 6.9; without a group: is everything allowed?
    Check { action: Action, connection: String, group: Option<String> },
    /// Section 6.10.
    GenerateToken(ClientTokenRequest),
}

/// A message from the application (sections 5.4 to 5.7).
#[derive(Debug)]
pub struct SendMessage {
    /// Text, JSON or binary, and what that says about its bytes is true.
    pub payload: Payload<'static>,
    pub metadata: Metadata<'static>,
    /// 0 for no limit, otherwise at most 300.
    pub ttl_seconds: u16,
    /// Connection ids; unknown ones are meaningless, not wrong.
    pub excluded: Vec<String>,
    pub filter: Option<Filter>,
}

/// Which connections enter or leave which groups (section 6.7).
#[derive(Debug)]
pub struct BulkMembership {
    /// At least one.
    pub groups: Vec<String>,
    /// `None` selects every connection of the hub.
    pub filter: Option<Filter>,
}

/// What a generated client token shall say (section 6.10).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientTokenRequest {
    /// The client endpoint, as the caller addressed this server.
    pub audience: String,
    pub user_id: Option<String>,
    pub roles: Vec<String>,
    pub groups: Vec<String>,
    pub ttl: Duration,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_may_travel_to_every_shard() {
        fn travels<T: Send + Sync + 'static>() {}
        travels::<ApiRequest>();
    }
}
