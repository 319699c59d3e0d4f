//! Raw kernel calls that no library wraps safely, one probe, and sockets on their way.
#![allow(unsafe_code, reason = "io_uring_setup takes a parameter block that the kernel fills in")]

use rustix::fd::OwnedFd;
use rustix::io_uring::{io_uring_params, io_uring_setup};

/// A socket on its way from one shard to another, with what has been read from it already. Dropped
/// on the way, it is closed.
#[derive(Debug)]
pub struct HandedSocket {
    pub fd: OwnedFd,
    pub inbound: Vec<u8>,
}

/// Whether this process may create an io_uring, by creating a small one and closing it.
///
/// # Errors
/// What the kernel says: `ENOSYS` without io_uring, `EPERM` where it is forbidden, `ENOMEM` where
/// its memory may not be locked.
pub fn probe_io_uring() -> rustix::io::Result<()> {
    let mut parameters = io_uring_params::default();
    // SAFETY: the parameters are valid and zero, which asks for no flag whose meaning depends on
    // another descriptor; the ring is closed at once and its memory never mapped.
    unsafe { io_uring_setup(2, &mut parameters) }.map(drop)
}

#[cfg(test)]
mod tests {
    #[test]
    fn io_uring_can_be_probed() {
        super::probe_io_uring().expect("the tests need io_uring as the server does");
    }
}
