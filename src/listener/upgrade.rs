//! From a client's upgrade request to a new connection, or to the answer that refuses it.
//!
//! The steps and their order are those of `client-connect.md` section 3; the first that fails
//! answers. [`judge`] takes a request as far as a [`Candidate`], whom the application may be asked
//! about, or a [`RecoveryRequest`]; [`Candidate::admit`] does the rest. Nothing here waits or touches a socket.

use std::borrow::Cow;

use serde_json::{Map, Value};
use tracing::{debug, info};

use crate::auth::{
    ClientClaims, ClientTokenVerifier, ReconnectionTokens, TokenError, bearer_token,
};
use crate::config::{AnonymousConnectPolicy, HubSettings};
use crate::event::call::Admission;
use crate::hub::id::ConnectionId;
use crate::hub::name::HubName;
use crate::hub::permission::Permissions;
use crate::protocol::http::query;
use crate::protocol::http::request::RequestHead;
use crate::protocol::subprotocol::{Subprotocol, validate_group_name};
use crate::protocol::ws::handshake::{self, UpgradeError};
use crate::shard::connection::{ClientKind, FixedGroup};

/// An upgrade that is to be answered with 101.
#[derive(Debug)]
pub struct Upgrade {
    pub hub: HubName,
    pub kind: ClientKind,
    pub user: Option<String>,
    pub permissions: Permissions,
    pub groups: Vec<String>,
    /// In the client's spelling.
    pub subprotocol: Option<String>,
    /// Host by which the client knows this server, without port.
    pub origin: Option<Box<str>>,
    /// The `101` answer.
    pub accept: Vec<u8>,
}

/// What an upgrade request asks for.
#[derive(Debug)]
pub enum Judged {
    /// A new connection.
    New(Candidate),
    /// One that is there already.
    Recovery(RecoveryRequest),
}

/// The request to carry a connection again (section 11.2). It is never refused by an HTTP status:
/// whoever owns the connection answers it.
#[derive(Debug)]
pub struct RecoveryRequest {
    pub hub: HubName,
    /// None for an id that no server of ours has issued.
    pub connection: Option<ConnectionId>,
    /// The token is good for that connection.
    pub is_authentic: bool,
    pub key: Box<str>,
    /// The first subprotocol of ours that was offered, in its spelling.
    pub offered: Option<String>,
}

/// A client that may connect, if the application agrees (section 3, steps 1 to 9).
#[derive(Debug)]
pub struct Candidate {
    pub hub: HubName,
    /// As the token says, like the claims that follow from it.
    pub user: Option<String>,
    pub claims: Map<String, Value>,
    pub origin: Option<Box<str>>,
    roles: Vec<String>,
    groups: Vec<String>,
    key: Box<str>,
    offered: Vec<String>,
    /// Which of the offered ones is taken if the application chooses none (section 6.1).
    preselected: Option<usize>,
    /// What it is if none of our subprotocols is chosen; bad parameters matter only then.
    simple_kind: Result<ClientKind, Refusal>,
    requires_user: bool,
}

/// The answer to an upgrade that is refused (section 3.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub status: u16,
    /// One line for a person; it never contains the token.
    pub body: Cow<'static, str>,
    pub headers: &'static str,
}

impl Refusal {
    pub(crate) fn new(status: u16, body: impl Into<Cow<'static, str>>) -> Self {
        Self { status, body: body.into(), headers: "" }
    }
}

/// What an upgrade is judged by.
pub struct Rules<'a> {
    pub verifier: &'a ClientTokenVerifier,
    pub reconnection: &'a ReconnectionTokens,
    pub settings_of: &'a dyn Fn(&HubName) -> &'a HubSettings,
    pub now_unix_s: u64,
}

/// Judges an upgrade request (section 3, steps 1 to 9).
///
/// # Errors
/// The answer of the first step that fails.
pub fn judge(
    head: &RequestHead<'_>,
    path_hub: Option<Cow<'_, str>>,
    rules: &Rules<'_>,
) -> Result<Judged, Refusal> {
    let key = handshake::check(head).map_err(|error| match error {
        UpgradeError::NotAnUpgrade => Refusal::new(400, "This path takes WebSocket requests only."),
        UpgradeError::WrongVersion => Refusal {
            headers: "Sec-WebSocket-Version: 13\r\n",
            ..Refusal::new(426, "Only version 13 of the WebSocket protocol is supported.")
        },
    })?;
    let hub = hub(path_hub, head.query())?;
    let mut offered: Vec<String> = head.list("sec-websocket-protocol").map(str::to_owned).collect();
    let preselected = offered.iter().position(|name| Subprotocol::from_name(name).is_some());
    if let Some(id) = query::value(head.query(), "awps_connection_id") {
        let token = query::value(head.query(), "awps_reconnection_token").unwrap_or_default();
        return Ok(Judged::Recovery(RecoveryRequest {
            hub,
            connection: ConnectionId::parse(&id),
            is_authentic: rules.reconnection.verify(&token, &id, rules.now_unix_s),
            key: key.into(),
            offered: preselected.map(|index| offered.swap_remove(index)),
        }));
    }
    let settings = (rules.settings_of)(&hub);
    let claims = authenticate(head, &hub, settings, rules)?;
    let simple_kind = simple_kind(head.query());
    if preselected.is_none() {
        simple_kind.clone()?;
    }
    let ClientClaims { user_id: user, roles, groups, claims } = claims;
    Ok(Judged::New(Candidate {
        hub,
        user,
        claims,
        origin: head.value("host").map(host_without_port).map(Box::from),
        roles,
        groups,
        key: key.into(),
        offered,
        preselected,
        simple_kind,
        requires_user: settings.require_user_id,
    }))
}

