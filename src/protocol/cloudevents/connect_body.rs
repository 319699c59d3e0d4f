//! The body of `connect`: what a client has shown that wants to connect (`events-webhook.md`
//! section 8.1.2).
//!
//! Credentials are left out whatever their case: the token's claims are in the body, and who reads
//! events shall not be able to act as the client. Names that differ in case only are one name, in
//! the spelling that came first, as HTTP and the reference implementation have it.

use std::borrow::Cow;

use serde_json::{Map, Value};

use crate::protocol::http::query;
use crate::protocol::subprotocol::json::write_literal;

/// What handlers in .NET call `sub`.
const NAME_IDENTIFIER: &str =
    "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/nameidentifier";

/// What the body is made of.
#[derive(Clone, Copy, Debug)]
pub struct ConnectRequest<'a> {
    /// Every claim of the token; none for anonymous clients.
    pub claims: &'a Map<String, Value>,
    /// Whether `sub` is repeated under the name that .NET gives it.
    pub has_name_identifier: bool,
    /// Of the request target, still encoded, without the question mark.
    pub query: &'a str,
    /// As received, in order.
    pub headers: &'a [(&'a str, &'a [u8])],
    /// Offered by the client, in order.
    pub subprotocols: &'a [&'a str],
}

impl ConnectRequest<'_> {
    /// Appends the body.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"claims\":");
        self.write_claims(out);
        out.extend_from_slice(b",\"query\":");
        let query = query::pairs(self.query);
        write_names(out, query.filter(|(name, _)| !name.eq_ignore_ascii_case("access_token")));
        out.extend_from_slice(b",\"headers\":");
        let headers = self.headers.iter();
        let headers = headers.filter(|(name, _)| !name.eq_ignore_ascii_case("authorization"));
        write_names(
            out,
            headers.map(|(name, value)| (Cow::from(*name), String::from_utf8_lossy(value))),
        );
        out.extend_from_slice(b",\"subprotocols\":");
        write_list(out, self.subprotocols, |out, name| write_literal(out, name.as_bytes()));
        // No listener here asks a client for a certificate.
        out.extend_from_slice(b",\"clientCertificates\":[]}");
    }

    fn write_claims(&self, out: &mut Vec<u8>) {
        let has_synonym = self.has_name_identifier && !self.claims.contains_key(NAME_IDENTIFIER);
        let synonym = self.claims.get("sub").filter(|_| has_synonym);
        let claims = self.claims.iter().map(|(name, value)| (name.as_str(), value));
        let claims = claims.chain(synonym.map(|value| (NAME_IDENTIFIER, value)));
        write_members(out, claims, |out, value| match value {
            Value::Array(values) => write_list(out, values, write_claim),
            value => write_list(out, [value], write_claim),
        });
    }
}

/// Texts stand as they are, everything else as its JSON text.
fn write_claim(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::String(text) => write_literal(out, text.as_bytes()),
        value => write_literal(out, value.to_string().as_bytes()),
    }
}

/// Writes an object of name to array of values, each name once.
///
/// Sorted rather than looked up in a list: thousands of names fit into a request target.
fn write_names<'a>(out: &mut Vec<u8>, pairs: impl Iterator<Item = (Cow<'a, str>, Cow<'a, str>)>) {
    let mut pairs: Vec<_> = pairs.collect();
    let folded = |name: &str| name.to_ascii_lowercase();
    pairs.sort_by_cached_key(|(name, _)| folded(name));
    let names = pairs.chunk_by(|a, b| a.0.eq_ignore_ascii_case(&b.0));
    write_members(out, names.map(|same| (&*same[0].0, same)), |out, same| {
        write_list(out, same, |out, (_, value)| write_literal(out, value.as_bytes()));
    });
}

fn write_members<'a, T>(
    out: &mut Vec<u8>,
    members: impl Iterator<Item = (&'a str, T)>,
    mut write: impl FnMut(&mut Vec<u8>, T),
) {
    out.push(b'{');
    for (index, (name, value)) in members.enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write_literal(out, name.as_bytes());
        out.push(b':');
        write(out, value);
    }
    out.push(b'}');
}

