//! The server's allocator, counting what the calling thread asks it for.
//!
//! Counts belong to a thread, so tests that run beside each other do not see each other's. A
//! reallocation counts as an allocation: a list that grows has not been reused. Bytes are those that
//! were asked for, less those given back; what the allocator rounds up to is its own.
#![allow(unsafe_code, reason = "an allocator cannot be written without; every call is passed on")]

use std::alloc::{GlobalAlloc, Layout};
use std::cell::Cell;

use mimalloc::MiMalloc;

#[global_allocator]
static ALLOCATOR: Counting = Counting(MiMalloc);

thread_local! {
    // Needs neither an allocation nor a destructor, so it can be touched inside the allocator.
    static COUNT: Cell<u64> = const { Cell::new(0) };
    /// Held by this thread, which may also give back what others have asked for.
    static BYTES: Cell<i64> = const { Cell::new(0) };
}

/// Allocations of this thread while `act` runs.
pub(crate) fn allocations(act: impl FnOnce()) -> u64 {
    let before = COUNT.get();
    act();
    COUNT.get() - before
}

/// Bytes that `act` asks for on this thread and does not give back.
pub(crate) fn bytes_kept(act: impl FnOnce()) -> i64 {
    let before = BYTES.get();
    act();
    BYTES.get() - before
}

struct Counting(MiMalloc);

impl Counting {
    fn take(bytes: usize) {
        COUNT.set(COUNT.get() + 1);
        BYTES.set(BYTES.get() + bytes.cast_signed() as i64);
    }

    fn give_back(bytes: usize) {
        BYTES.set(BYTES.get() - bytes.cast_signed() as i64);
    }
}

// SAFETY: every method hands its arguments unchanged to an allocator that upholds the contract, and
// returns what it returns; counting touches no memory that is allocated.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        Self::take(layout.size());
        // SAFETY: the caller keeps the contract of this very method.
        unsafe { self.0.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        Self::take(layout.size());
        // SAFETY: the caller keeps the contract of this very method.
        unsafe { self.0.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        Self::take(bytes);
        Self::give_back(layout.size());
        // SAFETY: the caller keeps the contract of this very method.
        unsafe { self.0.realloc(block, layout, bytes) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        Self::give_back(layout.size());
        // SAFETY: the caller keeps the contract of this very method.
        unsafe { self.0.dealloc(block, layout) }
    }
}
