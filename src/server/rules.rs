//! From settings to the rules that shards follow: at start, and again at each reload.

use std::sync::Arc;

use crate::auth::oidc::{IssuerKeys, OidcProvider, OidcVerifier};
use crate::auth::{
    ClientTokenSigner, ClientTokenVerifier, EventSigner, IdentityProvider, InternalKey,
    RestTokenSettings, RestTokenVerifier,
};
use crate::config::{Settings, StartError};
use crate::connection::rules::Rules;
use crate::shard::hubs::HubTable;
use crate::upstream::UpstreamSettings;

/// What the webhook shard works by.
pub(super) fn for_upstream(settings: &Settings) -> Arc<UpstreamSettings> {
    Arc::new(UpstreamSettings {
        signer: (!settings.disable_local_auth).then(|| EventSigner::new(&settings.keys)),
        events: settings.events.clone(),
        listeners: settings.hubs.values().flat_map(|hub| hub.event_listeners.clone()).collect(),
        drain_deadline: settings.drain_deadline,
    })
}

pub(super) fn no_random(error: &dyn std::fmt::Display) -> StartError {
    let reason = format!("the system has no random numbers: {error}");
    StartError::new("accessKey", reason, "see the kernel's log")
}

/// Makes rules. What must outlive a reload is kept here.
pub(super) struct RuleMaker {
    /// Signs client tokens while local authentication is disabled (`operations.md` section 6.4).
    internal_key: InternalKey,
    /// The issuers, which do not change while the server runs.
    oidc: OidcVerifier,
}

impl RuleMaker {
    /// # Errors
    /// The system has no random numbers.
    pub(super) fn new(settings: &Settings) -> Result<Self, StartError> {
        let internal_key = InternalKey::generate().map_err(|error| no_random(&error))?;
        let issuers = settings.issuers.iter().map(|issuer| issuer.trusted.clone());
        Ok(Self { internal_key, oidc: OidcVerifier::new(issuers) })
    }

    /// Whose keys are fetched.
    pub(super) fn oidc(&self) -> &OidcVerifier {
        &self.oidc
    }

    pub(super) fn rules(&self, settings: &Arc<Settings>) -> Rules {
        let (verifier, signer) = self.client_tokens(settings);
        let (limits, listener_limits) = (settings.events.limits, settings.events.listener_limits);
        Rules {
            settings: settings.clone(),
            hubs: Arc::new(HubTable::new(
                &settings.hubs,
                settings.default_hub.clone(),
                limits,
                listener_limits,
            )),
            public_host: settings.public_endpoints.first().map(|known| known.host().into()),
            verifier,
            rest_verifier: RestTokenVerifier::new(&settings.keys, self.rest_tokens(settings)),
            signer,
        }
    }

    /// Who signs client tokens, and who accepts them. Without local authentication that is a key
    /// that only this process knows.
    fn client_tokens(&self, settings: &Settings) -> (ClientTokenVerifier, ClientTokenSigner) {
        let endpoints = settings.public_endpoints.clone();
        if settings.disable_local_auth {
            let verifier = ClientTokenVerifier::for_internal_key(&self.internal_key, endpoints);
            return (verifier, ClientTokenSigner::Internal(self.internal_key.clone()));
        }
        let signer = ClientTokenSigner::AccessKey(settings.keys.primary().clone());
        (ClientTokenVerifier::new(&settings.keys, endpoints), signer)
    }

    fn rest_tokens(&self, settings: &Settings) -> RestTokenSettings {
        let no_keys = || {
            let keys = Arc::new(IssuerKeys::none(self.oidc.issuer_count()));
            OidcProvider::new(self.oidc.clone(), keys)
        };
        let has_issuers = !settings.issuers.is_empty();
        RestTokenSettings {
            public_endpoints: settings.public_endpoints.clone(),
            is_local_auth_disabled: settings.disable_local_auth,
            is_provider_auth_disabled: settings.disable_aad_auth,
            provider_audiences: self.oidc.audiences(),
            provider: has_issuers.then(|| Arc::new(no_keys()) as Arc<dyn IdentityProvider>),
        }
    }
}
