//! Why a token signed with an access key is refused.
//!
//! The answer and the operator's log say different things: the answer is one line that repeats
//! nothing of the token, the log names the audiences as well, because a wrong one is the mistake
//! that operators make (`operations.md` section 3.4). Neither ever holds the token.

use std::fmt;

/// Why a token is refused. `Display` is the body of the answer: one line, nothing of the token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenError {
    /// Not a JWS in compact form with an object of claims.
    Malformed,
    /// Another algorithm than HS256.
    Algorithm,
    /// Signed with neither key.
    Signature,
    /// `exp` has passed, tolerance included.
    Expired,
    /// `nbf` is ahead, tolerance included.
    NotYetValid,
    /// A claim is missing or has the wrong type.
    InvalidClaim(&'static str),
    /// Meant for another endpoint.
    Audience {
        /// What would have been accepted.
        expected: Vec<String>,
        /// What the token says. For the log only.
        actual: Vec<String>,
    },
    /// Too long, or with control characters.
    InvalidUserId,
    /// A `webpubsub.group` that is not a group name.
    InvalidGroup,
}

impl TokenError {
    /// The status of the answer (`client-connect.md` section 3.1, `rest-api.md` section 3.5).
    pub fn status(&self) -> u16 {
        match self {
            Self::InvalidUserId | Self::InvalidGroup => 400,
            _ => 401,
        }
    }

    /// What the operator's log should say: the same, with the audiences (`operations.md` 3.4).
    pub fn log_message(&self) -> String {
        match self {
            // As `Debug`, so that an audience cannot break the line.
            Self::Audience { expected, actual } => format!(
                "Failed to validate audience. Expected Audiences: {expected:?}. \
                 Actual Audiences: {actual:?}"
            ),
            other => other.to_string(),
        }
    }
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed => f.write_str("The access token is malformed."),
            Self::Algorithm => f.write_str("The access token is not signed with HS256."),
            Self::Signature => f.write_str("The access token's signature is wrong."),
            Self::Expired => f.write_str("The access token has expired."),
            Self::NotYetValid => f.write_str("The access token is not valid yet."),
            Self::InvalidClaim(name) => {
                write!(f, "The access token's claim '{name}' is missing or has the wrong type.")
            }
            Self::Audience { .. } => {
                f.write_str("The access token's audience is not this endpoint.")
            }
            Self::InvalidUserId => f.write_str("The access token's user id is invalid."),
            Self::InvalidGroup => f.write_str("The access token names an invalid group."),
        }
    }
}

impl std::error::Error for TokenError {}
