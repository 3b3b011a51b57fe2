//! `Real`: numbers on which one generic function runs, as one `f64` or as a group of SIMD lanes.
//!
//! `f64` and `Lanes` run the same branch-free steps in the same order, so a column's values equal the single call's
//! values bit for bit. Only the bits inside a NaN may differ.

use super::{angles, elementary, normal};
use std::ops::{Add, AddAssign, BitAnd, BitOr, Div, DivAssign, Mul, MulAssign, Neg, Not, Sub, SubAssign};

/// A number: `f64`, or several at once. Write `pub fn price<R: Real>(s: R, k: R) -> R` with `+ - * /` (also with `f64`
/// on either side), the methods below, and `R::select` in place of `if`.
///
/// Parameters marked `impl Into<Self>` take an `f64` or another `R`. Errors are relative and hold for every finite
/// argument unless a range is given; NaN goes in and NaN comes out; overflow gives an infinity. Where a
/// result is below the smallest normal number (2.2e-308), the error is one step of the subnormal numbers or a few.
pub trait Real:
    Bits
    + From<f64>
    + Neg<Output = Self>
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Add<f64, Output = Self>
    + Sub<f64, Output = Self>
    + Mul<f64, Output = Self>
    + Div<f64, Output = Self>
    + AddAssign
    + SubAssign
    + MulAssign
    + DivAssign
    + AddAssign<f64>
    + SubAssign<f64>
    + MulAssign<f64>
    + DivAssign<f64>
    + Implied<f64>
    + ImpliedType<
        f64,
        Is: Add<Self, Output = Self>
                + Sub<Self, Output = Self>
                + Mul<Self, Output = Self>
                + Div<Self, Output = Self>
                + Add<f64, Output = f64>
                + Sub<f64, Output = f64>
                + Mul<f64, Output = f64>
                + Div<f64, Output = f64>,
    >
{
    /// The constant `v`; the same as `R::from(v)`.
    #[inline(always)]
    fn c(v: f64) -> Self {
        Self::from(v)
    }

    /// `yes` where `mask` holds, else `no`. Both sides are computed, so neither may loop or panic.
    #[inline(always)]
    fn select(mask: Self::Mask, yes: impl Into<Self>, no: impl Into<Self>) -> Self {
        Self::pick(mask, yes.into(), no.into())
    }

    /// `self < other` (false with NaN).
    #[inline(always)]
    fn lt(self, other: impl Into<Self>) -> Self::Mask {
        self.less(other.into())
    }

    /// `self <= other` (false with NaN).
    #[inline(always)]
    fn le(self, other: impl Into<Self>) -> Self::Mask {
        self.less_equal(other.into())
    }

    /// `self > other` (false with NaN).
    #[inline(always)]
    fn gt(self, other: impl Into<Self>) -> Self::Mask {
        other.into().less(self)
    }

    /// `self >= other` (false with NaN).
    #[inline(always)]
    fn ge(self, other: impl Into<Self>) -> Self::Mask {
        other.into().less_equal(self)
    }

    /// `self == other` (false with NaN).
    #[inline(always)]
    fn eq(self, other: impl Into<Self>) -> Self::Mask {
        self.equal(other.into())
    }

    /// `self != other` (true with NaN).
    #[inline(always)]
    fn ne(self, other: impl Into<Self>) -> Self::Mask {
        !self.equal(other.into())
    }

    /// True where the value is NaN.
    #[inline(always)]
    fn is_nan(self) -> Self::Mask {
        !self.equal(self)
    }

    /// The smaller; NaN if either is NaN. Exact.
    #[inline(always)]
    fn min(self, other: impl Into<Self>) -> Self {
        let other = other.into();
        Self::pick(other.equal(other), self.min_or_self(other), other)
    }

    /// The larger; NaN if either is NaN. Exact.
    #[inline(always)]
    fn max(self, other: impl Into<Self>) -> Self {
        let other = other.into();
        Self::pick(other.equal(other), self.max_or_self(other), other)
    }

    /// Limited to `low..=high`; NaN if any is NaN. Exact. `high` wins if `low > high`.
    #[inline(always)]
    fn clamp(self, low: impl Into<Self>, high: impl Into<Self>) -> Self {
        Real::min(Real::max(self, low), high)
    }

    /// Square root; NaN below 0. Correctly rounded.
    #[inline(always)]
    fn sqrt(self) -> Self {
        self.root()
    }

    /// Absolute value. Exact.
    #[inline(always)]
    fn abs(self) -> Self {
        self.bits_and(!SIGN)
    }

    /// 1 or -1 with the sign of `self` (also of a zero); NaN stays. Exact.
    #[inline(always)]
    fn signum(self) -> Self {
        Self::pick(self.equal(self), self.bits_and(SIGN).bits_or(Self::c(1.0)), self)
    }

    /// The magnitude of `self` with the sign of `sign`. Exact.
    #[inline(always)]
    fn copysign(self, sign: Self) -> Self {
        self.bits_and(!SIGN).bits_or(sign.bits_and(SIGN))
    }

    /// The largest whole number not above. Exact.
    #[inline(always)]
    fn floor(self) -> Self {
        self.round_down()
    }

    /// The smallest whole number not below. Exact.
    #[inline(always)]
    fn ceil(self) -> Self {
        -(-self).round_down()
    }

    /// The whole part, towards 0. Exact.
    #[inline(always)]
    fn trunc(self) -> Self {
        Real::abs(self).round_down().copysign(self)
    }

    /// The nearest whole number, halves away from 0. Exact.
    #[inline(always)]
    fn round(self) -> Self {
        // The largest value below a half: adding 0.5 would lift 0.49999999999999994 to 1.
        (Real::abs(self) + 0.499_999_999_999_999_94).round_down().copysign(self)
    }

    /// What `trunc` cuts off, with the sign of `self`. Exact.
    #[inline(always)]
    fn fract(self) -> Self {
        self - self.trunc()
    }

    /// `self` brought into `0 <= result < period` by whole periods (angles: `x.wrap(360.0)`).
    #[inline(always)]
    fn wrap(self, period: impl Into<Self>) -> Self {
        let period = period.into();
        self - (self / period).round_down() * period
    }

    /// `1 / self`. Correctly rounded.
    #[inline(always)]
    fn recip(self) -> Self {
        1.0 / self
    }

    /// `self` to the whole power `n`, by repeated multiplication. Error up to 2.3e-16 times `n`.
    #[inline(always)]
    fn powi(self, n: i32) -> Self {
        elementary::powi(self, n)
    }

    /// `self` to the power `y`, with the special cases of IEEE 754 `pow` (a negative base needs a whole `y`).
    /// Error below 3e-15; whole results are exact.
    #[inline]
    fn powf(self, y: impl Into<Self>) -> Self {
        elementary::powf(self, y.into())
    }

    /// e to the power `self`. Error below 4e-16.
    #[inline(always)]
    fn exp(self) -> Self {
        elementary::exp(self)
    }

    /// `exp(self) - 1`, accurate near 0. Error below 6e-16.
    #[inline]
    fn exp_m1(self) -> Self {
        elementary::exp_m1(self)
    }

    /// Natural logarithm; -inf at 0, NaN below. Error below 4e-16.
    #[inline(always)]
    fn ln(self) -> Self {
        elementary::ln(self)
    }

    /// `ln(1 + self)`, accurate near 0. Error below 6e-16.
    #[inline]
    fn ln_1p(self) -> Self {
        elementary::ln_1p(self)
    }

    /// Logarithm to base 10, exact at powers of ten. Error below 2e-16.
    #[inline]
    fn log10(self) -> Self {
        elementary::log10(self)
    }

    /// Logarithm to base 2, exact at powers of two. Error below 2e-16.
    #[inline]
    fn log2(self) -> Self {
        elementary::log2(self)
    }

    /// `sqrt(self^2 + other^2)`; overflows where the squares do. Error below 4e-16.
    #[inline(always)]
    fn hypot(self, other: impl Into<Self>) -> Self {
        let other = other.into();
        (self * self + other * other).root()
    }

    /// Sine of radians. Error below 4e-16.
    #[inline(always)]
    fn sin(self) -> Self {
        angles::sin(self)
    }

    /// Cosine of radians. Error below 4e-16.
    #[inline(always)]
    fn cos(self) -> Self {
        angles::cos(self)
    }

    /// Tangent of radians. Error below 7e-16.
    #[inline]
    fn tan(self) -> Self {
        angles::sin(self) / angles::cos(self)
    }

    /// Arc sine in radians; NaN outside -1..=1. Error below 4e-16.
    #[inline]
    fn asin(self) -> Self {
        angles::asin(self)
    }

    /// Arc cosine in radians; NaN outside -1..=1. Error below 4e-16.
    #[inline]
    fn acos(self) -> Self {
        angles::acos(self)
    }

    /// Arc tangent in radians. Error below 4e-16.
    #[inline]
    fn atan(self) -> Self {
        angles::atan(self)
    }

    /// The angle of the point (`x`, `self`) in radians, -pi..=pi: `y.atan2(x)`.
    /// Error below 4e-16.
    #[inline]
    fn atan2(self, x: impl Into<Self>) -> Self {
        angles::atan2(self, x.into())
    }

    /// Hyperbolic sine. Error below 7e-16.
    #[inline]
    fn sinh(self) -> Self {
        elementary::sinh(self)
    }

    /// Hyperbolic cosine. Error below 5e-16.
    #[inline]
    fn cosh(self) -> Self {
        elementary::cosh(self)
    }

    /// Hyperbolic tangent. Error below 7e-16.
    #[inline]
    fn tanh(self) -> Self {
        elementary::tanh(self)
    }

    /// The logistic function `1 / (1 + exp(-self))`. Error below 6e-16.
    #[inline]
    fn sigmoid(self) -> Self {
        elementary::sigmoid(self)
    }

    /// The standard normal distribution function: the chance of a value below `self`.
    /// Error below 1e-15.
    #[inline(always)]
    fn normal_cdf(self) -> Self {
        normal::normal_cdf(self)
    }

    /// The standard normal density `exp(-self^2 / 2) / sqrt(2 pi)`. Error below 5e-16.
    #[inline]
    fn normal_pdf(self) -> Self {
        normal::normal_pdf(self)
    }

    /// The error function. Error below 6e-16.
    #[inline]
    fn erf(self) -> Self {
        normal::erf(self)
    }

    /// `1 - erf(self)`, accurate for large arguments. Error below 1e-15.
    #[inline]
    fn erfc(self) -> Self {
        normal::erfc(self)
    }

    /// Degrees to radians.
    #[inline(always)]
    fn to_radians(self) -> Self {
        self * (std::f64::consts::PI / 180.0)
    }

    /// Radians to degrees.
    #[inline(always)]
    fn to_degrees(self) -> Self {
        self * (180.0 / std::f64::consts::PI)
    }
}

