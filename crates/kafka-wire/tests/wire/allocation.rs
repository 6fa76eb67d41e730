//! Counts what the thread allocates.
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    static ALLOCATED: Cell<usize> = const { Cell::new(0) };
}

/// The system's allocator, which counts the bytes that are asked for.
pub struct Counting;

fn count(bytes: usize) {
    // It is gone when the thread ends, which then allocates uncounted.
    let _ = ALLOCATED.try_with(|it| it.set(it.get().saturating_add(bytes)));
}

// SAFETY: all calls go to the system's allocator with the arguments as they are.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: the caller keeps the contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size);
        // SAFETY: the caller keeps the contract.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

/// What the function gives, and how many bytes it asked for, whether it gave them back or not.
pub fn allocated<T>(function: impl FnOnce() -> T) -> (T, usize) {
    let before = ALLOCATED.get();
    let value = function();
    (value, ALLOCATED.get() - before)
}
