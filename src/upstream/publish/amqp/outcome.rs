//! What became of one message (`events-listener.md` section 7.3).

use fe2o3_amqp::link::SendError;
use fe2o3_amqp_types::definitions::Error as Condition;
use fe2o3_amqp_types::messaging::Outcome as Disposition;

use super::condition;
use super::error::LinkError;

/// What the broker said about a message. Texts name the condition, for the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is the broker's.
    Accepted,
    /// Not now: it is to be sent again.
    Again(String),
    /// Never: it is to be dropped, and the next ones go on.
    Rejected(String),
    /// It is larger than the broker takes: like [`Outcome::Rejected`], and counted as that.
    TooLarge(String),
}

impl From<Disposition> for Outcome {
    fn from(disposition: Disposition) -> Self {
        match disposition {
            Disposition::Accepted(_) => Self::Accepted,
            Disposition::Released(_) => Self::Again("released".to_owned()),
            Disposition::Modified(_) => Self::Again("modified".to_owned()),
            Disposition::Rejected(rejected) => match rejected.error {
                Some(error) => rejected_for(&error),
                None => Self::Rejected("rejected".to_owned()),
            },
        }
    }
}

fn rejected_for(error: &Condition) -> Outcome {
    let text = condition::text(error);
    match condition::name(&error.condition) {
        "com.microsoft:server-busy" | "com.microsoft:timeout" => Outcome::Again(text),
        // The connection or its node is about to go; nothing is wrong with the message.
        "amqp:connection:forced" => Outcome::Again(text),
        "amqp:link:message-size-exceeded" => Outcome::TooLarge(text),
        _ => Outcome::Rejected(text),
    }
}

/// What the library says in place of a disposition: about the message, or about the link.
pub(super) fn of_failure(error: SendError) -> Result<Outcome, LinkError> {
    match error {
        SendError::MessageSizeExceeded(exceeded) => Ok(Outcome::TooLarge(format!(
            "{} bytes, and the broker takes {}",
            exceeded.size, exceeded.max_size
        ))),
        SendError::MessageEncodeError => Ok(Outcome::Rejected("it cannot be encoded".to_owned())),
        // Settled without an outcome: whether it was taken nobody knows.
        SendError::NonTerminalDeliveryState | SendError::IllegalDeliveryState => {
            Ok(Outcome::Again("settled without an outcome".to_owned()))
        }
        other => Err(other.into()),
    }
}

#[cfg(test)]
mod tests {
    use fe2o3_amqp_types::definitions::{
        AmqpError, ConnectionError, ErrorCondition, LinkError as LinkCondition,
    };
    use fe2o3_amqp_types::messaging::{Accepted, Modified, Rejected, Released};

    use super::*;

    fn rejected(condition: impl Into<ErrorCondition>) -> Outcome {
        let error = Some(Condition::new(condition, None, None));
        Disposition::Rejected(Rejected { error }).into()
    }

    // Section 7.3.
    #[test]
    fn only_conditions_that_pass_are_tried_again() {
        let modified =
            Modified { delivery_failed: None, undeliverable_here: None, message_annotations: None };
        assert_eq!(Outcome::from(Disposition::Accepted(Accepted {})), Outcome::Accepted);
        assert!(matches!(Disposition::Released(Released {}).into(), Outcome::Again(_)));
        assert!(matches!(Disposition::Modified(modified).into(), Outcome::Again(_)));
        for symbol in ["com.microsoft:server-busy", "com.microsoft:timeout"] {
            let outcome = rejected(ErrorCondition::Custom(symbol.into()));
            assert_eq!(outcome, Outcome::Again(symbol.to_owned()));
        }
        assert!(matches!(rejected(ConnectionError::ConnectionForced), Outcome::Again(_)));
        let never = Outcome::Rejected("amqp:not-allowed".to_owned());
        assert_eq!(rejected(AmqpError::NotAllowed), never);
        assert!(matches!(rejected(LinkCondition::MessageSizeExceeded), Outcome::TooLarge(_)));
        let bare = Disposition::Rejected(Rejected { error: None });
        assert!(matches!(bare.into(), Outcome::Rejected(_)));
    }
}
