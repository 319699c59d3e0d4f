//! What the four sends carry, to whom, and in which form (rest-api.md, sections 5.4 to 5.8, 6.3).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::support::{Call, Client, Server, on_shards};

/// The four sends to one client that is in the group `room`, and the envelope each gives.
fn sends(client: &Client) -> [(String, Value); 4] {
    let server = || json!({"type": "message", "from": "server"});
    let group = json!({"type": "message", "from": "group", "group": "room"});
    [
        (":send".to_owned(), server()),
        ("groups/room/:send".to_owned(), group),
        ("users/ana/:send".to_owned(), server()),
        (format!("connections/{}/:send", client.id), server()),
    ]
}

#[test]
fn envelopes_say_where_a_message_comes_from() {
    // A48-A51
    on_shards(&[1, 2, 4], |server| {
        for shard in 0..server.shards {
            let guest = server.client().user("ana").groups(&["room"]);
            let mut client = guest.clone().on(shard).connect();
            let mut simple = guest.simple().connect();
            for (path, envelope) in sends(&client) {
                let reaches_simple = !path.starts_with("connections/");
                let source = "{ \"a\":1.0, \"b\" : [1e3,\"\\u00e9\"] }";
                for (content_type, body, data_type, data) in [
                    ("text/plain", "héllo".as_bytes(), "text", json!("héllo")),
                    ("text/plain", b"", "text", json!("")),
                    (
                        "application/json",
                        source.as_bytes(),
                        "json",
                        json!({"a": 1.0, "b": [1e3, "é"]}),
                    ),
                    ("application/json", b"null", "json", json!(null)),
                    ("application/octet-stream", b"\x00\xff\x7f", "binary", json!("AP9/")),
                    ("application/octet-stream", b"", "binary", json!("")),
                ] {
                    Call::post(&path).body(content_type, body).expect(server, 202);
                    let mut expected = envelope.clone();
                    expected["dataType"] = data_type.into();
                    expected["data"] = data;
                    assert_eq!(client.json(), expected, "{path}");
                    if reaches_simple && data_type == "binary" {
                        assert_eq!(simple.binary(), body, "{path}");
                    } else if reaches_simple {
                        assert_eq!(simple.text().as_bytes(), body, "{path}");
                    }
                }
            }
            Call::post(":closeConnections").expect(server, 204);
        }
    });
}

#[test]
fn content_types_decide_the_kind_of_data() {
    // A46, A47
    let server = Server::start();
    let mut client = server.client().connect();
    let text = |data: &str| json!({"dataType": "text", "data": data});
    let utf16: Vec<u8> = "é!".encode_utf16().flat_map(u16::to_le_bytes).collect();
    for (content_type, body, expected) in [
        ("text/plain; charset=utf-8", "é".as_bytes(), text("é")),
        ("Text/Plain;charset=\"UTF-8\"", "é".as_bytes(), text("é")),
        ("text/plain; format=flowed; CHARSET=utf8", "é".as_bytes(), text("é")),
        ("text/plain; charset=iso-8859-1", b"\xe9", text("é")),
        ("text/plain; charset=us-ascii", b"e", text("e")),
        ("text/plain; charset=utf-16le", &utf16, text("é!")),
        ("application/json;charset=utf-8", b"[1]", json!({"dataType": "json", "data": [1]})),
        ("application/octet-stream; x=y", b"x", json!({"dataType": "binary", "data": "eA=="})),
    ] {
        Call::post(":send").body(content_type, body).expect(&server, 202);
        let message = client.json();
        assert_eq!(message["dataType"], expected["dataType"], "{content_type}: {message}");
        assert_eq!(message["data"], expected["data"], "{content_type}: {message}");
    }
    Call::post(":send").bare_body("untyped").expect(&server, 202);
    assert_eq!(client.json()["data"], STANDARD.encode("untyped"));
    for content_type in [
        "application/xml",
        "text/html",
        "text/json",
        "text/plain; charset=unheard-of",
        "application/json-patch+json",
        "image/png",
        "text",
    ] {
        let response = Call::post(":send").body(content_type, "x").expect(&server, 415);
        assert_eq!(response.error()["code"], "Error.UnsupportedMediaType", "{content_type}");
    }
    for (content_type, body) in [
        ("text/plain", &b"\xff\xfe"[..]),
        ("text/plain", b"\xed\xa0\x80"),
        ("application/json", b""),
        ("application/json", b" "),
        ("application/json", b"{"),
        ("application/json", b"{} {}"),
        ("application/json", b"{a:1}"),
        ("application/json", b"[1,]"),
        ("application/json", b"\"\xff\""),
        ("application/json", b"nul"),
        ("application/json", b"01"),
    ] {
        let response = Call::post(":send").body(content_type, body).expect(&server, 400);
        let error = response.error();
        assert_eq!(error["code"], "Error.BadRequest", "{content_type} {body:?}");
        if content_type == "application/json" && body.is_ascii() {
            assert_eq!(error["message"], "The request body is not a valid JSON.", "{body:?}");
        }
    }
    // Bulk membership takes JSON only (6.7).
    for content_type in ["text/plain", "application/octet-stream"] {
        Call::post(":addToGroups").body(content_type, "{\"groups\":[\"g\"]}").expect(&server, 415);
    }
    Call::text(":send", "last").expect(&server, 202);
    assert_eq!(client.json()["data"], "last", "nothing refused was sent");
}

