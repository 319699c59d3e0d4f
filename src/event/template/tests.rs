//! What templates become, which are refused, and what is never shown of them.

use proptest::prelude::*;

use super::*;

fn secret(uri: &str) -> Option<String> {
    match uri {
        "https://vault/code?a=1&b=2" => Some("s3/cr=et".into()),
        "env:BROKEN" => Some("a#b".into()),
        _ => None,
    }
}

fn parse(text: &str) -> Result<UrlTemplate, TemplateError> {
    UrlTemplate::parse(text, &secret)
}

fn url(text: &str, hub: &str, event: &str) -> String {
    parse(text).unwrap().url(hub, event)
}

#[test]
fn hub_and_event_are_put_into_path_and_query() {
    // E7
    assert_eq!(
        url("http://h.example/api/{hub}/{event}", "chat", "order.new"),
        "http://h.example/api/chat/order.new"
    );
    assert_eq!(
        url("HTTPS://h/{HUB}?e={Event}&h={hub}", "c", "a-b_c.d~"),
        "HTTPS://h/c?e=a-b_c.d~&h=c"
    );
    assert_eq!(
        url("http://h/{event}{hub}/x", "b`,[]", "a/é%"),
        "http://h/a%2F%C3%A9%25b%60%2C%5B%5D/x"
    );
    assert_eq!(url("http://h?{event}", "c", "validate"), "http://h?validate");
}

#[test]
fn a_parameter_in_the_host_is_refused() {
    // E7
    for text in ["http://{hub}.example/", "http://h{event}", "https://h:{hub}/x", "http://h{/x"] {
        assert_eq!(parse(text), Err(TemplateError::ParameterInHost), "{text}");
    }
    let text = "http://{@Microsoft.KeyVault(SecretUri=https://vault/code?a=1&b=2)}/";
    assert_eq!(parse(text), Err(TemplateError::ParameterInHost));
}

#[test]
fn everything_else_stays_as_it_is() {
    // E8
    for text in
        ["http://h/a%7Bb%7D?code=a%2Fb==&x&y=%20+&&z=é'", "http://h:80", "https://[::1]:8/?"]
    {
        assert_eq!(url(text, "chat", "connect"), text);
        assert_eq!(parse(text).unwrap().as_written(), text);
    }
}

#[test]
fn a_secret_is_inserted_as_it_is() {
    let text = "http://h/{event}?code={@microsoft.keyvault(SecretUri=https://vault/code?a=1&b=2)}";
    let template = parse(text).unwrap();
    assert_eq!(template.url("c", "e"), "http://h/e?code=s3/cr=et");
    assert_eq!(template.as_written(), text);
    assert_eq!(template.redacted(), text, "a reference is no secret");
}

#[test]
fn what_is_no_url_for_events_is_refused() {
    use TemplateError::*;
    for (text, error) in [
        ("", NoUrl),
        ("h/api", NoUrl),
        ("/api/{event}", NoUrl),
        ("ftp://h/", NoUrl),
        ("http:h", NoUrl),
        ("http:///h", NoUrl),
        ("http:\\\\h", NoUrl),
        ("http://h:99999/", NoUrl),
        ("http://h%/", NoUrl),
        (" http://h/", NoUrl),
        ("tunnel:///{event}", Tunnel),
        ("Tunnel://h/", Tunnel),
        ("http://user:secret@h/", Password),
        ("http://h/ ?a", UnfitCharacter),
        ("http://h/?a=1#top", UnfitCharacter),
        ("http://h/\n", UnfitCharacter),
        ("http://h/{room}", UnknownParameter),
        ("http://h/{}", UnknownParameter),
        ("http://h/{hub", UnknownParameter),
        ("http://h/hub}", UnknownParameter),
        ("http://h/{{hub}}", UnknownParameter),
        ("http://h/{@Microsoft.KeyVault(SecretUri=)}", UnknownParameter),
        ("http://h/{@Microsoft.KeyVault(SecretUri=a}", UnknownParameter),
        ("http://h/{@Microsoft.KeyVault(SecretUri=env:A)}", UnknownSecret("env:A".into())),
        ("http://h/{@Microsoft.KeyVault(SecretUri=env:BROKEN)}", UnfitSecret("env:BROKEN".into())),
    ] {
        assert_eq!(parse(text), Err(error), "{text}");
    }
}

#[test]
fn host_and_loopback_are_read_from_the_url() {
    for (text, host, is_loopback) in [
        ("http://H.example/{event}", "h.example", false),
        ("https://h.example:443/", "h.example", false),
        ("https://h.example:444/", "h.example:444", false),
        ("http://127.0.0.1:9080/", "127.0.0.1:9080", true),
        ("http://[::1]/", "[::1]", true),
        ("http://localhost:80?x", "localhost", true),
        ("http://localhost.example/", "localhost.example", false),
    ] {
        let template = parse(text).unwrap();
        assert_eq!((template.host(), template.is_loopback()), (host, is_loopback), "{text}");
    }
}

#[test]
fn values_of_the_query_are_not_shown() {
    // O11 (templates)
    for (text, shown) in [
        ("http://h/{event}", "http://h/{event}"),
        ("http://h/?code=s3cret", "http://h/?code=REDACTED"),
        ("http://h/?s3cret", "http://h/?REDACTED"),
        (
            "http://h/?a={hub}&b=x{event}&c=&d==&e",
            "http://h/?a={hub}&b=REDACTED&c=&d=REDACTED&REDACTED",
        ),
        ("http://h/?e={hub}{event}", "http://h/?e={hub}{event}"),
        ("http://h/?a=b?c=d", "http://h/?a=REDACTED"),
    ] {
        let template = parse(text).unwrap();
        assert_eq!(template.redacted(), shown);
        assert_eq!(format!("{template:?}"), format!("UrlTemplate({shown})"));
    }
    let text = "http://h/{@Microsoft.KeyVault(SecretUri=https://vault/code?a=1&b=2)}?c=d";
    assert!(parse(text).unwrap().redacted().ends_with("&b=2)}?c=REDACTED"));
}

#[test]
fn errors_repeat_nothing_that_may_be_secret() {
    for text in ["http://h/?code={s3cret}", "http://u:s3cret@h/", "http://h/?code=s3cret "] {
        assert!(!parse(text).unwrap_err().to_string().contains("s3cret"), "{text}");
    }
}

proptest! {
    /// E7: whatever hub and event are, they stay within their place.
    #[test]
    fn values_never_change_the_shape_of_the_url(hub in ".{1,20}", event in ".{1,20}") {
        // A segment that is all dots would mean another place; no hub or event begins with one.
        let (hub, event) = (format!("h{hub}"), format!("e{event}"));
        let url = url("http://h/a/{hub}/{event}?q={event}&code=x", &hub, &event);
        let url = Url::parse(&url).unwrap();
        prop_assert_eq!(url.path_segments().unwrap().count(), 3);
        let pairs: Vec<_> = url.query_pairs().into_owned().collect();
        prop_assert_eq!(pairs, [("q".to_owned(), event), ("code".to_owned(), "x".to_owned())]);
    }

    #[test]
    fn any_text_is_parsed_or_refused(text in "(http://h/)?[a-z{}@?=&/# é.]{0,30}") {
        if let Ok(template) = parse(&text) {
            prop_assert_eq!(template.as_written(), &text);
            prop_assert!(template.url("chat", "connect").starts_with("http://h"));
            template.redacted();
        }
    }
}
