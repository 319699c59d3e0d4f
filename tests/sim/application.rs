//! The application server of the simulation: one request at a time, to any shard.
//!
//! It waits for each answer, as awaited SDK calls do, so what `rest-api.md` section 5.3 promises
//! can be checked at the moment of the answer: a send is in the queue of every receiver, in the
//! order of the sends; a membership holds everywhere.

use corecast::frame::{Format, FrameScratch, FrameSet};
use corecast::hub::id::ConnectionId;
use corecast::protocol::subprotocol::{Metadata, Payload, json};
use corecast::shard::calls::Ticket;
use corecast::shard::command::{Act, Answer, Command, Target};
use tungstenite::protocol::frame::coding::{Data, OpCode};

use crate::events::hub;
use crate::world::{GROUPS, World};

/// The number the application publishes under.
pub(crate) const APPLICATION: usize = 1_000_000;
/// Stands for the hub where a group is expected.
pub(crate) const EVERYBODY: usize = GROUPS;

/// A request that has not been answered.
pub(crate) struct Request {
    pub(crate) ticket: Ticket,
    submitted_at: usize,
    what: What,
}

#[derive(Clone, Copy)]
enum What {
    Send { group: usize, number: u64 },
    Join { client: usize, group: usize },
    Leave { client: usize, group: usize },
    Close { client: usize },
}

impl World {
    /// Submits one request to a random shard.
    pub(crate) fn ask(&mut self) {
        if self.request.is_some() || self.clients.is_empty() {
            return;
        }
        let at = self.random.below(self.clients.len());
        let (client, group) = (self.clients[at].index, self.random.below(GROUPS));
        let target = Target::Connection(self.id_of(at));
        let (what, act) = match self.random.below(10) {
            0 | 1 => {
                self.clients[at].expect_change(group, true, self.step);
                let groups = vec![group.to_string()];
                (What::Join { client, group }, Act::Join { target, filter: None, groups })
            }
            2 | 3 => {
                self.clients[at].expect_change(group, false, self.step);
                let groups = Some(vec![group.to_string()]);
                (What::Leave { client, group }, Act::Leave { target, filter: None, groups })
            }
            4 => {
                let reason = "enough".to_owned();
                (What::Close { client }, Act::Close { target, excluded: Vec::new(), reason })
            }
            kind => {
                let group = if kind < 8 { group } else { EVERYBODY };
                let number = self.next_number(APPLICATION, group);
                (What::Send { group, number }, send(group, number))
            }
        };
        let ticket = Ticket(self.step as u64);
        self.request = Some(Request { ticket, submitted_at: self.step, what });
        let shard = self.random.below(self.shards.len());
        self.shards[shard].call(Command { hub: hub(), act }, ticket);
    }

    fn id_of(&self, at: usize) -> ConnectionId {
        let client = &self.clients[at];
        self.shards[client.shard].connection_id(client.slot)
    }

    /// Takes the answer, if it has come, and checks what it promises.
    pub(crate) fn hear(&mut self) {
        let answers: Vec<(Ticket, Answer)> =
            self.shards.iter_mut().flat_map(|shard| shard.ready.answers.drain(..)).collect();
        for (ticket, _) in answers {
            let request = self.request.take().expect("an answer to a request");
            assert_eq!(request.ticket, ticket);
            self.check_answered(&request);
            self.totals.answered += 1;
        }
    }

    fn check_answered(&mut self, request: &Request) {
        match request.what {
            What::Send { group, number } => {
                for at in 0..self.clients.len() {
                    if !self.clients[at].is_owed(group, request.submitted_at) {
                        continue;
                    }
                    if self.read(at) {
                        self.clients[at].check_promised(group, number);
                    } else if self.clients[at].link.is_down {
                        self.clients[at].link.owed.push((group, number));
                    }
                }
            }
            What::Close { client } => {
                let at = self.position(client);
                assert!(at.is_none_or(|at| self.clients[at].is_closing), "{client} goes on");
            }
            What::Join { client, group } => {
                let step = self.step;
                if let Some(at) = self.position(client) {
                    self.clients[at].confirm_join(group, step);
                }
            }
            What::Leave { client, group } => {
                // What was queued before may still be read, and nothing after it.
                if let Some(at) = self.position(client) {
                    let has_read = self.read(at);
                    self.clients[at].confirm_leave(group, has_read);
                }
            }
        }
    }

    fn position(&self, client: usize) -> Option<usize> {
        self.clients.iter().position(|found| found.index == client)
    }
}

fn send(group: usize, number: u64) -> Act {
    let data = format!(r#"{{"publisher":{APPLICATION},"number":{number}}}"#);
    let payload = Payload::text(data);
    let metadata = Metadata::default();
    let name = group.to_string();
    let frame = FrameScratch::default().frame(OpCode::Data(Data::Text), |out| {
        if group == EVERYBODY {
            json::encode::server_message(out, &payload, &metadata);
        } else {
            json::encode::group_message(out, &name, None, &payload, &metadata);
        }
    });
    let mut frames = FrameSet::expiring_at(0);
    frames.set(Format::Json, frame);
    let to = if group == EVERYBODY { Target::All } else { Target::Group(name) };
    Act::Send { to, frames, excluded: Vec::new(), filter: None }
}
