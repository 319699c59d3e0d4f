//! Sends of one block by io_uring: queued, submitted together, and only told when they fell short.
//!
//! Sockets are registered files. A success leaves no completion, so it has to be certain when a
//! send is over and that it sent everything. `MSG_DONTWAIT` keeps a send from waiting for room in
//! the kernel: it is over when `submit` returns. `MSG_WAITALL` makes one that the socket took in
//! part a failure, which is told: without it a short send would pass for a success.
#![allow(unsafe_code, reason = "a queued send is an address that the kernel reads later")]

use std::ops::Range;
use std::os::fd::{AsRawFd, RawFd};

use anyhow::{Context, Result, ensure};
use io_uring::squeue::Flags;
use io_uring::{IoUring, opcode, types};
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags};

/// Sends in one submission. Completions, of which the kernel keeps twice as many, are read after
/// each, so none overflows.
const BATCH_MAX: u32 = 128;

/// Borrows the block for as long as there is a ring that may read it.
pub(super) struct Ring<'a> {
    ring: IoUring,
    block: &'a [u8],
}

/// A send that did not take all of its bytes.
pub(super) struct Short {
    pub(super) socket: usize,
    pub(super) missing: usize,
    /// The socket took nothing: it has no room.
    pub(super) is_refused: bool,
}

/// Whether this process may use io_uring, and a kernel whose io_uring can do what is needed.
pub(crate) fn probe() -> Result<()> {
    open().map(drop)
}

fn open() -> Result<IoUring> {
    let ring = IoUring::new(BATCH_MAX).context(
        "the kernel lets this process have none (an old kernel, kernel.io_uring_disabled, a \
         seccomp filter or RLIMIT_MEMLOCK)",
    )?;
    ensure!(
        ring.params().is_feature_skip_cqe_on_success(),
        "that of this kernel cannot leave out completions, as Linux 5.17 and later can"
    );
    Ok(ring)
}

impl<'a> Ring<'a> {
    /// Registers the sockets, which are named by their place from then on.
    pub(super) fn new(block: &'a [u8], sockets: &[&OwnedFd]) -> Result<Self> {
        let ring = open()?;
        let descriptors: Vec<RawFd> = sockets.iter().map(|socket| socket.as_raw_fd()).collect();
        ring.submitter().register_files(&descriptors).context("registering the sockets")?;
        Ok(Self { ring, block })
    }

    pub(super) fn block_bytes(&self) -> usize {
        self.block.len()
    }

    /// Queues a send of a part of the block; `false` when the queue is full and has to be
    /// submitted first. A socket must have no other send in the queue.
    pub(super) fn queue(&mut self, socket: usize, part: Range<usize>) -> Result<bool> {
        let bytes = &self.block[part];
        let (place, count) = (u32::try_from(socket)?, u32::try_from(bytes.len())?);
        let flags = SendFlags::DONTWAIT.bits() | RecvFlags::WAITALL.bits();
        let send = opcode::Send::new(types::Fixed(place), bytes.as_ptr(), count)
            .flags(flags.cast_signed())
            .build()
            .flags(Flags::SKIP_SUCCESS)
            .user_data(u64::from(place) << 32 | u64::from(count));
        // SAFETY: the kernel reads `count` bytes at this address, which are of `block`, between
        // this push and the end of the next `submit`. `block` is borrowed for the life of this
        // value, and a queue that is dropped without a submission is never looked at.
        let pushed = unsafe { self.ring.submission().push(&send) };
        // The only refusal there is.
        Ok(pushed.is_ok())
    }

    /// Makes every queued send happen; those that fell short are told.
    pub(super) fn submit(&mut self, mut on_short: impl FnMut(Short)) -> Result<()> {
        while !self.ring.submission().is_empty() {
            match self.ring.submit() {
                Err(error) if error.raw_os_error() != Some(Errno::INTR.raw_os_error()) => {
                    return Err(error).context("submitting to io_uring");
                }
                Ok(_) | Err(_) => {}
            }
        }
        for completion in self.ring.completion() {
            let (socket, count) = parts(completion.user_data());
            let (sent, is_refused) = match completion.result() {
                sent @ 0.. => (usize::try_from(sent)?, false),
                error if -error == Errno::AGAIN.raw_os_error() => (0, true),
                error => {
                    let error = std::io::Error::from_raw_os_error(-error);
                    return Err(error).context("streaming");
                }
            };
            on_short(Short { socket, missing: count.saturating_sub(sent), is_refused });
        }
        Ok(())
    }
}

/// Socket and bytes of a send, as its user data has them.
fn parts(user_data: u64) -> (usize, usize) {
    ((user_data >> 32) as usize, (user_data & 0xFFFF_FFFF) as usize)
}
