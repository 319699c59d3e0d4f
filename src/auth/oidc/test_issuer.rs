//! An issuer for tests: signs tokens with fixed keys and publishes the public ones.
//!
//! The keys were made for this file and are good for nothing else. They are fixed because making an
//! RSA key takes seconds in an unoptimised build.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

/// One of the keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TestKey {
    Rsa,
    P256,
    /// Another one of the same kind.
    OtherP256,
    P384,
}

impl TestKey {
    /// The public key, with this id, as an issuer publishes it.
    pub(crate) fn public(self, id: &str) -> Value {
        let elliptic = |curve: &str, (x, y): (&str, &str)| json!({ "kty": "EC", "use": "sig", "kid": id, "crv": curve, "x": x, "y": y });
        match self {
            Self::Rsa => {
                json!({ "kty": "RSA", "use": "sig", "kid": id, "n": RSA_MODULUS, "e": "AQAB" })
            }
            Self::P256 => elliptic("P-256", EC_POINT),
            Self::OtherP256 => elliptic("P-256", OTHER_EC_POINT),
            Self::P384 => elliptic("P-384", EC384_POINT),
        }
    }

    /// Signs these claims.
    pub(crate) fn sign(self, algorithm: Algorithm, id: Option<&str>, claims: &Value) -> String {
        let mut header = Header::new(algorithm);
        header.kid = id.map(str::to_owned);
        self.sign_with(&header, claims)
    }

    pub(crate) fn sign_with(self, header: &Header, claims: &Value) -> String {
        let decode = |text| STANDARD.decode(text).expect("fixed keys are Base64");
        let key = match self {
            Self::Rsa => EncodingKey::from_rsa_der(&decode(RSA_PRIVATE)),
            Self::P256 => EncodingKey::from_ec_der(&decode(EC_PRIVATE)),
            Self::OtherP256 => EncodingKey::from_ec_der(&decode(OTHER_EC_PRIVATE)),
            Self::P384 => EncodingKey::from_ec_der(&decode(EC384_PRIVATE)),
        };
        jsonwebtoken::encode(header, claims, &key).expect("claims that are JSON")
    }
}

/// The document with these keys.
pub(crate) fn key_set(keys: &[Value]) -> Vec<u8> {
    json!({ "keys": keys }).to_string().into_bytes()
}

/// PKCS #1, 2,048 bits.
const RSA_PRIVATE: &str = "\
    MIIEowIBAAKCAQEAqOkSVI+1eCzJfsyM2qy98xfJnlRecR2MiUpEnrCXNFh6djXLZr28vrf6if8GpLS8hT9jowNDjw6X\
    /B/xh1uQrJ3WzRsjW9LiNcnoomIkwMKAYWYfvTGtBqbJpKErZA7SRS/+6ndvVOYDduB8DPkUYFx53K0EtgBaco6G7EBN\
    5Ao6UuqoKhEYak7hRMVO6F+CK/NI2ZC9Ne4poBmH1zHXFZXWvieDqOrxRR9M9I7hvkHakcY3++CFFLEEzYHLcGyMBOfW\
    3GArd3qE0qhX+tUMcdC0Nt2H3D6+3rWKJFyVtZMMIcFpw4CBbQNrutJcb6eS4nXyYzCJLOPtGTMUPKU/UwIDAQABAoIB\
    ACdZxS92G2zX4klsFhSL0eTkUdBVD3uCys7hQoNF2LQVONJ5Td2trl8wNWoYw89zW8gfMHM1u3OEjtvqBTbnmhjc3MID\
    5ITr6E9nro7GFpHhvk7yn8pP3GOET83OznENEueTeuvcz08UFxKG0d+j159ra+iBVmugQXIWylAX2w2ZAqdV/KZRRQI4\
    D/qg0AUqKFI+K49BwId8cygUZRMHSd/ZqP6O7M+WFRxQHHPiuW82ALtE+f/RcL4gA778h/OP666V09rklXC7U4x6LuLP\
    f6u8C0VwBm6pEbAx4/OpU/lpXs9pRFGQKyUOrx10e7q7uf2YWRAy80XTyFGgHL3qi+ECgYEA7WrPbOxElCZUhLxoNKJB\
    0CJFn9rCMHmROiXqZPK1A0iOA/UrKwLP/JDF4icFJqIRPrfx/+C1d0wviq7GFYZuAyLFcFTNRQwjP7nCkbDS2iWBD2jy\
    6DOky13+bF8JNCw0kg1BZ81n038WIrROh77rqpWWHFTLg6/0IaAWfKTywvUCgYEAtiGSv1xqvgUd8BrlEql5jeGYxYrk\
    A+VCIYBcqAhuH83Gr5IO3iPPW65tQbClNPDfhiqeJAoTPDOrGFniBkKpK1kWn2Q4sAE50nsOfulj352aTrsVA1ggr4qU\
    14YxYilN+W4I9z//YfzJEMC0GaZY+Cxfwg+I2EVaVJq0qd5D3CcCgYEA1tVrAy481C5nFoGCbfZRRWxtwjvqsoCe2JZM\
    prI099ako5IrUM1HtUyvs3gJoi7PGgjLU/ZbXqsy7fQ+zGWLkQzayk4CPTPBhb2rAbiW481CHtahz1pECb5xJlFM+8fw\
    fiS+hZaKGAiM2DR+RzmM+RxI7DQSwIPsjqzVDE8aWS0CgYBaDMF0seno57jEpVeLYZXDC76wNRrFvk1zKPcm8XwZZ3GM\
    Dyggtw3oI5bLet5EDbBGsr2bzgtyoY0/rfkt5TmlQBgKWNAaXZDMO6GQKC8EOfU4ZhFepO0MPfWXljbGdOujnr76GH9Z\
    YFW9XbnuUKv+kFoMJggf/jJKUG9w6X8d0wKBgAi+7lupWrOvFC0IjsYkKY4ox2kVXi+1uY5G/KNx6rvSlwNlcWxUufxg\
    CmjqwDFSN7i3bkusz0+wfh0V2oN2wIDFuOypTdc7Kyoo2emjJyr9uXg4gStbua1zRdg6d94g38Cpp1td+mn9qxAm8EWH\
    NiAOy1cUGecSbqWxegzzgZ6k";

