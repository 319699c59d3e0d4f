//! Where RabbitMQ is on this machine, and how it comes there.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::sdk::run;

/// The package's own script changes to another user, and refuses those who may not.
const SERVER: &str = "/usr/lib/rabbitmq/bin/rabbitmq-server";

pub(super) struct Programs {
    pub(super) server: PathBuf,
    /// What maps names of nodes to ports; comes with Erlang.
    pub(super) epmd: PathBuf,
}

/// Installs Debian's package if it is missing.
pub(super) fn programs() -> Programs {
    let find = || Programs { server: SERVER.into(), epmd: "/usr/bin/epmd".into() };
    let is_there = || find().server.exists() && find().epmd.exists();
    if !is_there() {
        let may = rustix::process::getuid().is_root() && Path::new("/usr/bin/apt-get").exists();
        assert!(
            may,
            "these tests need RabbitMQ with its plug-in rabbitmq_amqp1_0; on Debian: \
             apt-get install rabbitmq-server (and stop the service that starts by itself)"
        );
        for arguments in [&["update", "-qq"][..], &["install", "-y", "-qq", "rabbitmq-server"]] {
            let mut command = Command::new("apt-get");
            command.args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
            // The service of the machine is not wanted; this is how packages are told so.
            command.env("RUNLEVEL", "1");
            run(command).unwrap_or_else(|report| panic!("{report}"));
        }
        assert!(is_there(), "the package has put RabbitMQ elsewhere than {SERVER}");
    }
    find()
}