impl Candidate {
    /// The subprotocols in the client's order and spelling.
    pub fn offered(&self) -> &[String] {
        &self.offered
    }

    /// Applies the application's answer (section 3, steps 11 to 13); the default changes nothing.
    ///
    /// # Errors
    /// The answer to a client that cannot be connected so.
    pub fn admit(self, admission: Admission) -> Result<Upgrade, Refusal> {
        let subprotocol = match &admission.subprotocol {
            //= section 6.2: something not offered is a failure of the handler.
            Some(name) if !self.offered.contains(name) => {
                let text = "The event handler chose a subprotocol that was not offered.";
                return Err(Refusal::new(500, text));
            }
            Some(name) => Some(name.clone()),
            None => self.preselected.and_then(|index| self.offered.get(index).cloned()),
        };
        let kind = match subprotocol.as_deref().and_then(Subprotocol::from_name) {
            Some(subprotocol) => ClientKind::PubSub(subprotocol),
            None => self.simple_kind?,
        };
        let user = admission.user.or(self.user);
        if self.requires_user && user.is_none() {
            return Err(Refusal::new(401, "A user id is required."));
        }
        let roles = admission.roles.unwrap_or(self.roles);
        let (permissions, ignored) = Permissions::from_roles(roles.iter().map(String::as_str));
        if !ignored.is_empty() {
            let (hub, count) = (self.hub.as_str(), ignored.len());
            debug!(hub, count, "roles that grant nothing were ignored");
        }
        let mut accept = Vec::with_capacity(256);
        handshake::write_accept(&mut accept, &self.key, subprotocol.as_deref());
        Ok(Upgrade {
            hub: self.hub,
            kind,
            user,
            permissions,
            groups: admission.groups.unwrap_or(self.groups),
            subprotocol,
            origin: self.origin,
            accept,
        })
    }
}

/// The host of a `Host` header.
fn host_without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

fn hub(path_hub: Option<Cow<'_, str>>, query: &str) -> Result<HubName, Refusal> {
    let name = path_hub.or_else(|| query::value(query, "hub")).unwrap_or_default();
    if name.is_empty() {
        return Err(Refusal::new(400, "The hub is missing."));
    }
    HubName::parse(&name).map_err(|error| Refusal::new(400, format!("Invalid hub: {error}.")))
}

/// Section 4.1 and 5: the query's token before the header's, and the hub's anonymous policy.
fn authenticate(
    head: &RequestHead<'_>,
    hub: &HubName,
    settings: &HubSettings,
    rules: &Rules<'_>,
) -> Result<ClientClaims, Refusal> {
    let token = query::value(head.query(), "access_token")
        .or_else(|| head.value("authorization").and_then(bearer_token).map(Cow::from));
    let Some(token) = token else {
        return match settings.anonymous_connect {
            AnonymousConnectPolicy::Allow => Ok(ClientClaims::default()),
            AnonymousConnectPolicy::Deny => {
                info!(hub = hub.as_str(), "client refused: no access token");
                Err(Refusal::new(401, "An access token is required."))
            }
        };
    };
    rules.verifier.verify(&token, hub, rules.now_unix_s).map_err(|error: TokenError| {
        info!(hub = hub.as_str(), "client refused: {}", error.log_message());
        Refusal::new(error.status(), error.to_string())
    })
}

/// Section 7.1: the mode of a simple client.
fn simple_kind(query: &str) -> Result<ClientKind, Refusal> {
    let mut modes = query::values(query, "webpubsub_mode");
    let Some(mode) = modes.next() else { return Ok(ClientKind::SimpleEvent) };
    if mode.eq_ignore_ascii_case("sendEvent") {
        return Ok(ClientKind::SimpleEvent);
    }
    if !mode.eq_ignore_ascii_case("sendToGroup") {
        return Err(Refusal::new(400, "webpubsub_mode must be sendEvent or sendToGroup."));
    }
    let mut groups = query::values(query, "group");
    match (groups.next(), groups.next()) {
        (Some(group), None) if validate_group_name(&group) => {
            Ok(ClientKind::SimpleGroup(FixedGroup(group.into()).into()))
        }
        (Some(_), None) => Err(Refusal::new(400, "The group name is not valid.")),
        _ => Err(Refusal::new(400, "The mode sendToGroup needs exactly one group.")),
    }
}
