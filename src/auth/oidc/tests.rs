//! The points A33 and A34 as far as they need no request, and every refusal.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::test_issuer::{TestKey, key_set};
use super::*;
use crate::auth::rest_token::{AuthFailure, IdentityProvider};

const NOW: u64 = 1_800_000_000;
const ISSUER: &str = "https://sts.example/tenant/";
const OTHER_ISSUER: &str = "https://id.example";

fn verifier() -> OidcVerifier {
    let rule = |value: &str, role| RoleRule { claim: "roles".into(), value: value.into(), role };
    OidcVerifier::new([
        TrustedIssuer {
            issuer: ISSUER.into(),
            audiences: vec![DEFAULT_PROVIDER_AUDIENCE.into()],
            roles: vec![rule("owner", Role::Owner), rule("reader", Role::Reader)],
        },
        TrustedIssuer {
            issuer: OTHER_ISSUER.into(),
            audiences: vec!["corecast".into(), "https://chat.example/".into()],
            roles: vec![rule("owner", Role::Owner)],
        },
    ])
}

/// The first issuer has keys of every kind, the second one has another one under the same id.
fn keys() -> IssuerKeys {
    let set = |keys: &[Value]| Arc::new(KeySet::parse(&key_set(keys)).unwrap());
    let first = [TestKey::Rsa.public("r"), TestKey::P256.public("e"), TestKey::P384.public("e3")];
    IssuerKeys::none(2)
        .with_keys(0, set(&first))
        .with_keys(1, set(&[TestKey::OtherP256.public("e")]))
}

fn verify(token: &str) -> Result<Role, OidcFailure> {
    verifier().verify(token, &keys(), NOW)
}

/// Good claims with changes; `null` leaves one out.
fn claims(changes: Value) -> Value {
    let mut claims = json!({
        "iss": ISSUER, "aud": DEFAULT_PROVIDER_AUDIENCE, "exp": NOW + 60, "roles": ["owner"],
    });
    for (name, value) in changes.as_object().unwrap() {
        claims[name] = value.clone();
    }
    claims.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    claims
}

fn verify_claims(changes: Value) -> Result<Role, OidcFailure> {
    verify(&TestKey::P256.sign(Algorithm::ES256, Some("e"), &claims(changes)))
}

#[test]
fn every_asymmetric_algorithm_of_a_key_is_good() {
    // A33
    use Algorithm::{ES256, ES384, PS256, PS384, PS512, RS256, RS384, RS512};
    let good = claims(json!({}));
    for algorithm in [RS256, RS384, RS512, PS256, PS384, PS512] {
        let token = TestKey::Rsa.sign(algorithm, Some("r"), &good);
        assert_eq!(verify(&token), Ok(Role::Owner), "{algorithm:?}");
    }
    assert_eq!(verify(&TestKey::P256.sign(ES256, Some("e"), &good)), Ok(Role::Owner));
    assert_eq!(verify(&TestKey::P384.sign(ES384, Some("e3"), &good)), Ok(Role::Owner));
}

#[test]
fn claims_decide_the_role() {
    // A34
    assert_eq!(verify_claims(json!({ "roles": "reader" })), Ok(Role::Reader));
    assert_eq!(verify_claims(json!({ "roles": ["reader", "owner"] })), Ok(Role::Owner));
    for nobody in [json!(null), json!([]), json!(["other"]), json!({ "owner": 1 })] {
        let refused = verify_claims(json!({ "roles": nobody })).unwrap_err();
        assert_eq!(AuthFailure::from(refused.clone()).status(), 403);
        assert_eq!(refused, OidcFailure::NoRole);
    }
}

#[test]
fn the_key_is_the_issuers_and_the_signature_is_checked() {
    let good = claims(json!({}));
    // The right id, signed with another key: that of another issuer.
    let token = TestKey::OtherP256.sign(Algorithm::ES256, Some("e"), &good);
    assert_eq!(verify(&token), Err(TokenError::Signature.into()));
    let other = claims(json!({ "iss": OTHER_ISSUER, "aud": "corecast" }));
    assert_eq!(
        verify(&TestKey::OtherP256.sign(Algorithm::ES256, Some("e"), &other)),
        Ok(Role::Owner)
    );
    assert_eq!(
        verify(&TestKey::P256.sign(Algorithm::ES256, Some("e"), &other)),
        Err(TokenError::Signature.into())
    );
    // Other claims under a good signature.
    let token = TestKey::Rsa.sign(Algorithm::RS256, Some("r"), &good);
    let (head, rest) = token.split_once('.').unwrap();
    let (_, signature) = rest.split_once('.').unwrap();
    let forged = URL_SAFE_NO_PAD.encode(claims(json!({ "sub": "x" })).to_string());
    let forged = format!("{head}.{forged}.{signature}");
    assert_eq!(verify(&forged), Err(TokenError::Signature.into()));
}

