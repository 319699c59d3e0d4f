//! The points C8 to C17 of `client-connect.md`, as far as they need no connection.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::json;

use super::*;
use crate::auth::{AccessKey, ClientTokenSigner, NewClientToken, sign_client_token};

const PRIMARY: &str = "cHJpbWFyeS1rZXktcHJpbWFyeS1rZXktcHJpbWFyeQ==";
const SECONDARY: &str = "a secondary key, which is not Base64 at all";
const NOW: u64 = 1_800_000_000;
const AUDIENCE: &str = "https://example.com/client/hubs/chat";

fn verifier() -> ClientTokenVerifier {
    let key = |text| AccessKey::parse(text).unwrap();
    ClientTokenVerifier::new(&AccessKeys::configured(key(PRIMARY), Some(key(SECONDARY))), vec![])
}

fn verify(token: &str) -> Result<ClientClaims, TokenError> {
    verifier().verify(token, &HubName::parse("chat").unwrap(), NOW)
}

fn sign(key: &[u8], algorithm: Algorithm, claims: &Value) -> String {
    let key = EncodingKey::from_secret(key);
    jsonwebtoken::encode(&Header::new(algorithm), claims, &key).unwrap()
}

/// Verifies a token with these claims besides a good audience and expiry; `null` leaves one out.
fn verify_claims(changes: Value) -> Result<ClientClaims, TokenError> {
    let mut claims =
        Map::from_iter([("aud".to_owned(), json!(AUDIENCE)), ("exp".to_owned(), json!(NOW + 60))]);
    for (name, value) in changes.as_object().unwrap() {
        claims.insert(name.clone(), value.clone());
    }
    claims.retain(|_, value| !value.is_null());
    verify(&sign(PRIMARY.as_bytes(), Algorithm::HS256, &Value::Object(claims)))
}

fn good_claims() -> Value {
    json!({ "aud": AUDIENCE, "exp": NOW + 60 })
}

#[test]
fn either_key_is_good_and_no_other() {
    // C8, O13 (the pure part)
    for key in [PRIMARY, SECONDARY] {
        assert!(verify(&sign(key.as_bytes(), Algorithm::HS256, &good_claims())).is_ok());
    }
    let other = sign(b"some other key of sufficient length", Algorithm::HS256, &good_claims());
    assert_eq!(verify(&other), Err(TokenError::Signature));
    assert_eq!(TokenError::Signature.status(), 401);
}

#[test]
fn the_key_is_its_text_and_never_decoded() {
    // C9
    let decoded = STANDARD.decode(PRIMARY).unwrap();
    let token = sign(&decoded, Algorithm::HS256, &good_claims());
    assert_eq!(verify(&token), Err(TokenError::Signature));
}

#[test]
fn the_audience_must_name_the_hub() {
    // C10
    for audience in ["http://example.com/client/hubs/chat", "HTTPS://EXAMPLE.COM/CLIENT/HUBS/CHAT"]
    {
        assert!(verify_claims(json!({ "aud": audience })).is_ok(), "{audience}");
    }
    let refused = verify_claims(json!({ "aud": "https://example.com/client/hubs/other" }));
    let error = refused.unwrap_err();
    assert_eq!(error.status(), 401);
    // O10
    assert_eq!(
        error.log_message(),
        "Failed to validate audience. Expected Audiences: [\"https://*/client/hubs/chat\"]. \
         Actual Audiences: [\"https://example.com/client/hubs/other\"]"
    );
    assert!(!error.to_string().contains("other"), "the answer repeats nothing of the token");
}

#[test]
fn one_matching_audience_of_several_is_enough_and_none_is_not() {
    // C11
    assert!(verify_claims(json!({ "aud": ["x", AUDIENCE] })).is_ok());
    for audience in [json!(null), json!([]), json!(["x"]), json!(["x", "y"])] {
        let error = verify_claims(json!({ "aud": audience })).unwrap_err();
        assert!(matches!(error, TokenError::Audience { .. }), "{audience}: {error}");
    }
    for audience in [json!(3), json!({ "a": AUDIENCE }), json!([AUDIENCE, 3])] {
        let refused = verify_claims(json!({ "aud": audience }));
        assert_eq!(refused, Err(TokenError::InvalidClaim("aud")), "{audience}");
    }
}

#[test]
fn the_authority_counts_once_there_are_public_endpoints() {
    let keys = AccessKeys::configured(AccessKey::parse(PRIMARY).unwrap(), None);
    let hub = HubName::parse("chat").unwrap();
    let token = sign(PRIMARY.as_bytes(), Algorithm::HS256, &good_claims());
    let verify_at = |endpoint| {
        let endpoints = vec![PublicEndpoint::parse(endpoint).unwrap()];
        ClientTokenVerifier::new(&keys, endpoints).verify(&token, &hub, NOW)
    };
    assert!(verify_at("example.com").is_ok());
    assert!(matches!(verify_at("other.example"), Err(TokenError::Audience { .. })));
}

