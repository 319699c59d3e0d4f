//! The minimal servers as child processes: what each is told, and what it does.

use std::io::Read;
use std::net::{Ipv4Addr, SocketAddr};

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use rustix::fd::OwnedFd;
use rustix::net::getsockname;

use super::stream::{Engine, Load};
use super::{minimal, stream};
use crate::own_server::{self, LISTENING, OwnServer};
use crate::socket;

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

impl Kind {
    fn version(self) -> &'static str {
        match self {
            Self::Minimal => "minimal writer, coalescing",
            Self::Stream => "minimal writer, prebuilt frames",
        }
    }
}

/// The child's side: serves until it is done or its parent ends.
pub(crate) fn serve(args: &LimitServerArgs, core: Option<usize>) -> Result<bool> {
    own_server::begin(core, args.sockets)?;
    let (listener, address) = listen()?;
    println!("{LISTENING}{address} {}", args.kind.version());
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

/// What the `stream` server has to do.
pub(crate) struct StreamOrder<'a> {
    pub(crate) engine: Engine,
    pub(crate) sockets: usize,
    pub(crate) frames_per_write: u32,
    pub(crate) seconds: u64,
    pub(crate) frame: &'a [u8],
    pub(crate) core: Option<usize>,
}

/// The server behind `coalesce` and `bare-accept`.
pub(crate) fn start_minimal(core: Option<usize>, sockets: usize) -> Result<OwnServer> {
    OwnServer::start(&["limit-server", "minimal", &format!("--sockets={sockets}")], core, &[])
}

pub(crate) fn start_stream(order: &StreamOrder<'_>) -> Result<OwnServer> {
    let StreamOrder { engine, sockets, frames_per_write, seconds, frame, core } = order;
    let words = [
        "limit-server".to_owned(),
        "stream".to_owned(),
        format!("--engine={engine}"),
        format!("--sockets={sockets}"),
        format!("--frames-per-write={frames_per_write}"),
        format!("--seconds={seconds}"),
    ];
    OwnServer::start(&words.each_ref().map(String::as_str), *core, frame)
}