#[test]
fn excluded_connections_hear_nothing() {
    // A53
    on_shards(&[1, 2, 4], |server| {
        let mut clients: Vec<_> = (0..server.shards)
            .flat_map(|shard| [shard; 2])
            .map(|shard| server.client().groups(&["room"]).on(shard).connect())
            .collect();
        for path in [":send", "groups/room/:send"] {
            let (first, last) = (clients[0].id.clone(), clients[clients.len() - 1].id.clone());
            Call::text(path, "but two")
                .query("excluded", &first)
                .query("excluded", "unknown")
                .query("EXCLUDED", &last)
                .query("excluded", "")
                .expect(server, 202);
            Call::text(path, "but none")
                .query("excluded", &format!("{first},{last}"))
                .query("excluded", &first.to_lowercase())
                .expect(server, 202);
            let count = clients.len();
            for (index, client) in clients.iter_mut().enumerate() {
                if index != 0 && index != count - 1 {
                    assert_eq!(client.json()["data"], "but two");
                }
                assert_eq!(client.json()["data"], "but none");
            }
        }
        // Ignored where it has no meaning (5.4).
        let id = &clients[0].id.clone();
        let path = format!("connections/{id}/:send");
        Call::text(path, "all the same").query("excluded", id).expect(server, 202);
        assert_eq!(clients[0].json()["data"], "all the same");
    });
}

#[test]
fn users_are_matched_exactly_and_everywhere() {
    // A4; 6.3.4
    on_shards(&[2, 4], |server| {
        let mut mine: Vec<_> = (0..server.shards)
            .map(|shard| server.client().user("Ana").on(shard).connect())
            .collect();
        let mut simple = server.client().user("Ana").simple().connect();
        let mut other = server.client().user("ana").connect();
        let mut elsewhere = server.client().hub("other").user("Ana").connect();
        Call::text("users/Ana/:send", "x").expect(server, 202);
        Call::to("POST", "/api/hubs/chat/:send").body("text/plain", "end").expect(server, 202);
        for client in &mut mine {
            assert_eq!(client.json()["data"], "x");
            assert_eq!(client.json()["data"], "end");
        }
        assert_eq!(simple.text(), "x");
        assert_eq!(other.json()["data"], "end");
        Call::to("POST", "/api/hubs/other/:send").body("text/plain", "end").expect(server, 202);
        assert_eq!(elsewhere.json()["data"], "end");
    });
}

#[test]
fn lifetimes_are_whole_seconds_up_to_five_minutes() {
    // A61
    let server = Server::start();
    let mut client = server.client().user("ana").groups(&["room"]).connect();
    for (path, _) in sends(&client) {
        for good in ["0", "1", "300"] {
            let call = Call::text(&path, good).query("messageTtlSeconds", good);
            call.expect(&server, 202);
            assert_eq!(client.json()["data"], good);
        }
        for bad in ["-1", "301", "abc", "1.5", "99999999999999999999", "0x10"] {
            let call = Call::text(&path, "x").query("messageTtlSeconds", bad);
            call.refused(&server, "messageTtlSeconds");
        }
    }
}

#[test]
fn metadata_travels_in_headers() {
    // 5.6; operations.md 5.1
    let server = Server::start();
    let mut client = server.client().user("ana").groups(&["room"]).connect();
    let mut simple = server.client().user("ana").groups(&["room"]).simple().connect();
    for (path, _) in sends(&client) {
        Call::text(&path, "x")
            .header("X-WebPubSub-Metadata-Trace", "one")
            .header("x-webpubsub-metadata-TRACE", "two")
            .header("X-WEBPUBSUB-METADATA-List", "a, b , c")
            .header("X-WebPubSub-Metadata-a.b!#$%&'*+-^_`|~9", "odd key")
            .expect(&server, 202);
        let message = client.json();
        let expected = json!({"trace": "two", "list": "c", "a.b!#$%&'*+-^_`|~9": "odd key"});
        assert_eq!(message["metadata"], expected, "{path}: {message}");
        if !path.starts_with("connections/") {
            assert_eq!(simple.text(), "x");
        }
    }
    let with = |key: &str, value: &str| {
        Call::text(":send", "x").header(&format!("X-WebPubSub-Metadata-{key}"), value)
    };
    let full = (0..8).fold(Call::text(":send", "full"), |call, n| {
        call.header(&format!("X-WebPubSub-Metadata-k{n}"), "v".repeat(1022))
    });
    full.expect(&server, 202);
    assert_eq!(client.json()["data"], "full");
    full.header("X-WebPubSub-Metadata-k8", "v").expect(&server, 400);
    with(&"k".repeat(256), "v").expect(&server, 202);
    assert_eq!(client.json()["data"], "x");
    with(&"k".repeat(257), "v").expect(&server, 400);
    with("k", &"v".repeat(1024)).expect(&server, 202);
    assert_eq!(client.json()["data"], "x");
    with("k", &"v".repeat(1025)).expect(&server, 400);
    with("", "v").expect(&server, 400);
    with("k", "é").expect(&server, 400);
}
