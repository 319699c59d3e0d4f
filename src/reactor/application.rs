//! The way to the webhook shard and back.
//!
//! A shard hands over the events of a turn as one batch, so the webhook shard is woken once for
//! all of them. Answers come one by one, each when it is ready. Neither channel has a bound of its
//! own: what is in them holds a permit of its handler's gate ([`crate::event::gate`]), apart from
//! one last call per connection.

use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender, unbounded};
use tokio::sync::mpsc;

use super::sleeper::Sleeper;
use crate::event::call::{EventAnswer, EventCall};

/// A shard's end.
#[derive(Debug)]
pub struct ApplicationLink {
    calls: mpsc::UnboundedSender<Vec<EventCall>>,
    answers: Receiver<EventAnswer>,
}

/// The webhook shard's end.
#[derive(Debug)]
pub struct WebhookLink {
    /// Ends when all shards have ended.
    pub calls: mpsc::UnboundedReceiver<Vec<EventCall>>,
    pub answers: AnswerSender,
}

/// Sends answers to the shards they are for.
#[derive(Clone, Debug)]
pub struct AnswerSender(Vec<(Sender<EventAnswer>, Arc<Sleeper>)>);

impl AnswerSender {
    pub fn send(&self, answer: EventAnswer) {
        if let Some((sender, sleeper)) = self.0.get(answer.to.shard.index()) {
            // A shard that has ended has no connection left to tell.
            let _ = sender.send(answer);
            sleeper.wake();
        }
    }
}

impl ApplicationLink {
    /// Hands over the events of a turn.
    pub fn send(&self, calls: &mut Vec<EventCall>) {
        if !calls.is_empty() {
            // The webhook shard ends after the shards.
            let _ = self.calls.send(std::mem::take(calls));
        }
    }

    pub fn receive(&self) -> Option<EventAnswer> {
        self.answers.try_recv().ok()
    }

    pub(super) fn is_quiet(&self) -> bool {
        self.answers.is_empty()
    }
}

pub(super) fn connect(sleepers: &[Arc<Sleeper>]) -> (Vec<ApplicationLink>, WebhookLink) {
    let (send_calls, calls) = mpsc::unbounded_channel();
    let mut links = Vec::with_capacity(sleepers.len());
    let mut senders = Vec::with_capacity(sleepers.len());
    for sleeper in sleepers {
        let (sender, answers) = unbounded();
        senders.push((sender, sleeper.clone()));
        links.push(ApplicationLink { calls: send_calls.clone(), answers });
    }
    (links, WebhookLink { calls, answers: AnswerSender(senders) })
}
