//! The minimal servers as child processes of this same program.
//!
//! A child of its own, because CPU time is only attributable by process. It says on standard
//! output where it listens, and dies with its parent.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use rustix::fd::OwnedFd;
use rustix::net::getsockname;
use rustix::process::{Signal, set_parent_process_death_signal};

use super::stream::{Engine, Load};
use super::{minimal, stream};
use crate::procfs::Process;
use crate::target::Target;
use crate::{setup, socket};

/// Words in front of the address a child prints.
const LISTENING: &str = "listening ";

/// How this program starts itself as a minimal server.
#[derive(Args, Clone, Debug)]
pub(crate) struct LimitServerArgs {
    #[arg(value_enum)]
    kind: Kind,
    #[arg(long)]
    sockets: usize,
    #[arg(long, default_value_t = 1)]
    frames_per_write: u32,
    #[arg(long, default_value_t = 1)]
    seconds: u64,
    #[arg(long, value_enum, default_value = "epoll")]
    engine: Engine,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Kind {
    Minimal,
    Stream,
}

/// The child's side: serves until it is done or its parent ends.
pub(crate) fn serve(args: &LimitServerArgs, core: Option<usize>) -> Result<bool> {
    if core.is_none() {
        setup::unpin()?;
    }
    set_parent_process_death_signal(Some(Signal::KILL)).context("tying the child to its parent")?;
    setup::allow_sockets(args.sockets)?;
    let (listener, address) = listen()?;
    println!("{LISTENING}{address}");
    match args.kind {
        Kind::Minimal => minimal::serve(listener)?,
        Kind::Stream => {
            let mut frame = Vec::new();
            std::io::stdin().read_to_end(&mut frame).context("reading the frame to stream")?;
            let load = Load {
                sockets: args.sockets,
                seconds: args.seconds,
                frame_bytes: frame.len(),
                block: &frame.repeat(args.frames_per_write as usize),
            };
            let result = stream::write_all(&listener, args.engine, &load)?;
            println!("{}", serde_json::to_string(&result).context("telling the result")?);
        }
    }
    Ok(true)
}

fn listen() -> Result<(OwnedFd, SocketAddr)> {
    let listener = socket::listen(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
    let address = SocketAddr::try_from(getsockname(&listener)?).context("own address")?;
    Ok((listener, address))
}

/// The parent's side of a running child, which ends with this value.
pub(crate) struct LimitServer {
    child: Child,
    output: BufReader<ChildStdout>,
    pub(crate) address: SocketAddr,
}

/// What the `stream` server has to do.
pub(crate) struct StreamOrder<'a> {
    pub(crate) engine: Engine,
    pub(crate) sockets: usize,
    pub(crate) frames_per_write: u32,
    pub(crate) seconds: u64,
    pub(crate) frame: &'a [u8],
    pub(crate) core: Option<usize>,
}

impl LimitServer {
    /// The server behind `coalesce` and `bare-accept`.
    pub(crate) fn start_minimal(core: Option<usize>, sockets: usize) -> Result<Self> {
        Self::start(&["minimal", &format!("--sockets={sockets}")], core, &[])
    }

    pub(crate) fn start_stream(order: &StreamOrder<'_>) -> Result<Self> {
        let StreamOrder { engine, sockets, frames_per_write, seconds, frame, core } = order;
        let words = [
            "stream".to_owned(),
            format!("--engine={engine}"),
            format!("--sockets={sockets}"),
            format!("--frames-per-write={frames_per_write}"),
            format!("--seconds={seconds}"),
        ];
        Self::start(&words.each_ref().map(String::as_str), *core, frame)
    }

    fn start(words: &[&str], core: Option<usize>, input: &[u8]) -> Result<Self> {
        let program = std::env::current_exe().context("finding this program")?;
        let mut command = Command::new(program);
        let core = core.map(|core| format!("--core={core}"));
        command.arg("limit-server").args(words).args(core).stdin(Stdio::piped());
        let mut child =
            command.stdout(Stdio::piped()).spawn().context("starting a minimal server")?;
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
        let mut server = Self {
            child,
            output: BufReader::new(stdout.context("the child's output")?),
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        };
        stdin.context("the child's input")?.write_all(input).context("telling the child")?;
        let line = server.read_line()?;
        let Some(address) = line.trim().strip_prefix(LISTENING) else {
            bail!("the minimal server did not start");
        };
        server.address = address.parse().context("the minimal server's address")?;
        Ok(server)
    }

    pub(crate) fn read_line(&mut self) -> Result<String> {
        let mut line = String::new();
        self.output.read_line(&mut line).context("listening to the minimal server")?;
        Ok(line)
    }

    pub(crate) fn process(&self) -> Process {
        Process { pid: self.child.id() }
    }

    pub(crate) fn target(&self) -> Target {
        Target::own_child(self.address, self.process())
    }
}

impl Drop for LimitServer {
    fn drop(&mut self) {
        // Both fail only when the child has ended and been waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
