//! Error conditions of AMQP as text that may be logged.
//!
//! What a broker writes is its own: it is cut to a line of bounded length.

use fe2o3_amqp_types::definitions::{
    AmqpError, ConnectionError, Error, ErrorCondition, LinkError, SessionError,
};

/// Characters of a broker's explanation that are kept.
const DESCRIPTION_CHARS_MAX: usize = 240;

/// The condition's symbol, as `amqp:not-found`.
pub(super) fn name(condition: &ErrorCondition) -> &str {
    match condition {
        ErrorCondition::AmqpError(error) => amqp(error),
        ErrorCondition::ConnectionError(error) => match error {
            ConnectionError::ConnectionForced => "amqp:connection:forced",
            ConnectionError::FramingError => "amqp:connection:framing-error",
            ConnectionError::Redirect => "amqp:connection:redirect",
        },
        ErrorCondition::SessionError(error) => match error {
            SessionError::WindowViolation => "amqp:session:window-violation",
            SessionError::ErrantLink => "amqp:session:errant-link",
            SessionError::HandleInUse => "amqp:session:handle-in-use",
            SessionError::UnattachedHandle => "amqp:session:unattached-handle",
        },
        ErrorCondition::LinkError(error) => match error {
            LinkError::DetachForced => "amqp:link:detach-forced",
            LinkError::TransferLimitExceeded => "amqp:link:transfer-limit-exceeded",
            LinkError::MessageSizeExceeded => "amqp:link:message-size-exceeded",
            LinkError::Redirect => "amqp:link:redirect",
            LinkError::Stolen => "amqp:link:stolen",
        },
        ErrorCondition::Custom(symbol) => symbol.as_str(),
    }
}

fn amqp(error: &AmqpError) -> &'static str {
    match error {
        AmqpError::InternalError => "amqp:internal-error",
        AmqpError::NotFound => "amqp:not-found",
        AmqpError::UnauthorizedAccess => "amqp:unauthorized-access",
        AmqpError::DecodeError => "amqp:decode-error",
        AmqpError::ResourceLimitExceeded => "amqp:resource-limit-exceeded",
        AmqpError::NotAllowed => "amqp:not-allowed",
        AmqpError::InvalidField => "amqp:invalid-field",
        AmqpError::NotImplemented => "amqp:not-implemented",
        AmqpError::ResourceLocked => "amqp:resource-locked",
        AmqpError::PreconditionFailed => "amqp:precondition-failed",
        AmqpError::ResourceDeleted => "amqp:resource-deleted",
        AmqpError::IllegalState => "amqp:illegal-state",
        AmqpError::FrameSizeTooSmall => "amqp:frame-size-too-small",
    }
}

/// The condition and, if there is one, the broker's explanation.
pub(super) fn text(error: &Error) -> String {
    let name = clean(name(&error.condition));
    match &error.description {
        Some(description) => format!("{name}: {}", clean(description)),
        None => name,
    }
}

/// One line of bounded length.
pub(super) fn clean(text: &str) -> String {
    let line = text.chars().take(DESCRIPTION_CHARS_MAX);
    line.map(|character| if character.is_control() { ' ' } else { character }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_has_the_condition_and_one_bounded_line_of_what_the_broker_says() {
        let error = Error::new(AmqpError::NotFound, Some("no\nqueue".to_owned()), None);
        assert_eq!(text(&error), "amqp:not-found: no queue");
        let custom = ErrorCondition::Custom("com.microsoft:server-busy".into());
        assert_eq!(text(&Error::new(custom, None, None)), "com.microsoft:server-busy");
        let long = Error::new(LinkError::Stolen, Some("é".repeat(10_000)), None);
        assert_eq!(text(&long).chars().count(), "amqp:link:stolen: ".len() + 240);
    }
}
