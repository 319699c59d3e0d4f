//! Random tests against `prost`.
//!
//! 1. Messages are made up in the oracle's types and encoded by it; most are then damaged by
//!    replacing, inserting, removing, cutting, or by a second message behind them.
//! 2. What the oracle cannot decode must be refused, and what it can decode must not be called
//!    undecodable. Two differences are meant: to the oracle a known number with a foreign wire type
//!    is an error and to us, as to most parsers, an unknown field; and an `Any` is an embedded
//!    message to it and a payload to us, which is invalid where that is undecodable.
//! 3. What is decoded, translated back into the oracle's types, must be what the oracle reads.
//! 4. What is encoded must be what the oracle encodes, byte for byte.

mod answers;
mod requests;
mod translate;

use std::collections::HashMap;

use proptest::prelude::*;
use prost::Message;

use self::requests::{damaged, upstream};
use self::translate::{back, spelled_out};
use super::from_prost;
use super::schema::UpstreamMessage;
use crate::protocol::subprotocol::MessageError;
use crate::protocol::subprotocol::protobuf::decode;

type Texts = HashMap<String, String>;

/// Compares our reading of some bytes with the oracle's.
fn compare(bytes: &[u8]) -> Result<(), TestCaseError> {
    let (ours, theirs) = (decode(bytes), UpstreamMessage::decode(bytes));
    match theirs {
        Ok(UpstreamMessage { message: None }) => {
            prop_assert_eq!(ours, Err(MessageError::UnknownType));
        }
        Ok(UpstreamMessage { message: Some(theirs) }) => {
            let is_known =
                !matches!(ours, Err(MessageError::NotProtobuf | MessageError::UnknownType));
            prop_assert!(is_known, "{:?}", ours);
            if let Some(ours) = ours.ok().and_then(back) {
                prop_assert_eq!(ours, spelled_out(theirs));
            }
        }
        Err(error) => {
            let error = error.to_string();
            if !error.contains("invalid wire type: ") && !error.contains("MessageData.data") {
                prop_assert_eq!(ours, Err(MessageError::NotProtobuf), "{}", error);
            }
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn messages_are_decoded_as_prost_reads_them(message in upstream()) {
        compare(&from_prost(message))?;
    }

    #[test]
    fn damaged_messages_are_judged_as_prost_does(bytes in damaged()) {
        // P2, P4
        compare(&bytes)?;
    }

    #[test]
    fn any_bytes_are_answered_without_a_panic(bytes: Vec<u8>) {
        compare(&bytes)?;
        compare(&[&[0x0a, u8::try_from(bytes.len() & 0x7f).unwrap()], &bytes[..]].concat())?;
    }
}
