//! RFC 6455 framing, the server's half.
//!
//! [`decoder`] turns bytes into frames in place, [`assembly`] joins fragments into messages,
//! [`encode`] writes headers, [`close`] holds close codes and payloads, [`mask`] unmasks.
//! No extension is ever negotiated, so reserved bits are always errors.

pub mod assembly;
pub mod close;
pub mod decoder;
pub mod encode;
pub mod handshake;
pub mod mask;

/// Largest client message after reassembly, in bytes (`client-connect.md` section 8).
pub const MESSAGE_BYTES_MAX: usize = 1024 * 1024;

/// What a client did wrong at the framing layer. Each variant is one close code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProtocolError {
    /// A reserved bit is set although no extension was negotiated.
    ReservedBits,
    /// An opcode that RFC 6455 does not define.
    UnknownOpcode,
    /// Client frames must be masked (RFC 6455, section 5.1).
    Unmasked,
    /// A control frame that is fragmented or carries more than 125 bytes.
    BadControlFrame,
    /// A length that was not written in the fewest bytes, or with its top bit set.
    BadLength,
    /// A continuation frame while no message is being assembled.
    UnexpectedContinuation,
    /// A new data frame while a fragmented message is still open.
    ExpectedContinuation,
    /// A close frame with one byte of payload or a code that may not be sent.
    BadClosePayload,
    /// A text message or close reason that is not UTF-8.
    InvalidUtf8,
    /// A message over [`MESSAGE_BYTES_MAX`].
    TooLarge,
}

impl ProtocolError {
    /// The close code that RFC 6455 and `client-connect.md` section 12.1 give this error.
    pub fn close_code(self) -> u16 {
        match self {
            Self::InvalidUtf8 => close::INVALID_PAYLOAD,
            Self::TooLarge => close::TOO_LARGE,
            _ => close::PROTOCOL_ERROR,
        }
    }

    /// One sentence for the close reason, at most 123 bytes.
    pub fn reason(self) -> &'static str {
        match self {
            Self::ReservedBits => "A reserved bit of the frame header is set.",
            Self::UnknownOpcode => "The frame has an unknown opcode.",
            Self::Unmasked => "Frames from clients must be masked.",
            Self::BadControlFrame => "Control frames must be whole and at most 125 bytes.",
            Self::BadLength => "The frame length is not in its shortest form.",
            Self::UnexpectedContinuation => "There is no message to continue.",
            Self::ExpectedContinuation => "The message before is not finished.",
            Self::BadClosePayload => "The close frame has an invalid payload.",
            Self::InvalidUtf8 => "The text is not valid UTF-8.",
            Self::TooLarge => "The client message is too large.",
        }
    }
}
