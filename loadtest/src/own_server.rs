//! A server that this program starts itself, as a child process: a minimal one or a peer.
//!
//! A child of its own, because CPU time is only attributable by process. It begins as this same
//! program, which ties and pins it before it becomes what it is to be. It says on standard output
//! where it listens, and dies with its parent.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, bail};
use rustix::process::{Signal, set_parent_process_death_signal};

use crate::procfs::Process;
use crate::setup;
use crate::target::Target;

/// What a child's line begins with. Its address follows and, behind a space, what it is.
pub(crate) const LISTENING: &str = "listening ";

/// The child's side, before it serves: tied to its parent, on its core (where `--core` has put it
/// already) or on all, and with room for its sockets.
pub(crate) fn begin(core: Option<usize>, sockets: usize) -> Result<()> {
    if core.is_none() {
        setup::unpin()?;
    }
    set_parent_process_death_signal(Some(Signal::KILL)).context("tying the child to its parent")?;
    setup::allow_sockets(sockets)
}

/// The parent's side of a running child, which ends with this value.
pub(crate) struct OwnServer {
    child: Child,
    output: BufReader<ChildStdout>,
    pub(crate) address: SocketAddr,
    /// As it says itself; empty when it does not.
    pub(crate) version: String,
}

impl OwnServer {
    /// Starts this program with these words, and gives it `input` to read.
    pub(crate) fn start(words: &[&str], core: Option<usize>, input: &[u8]) -> Result<Self> {
        let program = std::env::current_exe().context("finding this program")?;
        let mut command = Command::new(program);
        let core = core.map(|core| format!("--core={core}"));
        command.args(words).args(core).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().context("starting a server")?;
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
        let mut server = Self {
            child,
            output: BufReader::new(stdout.context("the child's output")?),
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            version: String::new(),
        };
        stdin.context("the child's input")?.write_all(input).context("telling the child")?;
        let line = server.read_line()?;
        let Some(said) = line.trim().strip_prefix(LISTENING) else {
            bail!("the server of {} did not start", words.join(" "));
        };
        let (address, version) = said.split_once(' ').unwrap_or((said, ""));
        server.address = address.parse().context("the child's address")?;
        version.clone_into(&mut server.version);
        Ok(server)
    }

    pub(crate) fn read_line(&mut self) -> Result<String> {
        let mut line = String::new();
        self.output.read_line(&mut line).context("listening to the child")?;
        Ok(line)
    }

    pub(crate) fn process(&self) -> Process {
        Process { pid: self.child.id() }
    }

    pub(crate) fn target(&self) -> Target {
        Target::own_child(self.address, self.process())
    }
}

impl Drop for OwnServer {
    fn drop(&mut self) {
        // Both fail only when the child has ended and been waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
