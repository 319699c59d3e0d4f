//! Where events are sent: the URL template of a handler (`events-webhook.md` section 3).
//!
//! ```text
//! https://app.example.org/api/{hub}/{event}?code={@Microsoft.KeyVault(SecretUri=env:CODE)}
//! ```
//!
//! A template is checked and its secrets are put in once, when settings are read; filling in hub
//! and event afterwards cannot fail. Neither can stand in the host, so a template always leads to
//! the same server, which [`UrlTemplate::host`] names for logs.
//!
//! What must not be seen: the query, which often holds the code that applications know a request
//! by, and every secret. Neither errors nor `Debug` show them. Where secrets come from is the
//! caller's business.

use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use url::{Host, Url};

/// Section 3.2: these stay as they are, besides letters and digits.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

const SECRET_PREFIX: &str = "@microsoft.keyvault(secreturi=";

/// A checked template.
#[derive(Clone, PartialEq, Eq)]
pub struct UrlTemplate {
    text: String,
    parts: Vec<Part>,
    host: String,
    is_loopback: bool,
}

#[derive(Clone, PartialEq, Eq)]
enum Part {
    /// As written, or the text of a secret.
    Text(String),
    Hub,
    Event,
}

impl UrlTemplate {
    /// Checks the template; `secret` knows the text behind a secret's URI.
    ///
    /// # Errors
    /// It is no URL that events can be sent to, or a secret is unknown: an unresolved one is never
    /// sent.
    pub fn parse(
        text: &str,
        secret: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, TemplateError> {
        check_authority(text)?;
        if text.contains(is_unfit) {
            return Err(TemplateError::UnfitCharacter);
        }
        let parts = parse_parts(text, secret)?;
        // What is good for one hub and event is good for all: they add no special characters.
        let url = Url::parse(&fill(&parts, "hub", "event")).map_err(|_| TemplateError::NoUrl)?;
        let host = url.host().ok_or(TemplateError::NoUrl)?;
        let is_loopback = is_loopback(&host);
        let host = url.port().map_or(host.to_string(), |port| format!("{host}:{port}"));
        Ok(Self { text: text.to_owned(), parts, host, is_loopback })
    }

    /// The URL for an event. For validation requests the event is `validate`.
    pub fn url(&self, hub: &str, event: &str) -> String {
        fill(&self.parts, hub, event)
    }

    /// As configured, secrets unresolved. Its query may hold a code: never log it.
    pub fn as_written(&self) -> &str {
        &self.text
    }

    /// As configured, with `REDACTED` for every value in the query, unless it is a parameter alone.
    pub fn redacted(&self) -> String {
        redact(&self.text)
    }

    /// Host, and port if it is not the scheme's.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Whether the host is this machine.
    pub fn is_loopback(&self) -> bool {
        self.is_loopback
    }
}

impl fmt::Debug for UrlTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UrlTemplate({})", self.redacted())
    }
}

/// Section 3.3. Looks at the text and not at a parsed URL, because parsers forgive: they take
/// `http:h`, `http:///h` and `http:\\h` for `http://h`.
fn check_authority(text: &str) -> Result<(), TemplateError> {
    let (scheme, rest) = text.split_once("://").ok_or(TemplateError::NoUrl)?;
    match scheme.to_ascii_lowercase().as_str() {
        "http" | "https" => {}
        "tunnel" => return Err(TemplateError::Tunnel),
        _ => return Err(TemplateError::NoUrl),
    }
    let authority = rest.split(['/', '?', '#', '\\']).next().unwrap_or_default();
    if authority.is_empty() {
        return Err(TemplateError::NoUrl);
    }
    if authority.contains(['{', '}']) {
        return Err(TemplateError::ParameterInHost);
    }
    // A client would make it an Authorization header, and its place is no place for a password.
    if authority.contains('@') {
        return Err(TemplateError::Password);
    }
    Ok(())
}

/// What a URL cannot hold, or what would not reach the handler unchanged: a fragment is not sent.
fn is_unfit(c: char) -> bool {
    c.is_whitespace() || c.is_control() || c == '#'
}

fn parse_parts(
    text: &str,
    secret: &dyn Fn(&str) -> Option<String>,
) -> Result<Vec<Part>, TemplateError> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        let (literal, from_brace) = rest.split_at(at);
        let parameter = from_brace.strip_prefix('{').and_then(|inside| inside.split_once('}'));
        let (name, after) = parameter.ok_or(TemplateError::UnknownParameter)?;
        parts.push(Part::Text(literal.to_owned()));
        parts.push(parse_parameter(name, secret)?);
        rest = after;
    }
    parts.push(Part::Text(rest.to_owned()));
    Ok(parts)
}

