//! Which endpoint a token is meant for (`client-connect.md` section 4.3, "Audience match", and
//! `rest-api.md` section 3.3).
//!
//! The libraries sign `http(s)://{host}/client/hubs/{hub}` for clients and the URL of each REST
//! request, most of them with its query. The path always decides. The authority is compared only if
//! the operator has configured public endpoints, because the application server that signs and the
//! browser that connects often reach a self-hosted server under different names. The scheme never
//! matters beyond being one of four, because TLS may end in front of this process.

use std::fmt;

use percent_encoding::percent_decode_str;

use crate::hub::name::HubName;

/// An authority (`host` or `host:port`) under which clients reach this server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicEndpoint {
    /// In lower case and without a default port.
    authority: String,
    /// Configured without a port, so that REST tokens may name any.
    is_any_port: bool,
}

impl PublicEndpoint {
    /// Reads a URL such as `https://chat.example.com/` or a bare authority.
    pub fn parse(text: &str) -> Result<Self, InvalidPublicEndpoint> {
        let (scheme, rest) = match text.split_once("://") {
            Some((scheme, rest)) => {
                (Some(Scheme::parse(scheme).ok_or(InvalidPublicEndpoint)?), rest)
            }
            None => (None, text),
        };
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        if !is_authority(authority) {
            return Err(InvalidPublicEndpoint);
        }
        let is_any_port = host_of(authority) == authority;
        Ok(Self { authority: normalize_authority(scheme, authority), is_any_port })
    }

    /// The host alone.
    pub fn host(&self) -> &str {
        host_of(&self.authority)
    }

    /// The normalised authority.
    pub fn as_str(&self) -> &str {
        &self.authority
    }
}

/// The text is neither a URL without path nor an authority.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidPublicEndpoint;

impl fmt::Display for InvalidPublicEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it is neither an http(s) or ws(s) URL without path nor HOST or HOST:PORT")
    }
}

impl std::error::Error for InvalidPublicEndpoint {}

/// Whether `audience` names the client endpoint of `hub`. An empty list of endpoints accepts any
/// authority.
pub fn names_client_endpoint(
    audience: &str,
    hub: &HubName,
    public_endpoints: &[PublicEndpoint],
) -> bool {
    let Some(uri) = AudienceUri::parse(audience) else { return false };
    let authority = normalize_authority(Some(uri.scheme), uri.authority);
    (public_endpoints.is_empty()
        || public_endpoints.iter().any(|known| known.authority == authority))
        && (names_hub_in_path(&uri, hub) || names_hub_in_query(&uri, hub))
}

/// Whether `audience` names the URL of a REST request with this path, which is as it came: not
/// decoded, without query (`rest-api.md` section 3.3). An empty list of endpoints accepts any
/// authority.
pub fn names_request(audience: &str, path: &str, public_endpoints: &[PublicEndpoint]) -> bool {
    let Some(uri) = AudienceUri::parse(audience) else { return false };
    let authority = normalize_authority(Some(uri.scheme), uri.authority);
    // More lenient than for clients: here the operator's own servers call, by names such as a
    // connection string's, whose port is a parameter of its own.
    let is_at = |known: &PublicEndpoint| {
        known.authority == authority || known.is_any_port && known.authority == host_of(&authority)
    };
    (public_endpoints.is_empty() || public_endpoints.iter().any(is_at))
        && comparable_path(uri.path)
            .zip(comparable_path(path))
            .is_some_and(|(named, requested)| named == requested)
}

/// What a matching audience looks like, for the log (O10). A star stands for any host.
pub fn expected_audiences(hub: &HubName, public_endpoints: &[PublicEndpoint]) -> Vec<String> {
    if public_endpoints.is_empty() {
        return vec![format!("https://*/client/hubs/{hub}")];
    }
    let audience =
        |known: &PublicEndpoint| format!("https://{}/client/hubs/{hub}", known.authority);
    public_endpoints.iter().map(audience).collect()
}

/// The same for a REST request.
pub fn expected_request_audiences(path: &str, public_endpoints: &[PublicEndpoint]) -> Vec<String> {
    if public_endpoints.is_empty() {
        return vec![format!("https://*{path}")];
    }
    public_endpoints.iter().map(|known| format!("https://{}{path}", known.authority)).collect()
}

/// Percent-decoded once, without a slash at the end, in lower case (`rest-api.md` 3.3, rule 5).
fn comparable_path(path: &str) -> Option<String> {
    let path = percent_decode_str(path).decode_utf8().ok()?;
    Some(path.strip_suffix('/').unwrap_or(&path).to_lowercase())
}

