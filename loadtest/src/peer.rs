//! Other pub/sub servers that get the same load: scripts in `loadtest/peers`, one for each.
//!
//! A peer begins as a child of this program, which pins it to the server's core and then becomes
//! the peer, so that all of its threads are on that core, are counted, and end with their parent.
//! Nothing is installed here: what the scripts need has to be in their folder before.

use std::fmt::{self, Display, Formatter};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use clap::{Args, ValueEnum};

use crate::own_server::{self, OwnServer};

#[derive(Args, Clone, Debug)]
pub(crate) struct PeerArgs {
    /// Runs the same load against these servers on the server's core afterwards
    #[arg(long, value_enum, value_delimiter = ',')]
    pub(crate) peer: Vec<Peer>,
    /// Folder of the peers' scripts and of what they need
    #[arg(long, value_name = "DIR", default_value = "loadtest/peers")]
    pub(crate) peers: PathBuf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Peer {
    /// Bun.serve with its ServerWebSocket and its topics
    Bun,
    /// The library ws on Node, and a loop over members
    Ws,
}

/// How this program starts itself in order to become a peer.
#[derive(Args, Clone, Debug)]
pub(crate) struct PeerServerArgs {
    #[arg(value_enum)]
    peer: Peer,
    #[arg(long)]
    peers: PathBuf,
    #[arg(long)]
    sockets: usize,
}

/// The child's side: becomes the peer, and returns only if it cannot.
pub(crate) fn serve(args: &PeerServerArgs, core: Option<usize>) -> Result<bool> {
    own_server::begin(core, args.sockets)?;
    let program = args.peer.program(&args.peers);
    let error = Command::new(&program).arg(args.peers.join(args.peer.script())).exec();
    Err(error).with_context(|| format!("starting {}", program.display()))
}

impl PeerArgs {
    /// Refuses before a run what could not be started after it.
    pub(crate) fn check(&self) -> Result<()> {
        let PeerArgs { peer, peers } = self;
        for peer in peer {
            ensure!(
                peers.join(peer.script()).is_file(),
                "{} has no {}: name the folder of the peers by --peers",
                peers.display(),
                peer.script()
            );
            ensure!(
                peers.join("node_modules").join(peer.package()).is_dir(),
                "the peer {peer} is not installed: npm ci --prefix {}",
                peers.display()
            );
        }
        Ok(())
    }
}

impl Peer {
    pub(crate) fn start(
        self,
        peers: &Path,
        core: Option<usize>,
        sockets: usize,
    ) -> Result<OwnServer> {
        let folder = peers.to_str().context("the folder of the peers has no readable name")?;
        let (peer, folder) = (self.to_string(), format!("--peers={folder}"));
        let sockets = format!("--sockets={sockets}");
        OwnServer::start(&["peer-server", &peer, &folder, &sockets], core, &[])
    }

    fn script(self) -> &'static str {
        match self {
            Self::Bun => "bun.js",
            Self::Ws => "ws.js",
        }
    }

    /// What npm installs for it.
    fn package(self) -> &'static str {
        match self {
            Self::Bun => "bun",
            Self::Ws => "ws",
        }
    }

    /// What runs its script. Node is the machine's.
    fn program(self, peers: &Path) -> PathBuf {
        match self {
            Self::Bun => peers.join("node_modules/.bin/bun"),
            Self::Ws => "node".into(),
        }
    }
}

/// As on the command line.
impl Display for Peer {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        self.to_possible_value().map_or(Ok(()), |value| out.write_str(value.get_name()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_that_is_not_installed_is_refused_with_the_way_to_install_it() {
        let peers = std::env::temp_dir().join(format!("peers-{}", std::process::id()));
        let args = PeerArgs { peer: vec![Peer::Ws], peers: peers.clone() };
        let refusal = || args.check().unwrap_err().to_string();
        assert!(refusal().contains("by --peers"), "{}", refusal());

        std::fs::create_dir_all(&peers).unwrap();
        std::fs::write(peers.join("ws.js"), "").unwrap();
        let fix = format!("npm ci --prefix {}", peers.display());
        assert!(refusal().contains(&fix), "{}", refusal());

        std::fs::create_dir_all(peers.join("node_modules/ws")).unwrap();
        assert!(args.check().is_ok());
        let _ = std::fs::remove_dir_all(&peers);
    }
}
