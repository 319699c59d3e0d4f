//! A member of the group: drops what it has seen and acknowledges what it has.
//!
//! It keeps all that it was given, by sequence id, and so notices whether a replay is one: the
//! same messages under the same ids, from the first one that is not acknowledged, without a gap.

use std::time::{Duration, Instant};

use super::PUBLISHERS;
use super::line::{Line, News};
use super::speech::Heard;

/// Between two acknowledgements; the libraries take a second.
const ACK_PAUSE: Duration = Duration::from_millis(200);

/// Which publisher, and its number of the message.
type Publication = (usize, usize);

pub(super) struct Subscriber {
    pub(super) line: Line,
    /// By sequence id, from 1.
    seen: Vec<Publication>,
    /// How many of each publisher.
    counts: [usize; PUBLISHERS],
    /// The sequence id that came last on this transport; None before the first.
    last_on_transport: Option<u64>,
    /// The last one acknowledged on this transport.
    acked: u64,
    next_ack: Instant,
    /// How many messages came again.
    pub(super) repeated: usize,
}

impl Subscriber {
    pub(super) fn new(line: Line) -> Self {
        Self {
            line,
            seen: Vec::new(),
            counts: [0; PUBLISHERS],
            last_on_transport: None,
            acked: 0,
            next_ack: Instant::now(),
            repeated: 0,
        }
    }

    /// How many messages have come, each counted once.
    pub(super) fn seen(&self) -> usize {
        self.seen.len()
    }

    /// How many have come of this publisher.
    pub(super) fn seen_of(&self, publisher: usize) -> usize {
        self.counts[publisher]
    }

    pub(super) fn turn(&mut self) {
        for news in self.line.turn() {
            match news {
                News::Attached => (self.last_on_transport, self.acked) = (None, 0),
                News::Heard(Heard::Connected { .. }) => {}
                News::Heard(Heard::Publication { sequence_id, text }) => {
                    self.take_in(sequence_id, &text);
                }
                News::Heard(other) => panic!("{}: unasked: {other:?}", self.name()),
            }
        }
        let newest = self.seen.len() as u64;
        if self.acked < newest && self.next_ack <= Instant::now() {
            let ack = self.line.speech.sequence_ack(newest);
            self.line.say(&ack);
            self.acked = newest;
            self.next_ack = Instant::now() + ACK_PAUSE;
        }
    }

    fn take_in(&mut self, sequence_id: u64, text: &str) {
        let newest = self.seen.len() as u64;
        let expected = self.last_on_transport.map_or(1..=newest + 1, |last| last + 1..=last + 1);
        let name = self.name();
        assert!(expected.contains(&sequence_id), "{name}: {sequence_id} is not in {expected:?}");
        self.last_on_transport = Some(sequence_id);
        let publication = parse(text).unwrap_or_else(|| panic!("{name}: {text:?}"));
        if sequence_id <= newest {
            let index = usize::try_from(sequence_id - 1).expect("an index");
            assert_eq!(publication, self.seen[index], "{name}: {sequence_id} is not what it was");
            self.repeated += 1;
            return;
        }
        let (publisher, number) = publication;
        let count = &mut self.counts[publisher];
        assert_eq!(number, *count, "{name}: the next of publisher {publisher}, as {sequence_id}");
        *count += 1;
        self.seen.push(publication);
    }

    fn name(&self) -> String {
        format!("{:?} subscriber {:?}", self.line.speech, self.line.id())
    }
}

/// What [`write`] has written.
fn parse(text: &str) -> Option<Publication> {
    let mut words = text.split(' ');
    let publication = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    (publication.0 < PUBLISHERS).then_some(publication)
}

/// The text of a message. The rest makes it long enough for a cut to hit it.
pub(super) fn write((publisher, number): Publication) -> String {
    format!("{publisher} {number} {}", ".".repeat(number % 200))
}
