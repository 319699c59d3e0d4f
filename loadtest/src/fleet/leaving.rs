//! How clients go: on their own, all together, or because the server ends them, which is counted
//! with the server's reason.

use anyhow::{Context, Result, bail};
use rustix::event::epoll;
use rustix::net::{self, Shutdown, shutdown};

use super::Fleet;
use crate::client::Stage;
use crate::clock::{self, NS_PER_S};
use crate::wire::frame;

/// How long the server may take over the last close before the rest is dropped.
const CLOSE_TIMEOUT_NS: u64 = 10 * NS_PER_S;

/// How a client goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leave {
    /// By a close frame with code 1000, which the server has to answer.
    Orderly,
    /// The stream ends without a close frame.
    Ended,
    /// The connection is reset.
    Reset,
}

impl Fleet {
    /// Lets an open client go.
    pub(crate) fn leave(&mut self, index: usize, leave: Leave) -> Result<()> {
        debug_assert!(self.is_open(index), "only what is open can leave");
        match leave {
            Leave::Orderly => self.send_close(index),
            Leave::Ended => self.retire(index),
            Leave::Reset => {
                // Disconnecting is what resets a connection at once; the descriptor stays.
                net::connect_unspec(&self.clients[index].socket.descriptor)
                    .context("resetting a client")?;
                self.retire(index)
            }
        }
    }

    fn send_close(&mut self, index: usize) -> Result<()> {
        let close = frame::masked(frame::CLOSE, &1000_u16.to_be_bytes());
        self.clients[index].socket.outgoing.extend_from_slice(&close);
        self.clients[index].stage = Stage::Closing;
        self.closing += 1;
        self.write(index)
    }

    /// Clients whose close the server has not answered yet.
    pub(crate) fn closing(&self) -> usize {
        self.closing
    }

    /// Closes the server has answered so far.
    pub(crate) fn closed_orderly(&self) -> usize {
        self.closed_orderly
    }

    /// Closes every open client with code 1000 and waits for the server to do its part. The
    /// result is how many closes the server answered, earlier ones included.
    pub(crate) fn close_all(&mut self) -> Result<usize> {
        for index in 0..self.clients.len() {
            if self.clients[index].stage == Stage::Asking {
                self.retire(index)?;
            } else if self.is_open(index) {
                self.send_close(index)?;
                // The server's answers are taken along, or they would pile up.
                self.turn(0, |_, _, _| {})?;
            }
        }
        let deadline_ns = clock::now_ns() + CLOSE_TIMEOUT_NS;
        while self.closing > 0 && clock::now_ns() < deadline_ns {
            self.turn(NS_PER_S / 10, |_, _, _| {})?;
        }
        Ok(self.closed_orderly)
    }

    /// A client is gone. While it closes that is at most impolite; otherwise it is counted, and
    /// while it opens it ends the run, because every later figure would be about fewer clients.
    #[cold]
    pub(super) fn lose(&mut self, index: usize, reason: &str) -> Result<()> {
        match self.clients[index].stage {
            Stage::Closed => return Ok(()),
            Stage::Open | Stage::Asking => *self.lost.entry(reason.to_owned()).or_default() += 1,
            Stage::Closing => {}
            stage => bail!("client {index} ended in stage {stage:?}: {reason}"),
        }
        self.retire(index)
    }

    pub(super) fn retire(&mut self, index: usize) -> Result<()> {
        let client = &mut self.clients[index];
        if client.stage == Stage::Closing {
            self.closing -= 1;
        }
        client.stage = Stage::Closed;
        epoll::delete(&self.epoll, &client.socket.descriptor).context("forgetting a client")?;
        // An error here means that the peer was faster.
        let _ = shutdown(&client.socket.descriptor, Shutdown::Both);
        self.gone.push(index);
        Ok(())
    }
}

pub(super) fn close_text(payload: &[u8]) -> String {
    match payload.split_first_chunk() {
        Some((&code, reason)) => {
            let code = u16::from_be_bytes(code);
            format!("closed by the server: {code} {}", String::from_utf8_lossy(reason))
        }
        None => "closed by the server without a code".into(),
    }
}
