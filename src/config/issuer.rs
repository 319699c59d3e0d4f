//! Whose tokens the REST API accepts besides those of the access keys: the `[[issuers]]` tables of
//! the file (`rest-api.md` section 3.4).
//!
//! ```toml
//! [[issuers]]
//! issuer = "https://sts.windows.net/TENANT/"      # equal to `iss` of its tokens
//!
//! [[issuers.roles]]
//! claim = "roles"
//! value = "Web PubSub Service Owner"
//! role = "Owner"
//! ```
//!
//! Keys are trusted because of where they come from, so they come over TLS; plain HTTP is good only
//! for an issuer on this very machine. An issuer without a single role rule is a mistake: none of
//! its tokens could do anything.

use std::fmt;

use url::{Host, Url};

use super::StartError;
use super::file::values::{IssuerValues, RoleValues};
use super::layers::Layers;
use super::section::Section;
use super::table::{self, Setting};
use crate::auth::Role;
use crate::auth::oidc::{RoleRule, TrustedIssuer};
use crate::auth::rest_token::DEFAULT_PROVIDER_AUDIENCE;

/// One issuer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuerSettings {
    /// What the verifier has to know.
    pub trusted: TrustedIssuer,
    /// What whoever fetches keys has to know.
    pub keys: KeySource,
}

/// How to find an issuer's keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySource {
    /// By the discovery document below the issuer's own URL.
    Discovery(KeyUrl),
    /// At this URL.
    Direct(KeyUrl),
}

/// A URL from which keys or tokens may come: `https`, or `http` on a loopback address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyUrl(Url);

impl KeyUrl {
    /// Checks scheme and host; also for URLs that a discovery document names.
    ///
    /// # Errors
    /// It is no URL, or nothing that keys may come from.
    pub fn parse(text: &str) -> Result<Self, InvalidKeyUrl> {
        let url = Url::parse(text).map_err(|_| InvalidKeyUrl)?;
        let has_user = !url.username().is_empty() || url.password().is_some();
        let is_good = match url.scheme() {
            "https" => url.has_host(),
            "http" => is_loopback(&url),
            _ => false,
        };
        if is_good && !has_user { Ok(Self(url)) } else { Err(InvalidKeyUrl) }
    }

    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Whether the host is this machine.
    pub fn is_loopback(&self) -> bool {
        is_loopback(&self.0)
    }

    /// Where an issuer of this URL describes itself (OpenID Connect Discovery 1.0, section 4.1: a
    /// slash at the end is removed before the path is appended).
    pub fn discovery_document(&self) -> String {
        let issuer = self.as_str();
        let issuer = issuer.strip_suffix('/').unwrap_or(issuer);
        format!("{issuer}/.well-known/openid-configuration")
    }
}

impl fmt::Display for KeyUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Keys cannot come from there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidKeyUrl;

impl fmt::Display for InvalidKeyUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it is neither an https URL nor an http URL on a loopback address")
    }
}

impl std::error::Error for InvalidKeyUrl {}

/// An address, or the name that RFC 6761, section 6.3, reserves for them.
fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.to_canonical().is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

/// The name of a role in the file.
pub fn role_name(role: Role) -> &'static str {
    match role {
        Role::Owner => "Owner",
        Role::Reader => "Reader",
    }
}

/// The issuers of the file, in its order.
pub(super) fn resolve_issuers(layers: Layers<'_>) -> Result<Vec<IssuerSettings>, StartError> {
    let mut issuers: Vec<IssuerSettings> = Vec::new();
    for (index, values) in layers.file.values.issuers.iter().enumerate() {
        let section = Section { layers, name: format!("issuers[{index}]") };
        let issuer = resolve_issuer(&section, values)?;
        let name = &issuer.trusted.issuer;
        if issuers.iter().any(|known| known.trusted.issuer == *name) {
            let reason = "the issuer has another table";
            return Err(section.refuse(&table::ISSUER_NAME, name, reason, "keep one of them"));
        }
        issuers.push(issuer);
    }
    Ok(issuers)
}

fn resolve_issuer(
    section: &Section<'_>,
    values: &IssuerValues,
) -> Result<IssuerSettings, StartError> {
    let issuer = section.required(&table::ISSUER_NAME, values.issuer.as_deref())?;
    let keys = match &values.jwks_uri {
        Some(url) => KeySource::Direct(resolve_url(section, &table::ISSUER_KEYS, url)?),
        None => KeySource::Discovery(issuer_url(section, issuer)?),
    };
    let audiences = match &values.audiences {
        None => vec![DEFAULT_PROVIDER_AUDIENCE.to_owned()],
        Some(audiences) if !audiences.is_empty() && !audiences.iter().any(String::is_empty) => {
            audiences.clone()
        }
        Some(_) => {
            let reason = "there is no audience, or an empty one";
            return Err(section.error(&table::ISSUER_AUDIENCES, reason, "name at least one"));
        }
    };
    if values.roles.is_empty() {
        let reason = "it has no role rule, so none of its tokens could do anything";
        return Err(section.mistake(reason, "add an [[issuers.roles]] table"));
    }
    let rules = section.each("roles", &values.roles);
    let roles = rules.map(|(section, values)| resolve_role(&section, values));
    let roles = roles.collect::<Result<_, _>>()?;
    let trusted = TrustedIssuer { issuer: issuer.to_owned(), audiences, roles };
    Ok(IssuerSettings { trusted, keys })
}

fn resolve_role(section: &Section<'_>, values: &RoleValues) -> Result<RoleRule, StartError> {
    let claim = section.required(&table::ROLE_CLAIM, values.claim.as_deref())?.to_owned();
    let value = section.required(&table::ROLE_VALUE, values.value.as_deref())?.to_owned();
    let role = match section.required(&table::ROLE, values.role.as_deref())? {
        "Owner" => Role::Owner,
        "Reader" => Role::Reader,
        other => {
            let fix = r#"write "Owner" or "Reader""#;
            return Err(section.refuse(&table::ROLE, other, "there is no such role", fix));
        }
    };
    Ok(RoleRule { claim, value, role })
}

/// The issuer as the URL that discovery starts from.
fn issuer_url(section: &Section<'_>, issuer: &str) -> Result<KeyUrl, StartError> {
    let url = resolve_url(section, &table::ISSUER_NAME, issuer)?;
    if url.0.query().is_some() || url.0.fragment().is_some() {
        let reason = "an issuer has neither query nor fragment";
        let fix = "write it as it is in `iss` of its tokens";
        return Err(section.refuse(&table::ISSUER_NAME, issuer, reason, fix));
    }
    Ok(url)
}

/// A URL that keys and tokens may come from.
pub(super) fn resolve_url(
    section: &Section<'_>,
    setting: &Setting,
    text: &str,
) -> Result<KeyUrl, StartError> {
    KeyUrl::parse(text).map_err(|invalid| {
        let fix = "write it like https://login.example.com/tenant";
        // What stands before an @ may be a password.
        let shown = if text.contains('@') { "(not shown)" } else { text };
        section.refuse(setting, shown, &invalid.to_string(), fix)
    })
}

#[cfg(test)]
mod tests;
