//! The slots of a shard's connections.
//!
//! A connection's id names its slot, and the application hears that id before it has decided
//! whether there will be a connection (`events-webhook.md` section 8.1). So a slot may be
//! **reserved**: it is taken, and nobody who looks for connections finds one there.

use std::ops::{Index, IndexMut};
use std::rc::Rc;
use std::sync::Arc;

use slab::Slab;

use super::calls::Ticket;
use super::connection::Connection;
use super::hubs::Hub;
use crate::event::call::Subject;

/// A slot whose connection the application has still to admit.
#[derive(Debug)]
pub struct Reservation {
    pub serial: u32,
    pub hub: Rc<Hub>,
    /// Whom the application has been asked about.
    pub subject: Arc<Subject>,
    /// 128 random bits for the connection id.
    pub random: [u8; 16],
    /// Who waits, in the words of whoever asked.
    pub ticket: Ticket,
}

#[derive(Debug)]
#[allow(
    clippy::large_enum_variant,
    reason = "nearly all are taken, and fan-out reads them in place"
)]
enum Seat {
    Reserved(Reservation),
    Taken(Connection),
}

// Whether there is a connection is told by values that none of its fields has.
const _: () = assert!(size_of::<Seat>() == size_of::<Connection>());

/// All slots; indexing names one whose connection is there.
#[derive(Debug, Default)]
pub struct Seats {
    seats: Slab<Seat>,
    reserved: usize,
    /// One more than the highest slot ever taken.
    end: usize,
}

impl Seats {
    /// Connections, without reservations.
    pub fn taken(&self) -> usize {
        self.seats.len() - self.reserved
    }

    /// Slots that wait for the application.
    pub fn reserved(&self) -> usize {
        self.reserved
    }

    /// No slot is at or beyond this.
    pub fn end(&self) -> usize {
        self.end
    }

    /// Makes room for so many slots.
    pub fn reserve_room(&mut self, slots: usize) {
        self.seats.reserve(slots);
    }

    pub fn get(&self, slot: u32) -> Option<&Connection> {
        match self.seats.get(slot as usize)? {
            Seat::Taken(connection) => Some(connection),
            Seat::Reserved(_) => None,
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = (u32, &Connection)> {
        self.seats.iter().filter_map(|(slot, seat)| match seat {
            Seat::Taken(connection) => Some((u32::try_from(slot).ok()?, connection)),
            Seat::Reserved(_) => None,
        })
    }

    pub fn insert(&mut self, connection: Connection) -> u32 {
        let key = self.seats.insert(Seat::Taken(connection));
        self.end = self.end.max(key + 1);
        slot_of(key)
    }

    /// Takes a slot for a reservation that `make` makes, knowing the slot.
    pub fn reserve<R>(&mut self, make: impl FnOnce(u32) -> (Reservation, R)) -> (u32, R) {
        let entry = self.seats.vacant_entry();
        let slot = slot_of(entry.key());
        let (reservation, result) = make(slot);
        self.end = self.end.max(entry.key() + 1);
        entry.insert(Seat::Reserved(reservation));
        self.reserved += 1;
        (slot, result)
    }

    /// The reservation in a slot, if it is still the one meant.
    pub fn reservation(&self, slot: u32, serial: u32) -> Option<&Reservation> {
        match self.seats.get(slot as usize)? {
            Seat::Reserved(reservation) => Some(reservation).filter(|r| r.serial == serial),
            Seat::Taken(_) => None,
        }
    }

    /// Puts a connection into its reserved slot. Returns whether there is such a reservation.
    pub fn take(&mut self, slot: u32, make: impl FnOnce(&Reservation) -> Connection) -> bool {
        match self.seats.get_mut(slot as usize) {
            Some(seat) => {
                let Seat::Reserved(reservation) = seat else { return false };
                *seat = Seat::Taken(make(reservation));
                self.reserved -= 1;
                true
            }
            None => false,
        }
    }

    /// Gives a reserved slot up.
    pub fn cancel(&mut self, slot: u32) -> Option<Reservation> {
        match self.seats.try_remove(slot as usize)? {
            Seat::Reserved(reservation) => {
                self.reserved -= 1;
                Some(reservation)
            }
            Seat::Taken(_) => unreachable!("only a reservation is given up"),
        }
    }

    pub fn remove(&mut self, slot: u32) -> Connection {
        match self.seats.remove(slot as usize) {
            Seat::Taken(connection) => connection,
            Seat::Reserved(_) => unreachable!("only connections are removed"),
        }
    }
}

impl Index<u32> for Seats {
    type Output = Connection;

    fn index(&self, slot: u32) -> &Connection {
        match &self.seats[slot as usize] {
            Seat::Taken(connection) => connection,
            Seat::Reserved(_) => unreachable!("nobody knows a reserved slot"),
        }
    }
}

impl IndexMut<u32> for Seats {
    fn index_mut(&mut self, slot: u32) -> &mut Connection {
        match &mut self.seats[slot as usize] {
            Seat::Taken(connection) => connection,
            Seat::Reserved(_) => unreachable!("nobody knows a reserved slot"),
        }
    }
}

fn slot_of(key: usize) -> u32 {
    u32::try_from(key).expect("descriptors run out long before slots")
}
