//! The server's allocator, counting what the calling thread asks it for.
//!
//! Counts belong to a thread, so tests that run beside each other do not see each other's. A
//! reallocation counts as an allocation: a list that grows has not been reused. What is freed is
//! not counted.
#![allow(unsafe_code, reason = "an allocator cannot be written without; every call is passed on")]

use std::alloc::{GlobalAlloc, Layout};
use std::cell::Cell;

use mimalloc::MiMalloc;

#[global_allocator]
static ALLOCATOR: Counting = Counting(MiMalloc);

thread_local! {
    // Needs neither an allocation nor a destructor, so it can be touched inside the allocator.
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

/// Allocations of this thread while `act` runs.
pub(crate) fn allocations(act: impl FnOnce()) -> u64 {
    let before = COUNT.get();
    act();
    COUNT.get() - before
}

struct Counting(MiMalloc);

impl Counting {
    fn count() {
        COUNT.set(COUNT.get() + 1);
    }
}

// SAFETY: every method hands its arguments unchanged to an allocator that upholds the contract, and
// returns what it returns; counting touches no memory that is allocated.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        Self::count();
        // SAFETY: the caller keeps the contract of this very method.
        unsafe { self.0.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        Self::count();
        // SAFETY: the caller keeps the contract of this very method.
        unsafe { self.0.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        Self::count();
        // SAFETY: the caller keeps the contract of this very method.
        unsafe { self.0.realloc(block, layout, bytes) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract of this very method.
        unsafe { self.0.dealloc(block, layout) }
    }
}