#[test]
fn expiry_is_required_and_has_five_minutes_of_tolerance() {
    // C12, C15 (the tolerance; an open connection is never asked again)
    assert!(verify_claims(json!({ "exp": NOW - 200 })).is_ok());
    assert!(verify_claims(json!({ "exp": NOW - 299 })).is_ok());
    assert!(verify_claims(json!({ "exp": NOW as f64 - 299.5 })).is_ok());
    for expired in [json!(NOW - 300), json!(NOW - 400), json!(0), json!(-5)] {
        assert_eq!(verify_claims(json!({ "exp": expired })), Err(TokenError::Expired));
    }
    for wrong in [json!(null), json!("1900000000"), json!(true), json!([NOW])] {
        assert_eq!(verify_claims(json!({ "exp": wrong })), Err(TokenError::InvalidClaim("exp")));
    }
    assert!(verify_claims(json!({ "exp": u64::MAX })).is_ok());
}

#[test]
fn not_before_is_optional_and_has_five_minutes_of_tolerance() {
    // C13
    assert!(verify_claims(json!({ "nbf": NOW + 200 })).is_ok());
    assert!(verify_claims(json!({ "nbf": NOW + 300 })).is_ok());
    assert_eq!(verify_claims(json!({ "nbf": NOW + 400 })), Err(TokenError::NotYetValid));
    assert_eq!(verify_claims(json!({ "nbf": "soon" })), Err(TokenError::InvalidClaim("nbf")));
}

#[test]
fn only_hs256_is_accepted() {
    // C14
    for algorithm in [Algorithm::HS384, Algorithm::HS512] {
        let token = sign(PRIMARY.as_bytes(), algorithm, &good_claims());
        assert_eq!(verify(&token), Err(TokenError::Algorithm));
    }
    let unsigned = |algorithm: &str, signature: &str| {
        let header = URL_SAFE_NO_PAD.encode(json!({ "alg": algorithm }).to_string());
        let claims = URL_SAFE_NO_PAD.encode(good_claims().to_string());
        format!("{header}.{claims}.{signature}")
    };
    for token in [unsigned("none", ""), unsigned("RS256", "AAAA"), unsigned("hs256", "AAAA")] {
        assert_eq!(verify(&token).unwrap_err().status(), 401);
    }
}

#[test]
fn critical_extensions_are_refused_and_key_ids_ignored() {
    let sign_with = |change: &dyn Fn(&mut Header)| {
        let mut header = Header::new(Algorithm::HS256);
        change(&mut header);
        let key = EncodingKey::from_secret(PRIMARY.as_bytes());
        jsonwebtoken::encode(&header, &good_claims(), &key).unwrap()
    };
    assert!(verify(&sign_with(&|header| header.kid = Some("7".into()))).is_ok());
    let critical = sign_with(&|header| header.crit = Some(vec!["b64".into()]));
    assert_eq!(verify(&critical), Err(TokenError::Malformed));
}

#[test]
fn malformed_tokens_are_401() {
    let good = sign(PRIMARY.as_bytes(), Algorithm::HS256, &good_claims());
    let array = sign(PRIMARY.as_bytes(), Algorithm::HS256, &json!([1]));
    let (message, _) = good.rsplit_once('.').unwrap();
    for token in ["", "x", "..", "a.b.c", "a.b.c.d", message, &format!("{good}!"), &array, "é.é.é"]
    {
        assert_eq!(verify(token).unwrap_err().status(), 401, "{token:?}");
    }
}

#[test]
fn roles_and_groups_are_strings_or_arrays() {
    // C16, R11
    let claims = verify_claims(json!({ "role": "r", "webpubsub.group": "g" })).unwrap();
    assert_eq!((claims.roles, claims.groups), (vec!["r".to_owned()], vec!["g".to_owned()]));
    let claims =
        verify_claims(json!({ "role": ["r", "s"], "webpubsub.group": ["g", "h"] })).unwrap();
    assert_eq!((claims.roles.len(), claims.groups.len()), (2, 2));
    let claims = verify_claims(json!({})).unwrap();
    assert!(claims.roles.is_empty() && claims.groups.is_empty() && claims.user_id.is_none());
    for wrong in [json!(1), json!([1]), json!({ "a": "b" })] {
        let refused = verify_claims(json!({ "role": wrong }));
        assert_eq!(refused, Err(TokenError::InvalidClaim("role")));
    }
}

#[test]
fn invalid_group_names_are_400() {
    // C17
    for group in [json!("   "), json!(""), json!("g".repeat(1025)), json!(["ok", " "])] {
        let error = verify_claims(json!({ "webpubsub.group": group })).unwrap_err();
        assert_eq!((error.status(), error), (400, TokenError::InvalidGroup));
    }
    assert!(verify_claims(json!({ "webpubsub.group": "g".repeat(1024) })).is_ok());
}

