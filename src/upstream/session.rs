//! What lasts from one event of a connection to the next, and their order
//! (`events-webhook.md` sections 7.5, 9 and 13).
//!
//! Events start in the order in which they come and are not waited for; a shard sends no second
//! blocking one before the first is answered, except invocations. Only the last event has to wait
//! until all others are over, so that no application hears of an end before what was before it.
//!
//! A session begins with the first event of a connection and ends with its last, or with a
//! `connect` that is not accepted. So there are never more of them than connections.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use super::cookies::Cookies;
use crate::auth::EventSigner;
use crate::event::call::EventCall;
use crate::hub::id::ConnectionId;

/// One logical connection.
pub(super) struct Session {
    /// The text of the id.
    pub(super) connection_id: String,
    /// What the handlers keep here; empty at first.
    state: RefCell<Rc<str>>,
    signature: RefCell<Option<Signature>>,
    cookies: RefCell<Cookies>,
    under_way: Cell<u32>,
    /// Waits until nothing is under way.
    last: RefCell<Option<EventCall>>,
}

#[derive(Clone)]
struct Signature {
    /// Of the settings whose keys made it.
    generation: u64,
    text: Rc<str>,
}

impl Session {
    fn new(id: ConnectionId) -> Self {
        Self {
            connection_id: id.to_string(),
            state: RefCell::new("".into()),
            signature: RefCell::default(),
            cookies: RefCell::default(),
            under_way: Cell::new(0),
            last: RefCell::default(),
        }
    }

    pub(super) fn state(&self) -> Rc<str> {
        Rc::clone(&self.state.borrow())
    }

    pub(super) fn set_state(&self, state: &str) {
        self.state.replace(state.into());
    }

    pub(super) fn cookies(&self) -> &RefCell<Cookies> {
        &self.cookies
    }

    /// The last event, if it waits.
    pub(super) fn take_last(&self) -> Option<EventCall> {
        self.last.take()
    }

    /// `ce-signature`: made once per connection, and again after keys have changed.
    pub(super) fn signature(&self, signer: &EventSigner, generation: u64) -> Rc<str> {
        let mut kept = self.signature.borrow_mut();
        if let Some(kept) = kept.as_ref().filter(|kept| kept.generation == generation) {
            return Rc::clone(&kept.text);
        }
        let text: Rc<str> = signer.sign(&self.connection_id).into();
        *kept = Some(Signature { generation, text: Rc::clone(&text) });
        text
    }
}

/// All sessions.
#[derive(Default)]
pub(super) struct Sessions(RefCell<HashMap<ConnectionId, Rc<Session>>>);

impl Sessions {
    /// What the handlers keep at a connection; empty if they keep nothing.
    pub(super) fn state(&self, id: ConnectionId) -> Rc<str> {
        self.0.borrow().get(&id).map_or_else(|| "".into(), |session| session.state())
    }

    /// An event that is not the last begins now.
    pub(super) fn begin(&self, id: ConnectionId) -> Rc<Session> {
        let mut sessions = self.0.borrow_mut();
        let session = sessions.entry(id).or_insert_with(|| Rc::new(Session::new(id)));
        session.under_way.set(session.under_way.get() + 1);
        Rc::clone(session)
    }

    /// The last event has come. Gives it back with its session if it may begin now.
    pub(super) fn begin_last(&self, call: EventCall) -> Option<(Rc<Session>, EventCall)> {
        let id = call.subject.connection;
        let mut sessions = self.0.borrow_mut();
        if let Some(session) = sessions.get(&id).filter(|session| session.under_way.get() > 0) {
            session.last.replace(Some(call));
            return None;
        }
        let known = sessions.remove(&id);
        let session = known.unwrap_or_else(|| Rc::new(Session::new(id)));
        session.under_way.set(1);
        Some((session, call))
    }

    /// An event is over. Gives back the last one if it was waiting for that.
    pub(super) fn finish(&self, id: ConnectionId, session: &Session) -> Option<EventCall> {
        let left = session.under_way.get().saturating_sub(1);
        session.under_way.set(left);
        if left > 0 {
            return None;
        }
        let last = session.last.take()?;
        session.under_way.set(1);
        self.0.borrow_mut().remove(&id);
        Some(last)
    }

    /// The connection was not accepted: nothing more is to be told of it.
    pub(super) fn forget(&self, id: ConnectionId) {
        self.0.borrow_mut().remove(&id);
    }
}
