//! The rules and one snapshot of the keys, as what the REST verifier asks.

use std::sync::Arc;

use super::{IssuerKeys, OidcVerifier};
use crate::auth::rest_token::{AuthFailure, IdentityProvider, Role};

/// Verifies with the keys of one moment; replaced as a whole by the next one.
#[derive(Clone, Debug)]
pub struct OidcProvider {
    verifier: OidcVerifier,
    keys: Arc<IssuerKeys>,
}

impl OidcProvider {
    pub fn new(verifier: OidcVerifier, keys: Arc<IssuerKeys>) -> Self {
        Self { verifier, keys }
    }
}

impl IdentityProvider for OidcProvider {
    fn verify(&self, token: &str, now_unix_s: u64) -> Result<Role, AuthFailure> {
        Ok(self.verifier.verify(token, &self.keys, now_unix_s)?)
    }
}
