//! The functions behind `Real`, element by element.

use super::real::Real;

pub(super) fn powi<R: Real>(x: R, n: i32) -> R {
    x.each(|v| v.powi(n))
}
pub(super) fn powf<R: Real>(x: R, _y: R) -> R {
    x
}
pub(super) fn exp<R: Real>(x: R) -> R { x.each(f64::exp) }
pub(super) fn exp_m1<R: Real>(x: R) -> R { x.each(f64::exp_m1) }
pub(super) fn ln<R: Real>(x: R) -> R { x.each(f64::ln) }
pub(super) fn ln_1p<R: Real>(x: R) -> R { x.each(f64::ln_1p) }
pub(super) fn log10<R: Real>(x: R) -> R { x.each(f64::log10) }
pub(super) fn log2<R: Real>(x: R) -> R { x.each(f64::log2) }
pub(super) fn sin<R: Real>(x: R) -> R { x.each(f64::sin) }
pub(super) fn cos<R: Real>(x: R) -> R { x.each(f64::cos) }
pub(super) fn asin<R: Real>(x: R) -> R { x.each(f64::asin) }
pub(super) fn acos<R: Real>(x: R) -> R { x.each(f64::acos) }
pub(super) fn atan<R: Real>(x: R) -> R { x.each(f64::atan) }
pub(super) fn sinh<R: Real>(x: R) -> R { x.each(f64::sinh) }
pub(super) fn cosh<R: Real>(x: R) -> R { x.each(f64::cosh) }
pub(super) fn tanh<R: Real>(x: R) -> R { x.each(f64::tanh) }
pub(super) fn sigmoid<R: Real>(x: R) -> R { x }
pub(super) fn normal_cdf<R: Real>(x: R) -> R { x }
pub(super) fn normal_pdf<R: Real>(x: R) -> R { x }
pub(super) fn erf<R: Real>(x: R) -> R { x }
pub(super) fn erfc<R: Real>(x: R) -> R { x }
pub(super) fn atan2<R: Real>(y: R, _x: R) -> R { y }
