//! Scenario `groups`: many small groups in which every member publishes, every delivery checked.
//!
//! The work of a server is the reverse of `fanout`'s: about as many messages come in as go out,
//! each to few sockets, so that what a read and a group cost shows. Members get into their group
//! by their token and publish to it alone. Phases, ledger and report are those of `fanout`; a
//! message of the closed loop is under way until its own publisher has received it.

use std::fmt::{self, Display, Formatter};

use anyhow::{Result, ensure};
use clap::Args;
use serde::Serialize;

use crate::beside::BesideArgs;
use crate::fanout::Order;
use crate::fanout::settings::{Audience, Settings, Subprotocols};
use crate::fanout::shape::{Publishing, Shape};
use crate::report::Output;
use crate::target::TargetArgs;
use crate::wire::stamp::PUBLISHERS_MAX;
use crate::wire::subprotocol::Subprotocol;

// One message of each member at a time is what a server can join least into one write. The minimal
// writer always echoes.
#[derive(Args, Clone, Debug)]
#[command(mut_arg("window", |window| window.default_value("1")))]
#[command(mut_arg("yardstick", |yardstick| yardstick.conflicts_with("no_echo")))]
pub(crate) struct GroupsArgs {
    #[command(flatten)]
    target: TargetArgs,
    #[command(flatten)]
    load: Settings<Members>,
    /// What the members speak; not `simple` and not `none`, which cannot publish
    #[arg(long, value_enum, default_value = "json")]
    subprotocol: Subprotocol,
    #[command(flatten)]
    beside: BesideArgs,
}

#[derive(Args, Clone, Debug, Serialize)]
pub(crate) struct Members {
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..=PUBLISHERS_MAX))]
    groups: u64,
    /// Members of each group
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=PUBLISHERS_MAX))]
    members: u64,
    /// Members do not get their own messages; one is then under way until all others have it
    #[arg(long)]
    no_echo: bool,
}

/// Runs the scenario; whether every delivery was right.
pub(crate) fn run(args: &GroupsArgs, output: &Output) -> Result<bool> {
    let order = Order {
        scenario: "groups",
        target: &args.target,
        settings: &args.load,
        subprotocols: Subprotocols::all(args.subprotocol),
        beside: &args.beside,
    };
    order.run(output)
}

impl Audience for Members {
    fn shape(&self) -> Result<Shape> {
        let Self { groups, members, no_echo } = *self;
        let clients = groups * members;
        ensure!(clients <= PUBLISHERS_MAX, "{clients} members are more than {PUBLISHERS_MAX}");
        ensure!(members > 1 || !no_echo, "without echo a group of one delivers nothing");
        let clients = usize::try_from(clients)?;
        Ok(Shape {
            subscribers: clients,
            publishers: clients,
            groups: usize::try_from(groups)?,
            publishing: Publishing::Members { is_echoed: !no_echo },
        })
    }
}

impl Display for Members {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let Self { groups, members, no_echo } = self;
        write!(out, "{groups} groups of {members}, every member publishing")?;
        out.write_str(if *no_echo { " without echo" } else { "" })
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        args: GroupsArgs,
    }

    fn typed(words: &[&str]) -> Settings<Members> {
        Cli::parse_from([&["groups"], words].concat()).args.load
    }

    #[test]
    fn one_message_of_each_member_is_under_way_unless_told() {
        assert_eq!(typed(&[]).pacing.window, 1);
        assert_eq!(typed(&["--window", "8"]).pacing.window, 8);
    }

    #[test]
    fn there_are_as_many_clients_as_members_of_all_groups() {
        assert_eq!(typed(&[]).sockets().unwrap(), 5000);
        let most = typed(&["--groups", "8192", "--members", "8"]);
        assert_eq!(most.sockets().unwrap(), 65_536);
        assert!(typed(&["--groups", "8192", "--members", "9"]).sockets().is_err());
    }

    #[test]
    fn a_group_of_one_needs_its_echo() {
        assert!(typed(&["--members", "1"]).sockets().is_ok());
        assert!(typed(&["--members", "1", "--no-echo"]).sockets().is_err());
        let both = Cli::try_parse_from(["groups", "--no-echo", "--yardstick"]);
        assert!(both.is_err(), "the minimal writer always echoes");
    }
}
