//! Certificates that nobody trusts who is not told to.

use std::net::Ipv4Addr;
use std::path::PathBuf;

use rcgen::{CertifiedKey, generate_simple_self_signed};

use super::listener::TempDir;

/// A certificate for an address, and its key, as files that go away with the test.
pub(crate) struct Certificate {
    directory: TempDir,
}

impl Certificate {
    pub(crate) fn of(host: Ipv4Addr) -> Self {
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed([host.to_string()]).expect("an address");
        let certificate = Self { directory: TempDir::new() };
        for (path, text) in [
            (certificate.file(), cert.pem()),
            (certificate.key_file(), signing_key.serialize_pem()),
        ] {
            std::fs::write(path, text).expect("a writable target directory");
        }
        certificate
    }

    fn file(&self) -> PathBuf {
        self.directory.path().join("certificate.pem")
    }

    fn key_file(&self) -> PathBuf {
        self.directory.path().join("key.pem")
    }

    /// The file of the certificate.
    pub(crate) fn path(&self) -> String {
        self.file().display().to_string()
    }

    /// The file of its key.
    pub(crate) fn key_path(&self) -> String {
        self.key_file().display().to_string()
    }
}
