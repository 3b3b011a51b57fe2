//! The Component Model's Canonical ABI for the types of the guest contract.
//!
//! Source: https://github.com/WebAssembly/component-model/blob/main/design/mvp/CanonicalABI.md. The glue checks sizes and
//! alignments against the host's own reckoning when it is compiled.

// A module uses the types that its signatures name; the rest says nothing.
#![allow(dead_code)]

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error, realloc};
use std::mem::ManuallyDrop;

use crate::prelude::Image;

/// A type that crosses between host and guest.
///
/// `slots` are flattened core values, each as its bits in 64: that is how one slot can hold the payload of either case of
/// an option or result (the ABI's joined types).
///
/// # Safety
/// `SIZE`, `ALIGN` and `FLAT` must be those of the Canonical ABI, or memory is misread.
pub unsafe trait Abi: Sized {
    /// Bytes as an element of a list.
    const SIZE: usize;
    /// Alignment in bytes.
    const ALIGN: usize;
    /// How many core values it flattens to.
    const FLAT: usize;

    /// Takes an owned value out of flattened parameters.
    unsafe fn lift(slots: &[u64]) -> Self;
    /// Takes an owned value out of memory; what it points to is the guest's from now on.
    unsafe fn load(at: *const u8) -> Self;
    /// Leaves a value in memory for the host; what it owns stays allocated until `free`.
    unsafe fn store(self, at: *mut u8);
    /// Frees what a stored value owns.
    unsafe fn free(_at: *mut u8) {}
    /// The value as its only core value, of types that flatten to one.
    fn lower(self) -> u64 {
        unreachable!()
    }
    /// Takes a list's elements and frees or keeps its buffer.
    unsafe fn load_list(at: *mut u8, length: usize) -> Vec<Self> {
        let list = (0..length).map(|index| Self::load(at.add(index * Self::SIZE))).collect();
        release(at, length * Self::SIZE, Self::ALIGN);
        list
    }
    /// Leaves a list's elements in a buffer for the host.
    unsafe fn store_list(list: Vec<Self>) -> *mut u8 {
        let buffer = allocate(list.len() * Self::SIZE, Self::ALIGN);
        for (index, value) in list.into_iter().enumerate() {
            value.store(buffer.add(index * Self::SIZE));
        }
        buffer
    }
    /// Frees a stored list.
    unsafe fn free_list(at: *mut u8, length: usize) {
        for index in 0..length {
            Self::free(at.add(index * Self::SIZE));
        }
        release(at, length * Self::SIZE, Self::ALIGN);
    }
}

/// The first multiple of `alignment` that is not below `offset`.
pub const fn align_to(offset: usize, alignment: usize) -> usize {
    offset.div_ceil(alignment) * alignment
}

pub const fn larger(a: usize, b: usize) -> usize {
    if a > b { a } else { b }
}

unsafe fn allocate(size: usize, align: usize) -> *mut u8 {
    if size == 0 {
        return std::ptr::without_provenance_mut(align);
    }
    let layout = Layout::from_size_align_unchecked(size, align);
    let at = alloc(layout);
    if at.is_null() {
        handle_alloc_error(layout);
    }
    at
}

/// Frees a buffer; the host may have allocated it.
pub unsafe fn release(at: *mut u8, size: usize, align: usize) {
    if size > 0 {
        dealloc(at, Layout::from_size_align_unchecked(size, align));
    }
}

/// Memory for the host to write arguments to.
#[no_mangle]
unsafe extern "C" fn cabi_realloc(old: *mut u8, old_size: usize, align: usize, size: usize) -> *mut u8 {
    if old_size == 0 {
        return allocate(size, align);
    }
    let layout = Layout::from_size_align_unchecked(old_size, align);
    if size == 0 {
        dealloc(old, layout);
        return std::ptr::without_provenance_mut(align);
    }
    let at = realloc(old, layout, size);
    if at.is_null() {
        handle_alloc_error(Layout::from_size_align_unchecked(size, align));
    }
    at
}

macro_rules! number {
    ($($type:ty, $lift:expr, $lower:expr;)*) => {$(
        unsafe impl Abi for $type {
            const SIZE: usize = size_of::<$type>();
            const ALIGN: usize = size_of::<$type>();
            const FLAT: usize = 1;
            #[inline]
            unsafe fn lift(slots: &[u64]) -> Self {
                $lift(slots[0])
            }
            #[inline]
            unsafe fn load(at: *const u8) -> Self {
                at.cast::<$type>().read()
            }
            #[inline]
            unsafe fn store(self, at: *mut u8) {
                at.cast::<$type>().write(self);
            }
            #[inline]
            fn lower(self) -> u64 {
                $lower(self)
            }
            // The host allocated the buffer with the size and alignment that a Vec of this length has.
            #[inline]
            unsafe fn load_list(at: *mut u8, length: usize) -> Vec<Self> {
                Vec::from_raw_parts(at.cast(), length, length)
            }
            #[inline]
            unsafe fn store_list(list: Vec<Self>) -> *mut u8 {
                ManuallyDrop::new(list.into_boxed_slice()).as_mut_ptr().cast()
            }
            unsafe fn free_list(at: *mut u8, length: usize) {
                release(at, length * Self::SIZE, Self::ALIGN);
            }
        }
    )*};
}

