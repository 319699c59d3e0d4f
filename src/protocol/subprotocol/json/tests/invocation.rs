//! Invocations (`client-json.md` sections 3.7 to 3.9 and 8).

use super::{assert_refused, decoded, metadata, written};
use crate::protocol::subprotocol::json::encode;
use crate::protocol::subprotocol::{
    ClientMessage, DataType, InvocationError, InvokeRequest, MessageError, Metadata, MetadataError,
    Payload, Property,
};

fn invoke(properties: &str) -> String {
    format!(r#"{{"type":"invoke","invocationId":"7"{properties}}}"#)
}

fn request(text: &str) -> Result<InvokeRequest<'_>, MessageError> {
    match decoded(text) {
        ClientMessage::Invoke(invoke) => {
            assert_eq!(invoke.invocation_id, "7");
            invoke.request
        }
        other => panic!("{text}: {other:?}"),
    }
}

#[test]
fn an_invocation_is_decoded() {
    // J62 (the decoding)
    let text = invoke(r#","target":"event","event":"Quote","dataType":"json","data":{"sku": 42}"#);
    let expected = InvokeRequest {
        event: "Quote".into(),
        payload: Some(Payload::from_json_value(r#"{"sku": 42}"#)),
        metadata: Metadata::default(),
    };
    assert_eq!(request(&text), Ok(expected));
    // The payload is optional, and `data` alone is JSON.
    for properties in ["", r#","target":null,"dataType":null,"metadata":{}"#] {
        let text = invoke(&format!(r#","event":"e"{properties}"#));
        assert_eq!(request(&text).unwrap().payload, None);
    }
    let text = invoke(r#","event":"e","data":"x","metadata":{"k":"v"}"#);
    let asked = request(&text).unwrap();
    assert_eq!(asked.payload, Some(Payload::from_json_value(r#""x""#)));
    assert_eq!(asked.metadata, metadata(&[("k", "v")]));
    // Metadata does not make a payload of nothing, unlike elsewhere.
    let text = invoke(r#","event":"e","metadata":{"k":"v"}"#);
    assert_eq!(request(&text).unwrap().payload, None);
    let text = invoke(r#","event":"e","data":"AQ==","dataType":"Binary""#);
    assert_eq!(request(&text).unwrap().payload.unwrap().data_type(), DataType::Binary);
}

#[test]
fn only_a_bad_id_is_malformed() {
    // J70
    for id in ["", r#","invocationId":null"#] {
        for kind in ["invoke", "cancelInvocation"] {
            let text = format!(r#"{{"type":"{kind}","event":"e"{id}}}"#);
            assert_refused(&text, MessageError::Missing(Property::InvocationId));
        }
    }
    for id in ["7", "{}", "true", r#""""#, r#""\ud800""#, &format!(r#""{}""#, "i".repeat(257))] {
        let text = format!(r#"{{"type":"invoke","event":"e","invocationId":{id}}}"#);
        assert_refused(&text, MessageError::Invalid(Property::InvocationId));
    }
    let long = invoke(&format!(r#","event":"e","invocationId":"{}""#, "é".repeat(256)));
    assert!(matches!(decoded(&long), ClientMessage::Invoke(_)));
}

#[test]
fn every_other_violation_is_answered() {
    // J70
    let invalid = MessageError::Invalid;
    let cases = [
        ("", MessageError::Missing(Property::Event)),
        (r#","event":null"#, MessageError::Missing(Property::Event)),
        (r#","event":"1x""#, invalid(Property::Event)),
        (r#","event":7"#, invalid(Property::Event)),
        (r#","event":"e","target":"upstream""#, invalid(Property::Target)),
        (r#","event":"e","target":"EVENT""#, invalid(Property::Target)),
        (r#","event":"e","target":1"#, invalid(Property::Target)),
        (r#","event":"e","dataType":"text""#, MessageError::Missing(Property::Data)),
        (r#","event":"e","data":null"#, invalid(Property::Data)),
        (r#","event":"e","data":1,"dataType":"text""#, invalid(Property::Data)),
        (r#","event":"e","data":1,"dataType":"xml""#, invalid(Property::DataType)),
        (r#","event":"e","metadata":1"#, invalid(Property::Metadata)),
        (
            r#","event":"e","metadata":{"a b":""}"#,
            MessageError::Metadata(MetadataError::InvalidKey),
        ),
        // client-protobuf.md section 2, and the same request in JSON.
        (r#","event":"e","stream":{"streamId":"s"}"#, MessageError::NotAllowed(Property::Stream)),
    ];
    for (properties, error) in cases {
        let text = invoke(properties);
        assert_eq!(request(&text), Err(error), "{text}");
    }
}

#[test]
fn a_cancellation_names_its_invocation() {
    // J65 (the decoding)
    for id in ["7", "", &"i".repeat(300)] {
        let text = format!(r#"{{"type":"cancelInvocation","invocationId":"{id}"}}"#);
        let expected = ClientMessage::CancelInvocation { invocation_id: id.into() };
        assert_eq!(decoded(&text), expected);
    }
    let text = r#"{"type":"cancelInvocation","invocationId":7}"#;
    assert_refused(text, MessageError::Invalid(Property::InvocationId));
}

#[test]
fn a_response_nobody_asked_for_is_not_looked_at() {
    for text in [
        r#"{"type":"invokeResponse"}"#,
        r#"{"type":"invokeResponse","invocationId":7,"success":"maybe","data":null}"#,
    ] {
        assert_eq!(decoded(text), ClientMessage::InvokeResponse);
    }
}

#[test]
fn responses_have_their_properties_in_order() {
    // J62, J63 (the encoding)
    use encode::{invoke_error, invoke_success};
    let (payload, none) = (Payload::from_json_value(r#"{"price":9.9}"#), Metadata::default());
    assert_eq!(
        written(|out| invoke_success(out, "7", Some(&payload), &none)),
        r#"{"type":"invokeResponse","invocationId":"7","success":true,"dataType":"json","data":{"price":9.9}}"#
    );
    let entries = metadata(&[("k", "v")]);
    assert_eq!(
        written(|out| invoke_success(out, "7", Some(&Payload::text("")), &entries)),
        r#"{"type":"invokeResponse","invocationId":"7","success":true,"dataType":"text","data":"","metadata":{"k":"v"}}"#
    );
    assert_eq!(
        written(|out| invoke_success(out, "\"", None, &none)),
        r#"{"type":"invokeResponse","invocationId":"\"","success":true}"#
    );
    assert_eq!(
        written(|out| invoke_success(out, "7", None, &entries)),
        r#"{"type":"invokeResponse","invocationId":"7","success":true,"metadata":{"k":"v"}}"#
    );
    let text = "No event handler accepts 'quote2'.";
    assert_eq!(
        written(|out| invoke_error(out, "8", InvocationError::NotFound, text)),
        r#"{"type":"invokeResponse","invocationId":"8","success":false,"error":{"name":"NotFound","message":"No event handler accepts 'quote2'."}}"#
    );
}
