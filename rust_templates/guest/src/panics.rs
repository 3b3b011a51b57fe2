//! Tells the host why a call ended: the text of a panic, with the author's line, or how much memory was missing.

use std::fmt::Write;
use std::panic::PanicHookInfo;

const CAPACITY: usize = 1020;

/// What the host reads after a trap: a length and that many bytes of UTF-8.
#[repr(C)]
pub struct Message {
    length: u32,
    bytes: [u8; CAPACITY],
}

#[no_mangle]
pub static mut AKATSUKI_PANIC: Message = Message { length: 0, bytes: [0; CAPACITY] };

/// Writes into the message and drops what does not fit, without allocating.
struct Writer(usize);

impl Write for Writer {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        let mut length = text.len().min(CAPACITY - self.0);
        while !text.is_char_boundary(length) {
            length -= 1;
        }
        // One thread, and nothing else writes here.
        let message = &raw mut AKATSUKI_PANIC;
        let message = unsafe { &mut *message };
        message.bytes[self.0..self.0 + length].copy_from_slice(&text.as_bytes()[..length]);
        self.0 += length;
        Ok(())
    }
}

pub fn say(text: std::fmt::Arguments) {
    let mut writer = Writer(0);
    // The writer never fails.
    let _ = writer.write_fmt(text);
    let message = &raw mut AKATSUKI_PANIC;
    unsafe { (*message).length = writer.0 as u32 };
}

fn hook(info: &PanicHookInfo) {
    let payload = info.payload();
    let text = payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("panic");
    match info.location() {
        Some(place) if place.file().ends_with("author.rs") => say(format_args!("{text}, line {}", place.line())),
        _ => say(format_args!("{text}")),
    }
}

/// Installs the hook at the first call.
#[inline]
pub fn begin() {
    static mut READY: bool = false;
    unsafe {
        if !READY {
            READY = true;
            std::panic::set_hook(Box::new(hook));
        }
    }
}
