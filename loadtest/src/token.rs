//! Client access tokens, as the published SDKs sign them (client-connect.md 4).
//!
//! HS256 over the UTF-8 bytes of the access key; the audience names the endpoint and the hub.
//! Tokens carry no `sub`: deliveries then carry no `fromUserId`, which keeps their layout fixed.

use anyhow::{Context, Result};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde::Serialize;

use crate::clock;

/// Longer than any run may last.
const LIFETIME_S: u64 = 24 * 3600;

#[derive(Serialize)]
struct Claims<'a> {
    aud: String,
    iat: u64,
    exp: u64,
    role: [&'a str; 2],
    #[serde(rename = "webpubsub.group", skip_serializing_if = "Option::is_none")]
    group: Option<&'a str>,
}

/// A token for `hub` that may join and publish to every group, and is put into `group` at once
/// when one is given (simple clients cannot ask for it later).
pub(crate) fn sign(key: &str, authority: &str, hub: &str, group: Option<&str>) -> Result<String> {
    let now = clock::unix_s();
    let claims = Claims {
        aud: format!("http://{authority}/client/hubs/{hub}"),
        iat: now,
        exp: now + LIFETIME_S,
        role: ["webpubsub.joinLeaveGroup", "webpubsub.sendToGroup"],
        group,
    };
    let key = EncodingKey::from_secret(key.as_bytes());
    encode(&Header::new(Algorithm::HS256), &claims, &key).context("signing a client token")
}