// A negative number is sign-extended to its core type, as the ABI wants.
number! {
    u8, |slot| slot as u8, u64::from;
    u16, |slot| slot as u16, u64::from;
    u32, |slot| slot as u32, u64::from;
    u64, |slot| slot, |value| value;
    i8, |slot| slot as i8, |value| i64::from(value) as u64;
    i16, |slot| slot as i16, |value| i64::from(value) as u64;
    i32, |slot| slot as i32, |value| i64::from(value) as u64;
    i64, |slot| slot as i64, |value| value as u64;
    f32, |slot| f32::from_bits(slot as u32), |value: f32| u64::from(value.to_bits());
    f64, f64::from_bits, f64::to_bits;
}

unsafe impl Abi for bool {
    const SIZE: usize = 1;
    const ALIGN: usize = 1;
    const FLAT: usize = 1;
    #[inline]
    unsafe fn lift(slots: &[u64]) -> Self {
        slots[0] as u32 != 0
    }
    #[inline]
    unsafe fn load(at: *const u8) -> Self {
        at.read() != 0
    }
    #[inline]
    unsafe fn store(self, at: *mut u8) {
        at.write(u8::from(self));
    }
    #[inline]
    fn lower(self) -> u64 {
        u64::from(self)
    }
}

fn character(code: u32) -> char {
    match char::from_u32(code) {
        Some(found) => found,
        None => panic!("the host gave {code:#x}, which is no character"),
    }
}

unsafe impl Abi for char {
    const SIZE: usize = 4;
    const ALIGN: usize = 4;
    const FLAT: usize = 1;
    #[inline]
    unsafe fn lift(slots: &[u64]) -> Self {
        character(slots[0] as u32)
    }
    #[inline]
    unsafe fn load(at: *const u8) -> Self {
        character(at.cast::<u32>().read())
    }
    #[inline]
    unsafe fn store(self, at: *mut u8) {
        at.cast::<u32>().write(self.into());
    }
    #[inline]
    fn lower(self) -> u64 {
        u64::from(u32::from(self))
    }
}

/// Address and length of a list or string in memory.
unsafe fn pair(at: *const u8) -> (*mut u8, usize) {
    (at.cast::<*mut u8>().read(), at.add(4).cast::<u32>().read() as usize)
}

unsafe fn store_pair(at: *mut u8, buffer: *mut u8, length: usize) {
    at.cast::<*mut u8>().write(buffer);
    at.add(4).cast::<u32>().write(length as u32);
}

unsafe impl<T: Abi> Abi for Vec<T> {
    const SIZE: usize = 8;
    const ALIGN: usize = 4;
    const FLAT: usize = 2;
    #[inline]
    unsafe fn lift(slots: &[u64]) -> Self {
        T::load_list(slots[0] as usize as *mut u8, slots[1] as usize)
    }
    unsafe fn load(at: *const u8) -> Self {
        let (buffer, length) = pair(at);
        T::load_list(buffer, length)
    }
    unsafe fn store(self, at: *mut u8) {
        let length = self.len();
        store_pair(at, T::store_list(self), length);
    }
    unsafe fn free(at: *mut u8) {
        let (buffer, length) = pair(at);
        T::free_list(buffer, length);
    }
}

fn text(bytes: Vec<u8>) -> String {
    match String::from_utf8(bytes) {
        Ok(found) => found,
        Err(_) => panic!("the host gave text that is not UTF-8"),
    }
}

unsafe impl Abi for String {
    const SIZE: usize = 8;
    const ALIGN: usize = 4;
    const FLAT: usize = 2;
    unsafe fn lift(slots: &[u64]) -> Self {
        text(Vec::lift(slots))
    }
    unsafe fn load(at: *const u8) -> Self {
        text(Vec::load(at))
    }
    unsafe fn store(self, at: *mut u8) {
        self.into_bytes().store(at);
    }
    unsafe fn free(at: *mut u8) {
        Vec::<u8>::free(at);
    }
}

#[cold]
fn wrong_case(case: u32) -> ! {
    panic!("the host gave case {case} of a type with two")
}