fn parse_parameter(
    name: &str,
    secret: &dyn Fn(&str) -> Option<String>,
) -> Result<Part, TemplateError> {
    if name.eq_ignore_ascii_case("hub") {
        return Ok(Part::Hub);
    }
    if name.eq_ignore_ascii_case("event") {
        return Ok(Part::Event);
    }
    let uri = secret_uri(name).ok_or(TemplateError::UnknownParameter)?;
    let text = secret(uri).ok_or_else(|| TemplateError::UnknownSecret(uri.to_owned()))?;
    if text.contains(is_unfit) {
        return Err(TemplateError::UnfitSecret(uri.to_owned()));
    }
    Ok(Part::Text(text))
}

/// The URI in `@Microsoft.KeyVault(SecretUri=URI)`.
fn secret_uri(parameter: &str) -> Option<&str> {
    let (prefix, rest) = parameter.split_at_checked(SECRET_PREFIX.len())?;
    let uri = rest.strip_suffix(')').filter(|uri| !uri.is_empty() && !uri.contains('{'))?;
    prefix.eq_ignore_ascii_case(SECRET_PREFIX).then_some(uri)
}

fn fill(parts: &[Part], hub: &str, event: &str) -> String {
    let mut url = String::new();
    for part in parts {
        match part {
            Part::Text(text) => url.push_str(text),
            Part::Hub => url.extend(utf8_percent_encode(hub, ESCAPED)),
            Part::Event => url.extend(utf8_percent_encode(event, ESCAPED)),
        }
    }
    url
}

/// Takes a template whose braces are known to be in order.
fn redact(text: &str) -> String {
    let Some((head, query)) = split_outside_braces(text, '?') else { return text.to_owned() };
    let mut redacted = format!("{head}?");
    let mut rest = Some(query);
    while let Some(query) = rest {
        let (pair, others) = match split_outside_braces(query, '&') {
            Some((pair, others)) => (pair, Some(others)),
            None => (query, None),
        };
        let value = match split_outside_braces(pair, '=') {
            Some((name, value)) => {
                redacted.extend([name, "="]);
                value
            }
            None => pair,
        };
        redacted.push_str(if has_own_text(value) { "REDACTED" } else { value });
        if others.is_some() {
            redacted.push('&');
        }
        rest = others;
    }
    redacted
}

/// The text before and after the first such character that is not in a parameter.
fn split_outside_braces(text: &str, separator: char) -> Option<(&str, &str)> {
    let mut is_inside = false;
    let (at, _) = text.char_indices().find(|(_, c)| {
        is_inside = match c {
            '{' => true,
            '}' => false,
            _ => is_inside,
        };
        *c == separator && !is_inside
    })?;
    Some((&text[..at], &text[at + separator.len_utf8()..]))
}

/// Whether there is anything beside parameters.
fn has_own_text(value: &str) -> bool {
    let mut rest = value;
    while let Some((_, after)) = rest.strip_prefix('{').and_then(|rest| rest.split_once('}')) {
        rest = after;
    }
    !rest.is_empty()
}

/// An address, or the name that RFC 6761, section 6.3, reserves for them.
fn is_loopback(host: &Host<&str>) -> bool {
    match host {
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.to_canonical().is_loopback(),
        Host::Domain(name) => *name == "localhost",
    }
}

/// Why a template is refused. Shows nothing of it but the URI of a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TemplateError {
    NoUrl,
    /// `tunnel:`, section 14.
    Tunnel,
    ParameterInHost,
    /// `user:password@` before the host.
    Password,
    /// White space, a control character or `#`.
    UnfitCharacter,
    /// A brace without partner, or with anything but a parameter behind it.
    UnknownParameter,
    UnknownSecret(String),
    /// As [`Self::UnfitCharacter`], in the text of a secret.
    UnfitSecret(String),
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoUrl => f.write_str("it is no absolute http or https URL"),
            Self::Tunnel => f.write_str("this server offers no tunnel connections"),
            Self::ParameterInHost => f.write_str("it has a parameter in its host"),
            Self::Password => f.write_str("it has a user name or password before the host"),
            Self::UnfitCharacter => f.write_str(
                "it has white space, a control character or a fragment, which cannot be sent",
            ),
            Self::UnknownParameter => f.write_str(
                "it has a brace that belongs to none of the parameters {hub}, {event} and \
                 {@Microsoft.KeyVault(SecretUri=...)}",
            ),
            Self::UnknownSecret(uri) => write!(f, "the secret '{uri}' is not known"),
            Self::UnfitSecret(uri) => {
                write!(f, "the secret '{uri}' has white space, a control character or a '#'")
            }
        }
    }
}

impl std::error::Error for TemplateError {}

#[cfg(test)]
mod tests;
