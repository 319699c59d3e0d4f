//! What a request on the data-plane port is.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use crate::protocol::http::request::RequestHead;

/// Where a request goes.
#[derive(Debug, PartialEq, Eq)]
pub enum Route<'a> {
    /// A client's upgrade; the hub of the path, or `None` for the `hub` query parameter.
    Client { path_hub: Option<Cow<'a, str>> },
    /// Health and the REST data plane: everything below `/api` (`rest-api.md`).
    Api,
    /// Nothing this server offers.
    NotFound,
}

/// Finds the route of a request (`client-connect.md` section 1.1).
pub fn route<'a>(head: &RequestHead<'a>) -> Route<'a> {
    let mut segments = head.path().split('/').skip(1);
    let is = |segment: Option<&str>, word: &str| {
        segment.is_some_and(|segment| segment.eq_ignore_ascii_case(word))
    };
    let first = segments.next();
    if is(first, "api") {
        return Route::Api;
    }
    if !is(first, "client") {
        return Route::NotFound;
    }
    match (segments.next(), segments.next(), segments.next(), segments.next()) {
        // `/client` and `/client/`: the hub is a query parameter.
        (None | Some(""), None, None, None) => Route::Client { path_hub: None },
        // `/client/hubs/{hub}`, with or without a trailing slash.
        (hubs, Some(hub), None | Some(""), None) if is(hubs, "hubs") => {
            let hub = percent_decode_str(hub).decode_utf8();
            // A hub that is not UTF-8 becomes one that is not valid, and is answered as such.
            Route::Client { path_hub: Some(hub.unwrap_or_default()) }
        }
        // `/client/hubs`: a client without a hub.
        (hubs, None, None, None) if is(hubs, "hubs") => Route::Client { path_hub: Some("".into()) },
        _ => Route::NotFound,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::http::request::parse;

    fn route_of(line: &str) -> String {
        let text = format!("{line} HTTP/1.1\r\n\r\n");
        let route = |head: RequestHead<'_>| format!("{:?}", route(&head));
        parse(text.as_bytes(), 0, route).expect("valid").expect("whole")
    }

    #[test]
    fn paths_of_section_1_1() {
        let client = |hub: &str| format!("Client {{ path_hub: Some({hub:?}) }}");
        assert_eq!(route_of("GET /client/hubs/chat"), client("chat"));
        assert_eq!(route_of("GET /CLIENT/Hubs/chat/?x=/y"), client("chat"));
        assert_eq!(route_of("GET /client/hubs/a%5Bb"), client("a[b"));
        assert_eq!(route_of("GET /client/hubs/"), client(""));
        assert_eq!(route_of("GET /client?hub=chat"), "Client { path_hub: None }");
        assert_eq!(route_of("GET /client/?hub=chat"), "Client { path_hub: None }");
        assert_eq!(route_of("HEAD /api/health"), "Api");
        assert_eq!(route_of("POST /API/hubs/x/:send"), "Api");
        for path in ["/", "/clients/mqtt/hubs/x", "/client/hubs/a/b", "/client/x", "/apis", "*"] {
            assert_eq!(route_of(&format!("GET {path}")), "NotFound", "{path}");
        }
    }
}
