//! A client's way to its connection: the transport it has, and what it knows to get another.

use corecast::hub::id::ConnectionId;

use crate::wire::Wire;

#[derive(Default)]
pub(crate) struct Link {
    pub(crate) wire: Wire,
    /// The transport as the shard numbers it.
    pub(crate) transport: u32,
    /// The shard is about to write, or waits until the socket takes more.
    pub(crate) is_writable: bool,
    /// The shard does not read from the socket until it has released it.
    pub(crate) is_held: bool,
    /// What the client asks for now is lost with its transport.
    pub(crate) is_breaking: bool,
    /// The client has lost its transport; the shard may not have noticed yet.
    pub(crate) is_down: bool,
    /// When the shard noticed.
    pub(crate) detached_at: Option<u64>,
    /// A new socket is on its way to the connection's shard.
    pub(crate) is_returning: bool,
    /// Of the latest `connected` message.
    pub(crate) id: Option<ConnectionId>,
    pub(crate) token: String,
    pub(crate) sequence: Sequence,
    /// What the application was promised while the client could not read: group and number.
    pub(crate) owed: Vec<(usize, u64)>,
}

impl Link {
    pub(crate) fn go_down(&mut self) {
        (self.is_down, self.is_breaking) = (true, false);
        self.wire = Wire::default();
        self.sequence.begin_again();
    }
}

/// The numbered messages of a reliable client (`client-json.md` section 6).
#[derive(Default)]
pub(crate) struct Sequence {
    /// As read first; the message with number 1 is at 0.
    seen: Vec<String>,
    acknowledged: u64,
    /// The number last read from this transport, or the last that it has nothing to do with.
    latest: u64,
    /// Messages that came again.
    pub(crate) known: usize,
}

impl Sequence {
    /// Takes a message with its number; returns whether it is new.
    pub(crate) fn take(&mut self, number: u64, text: &str) -> bool {
        assert_eq!(number, self.latest + 1, "numbers of one transport");
        self.latest = number;
        let at = usize::try_from(number - 1).expect("small");
        let Some(before) = self.seen.get(at) else {
            self.seen.push(text.to_owned());
            return true;
        };
        assert_eq!(before, text, "{number} is another message now");
        self.known += 1;
        false
    }

    /// The number of the newest message.
    pub(crate) fn newest(&self) -> u64 {
        self.seen.len() as u64
    }

    /// Acknowledges some of what was read, perhaps less than before.
    pub(crate) fn acknowledge(&mut self, number: u64) {
        self.acknowledged = self.acknowledged.max(number);
    }

    /// The next transport begins with the oldest message that is not acknowledged.
    fn begin_again(&mut self) {
        self.latest = self.acknowledged;
    }
}
