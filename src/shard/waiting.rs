//! A client's messages behind a blocking event.
//!
//! Requests of one connection are processed one after another (`events-webhook.md` section 13.1),
//! and only what cannot wait overtakes an event that is under way, so its socket must be read on.
//! What comes meanwhile is kept here, up to a bound; beyond it the client's window fills.

use std::collections::VecDeque;

use crate::protocol::ws::assembly::Message;

/// Messages kept for one connection before its socket is left alone.
const MESSAGES_MAX: usize = 64;
/// Bytes kept likewise. Less than the megabyte that is allowed: thousands of clients may wait for
/// one handler that hangs.
const BYTES_MAX: usize = 64 * 1024;

/// Messages in the order received.
#[derive(Debug, Default)]
pub struct WaitingMessages {
    messages: VecDeque<(bool, Box<[u8]>)>,
    bytes: usize,
}

impl WaitingMessages {
    pub fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// Whether no more should be read.
    pub fn is_full(&self) -> bool {
        self.messages.len() >= MESSAGES_MAX || self.bytes >= BYTES_MAX
    }

    pub fn push(&mut self, message: Message<'_>) {
        let (is_text, bytes) = match message {
            Message::Text(text) => (true, text.as_bytes()),
            Message::Binary(bytes) => (false, bytes),
        };
        self.bytes += bytes.len();
        self.messages.push_back((is_text, bytes.into()));
    }

    /// Takes the oldest message.
    pub fn pop(&mut self) -> Option<WaitingMessage> {
        let (is_text, bytes) = self.messages.pop_front()?;
        self.bytes -= bytes.len();
        Some(WaitingMessage { is_text, bytes })
    }
}

/// One message that has waited.
#[derive(Debug)]
pub struct WaitingMessage {
    is_text: bool,
    bytes: Box<[u8]>,
}

impl WaitingMessage {
    pub fn as_message(&self) -> Message<'_> {
        match std::str::from_utf8(&self.bytes) {
            Ok(text) if self.is_text => Message::Text(text),
            _ => Message::Binary(&self.bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_come_back_in_order_and_the_bounds_say_full() {
        let mut waiting = WaitingMessages::default();
        for index in 0..MESSAGES_MAX {
            assert!(!waiting.is_full());
            let text = index.to_string();
            waiting.push(if index % 2 == 0 { Message::Text(&text) } else { Message::Binary(b"b") });
        }
        assert!(waiting.is_full());
        let first = waiting.pop().expect("many");
        assert!(matches!(first.as_message(), Message::Text("0")));
        let second = waiting.pop().expect("many");
        assert!(matches!(second.as_message(), Message::Binary(b"b")));
        assert!(!waiting.is_full());
        waiting.push(Message::Binary(&vec![0; BYTES_MAX]));
        assert!(waiting.is_full());
        while waiting.pop().is_some() {}
        assert!(waiting.is_empty() && waiting.bytes == 0);
    }
}
