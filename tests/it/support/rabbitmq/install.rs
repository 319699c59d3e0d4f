//! Where RabbitMQ is on this machine, and how it comes there.

use std::path::PathBuf;

use crate::support::packages;

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
    packages::install("rabbitmq-server", is_there).unwrap_or_else(|reason| {
        panic!(
            "these tests need RabbitMQ with its plug-in rabbitmq_amqp1_0; on Debian: \
             apt-get install rabbitmq-server (and stop the service that starts by itself): {reason}"
        )
    });
    assert!(is_there(), "the package has put RabbitMQ elsewhere than {SERVER}");
    find()
}