/// `/client/hubs/{hub}`, with or without a slash at the end.
fn names_hub_in_path(uri: &AudienceUri<'_>, hub: &HubName) -> bool {
    const PREFIX: &str = "/client/hubs/";
    let Ok(path) = percent_decode_str(uri.path).decode_utf8() else { return false };
    let path = path.strip_suffix('/').unwrap_or(&path);
    path.get(..PREFIX.len()).is_some_and(|prefix| prefix.eq_ignore_ascii_case(PREFIX))
        && path[PREFIX.len()..].eq_ignore_ascii_case(hub.as_str())
}

/// `/client?hub={hub}` or `/client/?hub={hub}`, as in older hand-made tokens.
fn names_hub_in_query(uri: &AudienceUri<'_>, hub: &HubName) -> bool {
    let path = uri.path.strip_suffix('/').unwrap_or(uri.path);
    let Some((name, value)) = uri.query.split_once('=') else { return false };
    let Ok(value) = percent_decode_str(value).decode_utf8() else { return false };
    path.eq_ignore_ascii_case("/client")
        && name.eq_ignore_ascii_case("hub")
        && value.eq_ignore_ascii_case(hub.as_str())
}

/// The parts of an audience that are compared; its fragment is not.
struct AudienceUri<'a> {
    scheme: Scheme,
    authority: &'a str,
    path: &'a str,
    query: &'a str,
}

impl<'a> AudienceUri<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        let scheme = Scheme::parse(scheme)?;
        let rest = rest.split('#').next().unwrap_or(rest);
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        is_authority(authority).then_some(Self { scheme, authority, path, query })
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Scheme {
    Plain,
    Tls,
}

impl Scheme {
    fn parse(text: &str) -> Option<Self> {
        let is = |name: &str| text.eq_ignore_ascii_case(name);
        if is("http") || is("ws") {
            Some(Self::Plain)
        } else if is("https") || is("wss") {
            Some(Self::Tls)
        } else {
            None
        }
    }
}

/// Whether a text can be the authority of a URL: one printable word, without a user.
pub fn is_authority(text: &str) -> bool {
    let is_allowed = |c: char| c.is_ascii_graphic() && !matches!(c, '/' | '?' | '#' | '@' | '\\');
    !text.is_empty() && !text.starts_with(':') && text.chars().all(is_allowed)
}

/// An authority without its port. The colons of an IPv6 address are inside of brackets.
fn host_of(authority: &str) -> &str {
    let is_port = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    match authority.rsplit_once(':') {
        Some((host, port)) if is_port(port) => host,
        _ => authority,
    }
}