unsafe impl<T: Abi> Abi for Option<T> {
    const SIZE: usize = align_to(Self::ALIGN + T::SIZE, Self::ALIGN);
    const ALIGN: usize = T::ALIGN;
    const FLAT: usize = 1 + T::FLAT;
    #[inline]
    unsafe fn lift(slots: &[u64]) -> Self {
        match slots[0] as u32 {
            0 => None,
            1 => Some(T::lift(&slots[1..])),
            case => wrong_case(case),
        }
    }
    #[inline]
    unsafe fn load(at: *const u8) -> Self {
        match at.read() {
            0 => None,
            1 => Some(T::load(at.add(Self::ALIGN))),
            case => wrong_case(case.into()),
        }
    }
    #[inline]
    unsafe fn store(self, at: *mut u8) {
        at.write(u8::from(self.is_some()));
        if let Some(value) = self {
            value.store(at.add(Self::ALIGN));
        }
    }
    unsafe fn free(at: *mut u8) {
        if at.read() == 1 {
            T::free(at.add(Self::ALIGN));
        }
    }
}

/// What `Result<(), String>` holds when all went well; never a parameter.
unsafe impl Abi for () {
    const SIZE: usize = 0;
    const ALIGN: usize = 1;
    const FLAT: usize = 0;
    unsafe fn lift(_slots: &[u64]) -> Self {}
    unsafe fn load(_at: *const u8) -> Self {}
    unsafe fn store(self, _at: *mut u8) {}
}

unsafe impl<T: Abi> Abi for Result<T, String> {
    const SIZE: usize = align_to(Self::ALIGN + larger(T::SIZE, 8), Self::ALIGN);
    const ALIGN: usize = larger(T::ALIGN, 4);
    const FLAT: usize = 1 + larger(T::FLAT, 2);
    unsafe fn lift(slots: &[u64]) -> Self {
        match slots[0] as u32 {
            0 => Ok(T::lift(&slots[1..])),
            1 => Err(String::lift(&slots[1..])),
            case => wrong_case(case),
        }
    }
    unsafe fn load(at: *const u8) -> Self {
        match at.read() {
            0 => Ok(T::load(at.add(Self::ALIGN))),
            1 => Err(String::load(at.add(Self::ALIGN))),
            case => wrong_case(case.into()),
        }
    }
    unsafe fn store(self, at: *mut u8) {
        at.write(u8::from(self.is_err()));
        match self {
            Ok(value) => value.store(at.add(Self::ALIGN)),
            Err(message) => message.store(at.add(Self::ALIGN)),
        }
    }
    unsafe fn free(at: *mut u8) {
        match at.read() {
            0 => T::free(at.add(Self::ALIGN)),
            _ => String::free(at.add(Self::ALIGN)),
        }
    }
}

/// The ABI of a struct or tuple: `record! { [generics] type, path { field: Type, … } }`.
macro_rules! record {
    ([$($generic:tt)*] $type:ty, $($path:ident)::+ { $($field:tt @ $name:ident: $kind:ty),+ $(,)? }) => {
        // The offset and the slot move on after the last field too.
        #[allow(unused_assignments)]
        unsafe impl<$($generic)*> $crate::abi::Abi for $type {
            const SIZE: usize = {
                let mut end = 0;
                $(end = $crate::abi::end_of::<$kind>(end);)+
                $crate::abi::align_to(end, <Self as $crate::abi::Abi>::ALIGN)
            };
            const ALIGN: usize = {
                let mut most = 1;
                $(most = $crate::abi::larger(most, <$kind as $crate::abi::Abi>::ALIGN);)+
                most
            };
            const FLAT: usize = 0 $(+ <$kind as $crate::abi::Abi>::FLAT)+;
            #[inline]
            unsafe fn lift(slots: &[u64]) -> Self {
                let mut next = 0;
                $(
                    let $name = <$kind as $crate::abi::Abi>::lift(&slots[next..]);
                    next += <$kind as $crate::abi::Abi>::FLAT;
                )+
                $crate::abi::record!(@make $($path)::+ { $($field @ $name),+ })
            }
            #[inline]
            unsafe fn load(at: *const u8) -> Self {
                let mut end = 0;
                $(
                    let $name = <$kind as $crate::abi::Abi>::load(at.add($crate::abi::start_of::<$kind>(end)));
                    end = $crate::abi::end_of::<$kind>(end);
                )+
                $crate::abi::record!(@make $($path)::+ { $($field @ $name),+ })
            }
            #[inline]
            unsafe fn store(self, at: *mut u8) {
                let mut end = 0;
                $(
                    <$kind as $crate::abi::Abi>::store(self.$field, at.add($crate::abi::start_of::<$kind>(end)));
                    end = $crate::abi::end_of::<$kind>(end);
                )+
            }
            unsafe fn free(at: *mut u8) {
                let mut end = 0;
                $(
                    <$kind as $crate::abi::Abi>::free(at.add($crate::abi::start_of::<$kind>(end)));
                    end = $crate::abi::end_of::<$kind>(end);
                )+
            }
            // Called where there is one field, whose only core value is the record's.
            #[inline]
            fn lower(self) -> u64 {
                let mut bits = 0;
                $(bits = <$kind as $crate::abi::Abi>::lower(self.$field);)+
                bits
            }
        }
    };
    (@make tuple { $($field:tt @ $name:ident),+ }) => { ($($name,)+) };
    (@make $($path:ident)::+ { $($field:tt @ $name:ident),+ }) => { $($path)::+ { $($field: $name),+ } };
}
pub(crate) use record;

