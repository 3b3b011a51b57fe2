//! The guest's allocator: a small arena that is there from the start, and the standard allocator behind it.
//!
//! Most executions are short, and the first thing that a growing heap costs is a system call for the memory, and one more
//! when the host takes it back. The arena gives memory from its end on and takes back what is at its end, which suits
//! values that live one after the other; what is freed in between is lost until the instance ends. When it is full, the
//! standard allocator takes over.

use std::alloc::{GlobalAlloc, Layout, System};
use std::ptr::{copy_nonoverlapping, write_bytes};

use crate::panics::say;

/// Room for a picture of 150 by 150 pixels. The host zeroes it after each execution, which costs 2 us.
const SIZE: usize = 96 * 1024;
const ALIGN: usize = 16;

#[repr(C, align(16))]
struct Arena([u8; SIZE]);

static mut ARENA: Arena = Arena([0; SIZE]);
static mut USED: usize = 0;

/// The arena first, then the standard allocator, which also tells the host when there is no memory left.
struct Allocator;

fn base() -> *mut u8 {
    (&raw mut ARENA).cast()
}

fn offset(at: *mut u8) -> usize {
    (at as usize).wrapping_sub(base() as usize)
}

/// Takes room from the arena's end, or null where there is not enough.
#[inline]
unsafe fn take(layout: Layout) -> *mut u8 {
    let start = (USED + layout.align() - 1) & !(layout.align() - 1);
    if layout.align() > ALIGN || start > SIZE || layout.size() > SIZE - start {
        return std::ptr::null_mut();
    }
    USED = start + layout.size();
    base().add(start)
}

unsafe impl GlobalAlloc for Allocator {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let at = take(layout);
        if at.is_null() { told(System.alloc(layout), layout.size()) } else { at }
    }
    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        let at = take(layout);
        if at.is_null() {
            return told(System.alloc_zeroed(layout), layout.size());
        }
        write_bytes(at, 0, layout.size()); // it may have been used before
        at
    }
    #[inline]
    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let start = offset(at);
        if start >= SIZE {
            return told(System.realloc(at, layout, size), size);
        }
        if start + layout.size() == USED && size <= SIZE - start {
            USED = start + size;
            return at;
        }
        if size <= layout.size() {
            return at;
        }
        let new = self.alloc(Layout::from_size_align_unchecked(size, layout.align()));
        if !new.is_null() {
            copy_nonoverlapping(at, new, layout.size());
            self.dealloc(at, layout);
        }
        new
    }
    #[inline]
    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        let start = offset(at);
        if start >= SIZE {
            System.dealloc(at, layout);
        } else if start + layout.size() == USED {
            USED = start;
        }
    }
}

#[cold]
fn out_of_memory(size: usize) {
    say(format_args!("out of memory: {size} bytes could not be allocated"));
}

#[inline]
fn told(at: *mut u8, size: usize) -> *mut u8 {
    if at.is_null() {
        out_of_memory(size);
    }
    at
}

#[global_allocator]
static ALLOCATOR: Allocator = Allocator;