/// As in a JSON Web Key.
const RSA_MODULUS: &str = "\
    qOkSVI-1eCzJfsyM2qy98xfJnlRecR2MiUpEnrCXNFh6djXLZr28vrf6if8GpLS8hT9jowNDjw6X_B_xh1uQrJ3WzRsj\
    W9LiNcnoomIkwMKAYWYfvTGtBqbJpKErZA7SRS_-6ndvVOYDduB8DPkUYFx53K0EtgBaco6G7EBN5Ao6UuqoKhEYak7h\
    RMVO6F-CK_NI2ZC9Ne4poBmH1zHXFZXWvieDqOrxRR9M9I7hvkHakcY3--CFFLEEzYHLcGyMBOfW3GArd3qE0qhX-tUM\
    cdC0Nt2H3D6-3rWKJFyVtZMMIcFpw4CBbQNrutJcb6eS4nXyYzCJLOPtGTMUPKU_Uw";

/// PKCS #8, P-256.
const EC_PRIVATE: &str = "\
    MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgK2ar8GihbEF7f4zngAocEGiNuvrFha3fnn8aZ+xeTaWh\
    RANCAASoqe22uuCrCB3MsXLjjgV+zq5/wfnk1n//ivv7gs0hDULzl3vObE6dmxthU9b5U6pSTKZ3ewuE8RzWrljxctJB";
/// x and y.
const EC_POINT: (&str, &str) =
    ("qKnttrrgqwgdzLFy444Ffs6uf8H55NZ__4r7-4LNIQ0", "QvOXe85sTp2bG2FT1vlTqlJMpnd7C4TxHNauWPFy0kE");

/// PKCS #8, P-256.
const OTHER_EC_PRIVATE: &str = "\
    MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgeAeoi1IuJtvM/GK+TakhmSnFSVSj9JPmQI1CoJUeMi+h\
    RANCAAQRlZ0TLN4WA9sKaa9f9zjS1Ske2aPqkktGbqi9k7EawRCWaSAjfnx7OO55wjGY5ljZn8satkqI9Uj1t8PQIq2i";
/// x and y.
const OTHER_EC_POINT: (&str, &str) =
    ("EZWdEyzeFgPbCmmvX_c40tUpHtmj6pJLRm6ovZOxGsE", "EJZpICN-fHs47nnCMZjmWNmfyxq2Soj1SPW3w9AiraI");

/// PKCS #8, P-384.
const EC384_PRIVATE: &str = "\
    MIG2AgEAMBAGByqGSM49AgEGBSuBBAAiBIGeMIGbAgEBBDD1oBcgb14GpfjKRbm90z6EIPpzL1UYFW5eHArn/TS9TetD\
    A9PK6oOPRbgEdOLhUDOhZANiAATZ3ha9dcrZ71SNtmVn4Oq8D/p+7viZHh6CB8IdmefVyrD3b0CfEEwRTBD/MdltYbmx\
    hfbqJrOE+4I1YK2IWrvYIqCsTGsE+yxXWAnrOVlJILBY4Q1I8F9Bh8iuj/81QEQ=";
/// x and y.
const EC384_POINT: (&str, &str) = (
    "2d4WvXXK2e9UjbZlZ-DqvA_6fu74mR4eggfCHZnn1cqw929AnxBMEUwQ_zHZbWG5",
    "sYX26iazhPuCNWCtiFq72CKgrExrBPssV1gJ6zlZSSCwWOENSPBfQYfIro__NUBE",
);
