//! What path and query say about an operation (`rest-api.md` section 6), before anybody has been
//! asked who they are: a wrong parameter is answered before a wrong token (section 3.6).
//!
//! Most operations are complete then. Sends and bulk memberships wait for their body as a
//! [`Draft`]; a filter in the query waits as well, because it is judged last of all.

use std::time::Duration;

use super::category::Category;
use super::error::ApiError;
use super::operation::{ClientTokenRequest, Member, Operation, Target};
use super::page::{Link, PageRequest};
use super::parameters::{Parameters, checked_group, checked_user};
use super::route::Route;
use crate::hub::name::HubName;
use crate::hub::permission::Action;
use crate::protocol::subprotocol::TTL_SECONDS_MAX;

/// How long a generated token is valid unless the caller says otherwise (section 4).
const TOKEN_MINUTES_DEFAULT: u32 = 60;

/// Largest value of the 32-bit parameters (section 4).
const INT_MAX: u32 = i32::MAX as u32;

/// An operation as far as the head tells.
#[derive(Debug)]
pub(super) enum Draft {
    Whole(Operation),
    Send(SendDraft),
    AddToGroups,
    RemoveFromGroups,
}

/// A send without its message (section 6.3).
#[derive(Debug)]
pub(super) struct SendDraft {
    pub(super) target: Target,
    pub(super) ttl_seconds: u16,
    pub(super) excluded: Vec<String>,
    pub(super) filter: Option<String>,
}

/// What the caller called, for operations whose answer contains links to this server.
#[derive(Clone, Copy, Debug)]
pub(super) struct Called<'a> {
    /// Scheme and authority.
    pub(super) origin: Result<&'a str, &'a ApiError>,
    pub(super) path: &'a str,
    pub(super) version: &'static str,
}

/// Reads path names and parameters of a request.
pub(super) fn read(
    route: &Route<'_>,
    hub: &HubName,
    query: Parameters<'_>,
    called: Called<'_>,
) -> Result<Draft, ApiError> {
    let names = &route.names;
    let group = || names.group().map(Target::Group);
    let user = || names.user().map(Target::User);
    let connection = || names.connection().map(Target::Connection);
    let operation = match route.category {
        Category::SendToAll => return send(Target::All, query),
        Category::SendToGroup => return send(group()?, query),
        Category::SendToUser => return send(user()?, query),
        Category::SendToConnection => return send(connection()?, query),
        Category::AddConnectionsToGroups => return Ok(Draft::AddToGroups),
        Category::RemoveConnectionsFromGroups => return Ok(Draft::RemoveFromGroups),

        Category::CheckConnectionExists => Operation::Exists { target: connection()? },
        Category::CheckGroupExists => Operation::Exists { target: group()? },
        Category::CheckUserExists => Operation::Exists { target: user()? },

        Category::CloseClientConnection => close(connection()?, query)?,
        Category::CloseAllConnections => close(Target::All, query)?,
        Category::CloseGroupConnections => close(group()?, query)?,
        Category::CloseUserConnections => close(user()?, query)?,

        Category::AddConnectionToGroup => {
            let group = names.group()?;
            Operation::AddToGroup { member: Member::Connection(names.connection()?), group }
        }
        Category::RemoveConnectionFromGroup => {
            let group = Some(names.group()?);
            Operation::RemoveFromGroup { member: Member::Connection(names.connection()?), group }
        }
        Category::RemoveConnectionFromAllGroups => {
            let member = Member::Connection(names.connection()?);
            Operation::RemoveFromGroup { member, group: None }
        }
        Category::AddUserToGroup => {
            let member = Member::User(names.user()?);
            Operation::AddToGroup { member, group: names.group()? }
        }
        Category::RemoveUserFromGroup => {
            let member = Member::User(names.user()?);
            Operation::RemoveFromGroup { member, group: Some(names.group()?) }
        }
        Category::RemoveUserFromAllGroups => {
            Operation::RemoveFromGroup { member: Member::User(names.user()?), group: None }
        }

        Category::ListConnectionsInGroup => {
            let group = names.group()?;
            let origin = called.origin.map_err(Clone::clone)?;
            let link = Link { url: format!("{origin}{}", called.path), version: called.version };
            let page = PageRequest::read(query, hub, &group, link)?;
            Operation::ListGroup { group, page }
        }

        Category::GrantPermission => {
            let (action, connection, group) = permission(route, query)?;
            Operation::Grant { action, connection, group }
        }
        Category::RevokePermission => {
            let (action, connection, group) = permission(route, query)?;
            Operation::Revoke { action, connection, group }
        }
        Category::CheckPermission => {
            let (action, connection, group) = permission(route, query)?;
            Operation::Check { action, connection, group }
        }

        Category::GenerateClientToken => {
            let origin = called.origin.map_err(Clone::clone)?;
            Operation::GenerateToken(client_token(hub, query, origin)?)
        }
        // Health is answered before, and no route leads to the other.
        Category::HealthCheck | Category::Uncategorized => return Err(ApiError::unknown_path()),
    };
    Ok(Draft::Whole(operation))
}

/// Sections 5.4, 5.5 and 6.1; what a target does not take is ignored.
fn send(target: Target, query: Parameters<'_>) -> Result<Draft, ApiError> {
    let has_filter = !matches!(target, Target::Connection(_));
    let has_excluded = matches!(target, Target::All | Target::Group(_));
    let ttl = query.number("messageTtlSeconds", 0..=u32::from(TTL_SECONDS_MAX))?;
    let ttl_seconds = ttl.and_then(|seconds| u16::try_from(seconds).ok()).unwrap_or(0);
    let excluded = if has_excluded { query.many("excluded")? } else { Vec::new() };
    let filter = if has_filter { query.text("filter")? } else { None };
    Ok(Draft::Send(SendDraft { target, ttl_seconds, excluded, filter }))
}

/// Section 6.5.
fn close(target: Target, query: Parameters<'_>) -> Result<Operation, ApiError> {
    let has_excluded = !matches!(target, Target::Connection(_));
    let excluded = if has_excluded { query.many("excluded")? } else { Vec::new() };
    let reason = query.text("reason")?.unwrap_or_default();
    Ok(Operation::Close { target, excluded, reason })
}

/// Section 6.9.
fn permission(
    route: &Route<'_>,
    query: Parameters<'_>,
) -> Result<(Action, String, Option<String>), ApiError> {
    Ok((route.names.permission()?, route.names.connection()?, query.target_group()?))
}

/// Section 6.10.
fn client_token(
    hub: &HubName,
    query: Parameters<'_>,
    origin: &str,
) -> Result<ClientTokenRequest, ApiError> {
    let path = match query.one("clientType")? {
        None => "client",
        Some(kind) if kind.eq_ignore_ascii_case("Default") => "client",
        Some(kind) if kind.eq_ignore_ascii_case("MQTT") => "clients/mqtt",
        Some(_) => return Err(ApiError::invalid("clientType")),
    };
    let minutes = query.number("minutesToExpire", 1..=INT_MAX)?.unwrap_or(TOKEN_MINUTES_DEFAULT);
    let groups = query.many("group")?;
    Ok(ClientTokenRequest {
        audience: format!("{origin}/{path}/hubs/{hub}"),
        user_id: query.text("userId")?.map(checked_user).transpose()?,
        roles: query.many("role")?,
        groups: groups
            .into_iter()
            .map(|name| checked_group(name, "group"))
            .collect::<Result<_, _>>()?,
        ttl: Duration::from_secs(u64::from(minutes) * 60),
    })
}
