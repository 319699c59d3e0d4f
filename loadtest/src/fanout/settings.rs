//! What a run of publishing is told: who publishes to whom, how fast and how long, and who speaks
//! what.
//!
//! Everybody and their groups ([`Audience`]) differ between scenarios; what stands in
//! [`Pacing`] is the same for all of them, and so is all that happens with it.

use std::fmt::{self, Display, Formatter};

use anyhow::{Result, ensure};
use clap::Args;
use serde::Serialize;

use super::shape::{Publishing, Shape};
use crate::wire::stamp::{PUBLISHERS_MAX, STAMP_BYTES, TARGETS_MAX};
use crate::wire::subprotocol::Subprotocol;

/// Messages in flight to a reliable subscriber in the closed loop that leave room for those which
/// it has received and not acknowledged, below the 1,000 of client-json.md 6.4.
const RELIABLE_IN_FLIGHT_MAX: usize = 600;

/// The clients of a scenario and their groups, as typed; displayed as a heading has it.
pub(crate) trait Audience: Args + Clone + Display + Serialize {
    fn shape(&self) -> Result<Shape>;
}

#[derive(Args, Clone, Debug, Serialize)]
pub(crate) struct Settings<A: Audience> {
    #[command(flatten)]
    #[serde(flatten)]
    pub(crate) audience: A,
    #[command(flatten)]
    #[serde(flatten)]
    pub(crate) pacing: Pacing,
}

/// Of `fanout`, and of the minimal servers.
pub(crate) type LoadArgs = Settings<Apart>;

/// Publishers that are members of no group.
#[derive(Args, Clone, Debug, Serialize)]
pub(crate) struct Apart {
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    pub(crate) subscribers: u64,
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=PUBLISHERS_MAX))]
    pub(crate) publishers: u64,
    /// At most one for each subscriber
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=TARGETS_MAX))]
    pub(crate) groups: u64,
}

#[derive(Args, Clone, Debug, Serialize)]
pub(crate) struct Pacing {
    /// Bytes of each payload, its stamp of 38 included
    #[arg(long, default_value_t = 128, value_parser = clap::value_parser!(u64).range(STAMP_BYTES as u64..=1_000_000))]
    pub(crate) payload: u64,
    /// Measured seconds of each phase
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub(crate) seconds: u64,
    /// Seconds of the closed loop before its measurement starts
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(0..=600))]
    pub(crate) warmup_seconds: u64,
    /// Messages each publisher keeps outstanding in the closed loop
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    pub(crate) window: u64,
    /// Publishes per second in total at the fixed rate; half of the saturated rate by default
    #[arg(long)]
    pub(crate) rate: Option<f64>,
    /// Connections being opened at a time
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    pub(crate) concurrency: u64,
}

/// Who speaks what.
#[derive(Args, Clone, Copy, Debug, Serialize)]
pub(crate) struct Subprotocols {
    /// What the subscribers speak
    #[arg(
        id = "subprotocol",
        long = "subprotocol",
        value_name = "SUBPROTOCOL",
        value_enum,
        default_value = "json"
    )]
    pub(crate) subscribers: Subprotocol,
    /// What the publishers speak; not `simple` and not `none`
    #[arg(
        id = "publisher-subprotocol",
        long = "publisher-subprotocol",
        value_name = "SUBPROTOCOL",
        value_enum,
        default_value = "json"
    )]
    pub(crate) publishers: Subprotocol,
}

impl Subprotocols {
    /// Of the minimal writer and the peers, which know no other.
    pub(crate) const JSON: Self = Self::all(Subprotocol::Json);

    pub(crate) const fn all(subprotocol: Subprotocol) -> Self {
        Self { subscribers: subprotocol, publishers: subprotocol }
    }
}

impl<A: Audience> Settings<A> {
    /// Descriptors either side needs.
    pub(crate) fn sockets(&self) -> Result<usize> {
        Ok(self.audience.shape()?.clients())
    }

    /// The shape of a run in which the closed loop does not by itself make the server close
    /// reliable clients.
    pub(super) fn checked_shape(&self, subprotocols: Subprotocols) -> Result<Shape> {
        let shape = self.audience.shape()?;
        let Pacing { window, rate, .. } = self.pacing;
        ensure!(rate.is_none_or(|rate| (1.0..=1e8).contains(&rate)), "--rate is 1 to 1e8");
        let in_flight = (usize::try_from(window)? * shape.publishers).div_ceil(shape.groups);
        ensure!(
            !subprotocols.subscribers.is_reliable() || in_flight <= RELIABLE_IN_FLIGHT_MAX,
            "{in_flight} messages in flight to each reliable subscriber are too many: the server \
             closes a client with 1,000 unacknowledged ones; take a window below \
             {RELIABLE_IN_FLIGHT_MAX} by the number of publishers"
        );
        Ok(shape)
    }
}

impl Audience for Apart {
    fn shape(&self) -> Result<Shape> {
        ensure!(self.groups <= self.subscribers, "a group without subscribers delivers nothing");
        Ok(Shape {
            subscribers: usize::try_from(self.subscribers)?,
            publishers: usize::try_from(self.publishers)?,
            groups: usize::try_from(self.groups)?,
            publishing: Publishing::Apart,
        })
    }
}

impl Display for Apart {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let Self { subscribers, publishers, groups } = self;
        write!(out, "{subscribers} subscribers in {groups} groups, {publishers} publishers")
    }
}

impl<A: Audience> Display for Settings<A> {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let Pacing { payload, window, .. } = self.pacing;
        write!(out, "{}, {payload} B, window {window}", self.audience)
    }
}
