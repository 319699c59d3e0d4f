//! Deliveries as one kind of client receives them: compared with what is expected, and taken apart
//! by a parser where they differ from it.

use crate::wire::envelope::{Delivery, Layout, Odd};

pub(crate) struct Reader {
    layout: Layout,
    /// Deliveries whose layout was not the expected one, and the first message that was none.
    parsed_slowly: u64,
    first_unreadable: Option<String>,
}

/// What is wrong with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Misread {
    /// A delivery for another target than the receiver's.
    OtherTarget,
    /// No delivery of this run, or damaged.
    Unreadable,
}

impl Reader {
    pub(crate) fn new(layout: Layout) -> Self {
        Self { layout, parsed_slowly: 0, first_unreadable: None }
    }

    pub(crate) fn layout(&self) -> &Layout {
        &self.layout
    }

    /// A delivery to a receiver of `target`.
    // Inlined for what `Layout::read_delivery` says about a result through memory.
    #[inline(always)]
    pub(crate) fn read(&mut self, target: usize, message: &[u8]) -> Result<Delivery, Misread> {
        match self.layout.read_delivery(target, message) {
            Some(delivery) => Ok(delivery),
            None => self.read_odd(target, message),
        }
    }

    #[cold]
    fn read_odd(&mut self, target: usize, message: &[u8]) -> Result<Delivery, Misread> {
        match self.layout.read_odd(message) {
            Odd::Delivery(delivery) if delivery.stamp.target as usize == target => {
                self.parsed_slowly += 1;
                Ok(delivery)
            }
            Odd::Delivery(_) => Err(Misread::OtherTarget),
            Odd::Other(text) => {
                self.first_unreadable.get_or_insert(text);
                Err(Misread::Unreadable)
            }
        }
    }

    /// What a report has to say about the messages read.
    pub(crate) fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if self.parsed_slowly > 0 {
            notes.push(format!(
                "{} deliveries had another layout and went through a parser; the generator's CPU \
                 time is not comparable",
                self.parsed_slowly
            ));
        }
        notes.extend(
            self.first_unreadable.as_ref().map(|text| format!("first unreadable message: {text}")),
        );
        notes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::envelope::Envelope;
    use crate::wire::frame;
    use crate::wire::stamp::Stamp;

    #[test]
    fn deliveries_are_told_from_those_of_others_and_from_what_is_none() {
        let mut reader = Reader::new(Layout::new(2, 50, Envelope::JSON_GROUP));
        let stamp = Stamp { publisher: 0, target: 1, sequence: 7, intended_ns: 9 };
        let frame = reader.layout().delivery_frame(stamp);
        let message = &frame[frame::parse(&frame).unwrap().unwrap().header_bytes..];
        assert_eq!(reader.read(1, message).map(|delivery| delivery.stamp), Ok(stamp));
        assert_eq!(reader.read(0, message), Err(Misread::OtherTarget));
        assert!(reader.notes().is_empty());

        let spaced = String::from_utf8_lossy(message).replace("\",", "\" ,");
        assert_eq!(reader.read(1, spaced.as_bytes()).map(|delivery| delivery.stamp), Ok(stamp));
        assert_eq!(reader.read(1, b"what?"), Err(Misread::Unreadable));
        assert_eq!(reader.notes().len(), 2);
    }
}
