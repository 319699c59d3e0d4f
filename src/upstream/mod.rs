//! The webhook shard: events to application servers, and what they answer.
//!
//! Shards decide which handler hears of an event and whether there is room for it
//! ([`crate::event`]); the calls come here, to a thread of its own with the field's HTTP libraries,
//! and answers to blocking events go back.
//!
//! | File | Answers |
//! | --- | --- |
//! | `worker` | What is done with an event that comes, and when is all over? |
//! | `session` | What is known of its connection, and what has to be over first? |
//! | `deliver` | Which steps lead to an outcome? |
//! | `validate`, [`validation`] | Does the application want events at all? |
//! | `token` | Which bearer token does it want? |
//! | [`request`], `headers`, `cookies` | What is sent? |
//! | [`client`] | How does it get there? |
//! | [`retry`] | What is tried again, and when? |
//! | [`answer`], `failure` | What does the outcome mean? |
//! | [`publish`] | How do event listeners hear? |
//!
//! [`answer`], [`request`], [`retry`] and [`validation`] are without network and clock.
//!
//! However an event ends, it is counted once and its permit is given back; a connection that waits
//! is told. Logs name hub, event, host and cause, and never queries, codes, tokens or users.

pub mod answer;
pub mod client;
mod cookies;
mod deliver;
mod endpoint;
mod failure;
mod flight;
mod headers;
pub mod publish;
pub mod request;
mod request_ids;
pub mod retry;
mod session;
mod settings;
#[cfg(test)]
mod tests;
mod token;
mod validate;
pub mod validation;
mod worker;

use std::rc::Rc;
use std::sync::Arc;

use hyper_util::client::proxy::matcher::Matcher;
use tokio::sync::{mpsc, watch};
use tokio::task::LocalSet;

use crate::config::{EventSettings, StartError};
use crate::event::call::{EventAnswer, EventCall};
use crate::metrics::listeners::ListenerMetrics;
use crate::metrics::upstream::UpstreamMetrics;
use client::{Client, Roots};
use publish::{OpenSpools, Surroundings};
use worker::Worker;

pub use settings::UpstreamSettings;

/// Everything it takes to deliver events; runs once [`Webhooks::run`] is called, on the thread it
/// shall stay on.
pub struct Webhooks {
    surroundings: Surroundings,
    metrics: UpstreamMetrics,
    spools: OpenSpools,
}

impl Webhooks {
    /// Prepares the client: reads the roots of certificates, and the proxies from the environment.
    /// Opens the spools of listeners.
    ///
    /// # Errors
    /// There are no roots, or a spool cannot be used.
    pub fn new(
        settings: &UpstreamSettings,
        metrics: UpstreamMetrics,
        listeners: ListenerMetrics,
    ) -> Result<Self, StartError> {
        let no_tls = |reason: String| {
            StartError::new("TLS", reason, "see the documentation of the system's libraries")
        };
        let roots = roots(&settings.events)?;
        let tls = roots.clone().client_config().map_err(no_tls)?;
        let client = Client::new(roots, Matcher::from_env()).map_err(no_tls)?;
        let surroundings = Surroundings::new(Rc::new(client), &tls, listeners);
        let spools = publish::open_spools(&settings.listeners)?;
        Ok(Self { surroundings, metrics, spools })
    }

    /// Delivers events until `calls` is closed and all have ended or the drain deadline has passed;
    /// then nothing of it is left. Outcomes of blocking events go to `answer`.
    pub async fn run(
        self,
        calls: mpsc::UnboundedReceiver<Vec<EventCall>>,
        changes: watch::Receiver<Arc<UpstreamSettings>>,
        answer: impl Fn(EventAnswer) + 'static,
    ) {
        // Its end is the end of every task that was begun in it.
        let tasks = LocalSet::new();
        let settings = Arc::clone(&changes.borrow());
        let worker = Worker::new(settings, self.metrics, Box::new(answer), self.surroundings);
        tasks.run_until(worker.run(calls, changes, self.spools)).await;
    }
}

fn roots(settings: &EventSettings) -> Result<Roots, StartError> {
    match &settings.root_certificates {
        Some(path) => Roots::from_file(path).map_err(|reason| {
            let fix = "name a PEM file of certificates";
            StartError::new("upstreamRootCertificates", reason, fix).with_value(path.display())
        }),
        // Without any, handlers with TLS cannot be reached, which the log then says; most run
        // beside us and have none.
        None => Ok(Roots::of_system()),
    }
}