impl<T> Real for T
where
    T: Bits
        + From<f64>
        + Neg<Output = T>
        + Add<Output = T>
        + Sub<Output = T>
        + Mul<Output = T>
        + Div<Output = T>
        + Add<f64, Output = T>
        + Sub<f64, Output = T>
        + Mul<f64, Output = T>
        + Div<f64, Output = T>
        + AddAssign
        + SubAssign
        + MulAssign
        + DivAssign
        + AddAssign<f64>
        + SubAssign<f64>
        + MulAssign<f64>
        + DivAssign<f64>,
    f64: Add<T, Output = T> + Sub<T, Output = T> + Mul<T, Output = T> + Div<T, Output = T>,
{
}

/// The sign bit of an `f64`.
pub(super) const SIGN: u64 = 1 << 63;

/// A part of a function of `Real` that is long enough for `Lanes` to go through it one SIMD register after another.
///
/// Cranelift computes a value where it is first needed, so a long chain of steps over several registers comes out as
/// one chain behind the other, and the processor waits for each step of each. Kernels are short chains side by side.
pub trait Kernel<const N: usize> {
    /// Where `run` is right; None for everywhere.
    #[inline(always)]
    fn plain<R: Real>(_values: [R; N]) -> Option<R::Mask> {
        None
    }

