//! Settings of an issuer, in `[[issuers]]` and `[[issuers.roles]]`.

use super::{Allowed, Setting};

pub static ISSUER_NAME: Setting = Setting {
    name: "issuer",
    flag: "",
    environment: "",
    default: "required",
    allowed: Allowed::Words("https URL, or http on a loopback address; any text with jwksUri"),
    sentence: "Whose tokens the REST API accepts: equal to their `iss`.",
};

pub static ISSUER_KEYS: Setting = Setting {
    name: "jwksUri",
    flag: "",
    environment: "",
    default: "by discovery at the issuer",
    allowed: Allowed::Words("https URL, or http on a loopback address"),
    sentence: "Where the issuer publishes its keys.",
};

pub static ISSUER_AUDIENCES: Setting = Setting {
    name: "audiences",
    flag: "",
    environment: "",
    default: r#"["https://webpubsub.azure.com"]"#,
    allowed: Allowed::Words("text, one or more"),
    sentence: "What a token's `aud` must contain one of.",
};

pub static ROLE_CLAIM: Setting = Setting {
    name: "claim",
    flag: "",
    environment: "",
    default: "required",
    allowed: Allowed::Words("name of a claim, such as roles, sub or appid"),
    sentence: "Where to look in a token.",
};

pub static ROLE_VALUE: Setting = Setting {
    name: "value",
    flag: "",
    environment: "",
    default: "required",
    allowed: Allowed::Words("text"),
    sentence: "What the claim must be, or contain if it is an array.",
};

pub static ROLE: Setting = Setting {
    name: "role",
    flag: "",
    environment: "",
    default: "required",
    allowed: Allowed::Words(r#""Owner" or "Reader""#),
    sentence: "What the bearer may do: everything, or look only.",
};
