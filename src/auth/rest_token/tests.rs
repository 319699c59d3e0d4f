//! The points A19 to A34 of `rest-api.md`, as far as they need no request.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

use super::*;
use crate::auth::AccessKey;

const PRIMARY: &str = "cHJpbWFyeS1rZXktcHJpbWFyeS1rZXktcHJpbWFyeQ==";
const SECONDARY: &str = "a secondary key, which is not Base64 at all";
const NOW: u64 = 1_800_000_000;
const PATH: &str = "/api/hubs/chat/groups/g%2F1/:send";
const URL: &str = "https://example.com/api/hubs/chat/groups/g%2F1/:send";

fn verifier(settings: RestTokenSettings) -> RestTokenVerifier {
    let key = |text| AccessKey::parse(text).unwrap();
    let keys = AccessKeys::configured(key(PRIMARY), Some(key(SECONDARY)));
    RestTokenVerifier::new(&keys, settings)
}

fn verify(token: &str) -> Result<Role, AuthFailure> {
    verifier(RestTokenSettings::default()).verify(token, PATH, NOW)
}

fn sign(key: &[u8], algorithm: Algorithm, claims: &Value) -> String {
    let key = EncodingKey::from_secret(key);
    jsonwebtoken::encode(&Header::new(algorithm), claims, &key).unwrap()
}

fn signed(claims: &Value) -> String {
    sign(PRIMARY.as_bytes(), Algorithm::HS256, claims)
}

fn good_claims() -> Value {
    json!({ "aud": URL, "exp": NOW + 60 })
}

fn is_audience_error(result: &Result<Role, AuthFailure>) -> bool {
    matches!(result, Err(AuthFailure::Token(TokenError::Audience { .. })))
}

#[test]
fn the_audience_is_the_url_with_or_without_query() {
    for audience in [
        format!("{URL}?api-version=2024-12-01&filter=a%20eq%20b"), // A19
        URL.to_owned(),                                            // A20
        URL.to_uppercase().replace("%2F", "%2f"),                  // A22
        URL.replace("https://example.com", "http://10.0.0.7:8080"), // A24
    ] {
        let token = signed(&json!({ "aud": audience, "exp": NOW + 60 }));
        assert_eq!(verify(&token), Ok(Role::Owner), "{audience}");
    }
    // A25
    let token = signed(&json!({ "aud": ["x", URL], "exp": NOW + 60 }));
    assert_eq!(verify(&token), Ok(Role::Owner));
    // A21
    let other = signed(&json!({ "aud": "https://example.com/api/hubs/chat", "exp": NOW + 60 }));
    let refused = verify(&other);
    assert!(is_audience_error(&refused));
    let failure = refused.unwrap_err();
    assert_eq!(failure.status(), 401);
    // O10
    assert_eq!(
        failure.log_message(),
        format!(
            "Failed to validate audience. Expected Audiences: [\"https://*{PATH}\"]. Actual \
             Audiences: [\"https://example.com/api/hubs/chat\"]"
        )
    );
    for audience in [json!(null), json!([]), json!("x")] {
        assert!(is_audience_error(&verify(&signed(&json!({ "aud": audience, "exp": NOW + 60 })))));
    }
}

#[test]
fn public_endpoints_decide_about_the_authority() {
    // A23, A24
    let verify_at = |endpoint| {
        let public_endpoints = vec![PublicEndpoint::parse(endpoint).unwrap()];
        let settings = RestTokenSettings { public_endpoints, ..RestTokenSettings::default() };
        verifier(settings).verify(&signed(&good_claims()), PATH, NOW)
    };
    assert_eq!(verify_at("https://example.com"), Ok(Role::Owner));
    assert!(is_audience_error(&verify_at("https://other.example")));
}

#[test]
fn either_key_as_its_text_and_hs256_only() {
    // A26, O13
    let secondary = sign(SECONDARY.as_bytes(), Algorithm::HS256, &good_claims());
    assert_eq!(verify(&secondary), Ok(Role::Owner));
    // A27
    let decoded = sign(&STANDARD.decode(PRIMARY).unwrap(), Algorithm::HS256, &good_claims());
    assert_eq!(verify(&decoded), Err(TokenError::Signature.into()));
    // A28
    let other = sign(PRIMARY.as_bytes(), Algorithm::HS512, &good_claims());
    assert_eq!(verify(&other), Err(TokenError::Algorithm.into()));
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#);
    let claims = URL_SAFE_NO_PAD.encode(good_claims().to_string());
    assert_eq!(verify(&format!("{header}.{claims}.")).unwrap_err().status(), 401);
}