    /// The results for plain values, bit for bit those of `full`.
    fn run<R: Real>(values: [R; N]) -> [R; N];

    /// The results for any values.
    #[inline(always)]
    fn full<R: Real>(values: [R; N]) -> [R; N] {
        Self::run(values)
    }
}

/// The machine steps from which the functions of `Real` are made; `f64` and `Lanes` agree in each bit for bit.
/// Authors use the methods of `Real`.
pub trait Bits: Copy {
    /// The answer of a comparison: `bool` for `f64`. Combine with `&`, `|` and `!`.
    type Mask: Copy + BitAnd<Output = Self::Mask> + BitOr<Output = Self::Mask> + Not<Output = Self::Mask>;

    #[doc(hidden)]
    fn pick(mask: Self::Mask, yes: Self, no: Self) -> Self;
    #[doc(hidden)]
    fn any(mask: Self::Mask) -> bool;
    /// Runs a kernel.
    #[doc(hidden)]
    fn through<K: Kernel<N>, const N: usize>(values: [Self; N]) -> [Self; N];
    #[doc(hidden)]
    fn each(self, f: impl Fn(f64) -> f64) -> Self;
    #[doc(hidden)]
    fn less(self, other: Self) -> Self::Mask;
    #[doc(hidden)]
    fn less_equal(self, other: Self) -> Self::Mask;
    #[doc(hidden)]
    fn equal(self, other: Self) -> Self::Mask;
    /// The smaller, `self` if either is NaN: one instruction.
    #[doc(hidden)]
    fn min_or_self(self, other: Self) -> Self;
    #[doc(hidden)]
    fn max_or_self(self, other: Self) -> Self;
    #[doc(hidden)]
    fn root(self) -> Self;
    #[doc(hidden)]
    fn round_down(self) -> Self;
    #[doc(hidden)]
    fn bits_and(self, mask: u64) -> Self;
    #[doc(hidden)]
    fn bits_or(self, other: Self) -> Self;
    #[doc(hidden)]
    fn bits_xor(self, other: Self) -> Self;
    /// Integer addition of the bit patterns.
    #[doc(hidden)]
    fn bits_add(self, n: u64) -> Self;
    /// Integer addition of two bit patterns.
    #[doc(hidden)]
    fn bits_sum(self, other: Self) -> Self;
    /// Shift left of the bit patterns.
    #[doc(hidden)]
    fn bits_shl(self, n: u32) -> Self;
    /// Logical shift right of the bit patterns.
    #[doc(hidden)]
    fn bits_shr(self, n: u32) -> Self;
}

