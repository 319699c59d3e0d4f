//! Ids for `x-ms-client-request-id`: random numbers, fetched from the system by the page.

use std::cell::{Cell, RefCell};

use crate::protocol::cloudevents::attributes::request_id;

/// Bytes of randomness kept: one system call for 64 events instead of one for each.
const STOCK_BYTES: usize = 1024;
const ID_BYTES: usize = 16;

/// Makes ids. They have to be distinct and need not be secret.
pub(super) struct RequestIds {
    stock: RefCell<[u8; STOCK_BYTES]>,
    used: Cell<usize>,
}

impl Default for RequestIds {
    fn default() -> Self {
        Self { stock: RefCell::new([0; STOCK_BYTES]), used: Cell::new(STOCK_BYTES) }
    }
}

impl RequestIds {
    pub(super) fn next(&self) -> String {
        let mut stock = self.stock.borrow_mut();
        if self.used.get() + ID_BYTES > STOCK_BYTES {
            // The system had random numbers when it made the connections' ids; if it has none now,
            // the old ones serve once more: nothing but logs of handlers relies on them.
            let _ = getrandom::fill(&mut *stock);
            self.used.set(0);
        }
        let start = self.used.replace(self.used.get() + ID_BYTES);
        let mut random = [0; ID_BYTES];
        random.copy_from_slice(&stock[start..start + ID_BYTES]);
        request_id(random)
    }
}
