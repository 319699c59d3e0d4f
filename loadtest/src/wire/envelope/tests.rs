//! The stamp survives every subprotocol's envelope, and damage is seen.

use super::*;

const STAMP: Stamp = Stamp { publisher: 3, target: 1, sequence: 9, intended_ns: 77 };

const SUBPROTOCOLS: [Subprotocol; 5] = [
    Subprotocol::Simple,
    Subprotocol::Json,
    Subprotocol::JsonReliable,
    Subprotocol::Protobuf,
    Subprotocol::ProtobufReliable,
];

fn layouts(payload_bytes: usize) -> impl Iterator<Item = Layout> {
    let groups = SUBPROTOCOLS.into_iter().map(Envelope::of_group);
    let envelopes = groups.chain([Envelope::Server]);
    envelopes.map(move |envelope| Layout::new(2, payload_bytes, envelope))
}

fn delivery(layout: &Layout, sequence_id: u64) -> Delivery {
    let is_numbered = layout.numbering != Numbering::None;
    Delivery { stamp: STAMP, sequence_id: if is_numbered { sequence_id } else { 0 } }
}

/// What the specification makes a server send for [`STAMP`].
fn message(layout: &Layout, sequence_id: u64) -> Vec<u8> {
    let mut payload = Vec::new();
    layout.put_payload(&mut payload, STAMP);
    let group = layout.target_name(1);
    let (encoding, is_numbered) = match layout.envelope {
        Envelope::Bare => return payload,
        Envelope::Server => {
            return [SERVER_DELIVERY_HEAD, &payload, br#""}"#].concat();
        }
        Envelope::Group { encoding, is_numbered } => (encoding, is_numbered),
    };
    match encoding {
        Encoding::Json => {
            let payload = String::from_utf8(payload).unwrap();
            let head = r#"{"type":"message","from":"group","group":""#;
            let number = format!(r#","sequenceId":{sequence_id}"#);
            let number = if is_numbered { &number } else { "" };
            format!(r#"{head}{group}","dataType":"text","data":"{payload}"{number}}}"#).into_bytes()
        }
        Encoding::Protobuf => {
            let number = [&[0x20][..], &varint(sequence_id)].concat();
            let fields = [
                field(1, b"group"),
                field(2, group.as_bytes()),
                field(3, &field(1, &payload)),
                if is_numbered { number } else { Vec::new() },
            ];
            field(2, &fields.concat())
        }
    }
}

fn field(number: u8, value: &[u8]) -> Vec<u8> {
    [&[number << 3 | 2][..], &varint(value.len() as u64), value].concat()
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut out = Vec::new();
    while value >= 0x80 {
        out.push(u8::try_from(value & 0x7f).unwrap() | 0x80);
        value >>= 7;
    }
    out.push(u8::try_from(value).unwrap());
    out
}

#[test]
fn a_delivery_reads_back_for_receivers_of_its_target_only() {
    // J44, P8
    for (payload_bytes, sequence_id) in [(38, 1), (64, 127), (100, 128), (20_000, 1 << 40)] {
        for layout in layouts(payload_bytes) {
            let message = message(&layout, sequence_id);
            let delivery = delivery(&layout, sequence_id);
            assert_eq!(layout.read_delivery(1, &message), Some(delivery), "{:?}", layout.envelope);
            assert_eq!(layout.read_delivery(0, &message), None);
            assert_eq!(layout.read_odd(&message), Odd::Delivery(delivery));
        }
    }
}

#[test]
fn a_delivery_in_another_envelope_is_none() {
    for sent in layouts(64) {
        for expected in layouts(64) {
            let message = message(&sent, 7);
            let is_same = sent.envelope == expected.envelope;
            assert_eq!(expected.read_delivery(1, &message).is_some(), is_same);
            let odd = expected.read_odd(&message);
            assert_eq!(odd == Odd::Delivery(delivery(&expected, 7)), is_same, "{odd:?}");
        }
    }
}

#[test]
fn a_damaged_byte_anywhere_is_noticed() {
    for layout in layouts(64) {
        let message = message(&layout, 7);
        for place in 0..message.len() {
            let mut damaged = message.clone();
            damaged[place] ^= 0x40;
            let read = layout.read_delivery(1, &damaged);
            // All that may change is the number, which is checked by whoever counts.
            assert!(read.is_none_or(|read| read.sequence_id != 7), "{:?} {place}", layout.envelope);
            assert_ne!(layout.read_odd(&damaged), Odd::Delivery(delivery(&layout, 7)));
            assert_eq!(layout.read_delivery(1, &message[..place]), None);
        }
    }
}

#[test]
fn the_frame_of_a_minimal_server_is_a_delivery() {
    let layout = Layout::new(2, 64, Envelope::JSON_GROUP);
    let frame = layout.delivery_frame(STAMP);
    let header = frame::parse(&frame).unwrap().unwrap();
    assert_eq!(&frame[header.header_bytes..], message(&layout, 0));
}

#[test]
fn another_order_of_properties_or_fields_is_still_a_delivery() {
    let data = "0003.000001.00000009.000000000000004d.";
    for subprotocol in [Subprotocol::Json, Subprotocol::JsonReliable] {
        let layout = Layout::new(2, STAMP_BYTES, Envelope::of_group(subprotocol));
        let number = if subprotocol.is_reliable() { r#""sequenceId": 7,"# } else { "" };
        let text = format!(
            r#"{{{number}"fromUserId":null, "from":"group","group":"{}", "type":"message","dataType":"text","data":"{data}"}}"#,
            layout.target_name(1)
        );
        assert_eq!(layout.read_odd(text.as_bytes()), Odd::Delivery(delivery(&layout, 7)));
        assert!(matches!(layout.read_odd(CONNECTED), Odd::Other(_)));
    }
    let layout = Layout::new(2, STAMP_BYTES, Envelope::of_group(Subprotocol::ProtobufReliable));
    let group = field(2, layout.target_name(1).as_bytes());
    let unknown = [0x78, 0x01];
    let fields = [
        &[0x20, 0x07],
        &group[..],
        &unknown,
        &field(3, &field(1, data.as_bytes())),
        &field(1, b"group"),
    ];
    let message = field(2, &fields.concat());
    assert_eq!(layout.read_odd(&message), Odd::Delivery(delivery(&layout, 7)));
    assert!(matches!(layout.read_odd(protobuf::JOINED), Odd::Other(_)));
}

#[test]
fn a_message_of_the_server_names_no_group_and_no_user() {
    // A50, A51
    let layout = Layout::new(2, STAMP_BYTES, Envelope::Server);
    let message = |more: &str| {
        let data = "0003.000001.00000009.000000000000004d.";
        format!(r#"{{"type":"message",{more},"dataType":"text","data":"{data}"}}"#).into_bytes()
    };
    let spaced = message(r#" "from":"server""#);
    assert_eq!(layout.read_odd(&spaced), Odd::Delivery(delivery(&layout, 0)));
    for more in [
        r#""from":"group""#,
        r#""from":"server","group":"g""#,
        r#""from":"server","fromUserId":"u""#,
    ] {
        assert!(matches!(layout.read_odd(&message(more)), Odd::Other(_)), "{more}");
    }
}
