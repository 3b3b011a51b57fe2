//! The batch lane: one call that runs a function over whole columns.
//!
//! The host fills a frame of words (see docs/reference/guest-contract.md) and calls `akatsuki:batch/<name>` with its
//! address. Values, masks and strings are read where they lie; what the guest allocates for the result is kept and used
//! again by the next call.

// A module uses what its batch functions need.
#![allow(dead_code)]

use std::marker::PhantomData;
use std::slice;

/// Rows that a dense loop takes at once; a broadcast argument is spread over as many.
pub const BLOCK: usize = 1024;

/// Words of the frame.
const ROWS: usize = 0;
const MASK: usize = 1;
const VALUES: usize = 2;
const VALIDITY: usize = 3;
const TEXT: usize = 4;
const TEXT_LENGTH: usize = 5;
const FAILED: usize = 6;
const FAILURES: usize = 7;
const COLUMNS: usize = 8;

/// What the host asked for.
pub struct Frame {
    words: *mut u32,
}

impl Frame {
    /// # Safety
    /// `address` must be a frame that the host filled.
    pub unsafe fn open(address: *mut u32) -> Frame {
        Frame { words: address }
    }

    unsafe fn word(&self, index: usize) -> usize {
        self.words.add(index).read() as usize
    }

    /// How many rows.
    pub fn rows(&self) -> usize {
        unsafe { self.word(ROWS) }
    }

    /// Whether every row is to be computed.
    pub fn is_dense(&self) -> bool {
        unsafe { self.word(MASK) == 0 }
    }

    /// Which rows are to be computed; None for all.
    fn mask(&self) -> Option<&[u8]> {
        unsafe { (!self.is_dense()).then(|| bytes(self.word(MASK) as *const u8, self.rows())) }
    }

    /// The column of parameter `index`.
    pub unsafe fn column<T>(&self, index: usize) -> Column<T> {
        let at = COLUMNS + 4 * index;
        let is_column = self.word(at + 3) != 0;
        let offsets = self.word(at + 1) as *const u32;
        let values = self.word(at) as *const u8;
        let text = if offsets.is_null() {
            ""
        } else {
            let last = if is_column { self.rows() } else { 1 };
            match std::str::from_utf8(bytes(values, offsets.add(last).read() as usize)) {
                Ok(text) => text,
                Err(_) => panic!("the host gave text that is not UTF-8"),
            }
        };
        let validity = self.word(at + 2) as *const u8;
        Column { values, offsets, validity, text, step: usize::from(is_column), kind: PhantomData }
    }

    /// The result's values as numbers; the host's memory, which outlives the call.
    pub unsafe fn output<T>(&self) -> &'static mut [T] {
        slice_mut(self.word(VALUES) as *mut T, self.rows())
    }

    /// Marks every row that was asked for as valid, after a dense loop.
    pub unsafe fn finish(&self) {
        let validity = slice_mut(self.word(VALIDITY) as *mut u8, self.rows());
        match self.mask() {
            None => validity.fill(1),
            Some(mask) => {
                for (valid, &wanted) in validity.iter_mut().zip(mask) {
                    *valid = u8::from(wanted != 0);
                }
            }
        }
        self.words.add(FAILED).write(0);
    }
}

unsafe fn bytes<'a>(at: *const u8, length: usize) -> &'a [u8] {
    if length == 0 { &[] } else { slice::from_raw_parts(at, length) }
}

unsafe fn slice_mut<'a, T>(at: *mut T, length: usize) -> &'a mut [T] {
    if length == 0 { &mut [] } else { slice::from_raw_parts_mut(at, length) }
}

/// One parameter's values for all rows, or one value for all of them.
pub struct Column<T> {
    values: *const u8,
    offsets: *const u32,
    validity: *const u8,
    text: &'static str,
    step: usize,
    kind: PhantomData<T>,
}

impl<T: Copy + Default> Column<T> {
    /// A broadcast value spread over a block; nothing for a column.
    pub unsafe fn spread(&self) -> Vec<T> {
        if self.step == 0 { vec![self.values.cast::<T>().read(); BLOCK] } else { Vec::new() }
    }

