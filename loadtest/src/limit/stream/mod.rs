//! The floor of writing: prebuilt frames to many sockets in turn, and the reader that checks them.
//!
//! The writer sends a block of whole frames to each socket in turn, going on where the kernel
//! stopped taking bytes, and waits on epoll only when no socket takes any. It measures itself
//! between its first and last write of the measured time. The reader compares every byte, whatever
//! [`Engine`] has written it.

mod reader;
mod ring;
mod writer;

use std::fmt::{self, Display, Formatter};

use anyhow::{Context, Result};
use clap::ValueEnum;
use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, Event};
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::time::Timespec;
use serde::{Deserialize, Serialize};

pub(crate) use self::reader::read_all;
pub(crate) use self::ring::probe;
pub(crate) use self::writer::{Load, write_all};
use crate::meter::Usage;
use crate::wire::envelope::{Envelope, Layout};
use crate::wire::stamp::Stamp;

/// One write never carries more; the kernel's socket buffer takes a few megabytes at most.
pub(crate) const BLOCK_BYTES_MAX: usize = 8 << 20;

const EVENTS_MAX: usize = 1024;

/// How the writer hands bytes to the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Engine {
    /// A `send` for each socket
    Epoll,
    /// Sends to registered sockets in batches, successes not told
    IoUring,
}

/// As on the command line.
impl Display for Engine {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        self.to_possible_value().map_or(Ok(()), |value| out.write_str(value.get_name()))
    }
}

/// A delivery in the JSON subprotocol of a payload of this size.
pub(crate) fn frame(payload_bytes: usize) -> Vec<u8> {
    let stamp = Stamp { publisher: 0, target: 0, sequence: 0, intended_ns: 0 };
    Layout::new(1, payload_bytes, Envelope::JSON_GROUP).delivery_frame(stamp)
}

/// What the writer says about itself: over the measured time, and in all.
#[derive(Serialize, Deserialize)]
pub(crate) struct Written {
    cpu_ns: u64,
    wall_ns: u64,
    bytes: u64,
    writes: u64,
    bytes_in_all: u64,
}

#[derive(Serialize)]
pub(crate) struct StreamRow {
    /// Engine and frames per write: what a row is found by.
    pub(crate) name: String,
    #[serde(skip)]
    pub(crate) engine: Engine,
    pub(crate) asked_frames_per_write: u32,
    pub(crate) had_frames_per_write: f64,
    pub(crate) writer_cpu_ns_per_delivery: f64,
    pub(crate) writer_cpu_share: f64,
    pub(crate) deliveries: u64,
    pub(crate) deliveries_per_s: f64,
    /// Every byte arrived and was the expected one.
    pub(crate) is_intact: bool,
    /// Of the reader, over the whole run.
    pub(crate) usage: Usage,
}

fn wait(epoll: &OwnedFd, events: &mut Vec<Event>, timeout_ns: u64) -> Result<()> {
    let timeout = Timespec::try_from(std::time::Duration::from_nanos(timeout_ns))?;
    events.clear();
    match epoll::wait(epoll, spare_capacity(events), Some(&timeout)) {
        Ok(_) | Err(Errno::INTR) => Ok(()),
        Err(error) => Err(error).context("waiting"),
    }
}