#[test]
fn the_user_id_is_one_short_printable_text() {
    let user_id =
        |value: Value| verify_claims(json!({ "sub": value })).map(|claims| claims.user_id);
    assert_eq!(user_id(json!("ann")), Ok(Some("ann".to_owned())));
    assert_eq!(user_id(json!("")), Ok(None));
    assert_eq!(user_id(json!("é".repeat(2048))), Ok(Some("é".repeat(2048))));
    for wrong in [json!(["ann"]), json!(7), json!({ "id": 7 }), json!(true)] {
        assert_eq!(user_id(wrong), Err(TokenError::InvalidClaim("sub")));
    }
    for invalid in ["u".repeat(4097), "é".repeat(2049), "a\nb".to_owned(), "\u{85}".to_owned()] {
        assert_eq!(user_id(json!(invalid)), Err(TokenError::InvalidUserId));
    }
    assert_eq!(TokenError::InvalidUserId.status(), 400);
}

#[test]
fn a_bad_credential_answers_before_a_bad_wish() {
    let error = verify_claims(json!({ "exp": 0, "sub": "a\nb", "webpubsub.group": " " }));
    assert_eq!(error, Err(TokenError::Expired));
    let error = verify_claims(json!({ "aud": "x", "sub": "a\nb", "webpubsub.group": " " }));
    assert_eq!(error.unwrap_err().status(), 401);
}

#[test]
fn claims_that_do_not_matter_may_be_anything() {
    for value in [json!(1), json!([{}]), json!({ "a": [] }), json!(false)] {
        assert!(verify_claims(json!({ "iss": value, "iat": value, "jti": value })).is_ok());
    }
}

#[test]
fn every_claim_is_kept_for_the_connect_event() {
    // C27 (the pure part)
    let claims = verify_claims(json!({ "sub": "ann", "tier": ["gold", 3], "iss": "app" })).unwrap();
    assert_eq!(claims.claims["tier"], json!(["gold", 3]));
    assert_eq!(claims.claims["aud"], json!(AUDIENCE));
    assert_eq!(claims.claims["sub"], json!("ann"));
}

#[test]
fn what_is_signed_here_is_accepted_here() {
    let (roles, groups) = (["r".to_owned()], ["g".to_owned()]);
    let new = NewClientToken {
        audience: AUDIENCE,
        user_id: Some("ann"),
        roles: &roles,
        groups: &groups,
        ttl: Duration::from_secs(60),
    };
    let claims =
        verify(&sign_client_token(&AccessKey::parse(PRIMARY).unwrap(), &new, NOW)).unwrap();
    assert_eq!(claims.user_id.as_deref(), Some("ann"));
    assert_eq!((claims.roles, claims.groups), (roles.to_vec(), groups.to_vec()));
    assert_eq!(claims.claims["exp"], json!(NOW + 60));

    let plain = NewClientToken { user_id: None, roles: &[], groups: &[], ..new };
    let claims =
        verify(&sign_client_token(&AccessKey::parse(PRIMARY).unwrap(), &plain, NOW)).unwrap();
    assert_eq!(claims.claims.len(), 4, "only aud, iat, nbf and exp");
}

#[test]
fn the_internal_key_is_good_here_and_only_where_it_was_made() {
    // O20 (the client's part)
    let sign_with = |key: &InternalKey| {
        let new = NewClientToken {
            audience: AUDIENCE,
            user_id: None,
            roles: &[],
            groups: &[],
            ttl: Duration::from_secs(60),
        };
        ClientTokenSigner::Internal(key.clone()).sign(&new, NOW)
    };
    let (own, foreign) = (InternalKey::generate().unwrap(), InternalKey::generate().unwrap());
    let token = sign_with(&own);
    let key_id = jsonwebtoken::decode_header(&token).unwrap().kid;
    assert_eq!(key_id.as_deref(), Some("corecast-internal"));

    let hub = HubName::parse("chat").unwrap();
    let verifier = ClientTokenVerifier::for_internal_key(&own, vec![]);
    assert!(verifier.verify(&token, &hub, NOW).is_ok());
    assert_eq!(verifier.verify(&sign_with(&foreign), &hub, NOW), Err(TokenError::Signature));
    assert_eq!(verify(&token), Err(TokenError::Signature));
    let local = sign(PRIMARY.as_bytes(), Algorithm::HS256, &good_claims());
    assert_eq!(verifier.verify(&local, &hub, NOW), Err(TokenError::Signature));
    assert!(!format!("{own:?}").contains(own.as_access_key().as_str()));
}

#[test]
fn a_verifier_may_travel_to_each_shard() {
    fn travels<T: Clone + Send + Sync + 'static>() {}
    travels::<ClientTokenVerifier>();
}

#[test]
fn answers_are_one_line_and_debug_output_has_no_key() {
    // O11
    let errors = [
        TokenError::Malformed,
        TokenError::Algorithm,
        TokenError::Signature,
        TokenError::Expired,
        TokenError::NotYetValid,
        TokenError::InvalidClaim("exp"),
        TokenError::Audience { expected: vec![], actual: vec!["a\nb".into()] },
        TokenError::InvalidUserId,
        TokenError::InvalidGroup,
    ];
    for error in errors {
        assert_eq!(error.to_string().lines().count(), 1);
        assert_eq!(error.log_message().lines().count(), 1);
    }
    assert!(!format!("{:?}", verifier()).contains("secondary"));
}