#[test]
fn the_key_decides_the_algorithm() {
    // A28
    let good = claims(json!({}));
    let token = TestKey::Rsa.sign(Algorithm::RS256, Some("e"), &good);
    assert_eq!(verify(&token), Err(OidcFailure::Algorithm));
    // The classic: the public key used as a shared secret.
    let modulus = TestKey::Rsa.public("r")["n"].as_str().unwrap().to_owned();
    for id in [Some("r"), Some("e"), None] {
        let mut header = Header::new(Algorithm::HS256);
        header.kid = id.map(str::to_owned);
        let key = EncodingKey::from_secret(modulus.as_bytes());
        let token = jsonwebtoken::encode(&header, &good, &key).unwrap();
        let refused = verify(&token).unwrap_err();
        assert!(
            matches!(refused, OidcFailure::Algorithm | OidcFailure::UnknownKey { .. }),
            "{refused}"
        );
    }
    for algorithm in ["none", "None", "ES512", "HS257", ""] {
        let head = URL_SAFE_NO_PAD.encode(json!({ "alg": algorithm, "kid": "r" }).to_string());
        let token = format!("{head}.{}.", URL_SAFE_NO_PAD.encode(good.to_string()));
        assert_eq!(verify(&token), Err(TokenError::Malformed.into()), "{algorithm}");
    }
}

#[test]
fn the_issuer_is_compared_letter_by_letter() {
    for other in ["https://sts.example/tenant", "https://STS.example/tenant/", "", "x"] {
        let refused = verify_claims(json!({ "iss": other }));
        assert_eq!(refused, Err(OidcFailure::UnknownIssuer(other.to_owned())));
    }
    for wrong in [json!(null), json!(1), json!([ISSUER])] {
        let refused = verify_claims(json!({ "iss": wrong }));
        assert_eq!(refused, Err(TokenError::InvalidClaim("iss").into()));
    }
    let failure = AuthFailure::from(OidcFailure::UnknownIssuer("a\nb".into()));
    assert_eq!((failure.status(), failure.log_message().lines().count()), (401, 1));
}

#[test]
fn one_accepted_audience_is_enough_with_or_without_a_slash() {
    for good in [
        json!("https://webpubsub.azure.com"),
        json!("https://webpubsub.azure.com/"),
        json!(["x", "https://webpubsub.azure.com/"]),
    ] {
        assert_eq!(verify_claims(json!({ "aud": good })), Ok(Role::Owner), "{good}");
    }
    // That of another issuer, and none at all.
    for wrong in [json!("corecast"), json!("https://webpubsub.azure.com//"), json!([]), json!(null)]
    {
        let failure = AuthFailure::from(verify_claims(json!({ "aud": wrong })).unwrap_err());
        assert_eq!(failure.status(), 401);
        // O10
        let log = failure.log_message();
        let start = "Failed to validate audience. Expected Audiences: \
                     [\"https://webpubsub.azure.com\"]. Actual Audiences: ";
        assert!(log.starts_with(start), "{log}");
    }
    let refused = verify_claims(json!({ "aud": 3 }));
    assert_eq!(refused, Err(TokenError::InvalidClaim("aud").into()));
    let second = json!({ "iss": OTHER_ISSUER, "aud": "https://chat.example" });
    let token = TestKey::OtherP256.sign(Algorithm::ES256, Some("e"), &claims(second));
    assert_eq!(verify(&token), Ok(Role::Owner));
}

#[test]
fn tokens_for_any_accepted_audience_come_here() {
    let expected = ["https://webpubsub.azure.com", "corecast", "https://chat.example/"];
    assert_eq!(verifier().audiences(), expected);
    assert_eq!(OidcVerifier::new([]).audiences(), expected[..1]);
}

#[test]
fn times_have_five_minutes_of_tolerance() {
    // A29, A30
    for good in [json!({ "exp": NOW - 299 }), json!({ "nbf": NOW + 300 }), json!({ "nbf": NOW })] {
        assert_eq!(verify_claims(good.clone()), Ok(Role::Owner), "{good}");
    }
    for (wrong, error) in [
        (json!({ "exp": NOW - 300 }), TokenError::Expired),
        (json!({ "exp": null }), TokenError::InvalidClaim("exp")),
        (json!({ "exp": "soon" }), TokenError::InvalidClaim("exp")),
        (json!({ "nbf": NOW + 301 }), TokenError::NotYetValid),
    ] {
        assert_eq!(verify_claims(wrong.clone()), Err(error.into()), "{wrong}");
    }
}

