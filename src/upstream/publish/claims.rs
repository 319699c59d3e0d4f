//! Where the claims of a destination come from (`events-listener.md` section 5.2).

use std::rc::Rc;
use std::time::Duration;

use super::amqp::{Claim, ClaimKind};
use super::carrier::Surroundings;
use crate::config::{IdentityCredential, IdentitySettings, KeyUrl};
use crate::event::destination::{ClaimsAuth, ClientCredentials};
use crate::event::secret::Secret;
use crate::shard::clock;
use crate::upstream::token::Tokens;

/// Whom tokens are for; the provider adds its `/.default`.
const RESOURCE: &str = "https://eventhubs.azure.net";

/// Makes the claims of one destination.
pub(super) enum Claims {
    None,
    Key(crate::event::destination::SharedAccessKey),
    /// Of the process's identity, which may change.
    Identity,
    Client(Result<Tokens, String>),
}

impl Claims {
    pub(super) fn new(auth: Option<&ClaimsAuth>, surroundings: &Surroundings) -> Self {
        match auth {
            None => Self::None,
            Some(ClaimsAuth::SharedAccessKey(key)) => Self::Key(key.clone()),
            Some(ClaimsAuth::Identity) => Self::Identity,
            Some(ClaimsAuth::ClientCredentials(client)) => {
                Self::Client(tokens_of(client, surroundings))
            }
        }
    }

    /// A claim for `audience`; `None` if the destination asks for none.
    ///
    /// # Errors
    /// There is no token; the text says why, and nothing else.
    pub(super) async fn make(
        &self,
        audience: &str,
        surroundings: &Surroundings,
    ) -> Result<Option<Claim>, String> {
        match self {
            Self::None => Ok(None),
            Self::Key(key) => Ok(Some(Claim::sign(key, audience, clock::unix_seconds()))),
            Self::Identity => {
                let tokens = surroundings.tokens.borrow().clone();
                let tokens = tokens.ok_or("no identity is configured")?;
                token(&tokens).await.map(Some)
            }
            Self::Client(tokens) => token(tokens.as_ref().map_err(String::clone)?).await.map(Some),
        }
    }
}

fn tokens_of(client: &ClientCredentials, surroundings: &Surroundings) -> Result<Tokens, String> {
    let token_endpoint = KeyUrl::parse(&client.token_endpoint).map_err(|e| e.to_string())?;
    let identity = IdentitySettings {
        token_endpoint,
        client_id: client.client_id.clone(),
        credential: IdentityCredential::Secret(client.client_secret.clone()),
    };
    Tokens::new(Rc::clone(&surroundings.client), &identity).map_err(|error| error.to_string())
}

async fn token(tokens: &Tokens) -> Result<Claim, String> {
    let (text, renew_after) = tokens.token(RESOURCE).await.map_err(|error| error.to_string())?;
    // One that is due has been asked for; the next look finds the new one.
    let renew_after = renew_after.max(Duration::from_secs(1));
    Ok(Claim { kind: ClaimKind::Jwt, token: Secret::new(&text), renew_after })
}
