//! What the application hears of one connection, and whether it may.

use std::collections::HashSet;

use corecast::event::call::{Event, EventCall};
use corecast::protocol::subprotocol::Payload;
use serde_json::Value;

#[derive(Default)]
pub(crate) struct Session {
    /// The number of the next event.
    next_id: u64,
    is_connected: bool,
    pub(crate) is_ended: bool,
    /// A user event waits for its answer.
    pub(crate) is_blocked: bool,
    groups: HashSet<String>,
    /// Ack ids of the events that were answered with success.
    done: HashSet<u64>,
}

impl Session {
    /// Takes the next event; returns how many were left out before it.
    pub(crate) fn hear(&mut self, call: &EventCall, is_complete: bool) -> u64 {
        let EventCall { id, event, receivers, reply_to, .. } = call;
        assert!(!self.is_ended, "{event:?} after the end");
        if self.next_id == 0 && !matches!(event, Event::Connect { .. }) {
            // Number 0 is that of `connect`, even if nobody wanted it.
            self.next_id = 1;
        }
        let left_out = id.checked_sub(self.next_id).expect("ids count up");
        self.next_id = id + 1;
        let is_blocking = matches!(event, Event::Connect { .. } | Event::User { .. });
        assert_eq!(reply_to.is_some(), is_blocking);
        assert!(receivers.handler.is_some() || matches!(event, Event::Disconnected { .. }));
        match event {
            Event::Connect { .. } => assert_eq!(*id, 0),
            Event::Connected => {
                assert_eq!(*id, 1, "`connected` comes first");
                self.is_connected = true;
            }
            Event::User { payload, .. } => {
                assert!(self.is_connected || !is_complete, "an event before `connected`");
                assert!(!std::mem::replace(&mut self.is_blocked, true), "two events at once");
                let ack = ack_of(payload);
                assert!(!self.done.contains(&ack), "event {ack} was a success, and comes again");
            }
            Event::Joined { group } => {
                assert!(self.is_connected || !is_complete, "`joined` before `connected`");
                assert!(self.groups.insert(group.to_string()) || !is_complete, "{group} twice");
            }
            Event::Left { group } => {
                assert!(self.groups.remove(&**group) || !is_complete, "never in {group}");
            }
            Event::Disconnected { .. } => {
                assert!(self.groups.is_empty() || !is_complete, "still in {:?}", self.groups);
                self.is_ended = true;
            }
        }
        left_out
    }

    /// The event with this ack id is answered.
    pub(crate) fn answer(&mut self, ack: u64, is_success: bool) {
        self.is_blocked = false;
        if is_success {
            self.done.insert(ack);
        }
    }
}

/// The ack id that a simulated client has put into its event.
pub(crate) fn ack_of(payload: &Payload<'_>) -> u64 {
    let data: Value = serde_json::from_slice(&payload.bytes()).expect("ours");
    data["ack"].as_u64().expect("ours")
}
