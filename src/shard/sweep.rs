//! Commands that concern many connections, a bounded number of them per turn.
//!
//! Sweeps are worked off in the order they came, so two sends to everybody reach each receiver in
//! that order, and a hub of any size cannot hold up the sockets of its shard.

use super::carry_out::WorkId;
use super::command::SharedCommand;
use super::connection::ConnectionHandle;
use super::state::State;

/// Connections looked at in one turn, of all sweeps together.
const CONNECTIONS_PER_TURN: usize = 4096;

/// A command with connections left to look at.
#[derive(Debug)]
pub struct Sweep {
    pub work: WorkId,
    pub command: SharedCommand,
    pub candidates: Candidates,
}

/// The connections a sweep has still to look at.
#[derive(Debug)]
pub enum Candidates {
    /// Every connection of the hub that is not newer than the command.
    All { next: u32, newest: u32 },
    /// Exactly these; last one first.
    Listed(Vec<ConnectionHandle>),
}

impl State {
    /// Begins at once if nothing is before the new sweep: most have a connection or two.
    pub(super) fn start_sweep(&mut self) {
        if self.sweeps.len() == 1 {
            self.step_sweeps();
        }
    }

    /// One turn's share of the sweeps. Returns whether any are left.
    pub fn step_sweeps(&mut self) -> bool {
        let mut budget = CONNECTIONS_PER_TURN;
        while let Some(mut sweep) = self.sweeps.pop_front() {
            if !self.step(&mut sweep, &mut budget) {
                self.sweeps.push_front(sweep);
                return true;
            }
            self.finish_part(sweep.work);
        }
        false
    }

    /// Returns whether the sweep is through.
    fn step(&mut self, sweep: &mut Sweep, budget: &mut usize) -> bool {
        loop {
            if *budget == 0 {
                return false;
            }
            *budget -= 1;
            let slot = match &mut sweep.candidates {
                Candidates::Listed(handles) => match handles.pop() {
                    Some(handle) => self.resolve(handle),
                    None => return true,
                },
                Candidates::All { next, newest } => {
                    let (slot, newest) = (*next, *newest);
                    if slot as usize >= self.connections.end() {
                        return true;
                    }
                    *next += 1;
                    // Serials count up and wrap, so the difference says which is older.
                    let is_meant = |serial: u32| newest.wrapping_sub(serial) < u32::MAX / 2;
                    let found = self.connections.get(slot);
                    found
                        .filter(|c| is_meant(c.serial) && c.hub.name == sweep.command.hub)
                        .map(|_| slot)
                }
            };
            if let Some(slot) = slot
                && self.connection(slot).closing.is_none()
            {
                self.apply(sweep.work, &sweep.command, slot);
            }
        }
    }
}
