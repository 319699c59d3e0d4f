//! Access tokens, as the published SDKs sign them: of clients (client-connect.md 4) and of REST
//! requests (rest-api.md 3.2).
//!
//! HS256 over the UTF-8 bytes of the access key; the audience names the endpoint and the hub, or
//! the requested URL. Publishing clients carry no `sub`: deliveries then carry no `fromUserId`,
//! which keeps their layout fixed.

use anyhow::{Context, Result};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde::Serialize;

use crate::clock;

/// Longer than any run may last.
const LIFETIME_S: u64 = 24 * 3600;

/// What a client's token says about it beside what it may do.
#[derive(Clone, Copy, Default)]
pub(crate) struct Identity<'a> {
    pub(crate) user: Option<&'a str>,
    /// Joined at once; simple clients cannot ask for it later.
    pub(crate) group: Option<&'a str>,
}

#[derive(Serialize)]
struct Claims<'a> {
    aud: &'a str,
    iat: u64,
    exp: u64,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    role: &'a [&'a str],
    #[serde(skip_serializing_if = "Option::is_none")]
    sub: Option<&'a str>,
    #[serde(rename = "webpubsub.group", skip_serializing_if = "Option::is_none")]
    group: Option<&'a str>,
}

/// A token for `hub` that may join and publish to every group.
pub(crate) fn sign_client(
    key: &str,
    authority: &str,
    hub: &str,
    identity: Identity<'_>,
) -> Result<String> {
    let roles = ["webpubsub.joinLeaveGroup", "webpubsub.sendToGroup"];
    sign(key, &format!("http://{authority}/client/hubs/{hub}"), &roles, identity)
}

/// A token for requests to `url`, which has no query.
pub(crate) fn sign_request(key: &str, url: &str) -> Result<String> {
    sign(key, url, &[], Identity::default())
}

fn sign(key: &str, aud: &str, role: &[&str], identity: Identity<'_>) -> Result<String> {
    let now = clock::unix_s();
    let Identity { user: sub, group } = identity;
    let claims = Claims { aud, iat: now, exp: now + LIFETIME_S, role, sub, group };
    let key = EncodingKey::from_secret(key.as_bytes());
    encode(&Header::new(Algorithm::HS256), &claims, &key).context("signing a token")
}
