//! What does it cost to take a client's frame apart, and to build one?
//!
//! Payloads of 128 B, 1 KiB and 16 KiB. `decode` reads the header and unmasks in place, `unmask` is
//! the latter alone, `assemble` checks a whole text's UTF-8. `build` makes a finished frame, which
//! is one copy into the scratch and one into an allocation of its own; `header` writes its header.
//! `copy` is the yardstick: the same bytes from one warm buffer into another.
//!
//! Left out: reading from the socket, fragments, and what the payload means (`subprotocol_json`).

use std::hint::black_box;
use std::time::Duration;

use corecast::frame::FrameScratch;
use corecast::protocol::ws::assembly::Assembly;
use corecast::protocol::ws::decoder::{Decoded, decode};
use corecast::protocol::ws::encode::Header;
use corecast::protocol::ws::mask::unmask;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tungstenite::protocol::frame::coding::{Data, OpCode};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
const TEXT: OpCode = OpCode::Data(Data::Text);

/// A client's frame: the server's with the mask bit set and the mask between header and payload.
fn client_frame(payload: &[u8]) -> Vec<u8> {
    let mut frame = Header::new(TEXT, payload.len()).bytes().to_vec();
    frame[1] |= 0x80;
    frame.extend(MASK);
    let start = frame.len();
    frame.extend(payload);
    unmask(&mut frame[start..], MASK);
    frame
}

fn inbound(c: &mut Criterion) {
    for (name, bytes) in [("128", 128), ("1k", 1 << 10), ("16k", 16 << 10)] {
        let payload = vec![b'x'; bytes];
        let mut frame = client_frame(&payload);
        let mut group = c.benchmark_group(format!("inbound/{name}"));
        group.throughput(Throughput::Bytes(bytes as u64));
        // Every second time this masks what the time before has unmasked: the work is the same.
        group.bench_function("decode", |b| {
            b.iter(|| {
                let decoded = decode(black_box(&mut frame)).expect("valid");
                assert!(matches!(decoded, Decoded::Frame { .. }));
            });
        });
        let mut masked = payload.clone();
        group.bench_function("unmask", |b| b.iter(|| unmask(black_box(&mut masked), MASK)));
        let mut assembly = Assembly::default();
        group.bench_function("assemble", |b| {
            b.iter(|| {
                let whole = assembly.push(Data::Text, true, black_box(&payload)).expect("valid");
                black_box(whole.is_some());
            });
        });
        let mut copy = vec![0; bytes];
        group.bench_function("copy", |b| {
            b.iter(|| black_box(&mut copy).copy_from_slice(black_box(&payload)));
        });
        group.finish();
    }
}

fn outbound(c: &mut Criterion) {
    for (name, bytes) in [("128", 128), ("1k", 1 << 10), ("16k", 16 << 10)] {
        let payload = vec![b'x'; bytes];
        let mut group = c.benchmark_group(format!("outbound/{name}"));
        group.throughput(Throughput::Bytes(bytes as u64));
        let mut scratch = FrameScratch::default();
        group.bench_function("build", |b| {
            b.iter(|| scratch.frame(TEXT, |out| out.extend_from_slice(black_box(&payload))));
        });
        let mut out = Vec::with_capacity(64);
        group.bench_function("header", |b| {
            b.iter(|| {
                out.clear();
                Header::write(&mut out, TEXT, black_box(bytes));
                black_box(&out);
            });
        });
        group.finish();
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2));
    targets = inbound, outbound
}
criterion_main!(benches);
