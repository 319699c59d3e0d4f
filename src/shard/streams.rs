//! The streams that one connection publishes (`client-json.md` section 7).
//!
//! A stream is an ordered sequence of fragments to one group. What is expected next, and until
//! when, is kept here; publishing and answering is [`super::streaming`]'s.

use super::clock::Millis;
use crate::protocol::subprotocol::StreamSettings;

/// Streams that one connection may publish at the same time (section 7.1).
const STREAMS_MAX: usize = 100;

/// One active stream.
#[derive(Clone, Debug)]
pub struct Stream {
    pub id: Box<str>,
    pub group: Box<str>,
    pub no_echo: bool,
    /// The number of the fragment that comes next.
    pub expected: u64,
    idle_timeout_ms: u32,
    /// Without accepted activity the stream ends then.
    pub idle_at: Millis,
}

/// The active streams of one connection.
#[derive(Debug, Default)]
pub struct Streams(Vec<Stream>);

/// What a fragment's number makes of it (section 7.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FragmentOrder {
    Expected,
    /// It has been published already.
    Duplicate,
    /// Others are missing before it.
    TooEarly,
}

impl Stream {
    pub fn order_of(&self, sequence_id: u64) -> FragmentOrder {
        match sequence_id.cmp(&self.expected) {
            std::cmp::Ordering::Equal => FragmentOrder::Expected,
            std::cmp::Ordering::Less => FragmentOrder::Duplicate,
            std::cmp::Ordering::Greater => FragmentOrder::TooEarly,
        }
    }

    /// Something was accepted: the time begins anew.
    pub fn touch(&mut self, now: Millis) {
        // Not before the time is over: the clock counts whole milliseconds.
        self.idle_at = now + u64::from(self.idle_timeout_ms) + 1;
    }
}

impl Streams {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = &Stream> {
        self.0.iter()
    }

    pub fn get_mut(&mut self, id: &str) -> Option<&mut Stream> {
        self.0.iter_mut().find(|stream| *stream.id == *id)
    }

    /// Opens a stream. Returns whether there is room and no stream of that id.
    pub fn open(&mut self, id: &str, group: &str, settings: StreamSettings, now: Millis) -> bool {
        if self.0.len() >= STREAMS_MAX || self.get_mut(id).is_some() {
            return false;
        }
        let StreamSettings { no_echo, idle_timeout_ms } = settings;
        let (id, group) = (id.into(), group.into());
        let mut stream = Stream { id, group, no_echo, expected: 1, idle_timeout_ms, idle_at: now };
        stream.touch(now);
        self.0.push(stream);
        true
    }

    /// Takes a stream away.
    pub fn close(&mut self, id: &str) -> Option<Stream> {
        let at = self.0.iter().position(|stream| *stream.id == *id)?;
        Some(self.0.remove(at))
    }

    /// Takes one stream whose time has run out.
    pub fn close_idle(&mut self, now: Millis) -> Option<Stream> {
        let at = self.0.iter().position(|stream| stream.idle_at <= now)?;
        Some(self.0.remove(at))
    }

    /// Takes any stream.
    pub fn pop(&mut self) -> Option<Stream> {
        self.0.pop()
    }

    /// When the first stream runs out of time.
    pub fn next_idle_at(&self) -> Option<Millis> {
        self.0.iter().map(|stream| stream.idle_at).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTINGS: StreamSettings = StreamSettings { no_echo: false, idle_timeout_ms: 100 };

    #[test]
    fn an_id_is_used_once_at_a_time_and_their_number_is_bounded() {
        // J51
        let mut streams = Streams::default();
        for index in 0..STREAMS_MAX {
            assert!(streams.open(&index.to_string(), "g", SETTINGS, 0));
        }
        assert!(!streams.open("one more", "g", SETTINGS, 0));
        assert!(streams.close("7").is_some());
        assert!(!streams.open("8", "g", SETTINGS, 0));
        assert!(streams.open("7", "g", SETTINGS, 0));
    }

    #[test]
    fn accepted_activity_alone_moves_the_deadline() {
        // J57
        let mut streams = Streams::default();
        assert!(streams.open("a", "g", SETTINGS, 0) && streams.open("b", "g", SETTINGS, 50));
        assert_eq!(streams.next_idle_at(), Some(101));
        streams.get_mut("a").expect("open").touch(90);
        assert!(streams.close_idle(150).is_none());
        assert_eq!(streams.close_idle(151).map(|stream| stream.id), Some("b".into()));
        assert_eq!(streams.next_idle_at(), Some(191));
    }
}
