//! From a client's upgrade request to a new connection, or to the answer that refuses it.
//!
//! The steps and their order are those of `client-connect.md` section 3; the first that fails
//! answers. Nothing here waits or touches a socket.

use std::borrow::Cow;

use tracing::{debug, info};

use crate::auth::{ClientClaims, ClientTokenVerifier, TokenError, bearer_token};
use crate::config::{AnonymousConnectPolicy, HubSettings};
use crate::hub::name::HubName;
use crate::hub::permission::Permissions;
use crate::protocol::http::query;
use crate::protocol::http::request::RequestHead;
use crate::protocol::subprotocol::validate_group_name;
use crate::protocol::ws::handshake::{self, UpgradeError};
use crate::shard::connection::ClientKind;

/// The subprotocols this server speaks (section 6).
const JSON_SUBPROTOCOL: &str = "json.webpubsub.azure.v1";

/// An upgrade that is to be answered with 101.
#[derive(Debug)]
pub struct Upgrade {
    pub hub: HubName,
    pub kind: ClientKind,
    pub user: Option<String>,
    pub permissions: Permissions,
    pub groups: Vec<String>,
    /// The `101` answer.
    pub accept: Vec<u8>,
}

/// The answer to an upgrade that is refused (section 3.1).
#[derive(Debug, PartialEq, Eq)]
pub struct Refusal {
    pub status: u16,
    /// One line for a person; it never contains the token.
    pub body: Cow<'static, str>,
    pub headers: &'static str,
}

impl Refusal {
    fn new(status: u16, body: impl Into<Cow<'static, str>>) -> Self {
        Self { status, body: body.into(), headers: "" }
    }
}

/// What an upgrade is judged by.
pub struct Rules<'a> {
    pub verifier: &'a ClientTokenVerifier,
    pub settings_of: &'a dyn Fn(&HubName) -> HubSettings,
    pub now_unix_s: u64,
}

/// Judges an upgrade request (section 3, steps 1 to 11; `connect` handlers come before the last).
///
/// # Errors
/// The answer of the first step that fails.
pub fn judge(
    head: &RequestHead<'_>,
    path_hub: Option<Cow<'_, str>>,
    rules: &Rules<'_>,
) -> Result<Upgrade, Refusal> {
    let key = handshake::check(head).map_err(|error| match error {
        UpgradeError::NotAnUpgrade => Refusal::new(400, "This path takes WebSocket requests only."),
        UpgradeError::WrongVersion => Refusal {
            headers: "Sec-WebSocket-Version: 13\r\n",
            ..Refusal::new(426, "Only version 13 of the WebSocket protocol is supported.")
        },
    })?;
    let hub = hub(path_hub, head.query())?;
    let subprotocol = head
        .list("sec-websocket-protocol")
        .find(|name| name.eq_ignore_ascii_case(JSON_SUBPROTOCOL));
    let recovers = query::value(head.query(), "awps_connection_id").is_some();
    if recovers {
        return Ok(refused_recovery(hub, key, subprotocol));
    }
    let claims = authenticate(head, &hub, rules)?;
    let kind = match subprotocol {
        Some(_) => ClientKind::Json,
        None => simple_kind(head.query())?,
    };
    let (permissions, ignored) = Permissions::from_roles(claims.roles.iter().map(String::as_str));
    if !ignored.is_empty() {
        debug!(hub = hub.as_str(), count = ignored.len(), "roles that grant nothing were ignored");
    }
    let mut accept = Vec::with_capacity(256);
    handshake::write_accept(&mut accept, key, subprotocol);
    Ok(Upgrade { hub, kind, user: claims.user_id, permissions, groups: claims.groups, accept })
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
    rules: &Rules<'_>,
) -> Result<ClientClaims, Refusal> {
    let token = query::value(head.query(), "access_token")
        .or_else(|| head.value("authorization").and_then(bearer_token).map(Cow::from));
    let Some(token) = token else {
        return match (rules.settings_of)(hub).anonymous_connect {
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
            Ok(ClientKind::SimpleGroup(group.into()))
        }
        (Some(_), None) => Err(Refusal::new(400, "The group name is not valid.")),
        _ => Err(Refusal::new(400, "The mode sendToGroup needs exactly one group.")),
    }
}

/// Section 11.3: a recovery is never refused by an HTTP status. No subprotocol offered so far can
/// be recovered, so every recovery is completed and then closed with 1008.
fn refused_recovery(hub: HubName, key: &str, subprotocol: Option<&str>) -> Upgrade {
    let mut accept = Vec::with_capacity(256);
    handshake::write_accept(&mut accept, key, subprotocol);
    Upgrade {
        hub,
        kind: ClientKind::RefusedRecovery,
        user: None,
        permissions: Permissions::default(),
        groups: Vec::new(),
        accept,
    }
}