impl Bits for f64 {
    type Mask = bool;

    #[inline(always)]
    fn pick(mask: bool, yes: f64, no: f64) -> f64 {
        if mask { yes } else { no }
    }
    #[inline(always)]
    fn any(mask: bool) -> bool {
        mask
    }
    #[inline(always)]
    fn through<K: Kernel<N>, const N: usize>(values: [f64; N]) -> [f64; N] {
        match K::plain(values) {
            Some(false) => K::full(values),
            _ => K::run(values),
        }
    }
    #[inline(always)]
    fn each(self, f: impl Fn(f64) -> f64) -> f64 {
        f(self)
    }
    #[inline(always)]
    fn less(self, other: f64) -> bool {
        self < other
    }
    #[inline(always)]
    fn less_equal(self, other: f64) -> bool {
        self <= other
    }
    #[inline(always)]
    fn equal(self, other: f64) -> bool {
        self == other
    }
    #[inline(always)]
    fn min_or_self(self, other: f64) -> f64 {
        if other < self { other } else { self }
    }
    #[inline(always)]
    fn max_or_self(self, other: f64) -> f64 {
        if self < other { other } else { self }
    }
    #[inline(always)]
    fn root(self) -> f64 {
        f64::sqrt(self)
    }
    #[inline(always)]
    fn round_down(self) -> f64 {
        f64::floor(self)
    }
    #[inline(always)]
    fn bits_and(self, mask: u64) -> f64 {
        f64::from_bits(self.to_bits() & mask)
    }
    #[inline(always)]
    fn bits_or(self, other: f64) -> f64 {
        f64::from_bits(self.to_bits() | other.to_bits())
    }
    #[inline(always)]
    fn bits_xor(self, other: f64) -> f64 {
        f64::from_bits(self.to_bits() ^ other.to_bits())
    }
    #[inline(always)]
    fn bits_add(self, n: u64) -> f64 {
        f64::from_bits(self.to_bits().wrapping_add(n))
    }
    #[inline(always)]
    fn bits_shl(self, n: u32) -> f64 {
        f64::from_bits(self.to_bits() << n)
    }
    #[inline(always)]
    fn bits_shr(self, n: u32) -> f64 {
        f64::from_bits(self.to_bits() >> n)
    }
    #[inline(always)]
    fn bits_sum(self, other: f64) -> f64 {
        f64::from_bits(self.to_bits().wrapping_add(other.to_bits()))
    }
}

/// Lets `Real` promise bounds on another type, `f64: Mul<Self>`, so that authors can write `2.0 * x`: a `where` clause
/// on `f64` would have to be repeated in every signature, a bound on an associated type of a supertrait is implied.
pub trait Implied<T>: ImpliedType<T, Is = T> {}
impl<S, T> Implied<T> for S {}

/// See `Implied`: `Is` is always `T`.
pub trait ImpliedType<T> {
    #[doc(hidden)]
    type Is;
}
impl<S, T> ImpliedType<T> for S {
    type Is = T;
}
