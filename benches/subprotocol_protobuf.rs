//! What does it cost to understand one client message, and to write one to a group, in protobuf?
//!
//! The hand-written codec against `prost`, on the three messages of the bench `subprotocol_json`:
//! 128 B of text, 1 KiB of JSON data, 16 KiB of text. `decode` is a publish, `encode` the message
//! to the group that it becomes; both write into a reused buffer. `numbered` is what a reliable
//! receiver costs on top: the two pieces around a shared message.
//!
//! They do not do the same: only ours checks names, limits and that JSON is JSON, and only `prost`
//! copies what it reads. Left out: the WebSocket frame, and what the message leads to.

use std::collections::HashMap;
use std::hint::black_box;
use std::time::Duration;

use corecast::protocol::subprotocol::protobuf::{self, Numbered};
use corecast::protocol::subprotocol::{ClientMessage, Payload};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use prost::{Message, Oneof};

#[derive(Clone, PartialEq, Message)]
struct UpstreamMessage {
    #[prost(message, optional, tag = "1")]
    send_to_group: Option<SendToGroup>,
}

#[derive(Clone, PartialEq, Message)]
struct SendToGroup {
    #[prost(string, tag = "1")]
    group: String,
    #[prost(uint64, optional, tag = "2")]
    ack_id: Option<u64>,
    #[prost(message, optional, tag = "3")]
    data: Option<MessageData>,
    #[prost(bool, optional, tag = "4")]
    no_echo: Option<bool>,
    #[prost(map = "string, string", tag = "6")]
    metadata: HashMap<String, String>,
}

#[derive(Clone, PartialEq, Message)]
struct DownstreamMessage {
    #[prost(message, optional, tag = "2")]
    data: Option<DataMessage>,
}

#[derive(Clone, PartialEq, Message)]
struct DataMessage {
    #[prost(string, tag = "1")]
    from: String,
    #[prost(string, optional, tag = "2")]
    group: Option<String>,
    #[prost(message, optional, tag = "3")]
    data: Option<MessageData>,
    #[prost(map = "string, string", tag = "5")]
    metadata: HashMap<String, String>,
}

#[derive(Clone, PartialEq, Message)]
struct MessageData {
    #[prost(oneof = "Data", tags = "1, 4")]
    data: Option<Data>,
}

#[derive(Clone, PartialEq, Oneof)]
enum Data {
    #[prost(string, tag = "1")]
    Text(String),
    #[prost(string, tag = "4")]
    Json(String),
}

/// A publish to `floor-3`, as large as its fields make it.
fn publish(data: Data) -> SendToGroup {
    SendToGroup {
        group: "floor-3".to_owned(),
        ack_id: Some(12),
        data: Some(MessageData { data: Some(data) }),
        no_echo: Some(true),
        metadata: HashMap::new(),
    }
}

fn text(bytes: usize) -> SendToGroup {
    let text = "lights off, please. ".repeat(bytes / 20 + 1);
    publish(Data::Text(text[..bytes].to_owned()))
}

/// Readings of sensors in an array, about 1 KiB.
fn json() -> SendToGroup {
    let readings: Vec<_> = (0..18)
        .map(|n| format!(r#"{{"sensor":"t-{n:03}","on":true,"value":{n}.50,"unit":"C"}}"#))
        .collect();
    publish(Data::Json(format!("[{}]", readings.join(","))))
}

fn codec(c: &mut Criterion) {
    let messages = [("text_128", text(104)), ("json_1k", json()), ("text_16k", text(16 << 10))];
    for (name, message) in messages {
        let (data, group) = (message.data.clone(), Some(message.group.clone()));
        let bytes = UpstreamMessage { send_to_group: Some(message) }.encode_to_vec();
        let mut benches = c.benchmark_group(format!("decode/{name}"));
        benches.throughput(Throughput::Bytes(bytes.len() as u64));
        benches.bench_function("corecast", |b| {
            b.iter(|| protobuf::decode(black_box(&bytes)).map(drop).expect("valid"));
        });
        benches.bench_function("prost", |b| {
            b.iter(|| UpstreamMessage::decode(black_box(&bytes[..])).map(drop).expect("valid"));
        });
        benches.finish();
        let Ok(ClientMessage::SendToGroup(send)) = protobuf::decode(&bytes) else { unreachable!() };
        let mut out = Vec::with_capacity(32 << 10);
        let mut benches = c.benchmark_group(format!("encode/{name}"));
        benches.bench_function("corecast", |b| {
            b.iter(|| {
                out.clear();
                let (group, payload): (&str, &Payload<'_>) =
                    black_box((&send.group, &send.payload));
                protobuf::encode::group_message(&mut out, group, payload, &send.metadata);
                black_box(&out);
            });
        });
        let from = "group".to_owned();
        let message = DataMessage { from, group, data, metadata: HashMap::new() };
        let message = DownstreamMessage { data: Some(message) };
        benches.bench_function("prost", |b| {
            b.iter(|| {
                out.clear();
                black_box(&message).encode(&mut out).expect("a vector takes any write");
                black_box(&out);
            });
        });
        benches.finish();
    }
    let mut out = Vec::with_capacity(64);
    c.bench_function("numbered/head_and_tail", |b| {
        let mut sequence_id = 0;
        b.iter(|| {
            out.clear();
            sequence_id += 1;
            let (kind, fields_bytes) = black_box((Numbered::DataMessage, 140));
            kind.head(fields_bytes, Some(sequence_id)).write(&mut out);
            kind.tail(sequence_id).write(&mut out);
            black_box(&out);
        });
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2));
    targets = codec
}
criterion_main!(benches);
