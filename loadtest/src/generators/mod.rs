//! One run by several processes: what each does, and where they wait for each other.
//!
//! Neither the descriptors of one process nor one server are then the limit. The first process
//! starts this program again for each part, with the same words and `--part`. A part takes its
//! share of the clients to its server, stops at each meeting until all parts are there, and hands
//! back what it measured; a scenario puts that together (`sum`). With one part there is no second
//! process, and the scenario does the same.

mod crew;
pub(crate) mod sum;

use std::io::{BufRead, Write};
use std::str::FromStr;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Signal, set_parent_process_death_signal};
use rustix::time::Timespec;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::client::CONNECTIONS_PER_SOURCE;
use crate::clock::NS_PER_MS;
use crate::fleet::Fleet;
use crate::setup;
use crate::target::{Target, TargetArgs};

/// What a part says when it has come to a meeting, and what begins its result.
const HERE: &str = "here";
const RESULT: &str = "result ";

/// How long a part looks at its clients before it looks whether all are there.
const MEETING_TURN_NS: u64 = NS_PER_MS;

#[derive(Args, Clone, Debug)]
pub(crate) struct GeneratorArgs {
    /// Processes that share the clients, each with descriptors of its own, taking the servers in
    /// turn; one for each --url by default
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=64))]
    generators: Option<u64>,
    /// Which of them this one is
    #[arg(long, hide = true)]
    part: Option<Place>,
}

impl GeneratorArgs {
    /// How many processes there are to be.
    pub(crate) fn count(&self, servers: usize) -> Result<usize> {
        let count = self.generators.map_or(Ok(servers), usize::try_from)?;
        ensure!(
            count >= servers,
            "--generators {count} is too few for {servers} --url: each server needs a process"
        );
        Ok(count)
    }
}

/// One part of so many: `1/3`, the first being 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    index: usize,
    count: usize,
}

/// A process of a run, as its scenario sees it.
pub(crate) struct Part {
    place: Place,
    /// Whether others wait for it at its meetings.
    is_child: bool,
}

/// Runs `work` in as many processes as there are to be, against `servers` of them. `None` in a
/// child, whose result has gone to its parent.
pub(crate) fn run<T: Serialize + DeserializeOwned>(
    args: &GeneratorArgs,
    servers: usize,
    work: impl FnOnce(&mut Part) -> Result<T>,
) -> Result<Option<Vec<T>>> {
    if let Some(place) = args.part {
        // Its result would have nobody to go to.
        set_parent_process_death_signal(Some(Signal::KILL)).context("tying to the parent")?;
        let result = work(&mut Part { place, is_child: true })?;
        say(RESULT, &serde_json::to_string(&result).context("telling the result")?)?;
        return Ok(None);
    }
    let count = args.count(servers)?;
    if count == 1 {
        return Ok(Some(vec![work(&mut Part::whole())?]));
    }
    let results = crew::run(count)?;
    let results = results.iter().map(|text| serde_json::from_str(text));
    results.collect::<Result<_, _>>().context("reading the result of a generator").map(Some)
}

impl Part {
    /// The only process of a run.
    pub(crate) fn whole() -> Self {
        Self { place: Place { index: 0, count: 1 }, is_child: false }
    }

    /// The server it is for.
    pub(crate) fn target(&self, args: &TargetArgs) -> Result<Target> {
        Target::resolve_one_of(args, self.place.index)
    }

    /// An empty fleet that has room for `sockets`, none of whose source addresses another part
    /// has, so that all servers together do not exhaust the ports of one.
    pub(crate) fn fleet(
        &self,
        target: &Target,
        sockets: usize,
        payload_bytes: usize,
    ) -> Result<Fleet> {
        setup::allow_sockets(sockets)?;
        let sources = sockets.div_ceil(CONNECTIONS_PER_SOURCE);
        let fleet = Fleet::new(target.address, payload_bytes)?;
        Ok(fleet.with_sources_behind(self.place.index * sources))
    }

    /// How many of `total` clients are its own.
    pub(crate) fn share_of(&self, total: u64) -> Result<usize> {
        let Place { index, count } = self.place;
        let total = usize::try_from(total)?;
        ensure!(total >= count, "{total} clients are too few for {count} generators");
        Ok(total / count + usize::from(index < total % count))
    }

    /// Its part of a rate.
    pub(crate) fn rate_of(&self, total: f64) -> f64 {
        total / self.place.count as f64
    }

    /// Waits until all parts are here; nothing but what the protocol asks for may come meanwhile.
    pub(crate) fn meet(&self, fleet: &mut Fleet) -> Result<()> {
        if !self.is_child {
            return Ok(());
        }
        say(HERE, "")?;
        while !all_are_here()? {
            fleet.turn(MEETING_TURN_NS, |_, _, _| {})?;
        }
        Ok(())
    }
}

fn say(word: &str, rest: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{word}{rest}").and_then(|()| out.flush()).context("telling the parent")
}

/// Whether the parent has sent its line, which it does once for each meeting.
fn all_are_here() -> Result<bool> {
    let input = std::io::stdin();
    let no_wait = Timespec { tv_sec: 0, tv_nsec: 0 };
    let mut watched = [PollFd::new(&input, PollFlags::IN)];
    if poll(&mut watched, Some(&no_wait)).context("listening to the parent")? == 0 {
        return Ok(false);
    }
    let count = input.lock().read_line(&mut String::new()).context("listening to the parent")?;
    if count == 0 {
        bail!("the parent has ended");
    }
    Ok(true)
}

impl FromStr for Place {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let (index, count) = text.split_once('/').context("a part is named as 0/2")?;
        let place = Self { index: index.parse()?, count: count.parse()? };
        ensure!(place.index < place.count, "there is no part {text}");
        Ok(place)
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}/{}", self.index, self.count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_named_by_place_and_count() {
        let place = Place { index: 1, count: 3 };
        assert_eq!(place.to_string().parse::<Place>().unwrap(), place);
        for bad in ["", "1", "3/3", "-1/3", "a/b"] {
            assert!(bad.parse::<Place>().is_err(), "{bad}");
        }
    }

    #[test]
    fn shares_differ_by_one_at_most_and_come_to_the_whole() {
        let part = |index| Part { place: Place { index, count: 3 }, is_child: true };
        assert_eq!([0, 1, 2].map(|index| part(index).share_of(11).unwrap()), [4, 4, 3]);
        assert_eq!(part(0).rate_of(6.0), 2.0);
        assert!(part(0).share_of(2).is_err());
        assert_eq!(Part::whole().share_of(11).unwrap(), 11);
    }
}
