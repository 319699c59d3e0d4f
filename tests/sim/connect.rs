//! Clients come: at once, or when the application has admitted them.

use std::collections::HashMap;
use std::rc::Rc;

use corecast::event::call::EventOutcome;
use corecast::event::handlers::SystemEvent;
use corecast::frame::FrameScratch;
use corecast::hub::permission::Permissions;
use corecast::protocol::subprotocol::Subprotocol;
use corecast::shard::admission::{Admitted, Applicant};
use corecast::shard::calls::Ticket;
use corecast::shard::connection::{ClientKind, NewConnection};
use corecast::shard::hubs::Hub;

use crate::client::Client;
use crate::events::hub;
use crate::wire::ACCEPT;
use crate::world::{GROUPS, World};

const CLIENTS_MAX: usize = 24;

/// Who has come, and who waits to be admitted.
#[derive(Default)]
pub(crate) struct Entrance {
    /// Clients and numbers of clients so far.
    count: usize,
    applicants: HashMap<u64, Arrival>,
}

/// A client with its token.
struct Arrival {
    index: usize,
    shard: usize,
    groups: Vec<usize>,
    is_reliable: bool,
}

impl Entrance {
    pub(crate) fn is_empty(&self) -> bool {
        self.applicants.is_empty()
    }
}

impl World {
    pub(crate) fn connect(&mut self) {
        if self.clients.len() + self.entrance.applicants.len() >= CLIENTS_MAX {
            return;
        }
        let arrival = Arrival {
            index: self.take_index(),
            shard: self.random.below(self.shards.len()),
            groups: (0..GROUPS).filter(|_| self.random.chance(15)).collect(),
            is_reliable: self.random.chance(40),
        };
        if self.webhook.config.handlers.for_system(SystemEvent::Connect).is_some() {
            return self.apply(arrival);
        }
        let new = self.handshake(&arrival);
        let slot = self.shards[arrival.shard].open(new);
        self.enter(&arrival, slot);
    }

    /// A number that no connection has had.
    pub(crate) fn take_index(&mut self) -> usize {
        self.entrance.count += 1;
        self.entrance.count
    }

    fn apply(&mut self, arrival: Arrival) {
        let ticket = arrival.index as u64;
        let applicant = Applicant {
            hub: self.hub_of(arrival.shard),
            user: None,
            origin: None,
            body: b"{}".to_vec(),
            random: random(arrival.index),
            ticket: Ticket(ticket),
        };
        // A handler that is too far behind: the client is told to come later.
        if self.shards[arrival.shard].ask_to_admit(applicant).is_ok() {
            self.entrance.applicants.insert(ticket, arrival);
        }
    }

    /// Does what the application has decided, unless the client has gone meanwhile.
    pub(crate) fn take_admissions(&mut self) {
        for at in 0..self.shards.len() {
            while let Some(admitted) = self.shards[at].ready.admissions.pop() {
                let Admitted { ticket, slot, outcome } = admitted;
                let arrival = self.entrance.applicants.remove(&ticket.0).expect("it waits");
                match outcome {
                    EventOutcome::Admitted(_) if self.random.chance(80) => {
                        let new = self.handshake(&arrival);
                        let taken = self.shards[at].open_admitted(slot, new);
                        assert_eq!(taken, Some(slot));
                        self.enter(&arrival, slot);
                    }
                    EventOutcome::Admitted(_) if self.random.chance(50) => {
                        self.shards[at].fail_admission(slot);
                        self.webhook.silent_ends += 1;
                    }
                    outcome => self.shards[at].cancel_admission(slot, &outcome),
                }
            }
        }
    }

    fn handshake(&mut self, arrival: &Arrival) -> NewConnection {
        let roles = ["webpubsub.joinLeaveGroup", "webpubsub.sendToGroup"];
        let subprotocol = match arrival.is_reliable {
            true => Subprotocol::JsonReliable,
            false => Subprotocol::Json,
        };
        NewConnection {
            hub: self.hub_of(arrival.shard),
            kind: ClientKind::PubSub(subprotocol),
            user: None,
            permissions: Permissions::from_roles(roles).0,
            groups: arrival.groups.iter().map(usize::to_string).collect(),
            accept: FrameScratch::default().raw(|out| out.extend_from_slice(ACCEPT)),
            transport: 0,
            random: random(arrival.index),
            subprotocol: None,
            origin: None,
        }
    }

    fn enter(&mut self, arrival: &Arrival, slot: u32) {
        let Arrival { index, shard, groups, is_reliable } = arrival;
        let mut client = Client::new(*index, (*shard, slot), groups, *is_reliable, self.step);
        client.link.is_held = self.shards[*shard].connection(slot).held_joins > 0;
        self.clients.push(client);
    }

    pub(crate) fn hub_of(&mut self, shard: usize) -> Rc<Hub> {
        let config = self.webhook.config.clone();
        self.shards[shard].hub(&hub(), || config)
    }
}

/// An id is never used again, although its slot is.
pub(crate) fn random(index: usize) -> [u8; 16] {
    (index as u128).to_le_bytes()
}
