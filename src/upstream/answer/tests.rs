//! Answers of handlers, and what they come to.

use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};

use super::*;
use crate::event::call::{Admission, Reply};
use crate::protocol::subprotocol::DataType;

fn answer(status: u16, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        map.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    Answer { status, headers: map, body: body.to_vec() }
}

fn connect(body: &str) -> Result<Admission, InvalidAnswer> {
    match judge(EventKind::Connect, answer(200, &[], body.as_bytes())) {
        Ok(Accepted { outcome: EventOutcome::Admitted(admission), .. }) => Ok(admission),
        Err(AnswerError::Invalid(invalid)) => Err(invalid),
        other => panic!("{other:?}"),
    }
}

fn reply(headers: &[(&str, &str)], body: &[u8]) -> Result<Option<Reply>, InvalidAnswer> {
    match judge(EventKind::User, answer(200, headers, body)) {
        Ok(Accepted { outcome: EventOutcome::Answered(reply), .. }) => Ok(reply),
        Err(AnswerError::Invalid(invalid)) => Err(invalid),
        other => panic!("{other:?}"),
    }
}

/// Data type and bytes of a reply without metadata.
fn payload(content_type: &str, body: &[u8]) -> Result<(DataType, Vec<u8>), InvalidAnswer> {
    let reply = reply(&[("Content-Type", content_type)], body)?.expect("a message");
    assert!(reply.metadata.is_empty());
    Ok((reply.payload.data_type(), reply.payload.bytes().into_owned()))
}

fn state(headers: &[(&str, &str)]) -> Result<Option<String>, InvalidAnswer> {
    match judge(EventKind::User, answer(204, headers, b"")) {
        Ok(accepted) => Ok(accepted.connection_state),
        Err(AnswerError::Invalid(invalid)) => Err(invalid),
        other => panic!("{other:?}"),
    }
}

fn texts(texts: &[&str]) -> Option<Vec<String>> {
    Some(texts.iter().map(|text| (*text).to_owned()).collect())
}

// E25
#[test]
fn empty_answers_admit_a_client_unchanged() {
    for (status, body) in [(204, ""), (200, ""), (202, ""), (200, "null"), (200, " null\n")] {
        let judged = judge(EventKind::Connect, answer(status, &[], body.as_bytes())).unwrap();
        let EventOutcome::Admitted(admission) = judged.outcome else { panic!("{body:?}") };
        assert_eq!(admission, Admission::default(), "{status} {body:?}");
        assert_eq!(judged.connection_state, None);
    }
    assert_eq!(connect("{}"), Ok(Admission::default()));
}

