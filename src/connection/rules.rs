//! Who gets in, and what is configured about hubs: what a reload replaces as a whole
//! (`operations.md` section 10.3).

use std::sync::Arc;

use crate::auth::{ClientTokenSigner, ClientTokenVerifier, RestTokenVerifier};
use crate::config::Settings;
use crate::shard::hubs::HubTable;

/// The rules that the sockets of every shard follow.
#[derive(Clone, Debug)]
pub struct Rules {
    pub settings: Arc<Settings>,
    pub hubs: Arc<HubTable>,
    /// The host by which everybody knows this server, if it is configured.
    pub public_host: Option<Box<str>>,
    pub verifier: ClientTokenVerifier,
    pub rest_verifier: RestTokenVerifier,
    pub signer: ClientTokenSigner,
}
