//! One load on the server under test and then on others, started here on its core: the minimal
//! writer and peers, one at a time.
//!
//! A figure alone says as much about the machine as about the server; the ratio of two, taken in
//! the same run with the same load, says more. What is compared is the scenario's to say
//! ([`Outcome`]).

use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use clap::Args;
use serde::Serialize;

use crate::limit::child::start_minimal;
use crate::own_server::OwnServer;
use crate::peer::{Peer, PeerArgs};
use crate::report::{Output, Report, row};
use crate::target::Target;
use crate::wire::subprotocol::Subprotocol;

/// Of the scenarios that the minimal writer and the peers know.
#[derive(Args, Clone, Debug)]
pub(crate) struct BesideArgs {
    /// Runs the same load against the minimal writer on the server's core afterwards
    #[arg(long)]
    yardstick: bool,
    #[command(flatten)]
    peers: PeerArgs,
}

/// A server that gets the same load afterwards.
pub(crate) enum Other {
    Minimal,
    Peer { peer: Peer, folder: PathBuf },
}

/// What a run found, of whichever server.
pub(crate) trait Outcome: Display + Serialize {
    /// What the ratios are of.
    const COST: &'static str;

    fn is_clean(&self) -> bool;

    /// The costs of this one over those of `other`, by what they are of. What cannot be compared
    /// is left out.
    fn ratios_to(&self, other: &Self) -> BTreeMap<&'static str, f64>;
}

/// A server and the others under one load.
#[derive(Serialize)]
struct Compared<R: Outcome> {
    server: R,
    beside: Vec<Beside<R>>,
}

#[derive(Serialize)]
pub(crate) struct Beside<R: Outcome> {
    /// What its figures are found by.
    name: String,
    version: String,
    report: R,
    /// Of the server under test to this one.
    ratios: BTreeMap<&'static str, f64>,
}

impl BesideArgs {
    /// In the order in which they run. Refused if one of them is not to be had.
    pub(crate) fn others(&self) -> Result<Vec<Other>> {
        let mut others = Vec::from_iter(self.yardstick.then_some(Other::Minimal));
        self.peers.check()?;
        let PeerArgs { peer, peers } = &self.peers;
        others.extend(peer.iter().map(|&peer| Other::Peer { peer, folder: peers.clone() }));
        Ok(others)
    }

    /// As [`BesideArgs::others`], where the load can come from several processes: one alone knows
    /// how to go on to the next server.
    pub(crate) fn others_of_one(&self, generators: usize) -> Result<Vec<Other>> {
        let others = self.others()?;
        ensure!(
            others.is_empty() || generators == 1,
            "--yardstick and --peer are for one --url and one of --generators"
        );
        Ok(others)
    }
}

/// What is spoken to the others: the minimal writer and the peers know JSON, or nothing at all.
pub(crate) fn spoken(subprotocol: Subprotocol) -> Subprotocol {
    if subprotocol.offer().is_some() { Subprotocol::Json } else { Subprotocol::None }
}

impl Other {
    fn name(&self) -> String {
        match self {
            Self::Minimal => "minimal writer".into(),
            Self::Peer { peer, .. } => peer.to_string(),
        }
    }

    fn start(&self, core: Option<usize>, sockets: usize) -> Result<OwnServer> {
        match self {
            Self::Minimal => start_minimal(core, sockets),
            Self::Peer { peer, folder } => peer.start(folder, core, sockets),
        }
    }
}

/// Puts `load` on each of the others, with room for `sockets`, where `server` was measured; tells
/// the report of all. Whether everything was right with every server.
pub(crate) fn conclude<R: Outcome>(
    scenario: &'static str,
    (server, cores): (R, Vec<usize>),
    (others, sockets): (&[Other], usize),
    output: &Output,
    mut load: impl FnMut(&Target, &R) -> Result<R>,
) -> Result<bool> {
    if others.is_empty() {
        let is_clean = server.is_clean();
        return Report::new(scenario, cores, server, is_clean).tell(output);
    }
    let core = cores.first().copied();
    let mut beside = Vec::new();
    for other in others {
        let name = other.name();
        let started = other.start(core, sockets)?;
        let report = load(&started.target(), &server).with_context(|| format!("beside {name}"))?;
        let ratios = server.ratios_to(&report);
        beside.push(Beside { name, version: started.version.clone(), report, ratios });
    }
    let compared = Compared { server, beside };
    let is_clean = compared.is_clean();
    Report::new(scenario, cores, compared, is_clean).tell(output)
}

impl<R: Outcome> Compared<R> {
    fn is_clean(&self) -> bool {
        self.server.is_clean() && self.beside.iter().all(|other| other.report.is_clean())
    }
}

impl<R: Outcome> Display for Compared<R> {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.server)?;
        for Beside { version, report, .. } in &self.beside {
            write!(out, "\nbeside: {version}\n{report}")?;
        }
        writeln!(out, "\n{}, server / other", R::COST)?;
        for Beside { name, ratios, .. } in &self.beside {
            let ratios = ratios.iter().map(|(of, ratio)| format!("{of} {ratio:.2}"));
            row(out, name, ratios.collect::<Vec<_>>().join(", "))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A cost in two phases; nothing is right with one that costs nothing.
    #[derive(Serialize)]
    struct Cost([f64; 2]);

    impl Display for Cost {
        fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
            writeln!(out, "costs {:?}", self.0)
        }
    }

    impl Outcome for Cost {
        const COST: &'static str = "cost";

        fn is_clean(&self) -> bool {
            self.0[0] > 0.0
        }

        fn ratios_to(&self, other: &Self) -> BTreeMap<&'static str, f64> {
            [("one", self.0[0] / other.0[0]), ("two", self.0[1] / other.0[1])].into()
        }
    }

    fn beside(name: &str, server: &Cost, cost: [f64; 2]) -> Beside<Cost> {
        let report = Cost(cost);
        let ratios = server.ratios_to(&report);
        Beside { name: name.into(), version: format!("{name} 1.0"), report, ratios }
    }

    #[test]
    fn every_other_server_has_its_report_and_a_line_of_ratios() {
        let server = Cost([1.0, 3.0]);
        let beside = vec![beside("bun", &server, [2.0, 2.0]), beside("ws", &server, [10.0, 30.0])];
        let compared = Compared { server, beside };
        assert!(compared.is_clean());
        let text = compared.to_string();
        assert!(text.contains("\nbeside: bun 1.0\ncosts [2.0, 2.0]\n"), "{text}");
        let ratios = text.split_once("cost, server / other\n").unwrap().1;
        let ratios: Vec<Vec<_>> =
            ratios.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(ratios[0], ["bun", "one", "0.50,", "two", "1.50"]);
        assert_eq!(ratios[1], ["ws", "one", "0.10,", "two", "0.10"]);
    }

    #[test]
    fn one_server_that_failed_is_a_failure() {
        let server = Cost([1.0, 1.0]);
        let beside = vec![beside("ws", &server, [0.0, 1.0])];
        assert!(!Compared { server, beside }.is_clean());
    }
}
