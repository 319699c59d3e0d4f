//! Whose certificates are trusted: the system's roots, or those of the operator's file.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

/// Names of protocols in the order in which they are offered (`events-webhook.md` section 5.2.1).
const ALPN: [&[u8]; 2] = [HTTP2, b"http/1.1"];
pub(super) const HTTP2: &[u8] = b"h2";

/// Certificates that vouch for those of others.
#[derive(Clone, Debug)]
pub struct Roots(RootCertStore);

impl Roots {
    /// Those of the file, and no others.
    ///
    /// # Errors
    /// It cannot be read or has something else in it; the text says what.
    pub fn from_file(path: &Path) -> Result<Self, String> {
        let certificates =
            CertificateDer::pem_file_iter(path).map_err(|error| error.to_string())?;
        let mut store = RootCertStore::empty();
        for certificate in certificates {
            let certificate = certificate.map_err(|error| error.to_string())?;
            store.add(certificate).map_err(|error| error.to_string())?;
        }
        if store.is_empty() {
            return Err("there is no certificate in it".to_owned());
        }
        Ok(Self(store))
    }

    /// Those of the system; none if it has none.
    pub fn of_system() -> Self {
        let mut store = RootCertStore::empty();
        // A system's collection may hold entries that are no roots for TLS.
        store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        Self(store)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// # Errors
    /// The library lacks what it needs; the text says what.
    pub(in crate::upstream) fn client_config(self) -> Result<Arc<ClientConfig>, String> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_root_certificates(self.0)
            .with_no_client_auth();
        config.alpn_protocols = ALPN.map(<[u8]>::to_vec).to_vec();
        Ok(Arc::new(config))
    }
}
