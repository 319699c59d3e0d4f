//! The decoder against tungstenite's header parser and encoder: an independent opinion.

use std::io::Cursor;

use proptest::prelude::*;
use tungstenite::protocol::frame::FrameHeader;

use super::*;

fn client_frame(opcode: OpCode, is_final: bool, payload: &[u8], mask: [u8; 4]) -> Vec<u8> {
    let mut bytes = Vec::new();
    FrameHeader { is_final, opcode, mask: Some(mask), ..FrameHeader::default() }
        .format(payload.len() as u64, &mut bytes)
        .expect("a vector takes any write");
    bytes.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, key)| byte ^ key));
    bytes
}

#[test]
fn needs_exactly_the_missing_bytes_at_every_cut() {
    for length in [0, 5, 125, 126, 300, 65_535, 65_536] {
        let payload: Vec<u8> = (0..length).map(|index: usize| index.to_le_bytes()[0]).collect();
        let whole = client_frame(OpCode::Data(Data::Binary), true, &payload, [1, 2, 3, 4]);
        let cuts = (0..whole.len().min(40)).chain([whole.len() - 1]);
        for cut in cuts {
            let mut part = whole[..cut].to_vec();
            match decode(&mut part) {
                Ok(Decoded::Incomplete { bytes }) => assert!(bytes > cut && bytes <= whole.len()),
                other => panic!("cut {cut} of {length}: {other:?}"),
            }
            assert_eq!(part, whole[..cut], "an incomplete frame is left as it came");
        }
        let mut bytes = whole.clone();
        let Ok(Decoded::Frame { payload: range, is_final: true, .. }) = decode(&mut bytes) else {
            panic!("whole frame of {length}");
        };
        assert_eq!(bytes[range], payload[..]);
    }
}

#[test]
fn each_rule_of_section_5_has_its_error() {
    let cases: &[(&[u8], ProtocolError)] = &[
        (&[0xc1, 0x80, 0, 0, 0, 0], ProtocolError::ReservedBits),
        (&[0x83, 0x80, 0, 0, 0, 0], ProtocolError::UnknownOpcode),
        (&[0x8b, 0x80, 0, 0, 0, 0], ProtocolError::UnknownOpcode),
        (&[0x81, 0x00], ProtocolError::Unmasked),
        (&[0x89, 0xfe, 0, 126], ProtocolError::BadControlFrame),
        (&[0x09, 0x80, 0, 0, 0, 0], ProtocolError::BadControlFrame),
        (&[0x81, 0xfe, 0, 125], ProtocolError::BadLength),
        (&[0x82, 0xff, 0, 0, 0, 0, 0, 0, 0xff, 0xff], ProtocolError::BadLength),
        (&[0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0], ProtocolError::BadLength),
        (&[0x82, 0xff, 0, 0, 0, 0, 0, 0x10, 0, 1], ProtocolError::TooLarge),
    ];
    for (bytes, expected) in cases {
        assert_eq!(decode(&mut bytes.to_vec()), Err(*expected), "{bytes:x?}");
    }
}

proptest! {
    /// Any bytes: no panic, and agreement with tungstenite about what a valid header says.
    #[test]
    fn agrees_with_tungstenite_on_any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        let mut cursor = Cursor::new(&bytes[..]);
        let theirs = FrameHeader::parse(&mut cursor);
        match decode(&mut bytes.clone()) {
            Ok(Decoded::Frame { opcode, is_final, payload }) => {
                let (head, length) = theirs.expect("valid").expect("whole");
                prop_assert_eq!(head.opcode, opcode);
                prop_assert_eq!(head.is_final, is_final);
                prop_assert_eq!(length, payload.len() as u64);
                prop_assert_eq!(cursor.position(), payload.start as u64);
            }
            Ok(Decoded::Incomplete { bytes: needed }) => prop_assert!(needed > bytes.len()),
            Err(ProtocolError::UnknownOpcode) => prop_assert!(!matches!(theirs, Ok(Some(_)))),
            Err(_) => {}
        }
    }

    #[test]
    fn gives_back_what_a_client_framed(
        payload in proptest::collection::vec(any::<u8>(), 0..2000),
        mask in any::<[u8; 4]>(),
        is_final in any::<bool>(),
        rest in proptest::collection::vec(any::<u8>(), 0..8),
    ) {
        let mut bytes = client_frame(OpCode::Data(Data::Text), is_final, &payload, mask);
        let end = bytes.len();
        bytes.extend(rest);
        let Ok(Decoded::Frame { payload: range, is_final: got, .. }) = decode(&mut bytes) else {
            return Err(TestCaseError::fail("not decoded"));
        };
        prop_assert_eq!(got, is_final);
        prop_assert_eq!(range.end, end);
        prop_assert_eq!(&bytes[range], &payload[..]);
    }
}
