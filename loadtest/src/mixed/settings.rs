//! What a mixed run is told: who receives, who sends, and how much.

use std::fmt::{self, Display, Formatter};
use std::ops::Range;
use std::str::FromStr;

use anyhow::{Context, Result, ensure};
use clap::{Args, ValueEnum};
use serde::{Serialize, Serializer};

use crate::fanout::load::RELIABLE_IN_FLIGHT_MAX;
use crate::fanout::shape::{Publishing, Shape};
use crate::wire::stamp::{PUBLISHERS_MAX, STAMP_BYTES, TARGETS_MAX};
use crate::wire::subprotocol::Subprotocol;

/// Receivers times senders that the account of a run may have, at four bytes each.
const CELLS_MAX: usize = 1 << 28;

#[derive(Args, Clone, Debug, Serialize)]
pub(crate) struct MixedSettings {
    /// Clients that receive, each in one group
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    subscribers: u64,
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=TARGETS_MAX))]
    groups: u64,
    /// How many of the subscribers speak what, in proportion
    #[arg(
        long,
        value_delimiter = ',',
        value_name = "SUBPROTOCOL=PART",
        default_value = "json=40,protobuf=20,json.reliable=20,protobuf.reliable=10,simple=10"
    )]
    shares: Vec<Share>,
    /// Clients that publish to every group in turn and receive nothing; every second one speaks
    /// protobuf
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u64).range(1..=1000))]
    publishers: u64,
    /// Their publishes per second in total, in the first phase
    #[arg(long, default_value_t = 500.0)]
    pub(crate) publish_rate: f64,
    /// Messages each of them keeps outstanding in the closed loop
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    pub(crate) window: u64,
    /// Subscribers that publish to their own group too
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u64).range(0..=10_000))]
    publishing_members: u64,
    /// Their publishes per second in total; 0 for none
    #[arg(long, default_value_t = 100.0)]
    pub(crate) member_rate: f64,
    /// HTTP connections that send to every group in turn, each after the answer to its last one
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u64).range(0..=1000))]
    rest_connections: u64,
    /// Their sends per second in total; 0 for none
    #[arg(long, default_value_t = 100.0)]
    pub(crate) rest_rate: f64,
    /// Bytes of each payload, its stamp of 38 included
    #[arg(long, default_value_t = 128, value_parser = clap::value_parser!(u64).range(STAMP_BYTES as u64..=1_000_000))]
    pub(crate) payload: u64,
    /// Measured seconds of each phase
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub(crate) seconds: u64,
    /// Connections being opened at a time
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    pub(crate) concurrency: u64,
}

/// A part of the subscribers, as `json=40`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Share {
    subprotocol: Subprotocol,
    weight: u64,
}

/// Who is who, by index. Subscribers come first, of one subprotocol after the other; then the
/// publishers apart and the HTTP connections.
#[derive(Clone, Debug)]
pub(crate) struct Cast {
    pub(crate) groups: usize,
    pub(crate) receivers: Vec<(Subprotocol, Range<usize>)>,
    pub(crate) publishers: Range<usize>,
    /// Of the subscribers.
    pub(crate) publishing_members: Vec<usize>,
    pub(crate) connections: Range<usize>,
}

impl MixedSettings {
    pub(crate) fn cast(&self) -> Result<Cast> {
        let Self { subscribers, groups, publish_rate, member_rate, rest_rate, .. } = *self;
        ensure!(groups <= subscribers, "--groups {groups} is more than {subscribers} subscribers");
        let is_rate = |rate: f64| (1.0..=1e7).contains(&rate);
        ensure!(is_rate(publish_rate), "--publish-rate {publish_rate} is not 1 to 1e7");
        for (name, rate) in [("--member-rate", member_rate), ("--rest-rate", rest_rate)] {
            ensure!(rate == 0.0 || is_rate(rate), "{name} {rate} is neither 0 nor 1 to 1e7");
        }
        let subscribers = usize::try_from(subscribers)?;
        let receivers = split(&self.shares, subscribers)?;
        let publishing_members = spread(&receivers, usize::try_from(self.publishing_members)?)?;
        ensure!(
            member_rate == 0.0 || !publishing_members.is_empty(),
            "--member-rate {member_rate} needs --publishing-members"
        );
        ensure!(
            rest_rate == 0.0 || self.rest_connections > 0,
            "--rest-rate {rest_rate} needs --rest-connections"
        );
        let publishers = subscribers..subscribers + usize::try_from(self.publishers)?;
        let connections = publishers.end..publishers.end + usize::try_from(self.rest_connections)?;
        let groups = usize::try_from(groups)?;
        let cast = Cast { groups, receivers, publishers, publishing_members, connections };
        let senders = cast.shape().publishers;
        ensure!(senders as u64 <= PUBLISHERS_MAX, "{senders} senders are more than a stamp holds");
        ensure!(
            subscribers.saturating_mul(senders) <= CELLS_MAX,
            "{subscribers} subscribers of {senders} senders are too many to account for: take \
             fewer --publishing-members or --subscribers"
        );
        let in_flight = (usize::try_from(self.window)? * cast.publishers.len()).div_ceil(groups);
        ensure!(
            !cast.has_reliable() || in_flight <= RELIABLE_IN_FLIGHT_MAX,
            "--window {} comes to {in_flight} messages in flight to each reliable subscriber; at \
             most {RELIABLE_IN_FLIGHT_MAX} are safe from being closed by the server",
            self.window
        );
        Ok(cast)
    }
}

