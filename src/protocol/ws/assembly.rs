//! Fragments into messages: continuation rules, the size limit across fragments, UTF-8.
//!
//! A whole message in one frame passes through without a copy. Only a fragmented one is collected,
//! and each fragment of a text is checked as it comes, so bad text fails at the fragment that
//! breaks it (RFC 6455, section 8.1).

use tungstenite::protocol::frame::coding::Data;

use super::{MESSAGE_BYTES_MAX, ProtocolError};

/// A whole data message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message<'a> {
    Text(&'a str),
    Binary(&'a [u8]),
}

/// The open message of one connection, if it is fragmented. Empty costs a pointer.
#[derive(Debug, Default)]
pub struct Assembly {
    open: Option<Box<Open>>,
}

#[derive(Debug)]
struct Open {
    is_text: bool,
    bytes: Vec<u8>,
    /// Bytes known to be whole UTF-8 characters; only the rest is looked at again.
    checked_bytes: usize,
}

/// A message that is complete, still holding the buffer it was assembled in.
#[derive(Debug)]
pub enum Completed<'a> {
    /// It came in one frame and borrows the read buffer.
    Whole(Message<'a>),
    /// It came in fragments and owns its bytes; `is_text` ones are checked UTF-8.
    Joined { is_text: bool, bytes: Vec<u8> },
}

impl Completed<'_> {
    /// The message, wherever its bytes are.
    ///
    /// # Errors
    /// Never for what [`Assembly::push`] returned; the check of joined text is repeated rather
    /// than trusted because a safe conversion needs it.
    pub fn message(&self) -> Result<Message<'_>, ProtocolError> {
        match self {
            Self::Whole(message) => Ok(*message),
            Self::Joined { is_text: true, bytes } => text(bytes),
            Self::Joined { is_text: false, bytes } => Ok(Message::Binary(bytes)),
        }
    }
}

impl Assembly {
    /// Takes the payload of one data frame; `Some` when it completes a message.
    ///
    /// # Errors
    /// A continuation out of place, a message over the limit, text that is not UTF-8.
    pub fn push<'a>(
        &mut self,
        kind: Data,
        is_final: bool,
        payload: &'a [u8],
    ) -> Result<Option<Completed<'a>>, ProtocolError> {
        let is_continuation = matches!(kind, Data::Continue);
        match &mut self.open {
            None if is_continuation => return Err(ProtocolError::UnexpectedContinuation),
            Some(_) if !is_continuation => return Err(ProtocolError::ExpectedContinuation),
            None if is_final => {
                let message = match kind {
                    Data::Text => text(payload)?,
                    _ => Message::Binary(payload),
                };
                return Ok(Some(Completed::Whole(message)));
            }
            None => {
                let mut open = Open {
                    is_text: matches!(kind, Data::Text),
                    bytes: payload.to_vec(),
                    checked_bytes: 0,
                };
                open.check(false)?;
                self.open = Some(Box::new(open));
            }
            Some(open) => {
                if open.bytes.len() + payload.len() > MESSAGE_BYTES_MAX {
                    return Err(ProtocolError::TooLarge);
                }
                open.bytes.extend_from_slice(payload);
                open.check(is_final)?;
                if is_final && let Some(open) = self.open.take() {
                    return Ok(Some(Completed::Joined {
                        is_text: open.is_text,
                        bytes: open.bytes,
                    }));
                }
            }
        }
        Ok(None)
    }
}

impl Open {
    /// Checks what arrived since the last call; a character cut by a fragment border waits for
    /// the next one unless this was the last.
    fn check(&mut self, is_final: bool) -> Result<(), ProtocolError> {
        if !self.is_text {
            return Ok(());
        }
        match std::str::from_utf8(&self.bytes[self.checked_bytes..]) {
            Ok(_) => self.checked_bytes = self.bytes.len(),
            Err(error) if error.error_len().is_none() && !is_final => {
                self.checked_bytes += error.valid_up_to();
            }
            Err(_) => return Err(ProtocolError::InvalidUtf8),
        }
        Ok(())
    }
}

fn text(bytes: &[u8]) -> Result<Message<'_>, ProtocolError> {
    simdutf8::basic::from_utf8(bytes).map(Message::Text).map_err(|_| ProtocolError::InvalidUtf8)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(assembly: &mut Assembly, parts: &[&[u8]]) -> Result<Vec<u8>, ProtocolError> {
        for (index, part) in parts.iter().enumerate() {
            let kind = if index == 0 { Data::Text } else { Data::Continue };
            let is_final = index + 1 == parts.len();
            if let Some(done) = assembly.push(kind, is_final, part)? {
                return match done.message()? {
                    Message::Text(text) => Ok(text.as_bytes().to_vec()),
                    Message::Binary(_) => panic!("text became binary"),
                };
            }
        }
        panic!("no message")
    }

    #[test]
    fn a_character_may_be_cut_by_a_fragment_border_but_not_by_the_end() {
        let text = "añ€😀".as_bytes();
        for cut in 0..text.len() {
            let parts = [&text[..cut], &text[cut..]];
            assert_eq!(joined(&mut Assembly::default(), &parts).as_deref(), Ok(text));
        }
        let cut_short = [&text[..2], &[][..]];
        assert_eq!(joined(&mut Assembly::default(), &cut_short), Err(ProtocolError::InvalidUtf8));
    }

    #[test]
    fn bad_text_fails_at_its_own_fragment() {
        let mut assembly = Assembly::default();
        assert!(matches!(assembly.push(Data::Text, false, b"ok"), Ok(None)));
        let second = assembly.push(Data::Continue, false, &[0xc0, 0x80]);
        assert!(matches!(second, Err(ProtocolError::InvalidUtf8)));
    }

    #[test]
    fn continuations_have_their_place() {
        let mut assembly = Assembly::default();
        let lone = assembly.push(Data::Continue, true, b"");
        assert!(matches!(lone, Err(ProtocolError::UnexpectedContinuation)));
        assert!(matches!(assembly.push(Data::Binary, false, b"a"), Ok(None)));
        let early = assembly.push(Data::Text, true, b"b");
        assert!(matches!(early, Err(ProtocolError::ExpectedContinuation)));
    }

    // C37: the limit is on the message, however it is cut.
    #[test]
    fn fragments_together_may_reach_the_limit_and_not_pass_it() {
        let half = vec![0; MESSAGE_BYTES_MAX / 2];
        let mut assembly = Assembly::default();
        assert!(matches!(assembly.push(Data::Binary, false, &half), Ok(None)));
        assert!(matches!(assembly.push(Data::Continue, false, &half), Ok(None)));
        let over = assembly.push(Data::Continue, true, b"x");
        assert!(matches!(over, Err(ProtocolError::TooLarge)));
    }
}
