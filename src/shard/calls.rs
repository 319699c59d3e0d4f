//! Commands on their way: to every shard that may be concerned, and their answers back.
//!
//! A call is answered when all of its shards have carried it out, so what it changed is visible
//! everywhere to whatever starts after the answer (`rest-api.md` section 5.3). The caller is a
//! number to this module: the HTTP exchange that waits for it.

use std::sync::Arc;

use super::command::{Answer, Command, SharedCommand, Target};
use super::connection::ConnectionHandle;
use super::message::ShardMessage;
use super::state::State;
use crate::frame::Format;
use crate::hub::id::{ShardId, ShardSet};

/// Who waits for an answer, in the words of whoever asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket(pub u64);

/// A call on the shard that made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallId(pub u32);

/// Where an answer goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caller {
    pub shard: ShardId,
    pub call: CallId,
}

/// Who has made a call.
#[derive(Debug)]
pub enum CallWaiter {
    /// An exchange with an application server.
    Exchange(Ticket),
    /// A client that has subscribed to the states of a group.
    Snapshot { handle: ConnectionHandle, group: Box<str> },
}

/// A call that some shards have not answered.
#[derive(Debug)]
pub struct PendingCall {
    waiter: CallWaiter,
    unanswered: ShardSet,
    answer: Answer,
}

impl State {
    /// Has a command carried out wherever it concerns somebody. [`super::state::Ready::answers`]
    /// names `ticket` when all of it is done; that may be before this returns.
    pub fn call(&mut self, command: Command, ticket: Ticket) {
        self.call_for(command, CallWaiter::Exchange(ticket));
    }

    pub(super) fn call_for(&mut self, command: Command, waiter: CallWaiter) {
        let concerned = self.concerned(&command);
        if concerned.is_empty() {
            return self.deliver_answer(waiter, Answer::Nothing);
        }
        let pending = PendingCall { waiter, unanswered: concerned, answer: Answer::Nothing };
        let call = CallId(u32::try_from(self.calls.insert(pending)).unwrap_or(u32::MAX));
        let command: SharedCommand = Arc::new(command);
        for peer in concerned.iter().filter(|peer| *peer != self.shard) {
            self.outbox.send(peer, ShardMessage::Call { call, command: command.clone() });
        }
        if concerned.contains(self.shard) {
            self.carry_out(Caller { shard: self.shard, call }, command);
        }
    }

    /// Calls that are not answered yet.
    pub fn pending_call_count(&self) -> usize {
        self.calls.len()
    }

    fn concerned(&self, command: &Command) -> ShardSet {
        let everybody = || {
            let mut all = self.outbox.peers();
            all.insert(self.shard);
            all
        };
        let mut some = ShardSet::default();
        match command.act.target() {
            Target::All | Target::User(_) => everybody(),
            // Interest may be out of date in one direction only: a shard whose last member has
            // just left is asked needlessly, and says so.
            Target::Group(name) => {
                if let Some(index) = self.groups.find(&command.hub, &name) {
                    let group = self.groups.get(index);
                    for format in Format::ALL {
                        some = some.union(group.interest(format));
                    }
                    some.insert(self.shard);
                }
                some
            }
            Target::Connection(id) => {
                if everybody().contains(id.shard()) {
                    some.insert(id.shard());
                }
                some
            }
        }
    }

    /// Sends this shard's answer to whoever called.
    pub(super) fn answer(&mut self, caller: Caller, answer: Answer) {
        if caller.shard == self.shard {
            self.on_answer(self.shard, caller.call, answer);
        } else {
            let message = ShardMessage::Answer { call: caller.call, answer };
            self.outbox.send(caller.shard, message);
        }
    }

    pub(super) fn on_answer(&mut self, from: ShardId, call: CallId, answer: Answer) {
        let Some(pending) = self.calls.get_mut(call.0 as usize) else { return };
        pending.answer.merge(answer);
        pending.unanswered.remove(from);
        if pending.unanswered.is_empty() {
            let PendingCall { waiter, answer, .. } = self.calls.remove(call.0 as usize);
            self.deliver_answer(waiter, answer);
        }
    }

    fn deliver_answer(&mut self, waiter: CallWaiter, answer: Answer) {
        match waiter {
            CallWaiter::Exchange(ticket) => self.ready.answers.push((ticket, answer)),
            CallWaiter::Snapshot { handle, group } => self.on_states(handle, &group, answer),
        }
    }
}
