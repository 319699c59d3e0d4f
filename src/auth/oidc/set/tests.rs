//! Which keys are taken from a document, and which one a token means.

use jsonwebtoken::Algorithm::{EdDSA, HS256};
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::auth::oidc::test_issuer::{TestKey, key_set};

fn parse(keys: &[Value]) -> Result<KeySet, InvalidKeySet> {
    KeySet::parse(&key_set(keys))
}

/// A good key with other members; `null` takes one away.
fn changed(key: TestKey, changes: Value) -> Value {
    let mut written = key.public("1");
    for (name, value) in changes.as_object().unwrap() {
        written[name] = value.clone();
    }
    written.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    written
}

fn algorithms(key: Value) -> Option<&'static [Algorithm]> {
    parse(&[key]).ok().map(|set| set.0[0].algorithms)
}

#[test]
fn the_type_decides_the_algorithms() {
    assert_eq!(algorithms(TestKey::Rsa.public("1")), Some(&RSA_ALGORITHMS[..]));
    assert_eq!(algorithms(TestKey::P256.public("1")), Some(&[ES256][..]));
    assert_eq!(algorithms(TestKey::P384.public("1")), Some(&[ES384][..]));
}

#[test]
fn a_key_may_restrict_itself_to_one_of_them_and_to_no_other() {
    let restricted = |key, alg: &str| algorithms(changed(key, json!({ "alg": alg })));
    assert_eq!(restricted(TestKey::Rsa, "RS512"), Some(&[RS512][..]));
    assert_eq!(restricted(TestKey::Rsa, "PS256"), Some(&[PS256][..]));
    for (key, alg) in [
        (TestKey::Rsa, "HS256"),
        (TestKey::Rsa, "ES256"),
        (TestKey::Rsa, "RSA-OAEP"),
        (TestKey::Rsa, "none"),
        (TestKey::P256, "ES384"),
        (TestKey::P256, "HS256"),
    ] {
        assert_eq!(restricted(key, alg), None, "{key:?} {alg}");
    }
}

