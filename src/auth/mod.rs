//! Who may connect and who may call: access keys, tokens, and what a token must say.
//!
//! A server has one or two access keys, valid at the same time ([`key`]). Application servers sign
//! tokens with them; a client shows its token in the upgrade request, and [`token`] turns it into
//! [`ClientClaims`] or into the answer that refuses it. Application servers show theirs in each
//! REST request, and [`rest_token`] turns it into a [`Role`]; those of identity providers are
//! verified by [`oidc`]. Which endpoint a token is meant for is the business of [`audience`], what
//! both kinds have in common that of `claims`; [`sign`] makes client tokens. Event handlers know
//! this server by what [`event_signature`] makes with the same keys.
//!
//! A client's token is looked at only while a connection is made (`client-connect.md` section 4.4):
//! nothing here is called for an open one. Time is an argument, in seconds since 1970, so that
//! every rule can be tested without waiting. No key and no token appears in a message or in `Debug`
//! output.
//!
//! Whether a missing token is acceptable (anonymous clients), where in the request it was found,
//! and what its roles permit is left to the listener and to [`crate::hub::permission`].

pub mod audience;
mod claims;
pub mod error;
pub mod event_signature;
pub mod key;
pub mod oidc;
pub mod reconnection;
pub mod rest_token;
pub mod sign;
pub mod token;

pub use audience::PublicEndpoint;
pub use error::TokenError;
pub use event_signature::{EventSigner, sign_text};
pub use key::{AccessKey, AccessKeys};
pub use reconnection::ReconnectionTokens;
pub use rest_token::{
    AuthFailure, IdentityProvider, RestTokenSettings, RestTokenVerifier, Role, bearer_token,
};
pub use sign::{ClientTokenSigner, InternalKey, NewClientToken, sign_client_token};
pub use token::{ClientClaims, ClientTokenVerifier};