#[test]
fn an_unknown_key_may_be_asked_for_once_and_then_is_final() {
    let token = TestKey::OtherP256.sign(Algorithm::ES256, Some("new"), &claims(json!({})));
    let before = keys();
    let verify = |keys: &IssuerKeys, now| verifier().verify(&token, keys, now);
    let unknown = OidcFailure::UnknownKey { issuer: 0 };
    assert_eq!(verify(&before, NOW), Err(unknown.clone()));
    assert_eq!(verify(&IssuerKeys::none(2), NOW), Err(unknown.clone()), "nothing fetched yet");
    assert_eq!(AuthFailure::from(unknown.clone()), AuthFailure::UnknownKey { issuer: 0 });

    // The refresh found it.
    let set = KeySet::parse(&key_set(&[TestKey::OtherP256.public("new")])).unwrap();
    let found = before.with_answer(0, NOW).with_keys(0, Arc::new(set));
    assert_eq!(verify(&found, NOW), Ok(Role::Owner));

    // The refresh did not find it, or failed.
    let missing = before.with_answer(0, NOW);
    for now in [NOW - 1, NOW, NOW + ASK_INTERVAL_S - 1] {
        assert_eq!(verify(&missing, now), Err(OidcFailure::NoSuchKey), "{now}");
    }
    assert_eq!(verify(&missing, NOW + ASK_INTERVAL_S), Err(unknown.clone()));
    assert_eq!(verify(&missing, NOW - 3600), Err(unknown.clone()), "the clock was set back");
    // Another issuer's refresh does not count.
    assert_eq!(verify(&before.with_answer(1, NOW), NOW), Err(unknown));
    // A snapshot never changes.
    assert_eq!(verify(&before, NOW), Err(OidcFailure::UnknownKey { issuer: 0 }));
}

#[test]
fn a_token_without_a_key_id_means_the_only_key_there_is() {
    let good = claims(json!({}));
    assert_eq!(verify(&TestKey::Rsa.sign(Algorithm::RS256, None, &good)), Ok(Role::Owner));
    // Signed with its successor, perhaps.
    let token = TestKey::OtherP256.sign(Algorithm::ES256, None, &good);
    assert_eq!(verify(&token), Err(OidcFailure::UnknownKey { issuer: 0 }));
    let two = [TestKey::P256.public("1"), TestKey::OtherP256.public("2")];
    let two = IssuerKeys::none(2).with_keys(0, Arc::new(KeySet::parse(&key_set(&two)).unwrap()));
    assert_eq!(verifier().verify(&token, &two, NOW), Err(OidcFailure::NoKeyId));
}

#[test]
fn malformed_tokens_are_401() {
    let good = TestKey::P256.sign(Algorithm::ES256, Some("e"), &claims(json!({})));
    let array = TestKey::P256.sign(Algorithm::ES256, Some("e"), &json!([1]));
    let mut header = Header::new(Algorithm::ES256);
    header.kid = Some("e".into());
    header.crit = Some(vec!["b64".into()]);
    let critical = TestKey::P256.sign_with(&header, &claims(json!({})));
    let (message, _) = good.rsplit_once('.').unwrap();
    for token in ["", "x", "..", "a.b.c", message, &format!("{good}!"), &array, &critical, "é.é.é"]
    {
        let failure = AuthFailure::from(verify(token).unwrap_err());
        assert_eq!(failure.status(), 401, "{token:?}");
        assert!(!matches!(failure, AuthFailure::UnknownKey { .. }));
    }
}

#[test]
fn a_provider_is_rules_and_keys_and_may_travel_to_each_shard() {
    fn travels<T: Clone + Send + Sync + 'static>() {}
    travels::<OidcProvider>();
    let token = TestKey::P256.sign(Algorithm::ES256, Some("e"), &claims(json!({})));
    let provider = OidcProvider::new(verifier(), Arc::new(keys()));
    assert_eq!(provider.verify(&token, NOW), Ok(Role::Owner));
    let provider = OidcProvider::new(verifier(), Arc::new(IssuerKeys::none(2)));
    assert_eq!(provider.verify(&token, NOW), Err(AuthFailure::UnknownKey { issuer: 0 }));
}

#[test]
fn messages_are_one_line_and_repeat_no_token() {
    // O11
    let failures = [
        OidcFailure::Token(TokenError::Expired),
        OidcFailure::UnknownIssuer("a\nb".into()),
        OidcFailure::UnknownKey { issuer: 0 },
        OidcFailure::NoSuchKey,
        OidcFailure::NoKeyId,
        OidcFailure::Algorithm,
        OidcFailure::NoRole,
    ];
    for failure in failures.map(AuthFailure::from) {
        assert_eq!(failure.to_string().lines().count(), 1);
        assert_eq!(failure.log_message().lines().count(), 1);
        assert!(!failure.to_string().contains('a') || !failure.to_string().contains("a\nb"));
    }
}

proptest! {
    #[test]
    fn no_text_panics(head in any::<String>(), body in any::<String>(), token in any::<String>()) {
        let _ = verify(&token);
        let encode = |text: &str| URL_SAFE_NO_PAD.encode(text);
        let _ = verify(&format!("{}.{}.{}", encode(&head), encode(&body), encode(&token)));
    }

    #[test]
    fn no_changed_byte_is_accepted(at in any::<prop::sample::Index>(), bit in 0..6_u8) {
        let good = TestKey::P256.sign(Algorithm::ES256, Some("e"), &claims(json!({})));
        let mut bytes = good.clone().into_bytes();
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        if let Ok(changed) = String::from_utf8(bytes) {
            prop_assert!(verify(&changed).is_err(), "{} at {}", changed, at);
        }
    }
}