#[test]
fn only_keys_that_verify_signatures_are_taken() {
    for good in [json!({ "use": null }), json!({ "key_ops": ["sign", "verify"] })] {
        assert!(algorithms(changed(TestKey::P256, good.clone())).is_some(), "{good}");
    }
    for bad in [json!({ "use": "enc" }), json!({ "key_ops": ["sign"] }), json!({ "key_ops": [] })] {
        assert!(algorithms(changed(TestKey::Rsa, bad.clone())).is_none(), "{bad}");
    }
    let symmetric =
        json!({ "kty": "oct", "kid": "1", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXM" });
    assert_eq!(parse(&[symmetric]).unwrap_err(), InvalidKeySet::NoUsableKey);
}

#[test]
fn weak_and_impossible_keys_are_passed_over() {
    let number = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let odd = |bytes: usize| number(&[vec![0xff; bytes - 1], vec![1]].concat());
    for changes in [
        json!({ "n": odd(255) }),
        json!({ "n": odd(513) }),
        json!({ "n": number(&[0xfe; 256]) }),
        json!({ "n": number(&[0; 256]) }),
        json!({ "n": "" }),
        json!({ "n": "not base64!" }),
        json!({ "n": null }),
        json!({ "e": null }),
        json!({ "e": "" }),
        json!({ "e": number(&[1]) }),
        json!({ "e": number(&[4]) }),
        json!({ "e": odd(5) }),
        json!({ "n": 3 }),
        json!({ "kty": "rsa" }),
        json!({ "kty": null }),
    ] {
        assert!(algorithms(changed(TestKey::Rsa, changes.clone())).is_none(), "{changes}");
    }
    assert!(algorithms(changed(TestKey::Rsa, json!({ "n": odd(512) }))).is_some());
    // With a zero in front, as for a signed number.
    let padded = number(&[vec![0], vec![0xff; 255], vec![1]].concat());
    assert!(algorithms(changed(TestKey::Rsa, json!({ "n": padded, "e": "AAEAAQ" }))).is_some());
    for changes in [
        json!({ "crv": "P-521" }),
        json!({ "crv": "P-384" }),
        json!({ "crv": null }),
        json!({ "x": "AAAA" }),
        json!({ "y": null }),
        json!({ "kty": "OKP", "crv": "Ed25519" }),
    ] {
        assert!(algorithms(changed(TestKey::P256, changes.clone())).is_none(), "{changes}");
    }
}

#[test]
fn what_is_unknown_does_not_spoil_the_rest() {
    let keys = [
        json!(7),
        json!({ "kty": "future" }),
        TestKey::Rsa.public("a"),
        json!({ "kty": "RSA", "kid": 3 }),
        TestKey::P256.public("b"),
    ];
    assert_eq!(parse(&keys).unwrap().len(), 2);
    assert_eq!(parse(&vec![TestKey::P256.public("a"); KEYS_MAX + 1]).unwrap().len(), KEYS_MAX);
}

#[test]
fn documents_of_other_shapes_are_malformed() {
    for document in ["", "[]", "{}", "null", r#"{"keys":{}}"#, r#"{"keys":[]"#, "<html>"] {
        let refused = KeySet::parse(document.as_bytes()).unwrap_err();
        assert_eq!(refused, InvalidKeySet::Malformed, "{document}");
    }
    assert_eq!(parse(&[]).unwrap_err(), InvalidKeySet::NoUsableKey);
    assert_eq!(KeySet::parse(b"{\"keys\":[\xff]}").unwrap_err(), InvalidKeySet::Malformed);
}

#[test]
fn an_id_names_a_key_and_without_one_there_must_be_no_doubt() {
    let set = parse(&[
        TestKey::Rsa.public("a"),
        TestKey::P256.public("a"),
        TestKey::OtherP256.public("b"),
    ])
    .unwrap();
    let shown = |id: Option<&str>, algorithm| match set.choose(id, algorithm) {
        Choice::Key(key) => {
            let at = set.0.iter().position(|known| std::ptr::eq(&raw const known.key, key));
            ["rsa a", "ec a", "ec b"][at.unwrap()]
        }
        Choice::Unknown => "unknown",
        Choice::WrongAlgorithm => "wrong algorithm",
        Choice::Ambiguous => "ambiguous",
    };
    assert_eq!(shown(Some("a"), RS256), "rsa a");
    assert_eq!(shown(Some("a"), ES256), "ec a");
    assert_eq!(shown(Some("b"), ES256), "ec b");
    assert_eq!(shown(Some("b"), RS256), "wrong algorithm");
    assert_eq!(shown(Some("a"), HS256), "wrong algorithm");
    assert_eq!(shown(Some("A"), ES256), "unknown");
    assert_eq!(shown(None, PS384), "rsa a");
    assert_eq!(shown(None, ES256), "ambiguous");
    assert_eq!(shown(None, ES384), "unknown");
    assert_eq!(shown(None, EdDSA), "unknown");
}

/// Any JSON, with the words of a key set in likely places.
fn any_json() -> impl Strategy<Value = Value> {
    let word = prop_oneof![
        Just("RSA"),
        Just("EC"),
        Just("oct"),
        Just("OKP"),
        Just("sig"),
        Just("verify"),
        Just("P-256"),
        Just("P-384"),
        Just("RS256"),
        Just("ES256"),
        Just("HS256"),
        Just("AQAB"),
        Just("qKnttrrgqwgdzLFy444Ffs6uf8H55NZ__4r7-4LNIQ0"),
        Just(""),
        Just("AA"),
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        word.prop_map(Value::from),
        "[A-Za-z0-9_-]{0,700}".prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    let name = prop_oneof![
        Just("keys".to_owned()),
        Just("kty".to_owned()),
        Just("kid".to_owned()),
        Just("use".to_owned()),
        Just("key_ops".to_owned()),
        Just("alg".to_owned()),
        Just("n".to_owned()),
        Just("e".to_owned()),
        Just("crv".to_owned()),
        Just("x".to_owned()),
        Just("y".to_owned()),
        any::<String>(),
    ];
    leaf.prop_recursive(4, 64, 12, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
            prop::collection::hash_map(name.clone(), inner, 0..12)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn no_document_panics(keys in prop::collection::vec(any_json(), 0..6), bytes in any::<Vec<u8>>()) {
        let _ = KeySet::parse(&bytes);
        if let Ok(set) = parse(&keys) {
            for algorithm in RSA_ALGORITHMS.into_iter().chain([ES256, ES384, HS256, EdDSA]) {
                for id in [None, Some(""), Some("1")] {
                    if let Choice::Key(key) = set.choose(id, algorithm) {
                        let verified = jsonwebtoken::crypto::verify("AAAA", b"a.b", key, algorithm);
                        prop_assert!(!verified.unwrap_or(false));
                    }
                }
            }
        }
    }

    #[test]
    fn no_coordinates_and_no_modulus_panic(
        x in prop::collection::vec(any::<u8>(), 32),
        y in prop::collection::vec(any::<u8>(), 32),
        mut n in prop::collection::vec(any::<u8>(), 256..=512),
    ) {
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        n[0] |= 0x80;
        *n.last_mut().unwrap() |= 1;
        let keys = [
            changed(TestKey::P256, json!({ "x": text(&x), "y": text(&y) })),
            changed(TestKey::Rsa, json!({ "n": text(&n) })),
        ];
        let set = parse(&keys).unwrap();
        prop_assert_eq!(set.len(), 2);
        for (algorithm, signature) in [(ES256, vec![7; 64]), (RS256, vec![7; n.len()]), (PS512, vec![7; n.len()])] {
            if let Choice::Key(key) = set.choose(Some("1"), algorithm) {
                let verified = jsonwebtoken::crypto::verify(&text(&signature), b"a.b", key, algorithm);
                prop_assert!(!verified.unwrap_or(false));
            }
        }
    }
}
