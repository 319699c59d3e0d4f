//! What the `[[issuers]]` tables mean, and every mistake in them.

use std::path::Path;

use super::*;
use crate::config::ConfigFile;

const ROLE: &str = "\n[[issuers.roles]]\nclaim = 'roles'\nvalue = 'x'\nrole = 'Owner'\n";

fn resolve(text: &str) -> Result<Vec<IssuerSettings>, StartError> {
    let file = ConfigFile::parse(Path::new("corecast.toml"), text)?;
    resolve_issuers(Layers { environment: &|_| None, file: &file })
}

fn message(text: &str) -> String {
    resolve(text).unwrap_err().to_string()
}

#[test]
fn an_issuer_needs_a_url_and_a_role() {
    assert_eq!(resolve("").unwrap(), []);
    let text = format!("[[issuers]]\nissuer = 'https://sts.windows.net/t/'{ROLE}");
    let issuers = resolve(&text).unwrap();
    let rule = RoleRule { claim: "roles".into(), value: "x".into(), role: Role::Owner };
    let trusted = TrustedIssuer {
        issuer: "https://sts.windows.net/t/".into(),
        audiences: vec!["https://webpubsub.azure.com".into()],
        roles: vec![rule],
    };
    let url = KeyUrl::parse("https://sts.windows.net/t/").unwrap();
    assert_eq!(issuers, [IssuerSettings { trusted, keys: KeySource::Discovery(url) }]);
}

#[test]
fn with_its_keys_given_an_issuer_is_only_compared() {
    let text = format!(
        "[[issuers]]\nissuer = 'accounts'\njwksUri = 'https://h/keys?v=1'\naudiences = ['a']{ROLE}"
    );
    let issuers = resolve(&text).unwrap();
    assert_eq!(issuers[0].trusted.issuer, "accounts");
    assert_eq!(issuers[0].trusted.audiences, ["a"]);
    assert_eq!(issuers[0].keys, KeySource::Direct(KeyUrl::parse("https://h/keys?v=1").unwrap()));
}

#[test]
fn keys_come_over_tls_or_from_this_machine() {
    for good in [
        "https://login.microsoftonline.com/t/v2.0",
        "http://127.0.0.1:8080/realms/a",
        "http://127.8.8.8",
        "http://[::1]:8080/",
        "http://localhost:8080",
        "http://LOCALHOST",
    ] {
        let url = KeyUrl::parse(good).unwrap();
        assert_eq!(url.is_loopback(), good.starts_with("http:"), "{good}");
    }
    for bad in [
        "",
        "login.example.com",
        "http://login.example.com",
        "http://10.0.0.1",
        "http://localhost.example.com",
        "http://[::ffff:10.0.0.1]/",
        "http://127.0.0.1.example.com",
        "https://",
        "https://user:secret@h/",
        "ftp://127.0.0.1",
        "file:///keys.json",
    ] {
        assert_eq!(KeyUrl::parse(bad), Err(InvalidKeyUrl), "{bad}");
    }
}

#[test]
fn the_discovery_document_is_below_the_issuer() {
    for (issuer, document) in [
        ("https://h", "https://h/.well-known/openid-configuration"),
        ("https://h/", "https://h/.well-known/openid-configuration"),
        ("https://h/t/v2.0", "https://h/t/v2.0/.well-known/openid-configuration"),
        ("https://h/t/", "https://h/t/.well-known/openid-configuration"),
    ] {
        assert_eq!(KeyUrl::parse(issuer).unwrap().discovery_document(), document);
    }
}

#[test]
fn mistakes_name_the_table() {
    let issuer = "[[issuers]]\nissuer = 'https://h'";
    for (text, start) in [
        (format!("[[issuers]]{ROLE}"), "issuers[0].issuer (from corecast.toml): it is missing"),
        (
            format!("[[issuers]]\nissuer = 'http://h'{ROLE}"),
            "issuers[0].issuer = http://h (from corecast.toml): it is neither an https URL nor",
        ),
        (format!("[[issuers]]\nissuer = 'https://h?a'{ROLE}"), "issuers[0].issuer = https://h?a"),
        (format!("{issuer}\njwksUri = 'x'{ROLE}"), "issuers[0].jwksUri = x (from corecast"),
        (format!("{issuer}\naudiences = []{ROLE}"), "issuers[0].audiences (from corecast"),
        (format!("{issuer}\naudiences = ['']{ROLE}"), "issuers[0].audiences (from corecast"),
        (issuer.to_owned(), "issuers[0] (from corecast.toml): it has no role rule"),
        (
            format!("{issuer}{ROLE}[[issuers]]\nissuer = 'https://h'{ROLE}"),
            "issuers[1].issuer = https://h (from corecast.toml): the issuer has another table",
        ),
        (
            format!("{issuer}{}", ROLE.replace("Owner", "owner")),
            "issuers[0].roles[0].role = owner (from corecast.toml): there is no such role",
        ),
        (
            format!("{issuer}{ROLE}[[issuers.roles]]\nclaim = 'a'\nvalue = ''\nrole = 'Owner'"),
            "issuers[0].roles[1].value (from corecast.toml): it is missing or empty",
        ),
        (format!("{issuer}\n[[issuers.roles]]\n"), "issuers[0].roles[0].claim (from corecast"),
    ] {
        let text = message(&text);
        assert!(text.starts_with(start), "{text}");
        assert!(text.contains("; ") && text.lines().count() == 1, "{text}");
    }
}
