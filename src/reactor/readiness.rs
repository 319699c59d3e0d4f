//! Waiting for an epoll inside a glommio task.
//!
//! The shard's sockets, its wake-up and its timer sit in one epoll, which is itself a descriptor
//! that can be polled. glommio has no public way to poll one, but its `TcpStream` polls the
//! descriptor it is given before it first reads from it, and does not ask what it is: a stream
//! made of a duplicate of the epoll becomes readable when the epoll has events. The read that
//! follows fails with `ENOTSOCK`, which here means ready.
#![allow(unsafe_code, reason = "glommio takes foreign descriptors only through FromRawFd")]

use std::io;
use std::os::fd::{AsFd, FromRawFd, IntoRawFd};
use std::time::Duration;

use futures_lite::{AsyncReadExt, FutureExt};
use glommio::net::TcpStream;

/// How a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Woken {
    /// The epoll has events.
    ByEvent,
    /// Nothing was heard for as long as the caller wanted to wait.
    ByDeadline,
}

/// Waits until `epoll` has events, but not longer than `at_most`.
///
/// The deadline is a timer of the executor's own: should a wake-up ever be lost between the epoll
/// and the ring, the shard looks for itself and the loss is a delay, not a standstill.
///
/// # Errors
/// If the descriptor cannot be duplicated or polled.
pub async fn wait_at_most(epoll: impl AsFd, at_most: Duration) -> io::Result<Woken> {
    let event = async { wait(epoll).await.map(|()| Woken::ByEvent) };
    let deadline = async {
        glommio::timer::sleep(at_most).await;
        Ok(Woken::ByDeadline)
    };
    event.or(deadline).await
}

/// Completes when `epoll` has events.
async fn wait(epoll: impl AsFd) -> io::Result<()> {
    let duplicate = epoll.as_fd().try_clone_to_owned()?;
    // SAFETY: the descriptor was just made, is owned by nobody else, and the stream closes it.
    let mut stream = unsafe { TcpStream::from_raw_fd(duplicate.into_raw_fd()) };
    match stream.read(&mut [0]).await {
        Err(error) if error.raw_os_error() == Some(rustix::io::Errno::NOTSOCK.raw_os_error()) => {
            Ok(())
        }
        Err(error) => Err(error),
        Ok(_) => Err(io::Error::other("the epoll answered a read as if it were a socket")),
    }
}

#[cfg(test)]
mod tests {
    use glommio::LocalExecutorBuilder;
    use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
    use rustix::event::{EventfdFlags, eventfd};

    use super::*;

    /// The trick rests on glommio's inside: this test says when a new version changes it.
    #[test]
    fn waits_for_an_event_and_only_for_one() {
        let executor = LocalExecutorBuilder::default().io_memory(0).ring_depth(64).make();
        executor.expect("io_uring is there").run(async {
            let epoll = epoll::create(CreateFlags::CLOEXEC).expect("epoll");
            let event = eventfd(0, EventfdFlags::NONBLOCK).expect("eventfd");
            epoll::add(&epoll, &event, EventData::new_u64(1), EventFlags::IN).expect("add");
            for _ in 0..3 {
                let early = wait_at_most(&epoll, Duration::from_millis(30)).await;
                assert_eq!(early.expect("a wait"), Woken::ByDeadline, "nothing yet");
                rustix::io::write(&event, &1u64.to_ne_bytes()).expect("write");
                let ready = wait_at_most(&epoll, Duration::from_secs(20)).await;
                assert_eq!(ready.expect("a wait"), Woken::ByEvent);
                rustix::io::read(&event, &mut [0; 8]).expect("read");
            }
        });
    }
}
