//! The ids of shards and connections.
//!
//! A connection id names its shard and its slot there, so finding the owner is arithmetic, not a
//! lookup; 128 random bits after them make it unguessable and never reused.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Most shards of one process: the width of [`ShardSet`].
pub const SHARDS_MAX: usize = 128;

/// One shard of this process, counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ShardId(u8);

impl ShardId {
    /// The shard at `index`, which start-up keeps below [`SHARDS_MAX`].
    pub fn new(index: usize) -> Self {
        assert!(index < SHARDS_MAX, "at most {SHARDS_MAX} shards");
        Self(u8::try_from(index).unwrap_or(u8::MAX))
    }

    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

impl fmt::Display for ShardId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A set of shards.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ShardSet(u128);

impl ShardSet {
    /// Every shard of a process of `count` shards except `own`.
    pub fn peers(own: ShardId, count: usize) -> Self {
        let mut set = Self::default();
        (0..count).map(ShardId::new).filter(|shard| *shard != own).for_each(|s| set.insert(s));
        set
    }

    pub fn insert(&mut self, shard: ShardId) {
        self.0 |= 1 << shard.0;
    }

    pub fn remove(&mut self, shard: ShardId) {
        self.0 &= !(1 << shard.0);
    }

    pub fn contains(self, shard: ShardId) -> bool {
        self.0 & (1 << shard.0) != 0
    }

    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// The members, lowest first.
    pub fn iter(self) -> impl Iterator<Item = ShardId> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            let lowest = u8::try_from(rest.trailing_zeros()).ok().filter(|_| rest != 0)?;
            rest &= rest - 1;
            Some(ShardId(lowest))
        })
    }
}

/// Largest slot a connection id can name.
pub const SLOT_MAX: u32 = 0x00ff_ffff;

/// The public id of a connection: two bytes of shard, three of slot, sixteen random ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ConnectionId([u8; Self::BYTES]);

impl ConnectionId {
    const BYTES: usize = 21;
    /// Length of the text form: a multiple of three bytes needs no padding.
    pub const TEXT_BYTES: usize = 28;

    pub fn new(shard: ShardId, slot: u32, random: [u8; 16]) -> Self {
        let mut bytes = [0; Self::BYTES];
        bytes[1] = shard.0;
        bytes[2..5].copy_from_slice(&slot.to_be_bytes()[1..]);
        bytes[5..].copy_from_slice(&random);
        Self(bytes)
    }

    /// Reads the text form; `None` for anything this server never issued.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() != Self::TEXT_BYTES {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let bytes: [u8; Self::BYTES] = bytes.try_into().ok()?;
        (bytes[0] == 0 && usize::from(bytes[1]) < SHARDS_MAX).then_some(Self(bytes))
    }

    pub fn shard(&self) -> ShardId {
        ShardId(self.0[1])
    }

    pub fn slot(&self) -> u32 {
        u32::from_be_bytes([0, self.0[2], self.0[3], self.0[4]])
    }
}

impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0; Self::TEXT_BYTES];
        let written = URL_SAFE_NO_PAD.encode_slice(self.0, &mut text).map_err(|_| fmt::Error)?;
        f.write_str(std::str::from_utf8(&text[..written]).map_err(|_| fmt::Error)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // C52: only URL-unreserved characters, and the id says where its connection is.
    #[test]
    fn an_id_says_its_shard_and_slot_in_unreserved_characters() {
        let id = ConnectionId::new(ShardId::new(127), SLOT_MAX, [0xff; 16]);
        let text = id.to_string();
        assert_eq!(text.len(), ConnectionId::TEXT_BYTES);
        assert!(text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'));
        let parsed = ConnectionId::parse(&text).expect("our own id");
        assert_eq!((parsed, parsed.shard().index(), parsed.slot()), (id, 127, SLOT_MAX));
        assert_eq!(ConnectionId::parse("x"), None);
        assert_eq!(ConnectionId::parse(&"_".repeat(28)), None);
    }

    #[test]
    fn a_set_lists_what_was_inserted() {
        let mut set = ShardSet::peers(ShardId::new(1), 4);
        set.insert(ShardId::new(127));
        set.remove(ShardId::new(2));
        assert_eq!(set.iter().map(ShardId::index).collect::<Vec<_>>(), [0, 3, 127]);
    }
}
