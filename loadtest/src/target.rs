//! The server under test: where it listens, how to be let in, how to watch it.
//!
//! `TargetArgs` is what was typed; `Target` is resolved and checked: a loopback address, and the
//! process to watch when one can be found. Only plain `http`/`ws` URLs are understood.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::str::FromStr;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;

use crate::fleet::Dial;
use crate::metrics::{Counters, ListenerCounters};
use crate::procfs::{self, Process};
use crate::setup;
use crate::token::{self, Identity};
use crate::wire::recovery::Pass;
use crate::wire::subprotocol::Subprotocol;
use crate::wire::{handshake, http};

#[derive(Args, Clone, Debug)]
pub(crate) struct TargetArgs {
    /// Address of the server; loopback only. Scenarios with --generators take several
    #[arg(long, default_value = "http://127.0.0.1:8080")]
    pub(crate) url: Vec<Endpoint>,
    /// Hub to connect to
    #[arg(long, default_value = "loadtest")]
    pub(crate) hub: String,
    /// Access key that signs the client tokens
    #[arg(long, env = "CORECAST_ACCESS_KEY", hide_env_values = true, default_value = "")]
    pub(crate) access_key: String,
    /// Process to watch; found by the listening port when not given
    #[arg(long)]
    pub(crate) server_pid: Option<u32>,
    /// Metrics address, e.g. http://127.0.0.1:9090/metrics; frames per write come from it, and
    /// what event listeners have delivered
    #[arg(long)]
    pub(crate) metrics: Option<Endpoint>,
}

/// `http://127.0.0.1:8080/path` of something on this machine.
#[derive(Clone, Debug)]
pub(crate) struct Endpoint {
    pub(crate) address: SocketAddr,
    pub(crate) path: String,
}

impl FromStr for Endpoint {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let Some((scheme, rest)) = text.split_once("://") else {
            bail!("{text:?} has no scheme; an example is http://127.0.0.1:8080");
        };
        if !matches!(scheme, "http" | "ws") {
            bail!("scheme {scheme:?} is not supported: the generator speaks http and ws only");
        }
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (host, port) = authority.rsplit_once(':').context("the URL needs a port")?;
        let ip = match host {
            "localhost" => IpAddr::V4(Ipv4Addr::LOCALHOST),
            _ => host.trim_matches(['[', ']']).parse().with_context(|| {
                format!("{host:?} is not an IP address; only loopback addresses can be used")
            })?,
        };
        procfs::require_loopback(ip)?;
        let port = port.parse().with_context(|| format!("{port:?} is not a port"))?;
        Ok(Self { address: SocketAddr::new(ip, port), path: format!("/{path}") })
    }
}

/// A resolved server.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    pub(crate) process: Option<Process>,
    pub(crate) notes: Vec<String>,
    hub: String,
    access_key: String,
    metrics: Option<Endpoint>,
}

impl Target {
    /// The one server of a scenario.
    pub(crate) fn resolve(args: &TargetArgs) -> Result<Self> {
        ensure!(args.url.len() == 1, "this scenario takes one --url, not {}", args.url.len());
        Self::resolve_one_of(args, 0)
    }

    /// One of the servers, counted in turn. Finds the process behind its URL; not finding it
    /// costs the server-side figures only.
    pub(crate) fn resolve_one_of(args: &TargetArgs, turn: usize) -> Result<Self> {
        let address = args.url[turn % args.url.len()].address;
        let is_named = args.server_pid.is_some();
        ensure!(args.url.len() == 1 || !is_named, "--server-pid names one server: give one --url");
        let mut notes = Vec::new();
        let found = match args.server_pid {
            Some(pid) => Ok(Process { pid }),
            None => procfs::listener(address),
        };
        let process = found
            .map_err(|error| notes.push(format!("no server CPU or memory: {error:#}")))
            .ok()
            .filter(|process| {
                let is_readable = process.cpu_ns().is_some();
                if !is_readable {
                    notes.push(format!("no server CPU: process {} is not readable", process.pid));
                }
                is_readable
            });
        Ok(Self {
            address,
            process,
            notes,
            hub: args.hub.clone(),
            access_key: args.access_key.clone(),
            metrics: args.metrics.clone(),
        })
    }

    /// Where the server's busiest thread may run; empty when that is not known.
    pub(crate) fn cores(&self) -> Vec<usize> {
        self.process.map_or_else(Vec::new, setup::cores_of)
    }

