//! A JSON Web Key Set (RFC 7517) and which of its keys a token means.
//!
//! Read leniently, because issuers publish keys for other purposes and of kinds to come in the same
//! document: what cannot verify a token here is passed over. Used strictly: the key says which
//! algorithms it is for, by its type and, if it names one, by its `alg`.
//!
//! RSA from 2,048 to 4,096 bits, and the curves P-256 and P-384. Symmetric keys are never taken.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::Algorithm::{ES256, ES384, PS256, PS384, PS512, RS256, RS384, RS512};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use serde_json::Value;

/// Keys of one issuer; further ones are passed over. Large providers publish about ten.
const KEYS_MAX: usize = 100;
/// RFC 7518, section 3.3: "A key of size 2048 bits or larger MUST be used". The upper bound keeps
/// what a bad signature costs a shard within a millisecond, however the library computes it.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=4096;
/// An exponent of at most 32 bits, for the same reason; everybody uses 65,537.
const RSA_EXPONENT_BYTES_MAX: usize = 4;

const RSA_ALGORITHMS: [Algorithm; 6] = [RS256, RS384, RS512, PS256, PS384, PS512];

/// The keys of one issuer. At least one.
#[derive(Debug)]
pub struct KeySet(Vec<SigningKey>);

#[derive(Debug)]
struct SigningKey {
    id: Option<String>,
    /// Never a symmetric one.
    algorithms: &'static [Algorithm],
    key: DecodingKey,
}

/// What a token's header leads to.
pub(super) enum Choice<'a> {
    Key(&'a DecodingKey),
    /// No key has the id; or no id is given and no key is for the algorithm.
    Unknown,
    /// A key has the id and is not for the algorithm.
    WrongAlgorithm,
    /// No id is given and several keys are for the algorithm.
    Ambiguous,
}

/// Why a document is no use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvalidKeySet {
    /// Not a JSON object with an array of `keys`.
    Malformed,
    /// None of its keys can verify a token here.
    NoUsableKey,
}

impl fmt::Display for InvalidKeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "it is not a JSON Web Key Set",
            Self::NoUsableKey => "it has no RSA (2048 to 4096 bits), P-256 or P-384 signing key",
        })
    }
}

impl std::error::Error for InvalidKeySet {}

impl KeySet {
    /// Reads the document.
    ///
    /// # Errors
    /// It is malformed as a whole, or holds nothing to verify a token with.
    pub fn parse(document: &[u8]) -> Result<Self, InvalidKeySet> {
        #[derive(Deserialize)]
        struct Document {
            keys: Vec<Value>,
        }
        let document: Document =
            serde_json::from_slice(document).map_err(|_| InvalidKeySet::Malformed)?;
        let keys = document.keys.into_iter().filter_map(SigningKey::read);
        let keys: Vec<_> = keys.take(KEYS_MAX).collect();
        if keys.is_empty() { Err(InvalidKeySet::NoUsableKey) } else { Ok(Self(keys)) }
    }

    /// How many keys are of use.
    #[allow(clippy::len_without_is_empty, reason = "it never is")]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The key that a token with this header is signed with, if it is good.
    pub(super) fn choose(&self, id: Option<&str>, algorithm: Algorithm) -> Choice<'_> {
        // RFC 7517, section 4.5: keys of different types may have the same id.
        let mut named = self.0.iter().filter(|key| id.is_none() || key.id.as_deref() == id);
        let is_named = named.clone().next().is_some();
        match named.find(|key| key.algorithms.contains(&algorithm)) {
            Some(_) if id.is_none() && named.any(|key| key.algorithms.contains(&algorithm)) => {
                Choice::Ambiguous
            }
            Some(key) => Choice::Key(&key.key),
            None if id.is_some() && is_named => Choice::WrongAlgorithm,
            None => Choice::Unknown,
        }
    }
}

/// The members of a key that matter here (RFC 7517, section 4; RFC 7518, section 6).
#[derive(Deserialize)]
struct JsonWebKey {
    kty: String,
    kid: Option<String>,
    r#use: Option<String>,
    key_ops: Option<Vec<String>>,
    alg: Option<String>,
    n: Option<String>,
    e: Option<String>,
    crv: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

impl SigningKey {
    fn read(value: Value) -> Option<Self> {
        let written: JsonWebKey = serde_json::from_value(value).ok()?;
        let is_for_signatures = written.r#use.as_deref().is_none_or(|purpose| purpose == "sig")
            && written.key_ops.as_ref().is_none_or(|all| all.iter().any(|one| one == "verify"));
        if !is_for_signatures {
            return None;
        }
        let (algorithms, key) = match written.kty.as_str() {
            "RSA" => (&RSA_ALGORITHMS[..], written.rsa_key()?),
            "EC" => written.elliptic_key()?,
            _ => return None,
        };
        let algorithms = match &written.alg {
            Some(name) => only(algorithms, name)?,
            None => algorithms,
        };
        Some(Self { id: written.kid, algorithms, key })
    }
}

impl JsonWebKey {
    fn rsa_key(&self) -> Option<DecodingKey> {
        let modulus = unsigned(self.n.as_ref()?)?;
        let exponent = unsigned(self.e.as_ref()?)?;
        let bits = modulus.len() * 8 - modulus.first()?.leading_zeros() as usize;
        let is_odd = |number: &[u8]| number.last().is_some_and(|last| last % 2 == 1);
        let is_sane = RSA_BITS.contains(&bits)
            && is_odd(&modulus)
            && exponent.len() <= RSA_EXPONENT_BYTES_MAX
            && is_odd(&exponent)
            && exponent != [1];
        is_sane.then(|| DecodingKey::from_rsa_raw_components(&modulus, &exponent))
    }

    fn elliptic_key(&self) -> Option<(&'static [Algorithm], DecodingKey)> {
        let (algorithms, coordinate_bytes): (&'static [Algorithm], _) = match self.crv.as_deref()? {
            "P-256" => (&[ES256], 32),
            "P-384" => (&[ES384], 48),
            _ => return None,
        };
        let (x, y) = (self.x.as_ref()?, self.y.as_ref()?);
        // RFC 7518, section 6.2.1.2: full length, leading zeros included. Whether the point is on
        // the curve is checked by the library, each time; one that is not verifies nothing.
        let is_full = |text| decode(text).is_some_and(|bytes| bytes.len() == coordinate_bytes);
        let is_sane = is_full(x) && is_full(y);
        let key = is_sane.then(|| DecodingKey::from_ec_components(x, y).ok()).flatten()?;
        Some((algorithms, key))
    }
}

/// The one algorithm of that name among those.
fn only(algorithms: &'static [Algorithm], name: &str) -> Option<&'static [Algorithm]> {
    let named: Algorithm = name.parse().ok()?;
    let at = algorithms.iter().position(|algorithm| *algorithm == named)?;
    algorithms.get(at..=at)
}

/// The bytes of a number without the zeros that some issuers put in front.
fn unsigned(text: &str) -> Option<Vec<u8>> {
    let bytes = decode(text)?;
    let first = bytes.iter().position(|byte| *byte != 0)?;
    Some(bytes[first..].to_vec())
}

fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

#[cfg(test)]
mod tests;
