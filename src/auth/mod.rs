//! Who may connect: access keys, client tokens, and what a token must say.
//!
//! A server has one or two access keys, valid at the same time ([`key`]). Application servers sign
//! tokens with them; a client shows its token in the upgrade request, and [`token`] turns it into
//! [`ClientClaims`] or into the answer that refuses it. Which endpoint a token is meant for is the
//! business of [`audience`].
//!
//! A token is looked at only while a connection is made (`client-connect.md` section 4.4): nothing
//! here is called for an open one. Time is an argument, in seconds since 1970, so that every rule
//! can be tested without waiting. No key and no token appears in a message or in `Debug` output.
//!
//! Whether a missing token is acceptable (anonymous clients), where in the request it was found,
//! and what its roles permit is left to the listener and to [`crate::hub::permission`].

pub mod audience;
pub mod key;
pub mod token;

pub use audience::PublicEndpoint;
pub use key::{AccessKey, AccessKeys};
pub use token::{ClientClaims, ClientTokenVerifier, NewClientToken, TokenError, sign_client_token};