impl Cast {
    /// Everybody who sends is a publisher to the ledger: those apart, then the members, then the
    /// HTTP connections.
    pub(crate) fn shape(&self) -> Shape {
        Shape {
            subscribers: self.publishers.start,
            publishers: self.publishers.len()
                + self.publishing_members.len()
                + self.connections.len(),
            groups: self.groups,
            publishing: Publishing::Apart,
        }
    }

    pub(crate) fn clients(&self) -> usize {
        self.connections.end
    }

    pub(crate) fn has_reliable(&self) -> bool {
        let mut receivers = self.receivers.iter();
        receivers.any(|(subprotocol, clients)| subprotocol.is_reliable() && !clients.is_empty())
    }
}

/// Which subscribers speak what.
fn split(shares: &[Share], subscribers: usize) -> Result<Vec<(Subprotocol, Range<usize>)>> {
    let total: u64 = shares.iter().map(|share| share.weight).sum();
    ensure!(total > 0, "--shares come to nothing");
    let (mut weight, mut start) = (0, 0);
    let mut receivers = Vec::new();
    for share in shares {
        let is_twice = receivers.iter().any(|&(known, _)| known == share.subprotocol);
        ensure!(!is_twice, "--shares has {} twice", share.subprotocol);
        weight += share.weight;
        let end = usize::try_from(subscribers as u64 * weight / total)?;
        receivers.push((share.subprotocol, start..end));
        start = end;
    }
    Ok(receivers)
}

/// `count` of the subscribers that can publish, evenly among them.
fn spread(receivers: &[(Subprotocol, Range<usize>)], count: usize) -> Result<Vec<usize>> {
    let able = receivers.iter().filter(|(subprotocol, _)| subprotocol.encoding().is_some());
    let able: Vec<usize> = able.flat_map(|(_, clients)| clients.clone()).collect();
    ensure!(
        count <= able.len(),
        "--publishing-members {count} is more than the {} subscribers that can publish",
        able.len()
    );
    Ok((0..count).map(|place| able[place * able.len() / count]).collect())
}

impl FromStr for Share {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let (name, weight) = text.split_once('=').context("a share is written as json=40")?;
        let subprotocol = Subprotocol::from_str(name, false).map_err(anyhow::Error::msg)?;
        ensure!(subprotocol != Subprotocol::None, "none has no token and can be in no group");
        let weight = weight.parse().ok().filter(|&weight| weight <= 1_000_000);
        let weight = weight.with_context(|| format!("{text:?}: a part is 0 to 1000000"))?;
        Ok(Self { subprotocol, weight })
    }
}

impl Display for Share {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        write!(out, "{}={}", self.subprotocol, self.weight)
    }
}

impl Serialize for Share {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Display for MixedSettings {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let Self { subscribers, groups, publishers, publishing_members, .. } = self;
        let Self { rest_connections, payload, window, .. } = self;
        write!(
            out,
            "{subscribers} subscribers in {groups} groups, {publishing_members} of them \
             publishing, {publishers} publishers, {rest_connections} HTTP connections, \
             {payload} B, window {window}"
        )
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        settings: MixedSettings,
    }

    fn cast(words: &[&str]) -> Result<Cast> {
        Cli::try_parse_from([&["mixed"], words].concat())?.settings.cast()
    }

    #[test]
    fn subscribers_are_split_by_their_shares_without_rest() {
        let cast = cast(&["--subscribers", "10", "--shares", "json=1,simple=1,protobuf=1"]).err();
        assert!(cast.is_some(), "50 members cannot publish among 7");
        let words = ["--subscribers", "10", "--groups", "3", "--publishing-members", "2"];
        let words = [&words[..], &["--shares", "json=1,simple=1,protobuf=1"]].concat();
        let cast = super::tests::cast(&words).unwrap();
        let expected = [
            (Subprotocol::Json, 0..3),
            (Subprotocol::Simple, 3..6),
            (Subprotocol::Protobuf, 6..10),
        ];
        assert_eq!(cast.receivers, expected);
        assert_eq!(cast.publishing_members, [0, 6]);
        assert_eq!((cast.publishers.clone(), cast.connections.clone()), (10..14, 14..22));
        assert_eq!((cast.shape().publishers, cast.clients()), (14, 22));
        assert!(!cast.has_reliable());
    }

    #[test]
    fn what_cannot_be_is_refused() {
        assert!(cast(&[]).unwrap().has_reliable());
        for bad in [
            &["--shares", "json"][..],
            &["--shares", "none=1"],
            &["--shares", "json=0"],
            &["--shares", "json=1,json=2"],
            &["--groups", "1001"],
            &["--member-rate", "0.5"],
            &["--rest-connections", "0"],
            &["--publishing-members", "0"],
            &["--window", "10000"],
        ] {
            assert!(cast(bad).is_err(), "{bad:?}");
        }
    }
}
