//! Subscribers of one subprotocol: how their deliveries are read and acknowledged, and how long
//! those took.

use std::ops::Range;

use anyhow::Result;

use crate::fanout::ledger::Ledger;
use crate::fanout::receipts::{Numbered, Receipts};
use crate::fleet::Fleet;
use crate::histogram::Latencies;
use crate::reader::{Misread, Reader};
use crate::wire::envelope::{Envelope, Layout};
use crate::wire::subprotocol::Subprotocol;

pub(crate) struct Receivers {
    pub(crate) subprotocol: Subprotocol,
    pub(crate) clients: Range<usize>,
    pub(crate) reader: Reader,
    receipts: Option<Receipts>,
    /// From when a message was due to its delivery.
    pub(crate) latencies: Latencies,
}

impl Receivers {
    pub(crate) fn new(
        subprotocol: Subprotocol,
        clients: Range<usize>,
        groups: usize,
        payload_bytes: usize,
    ) -> Self {
        let layout = Layout::new(groups, payload_bytes, Envelope::of_group(subprotocol));
        Self {
            subprotocol,
            reader: Reader::new(layout),
            receipts: Receipts::new(subprotocol, clients.clone()),
            clients,
            latencies: Latencies::new(),
        }
    }

    /// Checks a message to one of these clients, a member of `group`.
    pub(crate) fn on_message(
        &mut self,
        client: usize,
        group: usize,
        message: &[u8],
        now_ns: u64,
        ledger: &mut Ledger,
    ) {
        let delivery = match self.reader.read(group, message) {
            Ok(delivery) => delivery,
            Err(Misread::OtherTarget) => return ledger.faults.wrong_group += 1,
            Err(Misread::Unreadable) => return ledger.faults.unreadable += 1,
        };
        ledger.on_delivery(client, delivery.stamp);
        if let Some(receipts) = &mut self.receipts
            && receipts.on_delivery(client, delivery.sequence_id) != Numbered::Next
        {
            ledger.faults.misnumbered += 1;
        }
        self.latencies.record(now_ns.saturating_sub(delivery.stamp.intended_ns));
    }

    /// Acknowledges what is due.
    pub(crate) fn write_receipts(&mut self, fleet: &mut Fleet) -> Result<()> {
        self.receipts.as_mut().map_or(Ok(()), |receipts| receipts.write(fleet))
    }
}
