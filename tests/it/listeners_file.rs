//! Events in a file: lines of JSON that rotate by size.

use std::collections::BTreeSet;
use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::support::{ALL, EventFile, USER, await_listener, event, listener, listening};

#[test]
fn a_line_has_the_attributes_and_the_payload() {
    // The names of section 4.2; a text, a value of JSON and bytes each in their form.
    let file = EventFile::new();
    let mut server = listening(&listener("l", ALL, &file.endpoint("")));
    let mut client = server.client().user("ana").connect();
    let id = client.id.clone();
    let of = |kind: &str, data: Value| {
        json!({"type": "event", "event": "e", "dataType": kind, "data": data,
            "metadata": {"K": "v"}})
    };
    client.succeed(of("text", json!("line\nbreak")));
    client.succeed(of("json", json!({"a": [1, "é"]})));
    client.succeed(of("binary", json!("AP8=")));
    client.leave_server();
    server.stop();
    let events = EventFile::events(&file.path());
    let names: Vec<_> =
        events.iter().map(|event| event["eventname"].as_str().expect("a name")).collect();
    assert_eq!(names, ["connected", "e", "e", "e", "disconnected"]);
    let (bytes, no_data) = (STANDARD.encode([0, 255]), Value::Null);
    for (event, (kind, data, data_base64)) in events.iter().zip([
        ("application/json", json!({}), no_data.clone()),
        ("text/plain", json!("line\nbreak"), no_data.clone()),
        ("application/json", json!({"a": [1, "é"]}), no_data.clone()),
        ("application/octet-stream", no_data.clone(), json!(bytes)),
        ("application/json", json!({"reason": ""}), no_data.clone()),
    ]) {
        assert_eq!(event["datacontenttype"], kind);
        assert_eq!((&event["data"], &event["data_base64"]), (&data, &data_base64), "{event}");
        assert_eq!(event["connectionid"], id);
        assert_eq!(event["source"], format!("/hubs/chat/client/{id}"));
        for (name, value) in [("specversion", "1.0"), ("hub", "chat"), ("userid", "ana")] {
            assert_eq!(event[name], value);
        }
        assert!(event["id"].is_string() && event["time"].is_string(), "{event}");
        let is_user = event["eventname"] == "e";
        assert_eq!(event["x-webpubsub-metadata-k"], if is_user { json!("v") } else { Value::Null });
    }
}

#[test]
fn a_restarted_server_goes_on_in_the_same_file() {
    let file = EventFile::new();
    for round in 0..3 {
        let mut server = listening(&listener("l", USER, &file.endpoint("")));
        server.client().connect().succeed(event("e", &round.to_string()));
        server.stop();
    }
    let texts: Vec<_> =
        EventFile::events(&file.path()).iter().map(|event| event["data"].clone()).collect();
    assert_eq!(texts, ["0", "1", "2"]);
}

/// The numbered file.
fn rotated(file: &EventFile, number: u32) -> PathBuf {
    let mut name = file.path().into_os_string();
    name.push(format!(".{number}"));
    name.into()
}

#[test]
fn a_full_file_is_put_aside() {
    // No event is in two files or in none, as long as the files are kept.
    let file = EventFile::new();
    let settings = ", maxBytes = 65536, files = 3";
    let server = listening(&listener("l", USER, &file.endpoint(settings)));
    let mut client = server.client().connect();
    let padding = "p".repeat(4000);
    for number in 0..40_u32 {
        client.succeed(event("e", &format!("{number} {padding}")));
    }
    await_listener(&server, "l", "delivered", 40);
    let numbers = |path: PathBuf| -> Vec<u32> {
        let number = |event: &Value| {
            let text = event["data"].as_str().expect("a text");
            text.split(' ').next().expect("a number").parse().expect("a number")
        };
        EventFile::events(&path).iter().map(number).collect()
    };
    let mut all: Vec<_> = (1..=3)
        .rev()
        .map(|number| rotated(&file, number))
        .filter(|path| path.exists())
        .chain([file.path()])
        .flat_map(numbers)
        .collect();
    assert_eq!(all, (0..40).collect::<Vec<_>>());
    assert!(rotated(&file, 1).exists() && rotated(&file, 2).exists());
    for number in 1..=3 {
        let length = rotated(&file, number).metadata().map_or(0, |metadata| metadata.len());
        assert!(length <= 65536, "{length} bytes");
    }

    // Only so many are kept, the newest.
    for number in 40..140_u32 {
        client.succeed(event("e", &format!("{number} {padding}")));
    }
    await_listener(&server, "l", "delivered", 140);
    assert!(!rotated(&file, 4).exists());
    all = (1..=3)
        .rev()
        .map(|number| rotated(&file, number))
        .chain([file.path()])
        .flat_map(numbers)
        .collect();
    assert_eq!(all.last(), Some(&139));
    let distinct: BTreeSet<_> = all.iter().copied().collect();
    assert_eq!(distinct.len(), all.len());
    assert!(all.windows(2).all(|pair| pair[1] == pair[0] + 1), "{all:?}");
}

#[test]
fn a_file_that_cannot_be_written_is_tried_again() {
    // 7.3: as with a broker, nobody but the log notices, and nothing is lost within the time.
    let file = EventFile::new();
    std::fs::create_dir(file.path()).expect("a free name");
    let server = listening(&listener("l", USER, &file.endpoint("")));
    let mut client = server.client().connect();
    client.succeed(event("e", "1"));
    server.await_log("event listener");
    std::fs::remove_dir(file.path()).expect("an empty directory");
    client.succeed(event("e", "2"));
    await_listener(&server, "l", "delivered", 2);
    let texts: Vec<_> =
        EventFile::events(&file.path()).iter().map(|event| event["data"].clone()).collect();
    assert_eq!(texts, ["1", "2"]);
}
