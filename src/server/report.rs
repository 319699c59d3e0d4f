//! What a started server says on standard output: where it is, and how to connect.

use std::net::SocketAddr;
use std::time::Duration;

use super::admin::AdminListener;
use crate::auth::{NewClientToken, sign_client_token};
use crate::config::Settings;
use crate::shard::clock;

/// Lifetime of the client URL that is printed with a generated key.
const URL_LIFETIME: Duration = Duration::from_secs(24 * 3600);
/// The hub that the URL is for.
const URL_HUB: &str = "chat";

/// Prints the addresses; with a generated key also a connection string and a ready client URL,
/// because nobody else knows the key.
pub(super) fn started(
    settings: &Settings,
    addresses: &[SocketAddr],
    admin: Option<&AdminListener>,
) {
    let shards = settings.shards;
    let plural = if shards == 1 { "" } else { "s" };
    for address in addresses {
        let version = env!("CARGO_PKG_VERSION");
        println!("corecast {version} listening on http://{address} ({shards} shard{plural})");
    }
    if let Some(admin) = admin {
        println!("admin listening on http://{}", admin.address);
    }
    let Some(address) =
        addresses.first().filter(|_| settings.keys.is_generated() && !settings.disable_local_auth)
    else {
        return;
    };
    let key = settings.keys.primary();
    // The host alone; that of an IPv6 address keeps its brackets.
    let host = SocketAddr::new(address.ip(), 0).to_string();
    let host = host.trim_end_matches(":0");
    let (secret, port) = (key.as_str(), address.port());
    println!(
        "connection string: Endpoint=http://{host};Port={port};AccessKey={secret};Version=1.0;"
    );
    let roles = ["webpubsub.joinLeaveGroup".to_owned(), "webpubsub.sendToGroup".to_owned()];
    let audience = format!("http://{address}/client/hubs/{URL_HUB}");
    let new = NewClientToken {
        audience: &audience,
        user_id: None,
        roles: &roles,
        groups: &[],
        ttl: URL_LIFETIME,
    };
    let token = sign_client_token(key, &new, clock::unix_seconds());
    println!("client URL: ws://{address}/client/hubs/{URL_HUB}?access_token={token}");
}
