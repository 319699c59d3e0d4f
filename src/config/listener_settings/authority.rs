//! Hosts and ports of brokers: alone, or in an `amqp` or `amqps` URL.

use url::Host;

use super::endpoint::{AMQP_PORT, AMQPS_PORT};
use crate::config::StartError;
use crate::config::section::Section;
use crate::config::table;
use crate::event::destination::Authority;

/// A host and perhaps a port.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct HostPort<'t> {
    /// The host as it was written.
    pub(super) written: &'t str,
    /// The name in its normal form, or an address without brackets.
    pub(super) host: String,
    pub(super) port: Option<u16>,
}

impl<'t> HostPort<'t> {
    /// Reads `HOST` or `HOST:PORT` and nothing else; an IPv6 address has brackets.
    pub(super) fn parse(text: &'t str) -> Option<Self> {
        let (written, port) = match text.rsplit_once(':') {
            Some((written, port)) if !text.ends_with(']') => (written, Some(parse_port(port)?)),
            _ => (text, None),
        };
        // The parser would decode it; in a host name nobody means that.
        if written.contains('%') {
            return None;
        }
        let host = match Host::parse(written).ok()? {
            Host::Domain(name) => name,
            Host::Ipv4(address) => address.to_string(),
            Host::Ipv6(address) => address.to_string(),
        };
        Some(Self { written, host, port })
    }
}

fn parse_port(text: &str) -> Option<u16> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|port| is_number && *port != 0)
}

/// A broker's `url`: what could stand in one beside scheme, host and port has settings of its own.
pub(super) fn resolve_broker_url(
    section: &Section<'_>,
    text: &str,
) -> Result<Authority, StartError> {
    let refuse = |reason, fix| section.refuse(&table::BROKER_URL, shown(text), reason, fix);
    let fix_whole = "write it like amqps://broker.example:5671";
    let (scheme, rest) = text.split_once("://").unwrap_or_default();
    let is_tls = match scheme.to_ascii_lowercase().as_str() {
        "amqps" => true,
        "amqp" => false,
        _ => return Err(refuse("it is no amqps or amqp URL", fix_whole)),
    };
    let (rest, query) = rest.split_at(rest.find(['?', '#']).unwrap_or(rest.len()));
    if rest.contains('@') {
        let fix = r#"write them into auth, with the type "Plain""#;
        return Err(refuse("it has a user name or password", fix));
    }
    if !query.is_empty() {
        let fix = "remove it; what there is to choose has settings of its own";
        return Err(refuse("it has a query or fragment", fix));
    }
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    if !path.is_empty() {
        return Err(refuse("it has a path", "write the target into address"));
    }
    let found = HostPort::parse(authority)
        .ok_or_else(|| refuse("it has no valid host and port", fix_whole))?;
    let default = if is_tls { AMQPS_PORT } else { AMQP_PORT };
    Ok(Authority { is_tls, host: found.host, port: found.port.unwrap_or(default) })
}

/// What may be seen of a URL that is no good: nothing from the query on, and nothing at all if it
/// may have a password.
fn shown(text: &str) -> &str {
    let head = text.split(['?', '#']).next().unwrap_or_default();
    if text.contains('@') || head.contains('=') { "(not shown)" } else { head }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_may_have_a_port_and_nothing_else() {
        let parse = |text: &'static str| {
            HostPort::parse(text).map(|found| (found.written, found.host, found.port))
        };
        let found = |written, host: &str, port| Some((written, host.to_owned(), port));
        assert_eq!(parse("Ns.Example"), found("Ns.Example", "ns.example", None));
        assert_eq!(parse("localhost:5673"), found("localhost", "localhost", Some(5673)));
        assert_eq!(parse("127.0.0.1:1"), found("127.0.0.1", "127.0.0.1", Some(1)));
        assert_eq!(parse("[::1]"), found("[::1]", "::1", None));
        assert_eq!(parse("[::1]:65535"), found("[::1]", "::1", Some(65535)));
        for text in [
            "",
            ":1",
            "h:",
            "h:0",
            "h:65536",
            "h:+1",
            "h:x",
            "::1",
            "[::1",
            "[::1]x",
            "sb://h",
            "h/",
            "h/p",
            "h?q",
            "h#f",
            "u@h",
            "a b",
            "h%41",
            "[::1]:1:2",
        ] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }
}
