//! `Lanes`: several `f64` at once, for the batch loop of the glue.

// A SIMD intrinsic needs a closure around it: it is no `Fn` outside functions that enable its target feature.
#![allow(clippy::redundant_closure)]

use super::pair::{self, Pair};
use super::real::{Bits, Kernel};
use std::ops::{Add, AddAssign, BitAnd, BitOr, Div, DivAssign, Mul, MulAssign, Neg, Not, Sub, SubAssign};

/// How many `f64` a `Lanes` holds.
pub const LANES: usize = 2 * PAIRS;

/// SIMD registers per `Lanes`.
const PAIRS: usize = 4;

/// Numbers in `N` SIMD registers; implements `Real`.
#[derive(Clone, Copy)]
pub struct Group<const N: usize>([Pair; N]);

/// `LANES` numbers at once, for the batch loop.
pub type Lanes = Group<PAIRS>;

/// One yes or no per number: the answer of a comparison of `Group`.
#[derive(Clone, Copy)]
pub struct LaneMask<const N: usize>([Pair; N]);

#[inline(always)]
fn map1<const N: usize>(a: [Pair; N], f: impl Fn(Pair) -> Pair) -> [Pair; N] {
    let mut out = a;
    for (slot, x) in out.iter_mut().zip(a) {
        *slot = f(x);
    }
    out
}

#[inline(always)]
fn map2<const N: usize>(a: [Pair; N], b: [Pair; N], f: impl Fn(Pair, Pair) -> Pair) -> [Pair; N] {
    let mut out = a;
    for i in 0..N {
        out[i] = f(a[i], b[i]);
    }
    out
}

impl<const N: usize> Group<N> {
    /// The same number in every lane.
    #[inline(always)]
    pub fn splat(v: f64) -> Group<N> {
        Group([pair::splat(v); N])
    }
}

impl Lanes {
    /// The first `LANES` numbers of `values`. Panics if there are fewer.
    #[inline(always)]
    pub fn load(values: &[f64]) -> Lanes {
        let values = &values[..LANES];
        let mut out = [pair::splat(0.0); PAIRS];
        for (i, slot) in out.iter_mut().enumerate() {
            *slot = pair::make(values[2 * i], values[2 * i + 1]);
        }
        Group(out)
    }

    /// Writes the lanes to the first `LANES` places of `out`. Panics if there are fewer.
    #[inline(always)]
    pub fn store(self, out: &mut [f64]) {
        out[..LANES].copy_from_slice(&self.to_array());
    }

    /// The lanes as an array.
    #[inline(always)]
    pub fn to_array(self) -> [f64; LANES] {
        let mut out = [0.0; LANES];
        for i in 0..PAIRS {
            [out[2 * i], out[2 * i + 1]] = pair::parts(self.0[i]);
        }
        out
    }
}

impl<const N: usize> From<f64> for Group<N> {
    #[inline(always)]
    fn from(v: f64) -> Group<N> {
        Group::splat(v)
    }
}

/// `+ - * /` between lanes, and between lanes and an `f64` on either side.
macro_rules! arithmetic {
    ($Op:ident $op:ident, $Assign:ident $assign:ident, $pair:path) => {
        impl<const N: usize> $Op for Group<N> {
            type Output = Group<N>;
            #[inline(always)]
            fn $op(self, other: Group<N>) -> Group<N> {
                Group(map2(self.0, other.0, |a, b| $pair(a, b)))
            }
        }
        impl<const N: usize> $Op<f64> for Group<N> {
            type Output = Group<N>;
            #[inline(always)]
            fn $op(self, other: f64) -> Group<N> {
                $Op::$op(self, Group::splat(other))
            }
        }
        impl<const N: usize> $Op<Group<N>> for f64 {
            type Output = Group<N>;
            #[inline(always)]
            fn $op(self, other: Group<N>) -> Group<N> {
                $Op::$op(Group::splat(self), other)
            }
        }
        impl<const N: usize> $Assign for Group<N> {
            #[inline(always)]
            fn $assign(&mut self, other: Group<N>) {
                *self = $Op::$op(*self, other);
            }
        }
        impl<const N: usize> $Assign<f64> for Group<N> {
            #[inline(always)]
            fn $assign(&mut self, other: f64) {
                *self = $Op::$op(*self, other);
            }
        }
    };
}
arithmetic!(Add add, AddAssign add_assign, pair::add);
arithmetic!(Sub sub, SubAssign sub_assign, pair::sub);
arithmetic!(Mul mul, MulAssign mul_assign, pair::mul);
arithmetic!(Div div, DivAssign div_assign, pair::div);

impl<const N: usize> Neg for Group<N> {
    type Output = Group<N>;
    #[inline(always)]
    fn neg(self) -> Group<N> {
        Group(map1(self.0, |a| pair::neg(a)))
    }
}

impl<const N: usize> BitAnd for LaneMask<N> {
    type Output = LaneMask<N>;
    #[inline(always)]
    fn bitand(self, other: LaneMask<N>) -> LaneMask<N> {
        LaneMask(map2(self.0, other.0, |a, b| pair::and(a, b)))
    }
}

impl<const N: usize> BitOr for LaneMask<N> {
    type Output = LaneMask<N>;
    #[inline(always)]
    fn bitor(self, other: LaneMask<N>) -> LaneMask<N> {
        LaneMask(map2(self.0, other.0, |a, b| pair::or(a, b)))
    }
}

impl<const N: usize> Not for LaneMask<N> {
    type Output = LaneMask<N>;
    #[inline(always)]
    fn not(self) -> LaneMask<N> {
        LaneMask(map1(self.0, |a| pair::not(a)))
    }
}