#[test]
fn times_have_five_minutes_of_tolerance() {
    let at = |changes: Value| {
        let mut claims = good_claims();
        claims.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        verify(&signed(&claims))
    };
    // A29
    let missing = signed(&json!({ "aud": URL }));
    assert_eq!(verify(&missing), Err(TokenError::InvalidClaim("exp").into()));
    assert_eq!(at(json!({ "exp": NOW - 301 })), Err(TokenError::Expired.into()));
    assert_eq!(at(json!({ "exp": NOW - 60 })), Ok(Role::Owner));
    // A30
    assert_eq!(at(json!({})), Ok(Role::Owner));
    assert_eq!(at(json!({ "nbf": NOW + 60 })), Ok(Role::Owner));
    assert_eq!(at(json!({ "nbf": NOW + 301 })), Err(TokenError::NotYetValid.into()));
    // What the Python library adds, and what anybody may.
    let name = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name";
    assert_eq!(at(json!({ name: "u", "iss": [], "sub": {}, "iat": "x" })), Ok(Role::Owner));
}

#[test]
fn malformed_tokens_are_401() {
    let good = signed(&good_claims());
    for token in ["", "x", "..", "a.b.c", "a.b.c.d", &format!("{good}!"), "é.é.é"] {
        assert_eq!(verify(token).unwrap_err().status(), 401, "{token:?}");
    }
}

#[test]
fn with_local_auth_disabled_no_access_key_is_good() {
    // A32, O19
    let settings =
        RestTokenSettings { is_local_auth_disabled: true, ..RestTokenSettings::default() };
    let refused = verifier(settings).verify(&signed(&good_claims()), PATH, NOW);
    assert_eq!(refused, Err(AuthFailure::LocalAuthDisabled));
    assert_eq!(AuthFailure::LocalAuthDisabled.status(), 401);
}

#[test]
fn a_client_token_is_not_good_here() {
    // O21
    let token = signed(&json!({ "aud": "https://example.com/client/hubs/chat", "exp": NOW + 60 }));
    assert!(is_audience_error(&verify(&token)));
}

#[derive(Debug)]
struct Provider(Result<Role, AuthFailure>);

impl IdentityProvider for Provider {
    fn verify(&self, _token: &str, _now_unix_s: u64) -> Result<Role, AuthFailure> {
        self.0.clone()
    }
}

#[test]
fn a_provider_audience_goes_to_the_provider_and_nowhere_else() {
    let settings = |answer: Result<Role, AuthFailure>| RestTokenSettings {
        provider: Some(Arc::new(Provider(answer))),
        ..RestTokenSettings::default()
    };
    for audience in ["https://webpubsub.azure.com", "https://webpubsub.azure.com/"] {
        // Signed with the access key and for this very URL as well: it makes no difference.
        let token = signed(&json!({ "aud": [audience, URL], "exp": NOW + 60 }));
        // A34 (the role part)
        for role in [Role::Owner, Role::Reader] {
            assert_eq!(verifier(settings(Ok(role))).verify(&token, PATH, NOW), Ok(role));
        }
        let reader = Arc::new(Provider(Ok(Role::Reader)));
        let replaced = verifier(settings(Ok(Role::Owner))).with_provider(reader);
        assert_eq!(replaced.verify(&token, PATH, NOW), Ok(Role::Reader));
        assert_eq!(replaced.verify(&signed(&good_claims()), PATH, NOW), Ok(Role::Owner));
        let no_role = verifier(settings(Err(AuthFailure::NoRole))).verify(&token, PATH, NOW);
        assert_eq!(no_role.unwrap_err().status(), 403);
        assert_eq!(verify(&token).unwrap_err().status(), 401);
        // O22
        let disabled =
            RestTokenSettings { is_provider_auth_disabled: true, ..settings(Ok(Role::Owner)) };
        let refused = verifier(disabled).verify(&token, PATH, NOW);
        assert_eq!(refused, Err(AuthFailure::ProviderAuthDisabled));
    }
}

#[test]
fn the_header_has_the_bearer_scheme_in_any_case() {
    assert_eq!(bearer_token("Bearer a.b.c"), Some("a.b.c"));
    assert_eq!(bearer_token(" bEaReR   a.b.c "), Some("a.b.c"));
    for header in ["", "Bearer", "Bearer ", "Basic a", "a.b.c", "Bearera.b.c"] {
        assert_eq!(bearer_token(header), None, "{header:?}");
    }
}

#[test]
fn answers_and_log_lines_are_one_line_without_the_key() {
    // O11
    for failure in [
        AuthFailure::Missing,
        AuthFailure::LocalAuthDisabled,
        AuthFailure::ProviderAuthDisabled,
        AuthFailure::ProviderToken("a\nb".into()),
        AuthFailure::NoRole,
        AuthFailure::ReadOnly,
    ] {
        assert_eq!(failure.to_string().lines().count(), 1);
        assert_eq!(failure.log_message().lines().count(), 1);
    }
    assert!(!format!("{:?}", verifier(RestTokenSettings::default())).contains("secondary"));
}
