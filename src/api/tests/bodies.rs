//! What bodies mean: messages, bulk memberships, and their framing.

use super::{MEBIBYTE, Request, request, send};
use crate::api::Operation;
use crate::protocol::subprotocol::DataType;

#[test]
fn the_body_of_a_send_is_what_its_content_type_says() {
    // A46, A47
    let payload = |request: Request| match request.operation().operation {
        Operation::Send { message, .. } => {
            (message.payload.data_type(), message.payload.bytes().into_owned())
        }
        other => panic!("{other:?}"),
    };
    let verbatim = br#" { "x" : 1.0, "x":"\u0041" } "#;
    assert_eq!(payload(send("application/json", *verbatim)), (DataType::Json, verbatim.to_vec()));
    for value in ["null", "1", "\"hi\"", "[]", "true"] {
        assert_eq!(payload(send("application/json", value)).0, DataType::Json, "{value}");
    }
    let text = payload(send("text/plain; charset=utf-8", "é"));
    assert_eq!(text, (DataType::Text, "é".as_bytes().to_vec()));
    let latin = payload(send("text/plain; charset=ISO-8859-1", *b"\xe9"));
    assert_eq!(latin, (DataType::Text, "é".as_bytes().to_vec()));
    let utf_16 = payload(send("application/json; charset=utf-16le", *b"1\0"));
    assert_eq!(utf_16, (DataType::Json, b"1".to_vec()));
    assert_eq!(payload(send("text/plain", "")), (DataType::Text, Vec::new()));
    assert_eq!(payload(send("application/octet-stream", *b"\xff")).0, DataType::Binary);

    for body in ["", "{", "{} x", "{'a':1}", "\u{feff}{}", "\"\u{1}\""] {
        let answer = send("application/json", body).refused();
        assert_eq!(answer.status, 400, "{body}");
        assert_eq!(answer.json()["message"], "The request body is not a valid JSON.");
    }
    assert_eq!(send("text/plain", *b"\xff").refused().status, 400);
    for content_type in ["application/xml", "text/plain; charset=klingon", "multipart/form-data"] {
        let answer = send(content_type, "{}").refused();
        assert_eq!(answer.status, 415, "{content_type}");
        assert_eq!(answer.header("x-ms-error-code"), Some("Error.UnsupportedMediaType"));
    }
    assert_eq!(send("text/plain", "x").header("Content-Encoding", "gzip").refused().status, 415);
}

#[test]
fn a_body_has_a_mebibyte_however_it_is_framed() {
    // A44, A45
    assert!(send("text/plain", vec![b'x'; MEBIBYTE]).run().1.is_ok());
    let answer = send("text/plain", vec![b'x'; MEBIBYTE + 1]).refused();
    assert_eq!((answer.status, answer.header("Connection")), (400, Some("close")));
    assert_eq!(answer.json()["message"], "Invalid Content-Length header.");
    let chunked = |body: &str| send("text/plain", body).header("Transfer-Encoding", "chunked");
    assert!(chunked("2\r\nhi\r\n0\r\n\r\n").run().1.is_ok());
    for broken in ["100001\r\n", "2\r\nhi0\r\n\r\n", "2\r\nhi\r\n"] {
        let answer = chunked(broken).refused();
        assert_eq!(
            (answer.status, answer.header("Connection")),
            (400, Some("close")),
            "{broken:?}"
        );
    }
    let both = chunked("2\r\nhi\r\n0\r\n\r\n").header("Content-Length", "2").refused();
    assert_eq!((both.status, both.header("Connection")), (400, Some("close")));
}

#[test]
fn bulk_membership_has_groups_and_perhaps_a_filter() {
    let bulk = |body: &str| {
        request("POST", "/api/hubs/chat/:addToGroups")
            .header("Content-Type", "application/json; charset=utf-8")
            .body(body)
    };
    let found = |body: &str| match bulk(body).operation().operation {
        Operation::AddToGroups(bulk) => (bulk.groups, bulk.filter.is_some()),
        other => panic!("{other:?}"),
    };
    let groups = || vec!["g1".to_owned(), "g2".to_owned()];
    assert_eq!(found(r#"{"groups":["g2","g1","g2"],"filter":"true"}"#), (groups(), true));
    assert_eq!(found(r#"{"Groups":["g1","g2"],"FILTER":null,"x":1}"#), (groups(), false));
    assert_eq!(found(r#"{"groups":["g1","g2"],"filter":""}"#), (groups(), false));
    for (body, target) in [
        ("", "Request"),
        ("[]", "Request"),
        ("{", "Request"),
        ("{}", "groups"),
        (r#"{"groups":[]}"#, "groups"),
        (r#"{"groups":"g"}"#, "groups"),
        (r#"{"groups":[1]}"#, "groups"),
        (r#"{"groups":["  "]}"#, "groups"),
        (r#"{"groups":["g"],"filter":1}"#, "filter"),
        (r#"{"groups":["g"],"filter":"invalid filter"}"#, "filter"),
    ] {
        assert_eq!(bulk(body).refused().fault(), (400, target.to_owned()), "{body}");
    }
    let remove = request("POST", "/api/hubs/chat/:removeFromGroups");
    let body = r#"{"groups":["g"]}"#;
    let typed = remove.clone().header("Content-Type", "application/json").body(body);
    assert!(matches!(typed.operation().operation, Operation::RemoveFromGroups(_)));
    assert_eq!(remove.clone().body(body).refused().status, 415);
    assert_eq!(remove.header("Content-Type", "text/plain").body(body).refused().status, 415);
}

#[test]
fn an_invalid_filter_is_answered_in_the_words_of_the_reference() {
    // A54
    let path = "/api/hubs/chat/:send?filter=invalid%20filter";
    let answer = request("POST", path).refused();
    assert_eq!(answer.fault(), (400, "filter".to_owned()));
    assert_eq!(
        answer.json()["message"],
        "Invalid syntax for 'invalid filter': Syntax error at position 14 in 'invalid filter'. \
         (Parameter 'filter')"
    );
    assert!(request("POST", "/api/hubs/chat/:send?filter=").run().1.is_ok());
}