fn write_list<T>(
    out: &mut Vec<u8>,
    values: impl IntoIterator<Item = T>,
    mut write: impl FnMut(&mut Vec<u8>, T),
) {
    out.push(b'[');
    for (index, value) in values.into_iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write(out, value);
    }
    out.push(b']');
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(value: Value) -> Map<String, Value> {
        value.as_object().cloned().unwrap_or_default()
    }

    fn body(request: &ConnectRequest<'_>) -> Value {
        let mut out = Vec::new();
        request.write(&mut out);
        serde_json::from_slice(&out).unwrap()
    }

    fn empty(claims: &Map<String, Value>) -> ConnectRequest<'_> {
        let has_name_identifier = true;
        ConnectRequest { claims, has_name_identifier, query: "", headers: &[], subprotocols: &[] }
    }

    // E24
    #[test]
    fn an_anonymous_client_without_anything_has_all_five_properties() {
        let expected = json!({
            "claims": {}, "query": {}, "headers": {}, "subprotocols": [], "clientCertificates": [],
        });
        assert_eq!(body(&empty(&Map::new())), expected);
    }

    // E24
    #[test]
    fn everything_is_arrays_of_strings_and_credentials_are_left_out() {
        let claims = object(json!({ "sub": "ann" }));
        let request = ConnectRequest {
            query: "room=7&a%20b=c+d&ROOM=8&flag&&=e&bad=%ff\
                    &access_token=x&Access_Token=y&access%5Ftoken=z",
            headers: &[
                ("Host", b"corecast.example.com"),
                ("X-Odd", b"\xff\"\\"),
                ("authorization", b"Bearer x"),
                ("AUTHORIZATION", b"Bearer y"),
                ("x-odd", b"2"),
            ],
            subprotocols: &["json.webpubsub.azure.v1", "Custom"],
            ..empty(&claims)
        };
        let body = body(&request);
        let query = json!({ "room": ["7", "8"], "a b": ["c d"], "flag": [""], "": ["e"] });
        assert_eq!(body["query"], query);
        let headers = json!({
            "Host": ["corecast.example.com"], "X-Odd": ["\u{fffd}\"\\", "2"],
        });
        assert_eq!(body["headers"], headers);
        assert_eq!(body["subprotocols"], json!(["json.webpubsub.azure.v1", "Custom"]));
        assert_eq!(body["clientCertificates"], json!([]));
    }

    // E24
    #[test]
    fn claims_that_are_no_texts_are_their_json() {
        let claims = object(json!({
            "sub": "ann", "role": ["a", "b"], "exp": 1_789_000_000_u64, "ok": true, "n": 1.5,
            "o": { "a": [1] }, "mixed": ["t", 2, null, { "b": "\"" }], "none": [],
        }));
        let body = body(&ConnectRequest { has_name_identifier: false, ..empty(&claims) });
        let expected = json!({
            "sub": ["ann"], "role": ["a", "b"], "exp": ["1789000000"], "ok": ["true"],
            "n": ["1.5"], "o": ["{\"a\":[1]}"], "mixed": ["t", "2", "null", "{\"b\":\"\\\"\"}"],
            "none": [],
        });
        assert_eq!(body["claims"], expected);
    }

    #[test]
    fn sub_is_repeated_under_its_name_in_dotnet() {
        let claims = object(json!({ "sub": "ann" }));
        assert_eq!(body(&empty(&claims))["claims"][NAME_IDENTIFIER], json!(["ann"]));
        let both = object(json!({ "sub": "ann", (NAME_IDENTIFIER): "bob" }));
        let mut out = Vec::new();
        empty(&both).write(&mut out);
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text.matches(NAME_IDENTIFIER).count(), 1, "{text}");
        assert!(text.contains("\"bob\""));
    }
}