impl<const N: usize> Bits for Group<N> {
    type Mask = LaneMask<N>;

    #[inline(always)]
    fn pick(mask: LaneMask<N>, yes: Group<N>, no: Group<N>) -> Group<N> {
        let mut out = no.0;
        for (i, slot) in out.iter_mut().enumerate() {
            *slot = pair::pick(mask.0[i], yes.0[i], *slot);
        }
        Group(out)
    }
    #[inline(always)]
    fn any(mask: LaneMask<N>) -> bool {
        let mut all = mask.0[0];
        for &m in &mask.0[1..] {
            all = pair::or(all, m);
        }
        pair::any(all)
    }
    #[inline(always)]
    fn through<K: Kernel<M>, const M: usize>(mut values: [Group<N>; M]) -> [Group<N>; M] {
        if N == 1 {
            return run_or_full::<K, N, M>(values);
        }
        run_kernel::<K, N, M>(&mut values);
        values
    }
    #[inline(always)]
    fn each(self, f: impl Fn(f64) -> f64) -> Group<N> {
        Group(map1(self.0, |a| {
            let [x, y] = pair::parts(a);
            pair::make(f(x), f(y))
        }))
    }
    #[inline(always)]
    fn less(self, other: Group<N>) -> LaneMask<N> {
        LaneMask(map2(self.0, other.0, |a, b| pair::less(a, b)))
    }
    #[inline(always)]
    fn less_equal(self, other: Group<N>) -> LaneMask<N> {
        LaneMask(map2(self.0, other.0, |a, b| pair::less_equal(a, b)))
    }
    #[inline(always)]
    fn equal(self, other: Group<N>) -> LaneMask<N> {
        LaneMask(map2(self.0, other.0, |a, b| pair::equal(a, b)))
    }
    #[inline(always)]
    fn min_or_self(self, other: Group<N>) -> Group<N> {
        Group(map2(self.0, other.0, pair::min_or_first))
    }
    #[inline(always)]
    fn max_or_self(self, other: Group<N>) -> Group<N> {
        Group(map2(self.0, other.0, pair::max_or_first))
    }
    #[inline(always)]
    fn root(self) -> Group<N> {
        Group(map1(self.0, |a| pair::sqrt(a)))
    }
    #[inline(always)]
    fn round_down(self) -> Group<N> {
        Group(map1(self.0, |a| pair::floor(a)))
    }
    #[inline(always)]
    fn bits_and(self, mask: u64) -> Group<N> {
        Group(map1(self.0, |a| pair::and(a, pair::bits(mask))))
    }
    #[inline(always)]
    fn bits_or(self, other: Group<N>) -> Group<N> {
        Group(map2(self.0, other.0, |a, b| pair::or(a, b)))
    }
    #[inline(always)]
    fn bits_xor(self, other: Group<N>) -> Group<N> {
        Group(map2(self.0, other.0, |a, b| pair::xor(a, b)))
    }
    #[inline(always)]
    fn bits_add(self, n: u64) -> Group<N> {
        Group(map1(self.0, |a| pair::int_add(a, pair::bits(n))))
    }
    #[inline(always)]
    fn bits_shl(self, n: u32) -> Group<N> {
        Group(map1(self.0, |a| pair::shl(a, n)))
    }
    #[inline(always)]
    fn bits_shr(self, n: u32) -> Group<N> {
        Group(map1(self.0, |a| pair::shr(a, n)))
    }
    #[inline(always)]
    fn bits_sum(self, other: Group<N>) -> Group<N> {
        Group(map2(self.0, other.0, |a, b| pair::int_add(a, b)))
    }
}

#[inline(always)]
fn run_or_full<K: Kernel<M>, const N: usize, const M: usize>(values: [Group<N>; M]) -> [Group<N>; M] {
    match K::plain(values) {
        Some(plain) if Group::<N>::any(!plain) => K::full(values),
        _ => K::run(values),
    }
}

/// Register `i` of each group.
#[inline(always)]
fn register<const N: usize, const M: usize>(values: &[Group<N>; M], i: usize) -> [Group<1>; M] {
    values.map(|group| Group([group.0[i]]))
}

/// Puts the results of a kernel's function in the place of the values, register by register. Written out: LLVM leaves a
/// loop of this length as it is, and constants that are spilled before it made it half as fast.
macro_rules! by_registers {
    ($values:ident, $run:path, $($i:literal)*) => {$(
        if $i < N {
            let results = $run(register($values, $i));
            for (group, result) in $values.iter_mut().zip(results) {
                group.0[$i] = result.0[0];
            }
        }
    )*};
}

/// Runs a kernel on one register after another, in place. Not inlined: the values have to be in memory at the call, so
/// that no step of the kernel is put off until its result is used.
#[inline(never)]
fn run_kernel<K: Kernel<M>, const N: usize, const M: usize>(values: &mut [Group<N>; M]) {
    let mut special = pair::splat(0.0);
    for i in 0..N {
        if let Some(plain) = K::plain(register(values, i)) {
            special = pair::or(special, pair::not(plain.0[0]));
        }
    }
    if pair::any(special) {
        return run_in_full::<K, N, M>(values);
    }
    by_registers!(values, K::run, 0 1 2 3);
}

#[cold]
#[inline(never)]
fn run_in_full<K: Kernel<M>, const N: usize, const M: usize>(values: &mut [Group<N>; M]) {
    by_registers!(values, K::full, 0 1 2 3);
}

// The numbers of the registers stand above.
const _: () = assert!(PAIRS <= 4);