    /// The values of `length` rows from `start`; at most `BLOCK` rows.
    #[inline]
    pub unsafe fn block<'a>(&self, start: usize, length: usize, spread: &'a [T]) -> &'a [T] {
        if self.step == 0 {
            &spread[..length]
        } else {
            slice::from_raw_parts(self.values.cast::<T>().add(start), length)
        }
    }
}

impl<T: Cell> Column<T> {
    /// The value of one row.
    #[inline]
    pub fn get(&self, row: usize) -> T {
        unsafe { T::get(self, row * self.step) }
    }
}

impl<T> Column<T> {
    fn cast<U>(&self) -> Column<U> {
        Column {
            values: self.values,
            offsets: self.offsets,
            validity: self.validity,
            text: self.text,
            step: self.step,
            kind: PhantomData,
        }
    }
}

/// A parameter of a batch function.
pub trait Cell: Sized {
    /// # Safety
    /// The column must be of this type and `place` inside it.
    unsafe fn get(column: &Column<Self>, place: usize) -> Self;
}

/// A result of a batch function.
pub trait Value: Sized {
    /// # Safety
    /// The output must be of this type.
    unsafe fn write(self, output: &mut Output, row: usize);
    /// # Safety
    /// The output must be of this type.
    unsafe fn skip(output: &mut Output, row: usize);
}

macro_rules! numbers {
    ($($type:ty)*) => {$(
        impl Cell for $type {
            #[inline]
            unsafe fn get(column: &Column<Self>, place: usize) -> Self {
                column.values.cast::<$type>().add(place).read()
            }
        }
        impl Value for $type {
            #[inline]
            unsafe fn write(self, output: &mut Output, row: usize) {
                output.values.cast::<$type>().add(row).write(self);
            }
            #[inline]
            unsafe fn skip(output: &mut Output, row: usize) {
                output.values.cast::<$type>().add(row).write(<$type>::default());
            }
        }
        outcome!($type);
    )*};
}

macro_rules! outcome {
    ($type:ty) => {
        impl Outcome for $type {
            type Value = $type;
            #[inline]
            fn outcome(self) -> Result<Option<Self>, String> {
                Ok(Some(self))
            }
        }
    };
}

numbers! { u8 u16 u32 u64 i8 i16 i32 i64 f32 f64 }

impl Cell for bool {
    #[inline]
    unsafe fn get(column: &Column<Self>, place: usize) -> Self {
        column.values.add(place).read() != 0
    }
}

impl Value for bool {
    #[inline]
    unsafe fn write(self, output: &mut Output, row: usize) {
        output.values.add(row).write(self.into());
    }
    #[inline]
    unsafe fn skip(output: &mut Output, row: usize) {
        false.write(output, row);
    }
}
outcome!(bool);

impl Cell for char {
    #[inline]
    unsafe fn get(column: &Column<Self>, place: usize) -> Self {
        let code = column.values.cast::<u32>().add(place).read();
        match char::from_u32(code) {
            Some(found) => found,
            None => panic!("the host gave {code:#x}, which is no character"),
        }
    }
}

impl Value for char {
    #[inline]
    unsafe fn write(self, output: &mut Output, row: usize) {
        u32::from(self).write(output, row);
    }
    #[inline]
    unsafe fn skip(output: &mut Output, row: usize) {
        u32::skip(output, row);
    }
}
outcome!(char);

impl Cell for &'static str {
    #[inline]
    unsafe fn get(column: &Column<Self>, place: usize) -> Self {
        let (start, end) = (column.offsets.add(place).read(), column.offsets.add(place + 1).read());
        match column.text.get(start as usize..end as usize) {
            Some(text) => text,
            None => panic!("the host gave text that is cut inside a character"),
        }
    }
}

impl Cell for String {
    #[inline]
    unsafe fn get(column: &Column<Self>, place: usize) -> Self {
        <&str>::get(&column.cast(), place).to_owned()
    }
}

impl Value for String {
    #[inline]
    unsafe fn write(self, output: &mut Output, row: usize) {
        output.text.extend_from_slice(self.as_bytes());
        String::skip(output, row);
    }
    #[inline]
    unsafe fn skip(output: &mut Output, row: usize) {
        output.values.cast::<u32>().add(row + 1).write(output.text.len() as u32);
    }
}
outcome!(String);