// E26, E27, E28, E65
#[test]
fn an_object_changes_a_client_whatever_its_content_type() {
    let body = r#"{"USERID":"bob","Groups":["g1","g2"],"roles":["r"],"subProtocol":"s","x":{}}"#;
    let expected = Admission {
        user: Some("bob".to_owned()),
        groups: texts(&["g1", "g2"]),
        roles: texts(&["r"]),
        subprotocol: Some("s".to_owned()),
    };
    assert_eq!(connect(body), Ok(expected));
    let user = judge(
        EventKind::Connect,
        answer(200, &[("Content-Type", "text/html")], br#"{"userId":"bob"}"#),
    );
    assert!(matches!(user, Ok(Accepted { outcome: EventOutcome::Admitted(_), .. })));
}

// E28, E29
#[test]
fn empty_roles_remove_all_and_whatever_else_is_empty_changes_nothing() {
    let admission = connect(r#"{"userId":"","groups":[],"roles":[]}"#).unwrap();
    assert_eq!(admission, Admission { roles: texts(&[]), ..Admission::default() });
    let nulls = r#"{"userId":null,"groups":null,"roles":null,"subprotocol":null}"#;
    assert_eq!(connect(nulls), Ok(Admission::default()));
}

#[test]
fn of_a_repeated_property_the_last_counts() {
    assert_eq!(connect(r#"{"userId":"a","USERID":"b"}"#).unwrap().user.as_deref(), Some("b"));
    assert_eq!(connect(r#"{"USERID":"b","userid":null}"#).unwrap().user, None);
}

#[test]
fn bodies_of_another_form_fail_the_handshake() {
    for body in [
        " ",
        "{",
        "[]",
        "[{}]",
        "1",
        "\"x\"",
        "true",
        "{} x",
        "\u{feff}{}",
        "<html>",
        r#"{"userId":1}"#,
        r#"{"groups":"g"}"#,
        r#"{"groups":[1]}"#,
        r#"{"groups":[null]}"#,
        r#"{"roles":[null]}"#,
        r#"{"roles":{}}"#,
        r#"{"subprotocol":["s"]}"#,
        r#"{"userId":"\ud800"}"#,
    ] {
        assert_eq!(connect(body), Err(InvalidAnswer::Connect), "{body}");
    }
    let judged = judge(EventKind::Connect, answer(200, &[], b"{\"userId\":\"\xff\"}"));
    let Err(error) = judged else { panic!("not UTF-8") };
    assert!(matches!(error.into_outcome(), EventOutcome::Failed(EventFailure::Failed)));
}

#[test]
fn names_in_the_answer_follow_their_rules() {
    let user = |user: &str| connect(&serde_json::json!({ "userId": user }).to_string());
    assert!(user(&"u".repeat(4096)).is_ok());
    assert_eq!(user(&"u".repeat(4097)), Err(InvalidAnswer::UserId));
    assert_eq!(user("a\nb"), Err(InvalidAnswer::UserId));
    assert_eq!(user("a\u{85}b"), Err(InvalidAnswer::UserId));
    let groups = |group: &str| connect(&serde_json::json!({ "groups": ["g", group] }).to_string());
    assert!(groups(&"é".repeat(1024)).is_ok());
    assert_eq!(groups(&"g".repeat(1025)), Err(InvalidAnswer::Group));
    assert_eq!(groups(" "), Err(InvalidAnswer::Group));
}

// E31
#[test]
fn a_refusal_is_passed_on_with_its_body_and_content_type() {
    for status in [400, 401, 418, 499, 500, 503, 599] {
        let headers = [("content-type", "text/plain; charset=utf-8"), ("x-secret", "s")];
        let Err(error) = judge(EventKind::Connect, answer(status, &headers, b"no")) else {
            panic!("{status}")
        };
        assert_eq!(error.to_string(), format!("unexpected status {status}"));
        let EventOutcome::Refused(refused) = error.into_outcome() else { panic!("{status}") };
        let content_type = Some("text/plain; charset=utf-8".to_owned());
        assert_eq!(refused, Refused { status, body: b"no".to_vec(), content_type });
    }
}

// E53 (redirects), and other statuses that are no refusals
#[test]
fn statuses_that_are_neither_success_nor_refusal_fail() {
    for (kind, status) in [
        (EventKind::Connect, 302),
        (EventKind::Connect, 101),
        (EventKind::Connect, 600),
        (EventKind::User, 401),
        (EventKind::User, 307),
        (EventKind::User, 500),
    ] {
        let headers = [("ce-connectionState", "x")];
        let Err(error) = judge(kind, answer(status, &headers, b"{}")) else { panic!("{status}") };
        let outcome = error.into_outcome();
        assert!(matches!(outcome, EventOutcome::Failed(EventFailure::Failed)), "{kind:?} {status}");
    }
}

#[test]
fn what_is_passed_on_of_a_refusal_is_bounded_and_harmless() {
    let refused = |headers: &[(&str, &str)], body: &[u8]| match judge(
        EventKind::Connect,
        answer(403, headers, body),
    ) {
        Err(AnswerError::Status { refused: Some(refused), .. }) => refused,
        other => panic!("{other:?}"),
    };
    assert_eq!(refused(&[], &[b'x'; 70_000]).body.len(), 64 * 1024);
    assert_eq!(refused(&[], b"x").content_type, None);
    for unfit in ["", "text/plain\t", "text/plain; name=é"] {
        assert_eq!(refused(&[("Content-Type", unfit)], b"x").content_type, None, "{unfit:?}");
    }
}

// E41
#[test]
fn an_answers_content_type_decides_what_the_client_gets() {
    assert_eq!(payload("text/plain", b"hi"), Ok((DataType::Text, b"hi".to_vec())));
    let mixed_case = payload(" Text/PLAIN ; charset=latin-1", b"hi");
    assert_eq!(mixed_case, Ok((DataType::Text, b"hi".to_vec())));
    let binary = Ok((DataType::Binary, b"\xff\0".to_vec()));
    assert_eq!(payload("application/octet-stream", b"\xff\0"), binary);
    assert_eq!(payload("", b"\xff\0"), binary);
    let without = reply(&[], b"\xff\0").unwrap().unwrap().payload;
    assert_eq!(without.data_type(), DataType::Binary);
    let any = Ok((DataType::Protobuf, b"\x12\x01a".to_vec()));
    assert_eq!(payload("application/x-protobuf", b"\x12\x01a"), any);
}

// E42 (the pure part)
#[test]
fn json_stays_as_the_handler_wrote_it_and_has_to_be_json() {
    for text in ["{ \"n\": 1.00 }", "null", "\"é\"", " 1 "] {
        let expected = Ok((DataType::Json, text.as_bytes().to_vec()));
        assert_eq!(payload("application/json; charset=utf-8", text.as_bytes()), expected);
    }
    let invalid: [&[u8]; 4] = [b"{", b" ", b"\"\xff\"", b"1 2"];
    for body in invalid {
        assert_eq!(payload("application/json", body), Err(InvalidAnswer::Payload), "{body:?}");
    }
    assert_eq!(payload("application/x-protobuf", b"\xff"), Err(InvalidAnswer::Payload));
}

#[test]
fn text_that_is_no_utf_8_is_repaired() {
    let expected = Ok((DataType::Text, "a\u{fffd}b".as_bytes().to_vec()));
    assert_eq!(payload("text/plain", b"a\xffb"), expected);
}

// E43
#[test]
fn an_empty_answer_tells_the_client_nothing() {
    for content_type in ["application/octet-stream", "application/json", "text/html"] {
        assert_eq!(reply(&[("Content-Type", content_type)], b""), Ok(None));
    }
    assert_eq!(reply(&[], b""), Ok(None));
}

// E48
#[test]
fn other_content_types_fail_the_event() {
    for content_type in ["text/html", "text", "application/xml", "text/plain, text/plain", "é"] {
        assert_eq!(payload(content_type, b"x"), Err(InvalidAnswer::ContentType), "{content_type}");
    }
}

#[test]
fn metadata_headers_become_metadata_even_of_an_empty_message() {
    let headers = [
        ("X-WebPubSub-Metadata-Trace", "1"),
        ("x-webpubsub-metadata-b", "first"),
        ("x-webpubsub-metadata-b", "last"),
        ("x-other", "no"),
    ];
    let reply = reply(&headers, b"").unwrap().unwrap();
    assert_eq!((reply.payload.data_type(), &*reply.payload.bytes()), (DataType::Text, &b""[..]));
    let mut metadata: Vec<_> = reply.metadata.iter().collect();
    metadata.sort_unstable();
    assert_eq!(metadata, [("b", "last"), ("trace", "1")]);
}

#[test]
fn invalid_metadata_fail_the_event() {
    let long = "v".repeat(1025);
    for (name, value) in [("", "x"), ("a", "é"), ("a", "a\tb"), ("a", long.as_str())] {
        let name = format!("x-webpubsub-metadata-{name}");
        let judged = reply(&[(&name, value)], b"x");
        assert!(matches!(judged, Err(InvalidAnswer::Metadata(_))), "{name}: {value}");
    }
    let many: Vec<_> =
        (0..9).map(|n| (format!("x-webpubsub-metadata-{n}"), &long[..1000])).collect();
    let many: Vec<_> = many.iter().map(|(name, value)| (name.as_str(), *value)).collect();
    let error = InvalidAnswer::Metadata(MetadataError::TotalTooLong);
    assert_eq!(reply(&many, b""), Err(error));
}

// E49
#[test]
fn a_successful_answer_sets_the_state_or_leaves_it() {
    assert_eq!(state(&[]), Ok(None));
    let value = "eyJrIjoxfQ== \"~";
    assert_eq!(state(&[("CE-ConnectionState", value)]), Ok(Some(value.to_owned())));
    let twice = [("ce-connectionState", "a"), ("ce-connectionState", "b")];
    assert_eq!(state(&twice), Ok(Some("b".to_owned())));
    assert_eq!(state(&[("ce-connectionState", "")]), Ok(Some(String::new())), "empty clears");
    let judged = judge(EventKind::Connect, answer(204, &[("ce-connectionState", "s")], b""));
    assert_eq!(judged.unwrap().connection_state.as_deref(), Some("s"));
}

#[test]
fn a_state_that_cannot_be_kept_fails_the_answer() {
    let long = "s".repeat(8 * 1024);
    assert_eq!(state(&[("ce-connectionState", &long)]), Ok(Some(long.clone())));
    let too_long = state(&[("ce-connectionState", &format!("{long}s"))]);
    assert_eq!(too_long, Err(InvalidAnswer::ConnectionState));
    assert_eq!(state(&[("ce-connectionState", "é")]), Err(InvalidAnswer::ConnectionState));
}

// E38, E50
#[test]
fn answers_to_notifications_count_by_their_status_alone() {
    for kind in [EventKind::Connected, EventKind::Presence, EventKind::Disconnected] {
        let headers = [("ce-connectionState", "x"), ("content-type", "text/html")];
        let judged = judge(kind, answer(200, &headers, b"<html>")).unwrap();
        assert!(matches!(judged.outcome, EventOutcome::Answered(None)));
        assert_eq!(judged.connection_state, None);
        let failed = judge(kind, answer(500, &[], b""));
        assert!(matches!(failed, Err(AnswerError::Status { status: 500, refused: None })));
    }
}

#[test]
fn a_content_type_given_twice_is_the_first() {
    let headers = [(CONTENT_TYPE.as_str(), "text/plain"), (CONTENT_TYPE.as_str(), "text/html")];
    let reply = reply(&headers, b"x").unwrap().unwrap();
    assert_eq!(reply.payload.data_type(), DataType::Text);
}
