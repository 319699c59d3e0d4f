//! The thread of the proxy: accepts, waits for all sockets at once, obeys.

use std::io::Read;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::relay::Relay;
use super::torment::Torment;
use super::{Commission, Order};

pub(super) struct Exchange {
    listener: TcpListener,
    server: SocketAddr,
    commissions: Receiver<Commission>,
    bell: UnixStream,
    relays: Vec<Relay>,
    is_holding: bool,
    torment: Option<Torment>,
}

impl Exchange {
    pub(super) fn new(
        listener: TcpListener,
        server: SocketAddr,
        commissions: Receiver<Commission>,
        bell: UnixStream,
    ) -> Self {
        listener.set_nonblocking(true).expect("a listener");
        bell.set_nonblocking(true).expect("a socket pair");
        let relays = Vec::new();
        Self { listener, server, commissions, bell, relays, is_holding: false, torment: None }
    }

    /// Runs until the other end of the commissions is gone.
    pub(super) fn run(mut self) {
        loop {
            for index in self.ready() {
                self.relays[index].pump();
            }
            self.accept();
            while let Some(commission) = match self.commissions.try_recv() {
                Ok(commission) => Some(commission),
                Err(TryRecvError::Empty) => None,
                Err(TryRecvError::Disconnected) => return self.end(),
            } {
                let concerned = self.obey(commission.order);
                // Whoever asked may have given up.
                let _ = commission.done.send(concerned);
            }
            self.strike();
            for relay in &mut self.relays {
                relay.wake(false);
            }
            self.relays.retain(|relay| !relay.is_over);
        }
    }

    /// Waits until something can be done; the relays that can do it.
    fn ready(&mut self) -> Vec<usize> {
        let mut descriptors = vec![
            PollFd::new(&self.bell, PollFlags::IN),
            PollFd::new(&self.listener, PollFlags::IN),
        ];
        let mut owners = Vec::new();
        for (index, relay) in self.relays.iter().enumerate() {
            if self.is_holding || relay.stalled_until().is_some() {
                continue;
            }
            // A socket without interest is left out: its end would be reported for ever.
            for (socket, flags) in relay.interests() {
                if !flags.is_empty() {
                    descriptors.push(PollFd::new(socket, flags));
                    owners.push(index);
                }
            }
        }
        poll(&mut descriptors, self.timeout().as_ref()).expect("open sockets");
        let mut ready: Vec<_> = owners
            .into_iter()
            .zip(&descriptors[2..])
            .filter(|(_, descriptor)| !descriptor.revents().is_empty())
            .map(|(index, _)| index)
            .collect();
        ready.dedup();
        let mut rings = [0; 16];
        while let Ok(1..) = self.bell.read(&mut rings) {}
        ready
    }

    /// The time until a stall ends or a connection is struck.
    fn timeout(&self) -> Option<Timespec> {
        let stalls = self.relays.iter().filter_map(Relay::stalled_until);
        let next = stalls.chain(self.torment.as_ref().map(|torment| torment.next)).min()?;
        let time = next.saturating_duration_since(Instant::now());
        Some(Timespec::try_from(time).expect("less than an hour"))
    }

    fn accept(&mut self) {
        while let Ok((client, _)) = self.listener.accept() {
            self.relays.extend(Relay::connect(client, self.server));
        }
    }

    fn obey(&mut self, order: Order) -> usize {
        match order {
            Order::Inflict(fault) => {
                for relay in &mut self.relays {
                    relay.suffer(fault);
                }
                self.relays.len()
            }
            Order::Hold(is_holding) => {
                self.is_holding = is_holding;
                self.relays.len()
            }
            Order::Torment { seed, pause } => {
                self.torment = Some(Torment::new(seed, pause));
                self.relays.len()
            }
            Order::Relent => {
                for relay in &mut self.relays {
                    relay.wake(true);
                }
                self.torment.take().map_or(0, |torment| torment.count)
            }
        }
    }

    fn strike(&mut self) {
        let Some(torment) = &mut self.torment else { return };
        while torment.next <= Instant::now() {
            if let Some((victim, faults)) = torment.strike(self.relays.len()) {
                for fault in faults.into_iter().flatten() {
                    self.relays[victim].suffer(fault);
                }
            }
        }
    }

    fn end(mut self) {
        for relay in &mut self.relays {
            relay.reset();
        }
    }
}