/// Lower case, without the scheme's default port; without a scheme, both count as default.
fn normalize_authority(scheme: Option<Scheme>, authority: &str) -> String {
    let mut host = authority.to_ascii_lowercase();
    let defaults = [(Scheme::Plain, ":80"), (Scheme::Tls, ":443")];
    for (_, port) in defaults.iter().filter(|(of, _)| scheme.is_none_or(|scheme| scheme == *of)) {
        // An IPv6 address ends in a bracket before its port, so its own colons are safe.
        if host.ends_with(port) {
            host.truncate(host.len() - port.len());
            break;
        }
    }
    host
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chat() -> HubName {
        HubName::parse("chat").unwrap()
    }

    fn matches(audience: &str) -> bool {
        names_client_endpoint(audience, &chat(), &[])
    }

    #[test]
    fn the_path_decides() {
        // C10
        for audience in [
            "http://localhost:8080/client/hubs/chat",
            "https://example.com/client/hubs/chat",
            "wss://example.com/Client/Hubs/CHAT/",
            "WS://[::1]:8080/client/hubs/chat",
            "https://example.com/client/hubs/%63hat",
            "https://example.com/client/?hub=chat",
            "https://example.com/client?hub=CHAT",
        ] {
            assert!(matches(audience), "{audience}");
        }
        for audience in [
            "",
            "chat",
            "/client/hubs/chat",
            "ftp://example.com/client/hubs/chat",
            "https:///client/hubs/chat",
            "https://example.com/client/hubs/other",
            "https://example.com/client/hubs/chat2",
            "https://example.com/client/hubs/chat/x",
            "https://example.com/client/hubs/chat//",
            "https://example.com/client/hubs/",
            "https://example.com/api/hubs/chat",
            "https://example.com/clients/mqtt/hubs/chat",
            "https://example.com/client?hub=other",
            "https://example.com/client?hub=chat&x=1",
            "https://example.com/client/hubs/%ff",
            "https://example.com/client/hubé/chat",
        ] {
            assert!(!matches(audience), "{audience}");
        }
    }

    #[test]
    fn hub_names_with_unusual_characters_match_encoded_and_plain() {
        let hub = HubName::parse("a`[b],c.d").unwrap();
        for audience in
            ["https://h/client/hubs/a%60%5Bb%5D%2Cc.d", "https://h/client/hubs/A`[b],c.d"]
        {
            assert!(names_client_endpoint(audience, &hub, &[]), "{audience}");
        }
    }

    #[test]
    fn the_authority_decides_once_public_endpoints_are_configured() {
        let known: Vec<_> = ["https://Chat.example.com/", "internal:8080", "other.example.com:443"]
            .iter()
            .map(|text| PublicEndpoint::parse(text).unwrap())
            .collect();
        for authority in [
            "https://chat.example.com",
            "http://chat.example.com",
            "wss://CHAT.example.com:443",
            "ws://chat.example.com:80",
            "http://internal:8080",
            "https://other.example.com",
        ] {
            let audience = format!("{authority}/client/hubs/chat");
            assert!(names_client_endpoint(&audience, &chat(), &known), "{audience}");
        }
        for authority in
            ["https://evil.example", "https://chat.example.com:8443", "http://internal"]
        {
            let audience = format!("{authority}/client/hubs/chat");
            assert!(!names_client_endpoint(&audience, &chat(), &known), "{audience}");
        }
    }

    #[test]
    fn refuses_public_endpoints_that_could_never_match() {
        for text in ["", "https://", "ftp://h", "https://h/path", "h/path", "a b", ":80", "u@h"] {
            assert!(PublicEndpoint::parse(text).is_err(), "{text:?}");
        }
        assert_eq!(PublicEndpoint::parse("[::1]:80").unwrap().as_str(), "[::1]");
    }

    #[test]
    fn request_audiences_match_by_path_with_or_without_query() {
        // A19, A20, A22
        let path = "/api/hubs/chat/groups/g%2F1%20x/:send";
        for audience in [
            "https://h/api/hubs/chat/groups/g%2F1%20x/:send?api-version=2024-12-01&filter=a%20b",
            "http://H:8080/API/hubs/Chat/groups/G%2f1%20x/%3asend",
            "wss://h/api/hubs/chat/groups/g%2F1%20x/:send/",
            "https://h/api/hubs/chat/groups/g/1 x/:send#fragment",
        ] {
            assert!(names_request(audience, path, &[]), "{audience}");
        }
        // A21
        for audience in [
            "",
            "https://h",
            "/api/hubs/chat/groups/g%2F1%20x/:send",
            "ftp://h/api/hubs/chat/groups/g%2F1%20x/:send",
            "https://h/api/hubs/chat/groups/g%252F1%20x/:send",
            "https://h/api/hubs/chat/groups/g%2F1+x/:send",
            "https://h/api/hubs/chat/groups/g%2F1%20x",
            "https://h/client/hubs/chat",
            "https://h/%ff",
        ] {
            assert!(!names_request(audience, path, &[]), "{audience}");
        }
        assert!(names_request("https://h/api/hubs/chat/:send", "/api/hubs/CHAT/:SEND/", &[]));
        assert!(names_request("https://h/users/%C3%89", "/users/%C3%A9", &[]));
    }

    #[test]
    fn request_audiences_are_held_to_the_public_endpoints() {
        // A23, A24
        let endpoints = |texts: &[&str]| -> Vec<PublicEndpoint> {
            texts.iter().map(|text| PublicEndpoint::parse(text).unwrap()).collect()
        };
        let known = endpoints(&["https://chat.example.com", "internal:8080", "[::1]"]);
        for (audience, expected) in [
            ("https://chat.example.com/api", true),
            ("http://CHAT.example.com:8443/api", true),
            ("http://internal:8080/api", true),
            ("http://[::1]:9/api", true),
            ("http://internal/api", false),
            ("http://internal:80/api", false),
            ("https://other.example/api", false),
        ] {
            assert_eq!(names_request(audience, "/api", &known), expected, "{audience}");
        }
        let with_port = endpoints(&["https://h:443"]);
        assert!(names_request("https://h/api", "/api", &with_port));
        assert!(!names_request("https://h:8443/api", "/api", &with_port));
    }

    #[test]
    fn tells_the_log_what_was_expected() {
        // O10
        assert_eq!(expected_request_audiences("/api/x", &[]), ["https://*/api/x"]);
        let known = [PublicEndpoint::parse("h:8080").unwrap()];
        assert_eq!(expected_request_audiences("/api/x", &known), ["https://h:8080/api/x"]);
        assert_eq!(expected_audiences(&chat(), &[]), ["https://*/client/hubs/chat"]);
        let known = [PublicEndpoint::parse("h:8080").unwrap()];
        assert_eq!(expected_audiences(&chat(), &known), ["https://h:8080/client/hubs/chat"]);
    }
}