    /// A server that this generator started itself: no key, no metrics.
    pub(crate) fn own_child(address: SocketAddr, process: Process) -> Self {
        Self {
            address,
            process: Some(process),
            notes: Vec::new(),
            hub: "loadtest".into(),
            access_key: String::new(),
            metrics: None,
        }
    }

    /// Runs a phase and its settling between two readings of the server's counters.
    pub(crate) fn frames_per_write_of<T>(
        &self,
        phase: impl FnOnce() -> Result<T>,
    ) -> Result<(T, Option<f64>)> {
        let read = || self.metrics.as_ref().map(Counters::read).transpose();
        // Never while a phase runs: a scrape costs the server time.
        let before = read()?;
        let measured = phase()?;
        let after = read()?;
        let frames_per_write =
            before.zip(after).and_then(|(before, after)| after.frames_per_write_since(before));
        Ok((measured, frames_per_write))
    }

    /// What has become of events for event listeners; `None` without a metrics address. Not to be
    /// asked while a phase runs.
    pub(crate) fn listener_counters(&self) -> Result<Option<ListenerCounters>> {
        self.metrics.as_ref().map(ListenerCounters::read).transpose()
    }

    /// How to open a client. It gets into `group` by a join once it is greeted, or by its token
    /// where it cannot ask.
    pub(crate) fn dial(&self, subprotocol: Subprotocol, group: Option<&str>) -> Result<Dial> {
        let join = group.and_then(|group| subprotocol.join(group)).map(Rc::from);
        let group = group.filter(|_| subprotocol.encoding().is_none());
        let request = self.request(subprotocol, Identity { group, user: None })?;
        Ok(Dial { request, subprotocol, join })
    }

    /// As [`Target::dial`], into a group by the token wherever there is one: the minimal writer
    /// takes none.
    pub(crate) fn dial_member(&self, subprotocol: Subprotocol, group: &str) -> Result<Dial> {
        if self.access_key.is_empty() {
            return self.dial(subprotocol, Some(group));
        }
        let request = self.request(subprotocol, Identity { group: Some(group), user: None })?;
        Ok(Dial { request, subprotocol, join: None })
    }

    /// How to open a client in the JSON subprotocol whose token says all about it.
    pub(crate) fn dial_known(&self, identity: Identity<'_>) -> Result<Dial> {
        let request = self.request(Subprotocol::Json, identity)?;
        Ok(Dial { request, subprotocol: Subprotocol::Json, join: None })
    }

    /// How to take up a connection again; it is in its groups still.
    pub(crate) fn dial_again(&self, subprotocol: Subprotocol, pass: &Pass) -> Dial {
        let (authority, offer) = (self.address.to_string(), subprotocol.offer());
        let request = handshake::request(&authority, &self.hub, &pass.query(), offer);
        Dial { request: Rc::from(request), subprotocol, join: None }
    }

    fn request(&self, subprotocol: Subprotocol, identity: Identity<'_>) -> Result<Rc<[u8]>> {
        let authority = self.address.to_string();
        let query = match self.access_key.as_str() {
            "" => String::new(),
            _ if subprotocol == Subprotocol::None => String::new(),
            key => {
                let token = token::sign_client(key, &authority, &self.hub, identity)?;
                format!("access_token={token}")
            }
        };
        let offer = subprotocol.offer();
        Ok(Rc::from(handshake::request(&authority, &self.hub, &query, offer)))
    }

    /// The head of a REST send of `body_bytes` to what `place` names in the hub, e.g. `users/u/`.
    pub(crate) fn send_head(&self, place: &str, body_bytes: usize) -> Result<Vec<u8>> {
        ensure!(!self.access_key.is_empty(), "the REST API needs an access key (--access-key)");
        let (authority, path) = (self.address, format!("/api/hubs/{}/{place}:send", self.hub));
        let token = token::sign_request(&self.access_key, &format!("http://{authority}{path}"))?;
        Ok(http::send_head(&authority.to_string(), &path, &token, body_bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_loopback_with_a_port() {
        let endpoint: Endpoint = "http://127.0.0.1:9090/metrics".parse().unwrap();
        assert_eq!(endpoint.address, "127.0.0.1:9090".parse().unwrap());
        assert_eq!(endpoint.path, "/metrics");
        assert!("ws://localhost:8080".parse::<Endpoint>().is_ok());
        assert!("http://[::1]:8080".parse::<Endpoint>().is_ok());
        for bad in
            ["127.0.0.1:80", "http://10.1.2.3:80", "http://example.org:80", "https://[::1]:1"]
        {
            assert!(bad.parse::<Endpoint>().is_err(), "{bad}");
        }
    }
}
