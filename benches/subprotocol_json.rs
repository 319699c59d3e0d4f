//! What does it cost to understand one client message?
//!
//! The scanner against the two parsers one would otherwise take, on three messages: 128 B of text,
//! 1 KiB of JSON data, 16 KiB of text. `simd-json` in its two forms (into a struct, and its
//! tape), with its vector code chosen at run time, works in place and is given reused buffers and
//! a fresh copy each time, the copy outside the clock. `serde_json` reads into the same struct,
//! with `data` kept as source text.
//!
//! They do not do the same: only the scanner checks the depth, the names, and what `dataType` asks
//! of `data`, and only it and `serde_json` can forward the data's source text. Left out: the
//! WebSocket frame, UTF-8 validation (`simd-json` includes it), and what the message leads to.
//! `encode` writes the message to a group that the same text becomes.

use std::borrow::Cow;
use std::hint::black_box;
use std::time::Duration;

use corecast::protocol::subprotocol::{ClientMessage, json};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use serde::Deserialize;
use serde_json::value::RawValue;
use simd_json::Buffers;

/// The properties of a `sendToGroup` in these messages, `T` being what `data` is kept as.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "what counts is that they are read")]
struct Typed<'a, T> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    group: Cow<'a, str>,
    #[serde(borrow)]
    data_type: Option<Cow<'a, str>>,
    data: T,
    #[serde(default)]
    no_echo: bool,
    ack_id: Option<u64>,
}

/// A message of exactly this many bytes.
fn text_message(bytes: usize) -> String {
    let (head, tail) = (
        r#"{"type":"sendToGroup","group":"floor-3","dataType":"text","data":""#,
        r#"","noEcho":true,"ackId":12}"#,
    );
    let data = "lights off, please. ".repeat(bytes / 20 + 1);
    format!("{head}{}{tail}", &data[..bytes - head.len() - tail.len()])
}

/// Readings of sensors in an array, about 1 KiB.
fn json_message() -> String {
    let readings: Vec<_> = (0..18)
        .map(|n| format!(r#"{{"sensor":"t-{n:03}","on":true,"value":{n}.50,"unit":"C"}}"#))
        .collect();
    let data = readings.join(",");
    format!(r#"{{"type":"sendToGroup","group":"floor-3","data":[{data}],"ackId":12}}"#)
}

fn decode(c: &mut Criterion) {
    let messages = [
        ("text_128", text_message(128)),
        ("json_1k", json_message()),
        ("text_16k", text_message(16 << 10)),
    ];
    for (name, message) in &messages {
        let mut group = c.benchmark_group(format!("decode/{name}"));
        group.throughput(Throughput::Bytes(message.len() as u64));
        group.bench_function("corecast", |b| {
            b.iter(|| json::decode(black_box(message)).map(drop).expect("valid"));
        });
        group.bench_function("serde_json_typed", |b| {
            b.iter(|| {
                let read: Typed<'_, &RawValue> =
                    serde_json::from_str(black_box(message)).expect("valid");
                black_box(read);
            });
        });
        let mut buffers = Buffers::default();
        group.bench_function("simd_json_typed", |b| {
            b.iter_batched_ref(
                || message.clone().into_bytes(),
                |bytes| {
                    let read: Typed<'_, simd_json::BorrowedValue<'_>> =
                        simd_json::serde::from_slice_with_buffers(bytes, &mut buffers)
                            .expect("valid");
                    black_box(read);
                },
                BatchSize::SmallInput,
            );
        });
        group.bench_function("simd_json_tape", |b| {
            b.iter_batched_ref(
                || message.clone().into_bytes(),
                |bytes| {
                    let tape = simd_json::to_tape_with_buffers(bytes, &mut buffers).expect("valid");
                    black_box(tape);
                },
                BatchSize::SmallInput,
            );
        });
        group.finish();
        let Ok(ClientMessage::SendToGroup(send)) = json::decode(message) else { unreachable!() };
        let mut out = Vec::with_capacity(32 << 10);
        c.bench_function(&format!("encode/{name}"), |b| {
            b.iter(|| {
                out.clear();
                let (group, payload) = (black_box(&send.group), black_box(&send.payload));
                json::encode::group_message(&mut out, group, Some("ana"), payload, &send.metadata);
                black_box(&out);
            });
        });
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));
    targets = decode
}
criterion_main!(benches);