impl<T: Cell> Cell for Option<T> {
    #[inline]
    unsafe fn get(column: &Column<Self>, place: usize) -> Self {
        if column.validity.is_null() || *column.validity.add(place) != 0 {
            Some(T::get(&column.cast(), place))
        } else {
            None
        }
    }
}

/// What a batch function may return: a value, no value or an error.
pub trait Outcome {
    /// What is written for a row.
    type Value: Value;
    /// The value, none, or the row's error.
    fn outcome(self) -> Result<Option<Self::Value>, String>;
}

impl<T: Value> Outcome for Option<T> {
    type Value = T;
    #[inline]
    fn outcome(self) -> Result<Option<T>, String> {
        Ok(self)
    }
}

impl<T: Outcome> Outcome for Result<T, String> {
    type Value = T::Value;
    #[inline]
    fn outcome(self) -> Result<Option<T::Value>, String> {
        self?.outcome()
    }
}

/// Where results go.
pub struct Output {
    values: *mut u8,
    validity: *mut u8,
    text: Vec<u8>,
    failures: Vec<[u32; 3]>,
    messages: Vec<u8>,
}

/// What the host reads after the call, kept until the next one.
struct Kept {
    text: Vec<u8>,
    failures: Vec<[u32; 3]>,
    messages: Vec<u8>,
}

static mut KEPT: Kept = Kept { text: Vec::new(), failures: Vec::new(), messages: Vec::new() };

impl Output {
    unsafe fn open(frame: &Frame) -> Output {
        // One thread: a batch call ends before the next begins.
        let kept = &raw mut KEPT;
        let kept = &mut *kept;
        let mut output = Output {
            values: frame.word(VALUES) as *mut u8,
            validity: frame.word(VALIDITY) as *mut u8,
            text: std::mem::take(&mut kept.text),
            failures: std::mem::take(&mut kept.failures),
            messages: std::mem::take(&mut kept.messages),
        };
        output.text.clear();
        output.failures.clear();
        output.messages.clear();
        output
    }

    unsafe fn put<R: Outcome>(&mut self, row: usize, result: R) {
        let value = match result.outcome() {
            Ok(value) => value,
            Err(message) => {
                self.failures.push([row as u32, self.messages.len() as u32, message.len() as u32]);
                self.messages.extend_from_slice(message.as_bytes());
                None
            }
        };
        self.validity.add(row).write(value.is_some().into());
        match value {
            Some(value) => value.write(self, row),
            None => R::Value::skip(self, row),
        }
    }

    unsafe fn close(mut self, frame: &Frame) {
        // Until here the messages could move.
        let messages = self.messages.as_ptr() as u32;
        for failure in &mut self.failures {
            failure[1] += messages;
        }
        frame.words.add(TEXT).write(self.text.as_ptr() as u32);
        frame.words.add(TEXT_LENGTH).write(self.text.len() as u32);
        frame.words.add(FAILED).write(self.failures.len() as u32);
        frame.words.add(FAILURES).write(self.failures.as_ptr() as u32);
        let kept = &raw mut KEPT;
        let kept = &mut *kept;
        *kept = Kept { text: self.text, failures: self.failures, messages: self.messages };
    }
}

/// Runs a function row by row.
///
/// # Safety
/// The frame must have been made for this function.
#[inline]
pub unsafe fn each_row<R: Outcome>(frame: &Frame, offsets: bool, function: impl Fn(usize) -> R) {
    let mut output = Output::open(frame);
    if offsets {
        output.values.cast::<u32>().write(0);
    }
    // Looked up before the loop: for all that LLVM knows, a result that is written could change the frame.
    let (rows, mask) = (frame.rows(), frame.mask());
    for row in 0..rows {
        if mask.is_none_or(|mask| mask[row] != 0) {
            output.put(row, function(row));
        } else {
            output.validity.add(row).write(0);
            R::Value::skip(&mut output, row);
        }
    }
    output.close(frame);
}