/// Where a field begins that follows a field that ends at `end`.
pub const fn start_of<T: Abi>(end: usize) -> usize {
    align_to(end, T::ALIGN)
}

/// Where such a field ends.
pub const fn end_of<T: Abi>(end: usize) -> usize {
    start_of::<T>(end) + T::SIZE
}

record! { [] Image, Image { width @ width: u32, height @ height: u32, pixels @ pixels: Vec<u8> } }

record! { [A: Abi] (A,), tuple { 0 @ a: A } }
record! { [A: Abi, B: Abi] (A, B,), tuple { 0 @ a: A, 1 @ b: B } }
record! { [A: Abi, B: Abi, C: Abi] (A, B, C,), tuple { 0 @ a: A, 1 @ b: B, 2 @ c: C } }
record! { [A: Abi, B: Abi, C: Abi, D: Abi] (A, B, C, D,), tuple { 0 @ a: A, 1 @ b: B, 2 @ c: C, 3 @ d: D } }
record! { [A: Abi, B: Abi, C: Abi, D: Abi, E: Abi] (A, B, C, D, E,), tuple { 0 @ a: A, 1 @ b: B, 2 @ c: C, 3 @ d: D, 4 @ e: E } }
record! { [A: Abi, B: Abi, C: Abi, D: Abi, E: Abi, F: Abi] (A, B, C, D, E, F,), tuple { 0 @ a: A, 1 @ b: B, 2 @ c: C, 3 @ d: D, 4 @ e: E, 5 @ f: F } }
record! { [A: Abi, B: Abi, C: Abi, D: Abi, E: Abi, F: Abi, G: Abi] (A, B, C, D, E, F, G,), tuple { 0 @ a: A, 1 @ b: B, 2 @ c: C, 3 @ d: D, 4 @ e: E, 5 @ f: F, 6 @ g: G } }
record! { [A: Abi, B: Abi, C: Abi, D: Abi, E: Abi, F: Abi, G: Abi, H: Abi] (A, B, C, D, E, F, G, H,), tuple { 0 @ a: A, 1 @ b: B, 2 @ c: C, 3 @ d: D, 4 @ e: E, 5 @ f: F, 6 @ g: G, 7 @ h: H } }
record! { [A: Abi, B: Abi, C: Abi, D: Abi, E: Abi, F: Abi, G: Abi, H: Abi, I: Abi] (A, B, C, D, E, F, G, H, I,), tuple { 0 @ a: A, 1 @ b: B, 2 @ c: C, 3 @ d: D, 4 @ e: E, 5 @ f: F, 6 @ g: G, 7 @ h: H, 8 @ i: I } }
record! { [A: Abi, B: Abi, C: Abi, D: Abi, E: Abi, F: Abi, G: Abi, H: Abi, I: Abi, J: Abi] (A, B, C, D, E, F, G, H, I, J,), tuple { 0 @ a: A, 1 @ b: B, 2 @ c: C, 3 @ d: D, 4 @ e: E, 5 @ f: F, 6 @ g: G, 7 @ h: H, 8 @ i: I, 9 @ j: J } }
record! { [A: Abi, B: Abi, C: Abi, D: Abi, E: Abi, F: Abi, G: Abi, H: Abi, I: Abi, J: Abi, K: Abi] (A, B, C, D, E, F, G, H, I, J, K,), tuple { 0 @ a: A, 1 @ b: B, 2 @ c: C, 3 @ d: D, 4 @ e: E, 5 @ f: F, 6 @ g: G, 7 @ h: H, 8 @ i: I, 9 @ j: J, 10 @ k: K } }
record! { [A: Abi, B: Abi, C: Abi, D: Abi, E: Abi, F: Abi, G: Abi, H: Abi, I: Abi, J: Abi, K: Abi, L: Abi] (A, B, C, D, E, F, G, H, I, J, K, L,), tuple { 0 @ a: A, 1 @ b: B, 2 @ c: C, 3 @ d: D, 4 @ e: E, 5 @ f: F, 6 @ g: G, 7 @ h: H, 8 @ i: I, 9 @ j: J, 10 @ k: K, 11 @ l: L } }
