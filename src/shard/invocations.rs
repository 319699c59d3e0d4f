//! The invocations of one connection that wait for the application (`client-json.md` section 8).

/// Invocations that may wait at the same time.
const INVOCATIONS_MAX: usize = 100;

/// Pending invocations, by the ticket of their event.
#[derive(Debug, Default)]
pub struct Invocations(Vec<(u32, Box<str>)>);

impl Invocations {
    /// Whether one more with this id may be begun.
    pub fn has_room_for(&self, id: &str) -> bool {
        self.0.len() < INVOCATIONS_MAX && self.0.iter().all(|(_, pending)| **pending != *id)
    }

    pub fn begin(&mut self, ticket: u32, id: &str) {
        self.0.push((ticket, id.into()));
    }

    /// Takes the invocation whose event is answered; none if it was cancelled meanwhile.
    pub fn end(&mut self, ticket: u32) -> Option<Box<str>> {
        let at = self.0.iter().position(|(pending, _)| *pending == ticket)?;
        Some(self.0.swap_remove(at).1)
    }

    /// Forgets the invocation of this id, if there is one.
    pub fn cancel(&mut self, id: &str) {
        self.0.retain(|(_, pending)| **pending != *id);
    }

    /// Forgets all: their answers could not be told from those of later ones.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}
