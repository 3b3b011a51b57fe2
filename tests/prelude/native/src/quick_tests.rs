use crate::prelude::*;

/// The largest error of `f` against `exact` at points from `low` to `high`: absolute below 1, relative above.
fn worst(low: f64, high: f64, f: impl Fn(f32) -> f32, exact: impl Fn(f64) -> f64) -> f64 {
    (0..=200_000)
        .map(|i| (low + (high - low) * f64::from(i) / 200_000.0) as f32)
        .map(|v| (f64::from(f(v)) - exact(f64::from(v))).abs() / exact(f64::from(v)).abs().max(1.0))
        .fold(0.0, f64::max)
}

#[test]
fn quick_functions_keep_their_stated_errors() {
    assert!(worst(0.0, 87.0, fast_exp, f64::exp) < 2e-7);
    assert!(worst(0.0, 87.0, |v| 1.0 / fast_exp(-v), f64::exp) < 4e-7);
    assert!(worst(0.5, 2.0, fast_ln, f64::ln) < 2e-7);
    assert!(worst(-87.0, 88.0, |v| fast_ln(v.exp()), |v| f64::from((v as f32).exp()).ln()) < 2e-7);
    assert!(worst(1e-3, 1e4, |v| fast_pow(v, 1.0 / 2.2), |v| v.powf(f64::from(1.0f32 / 2.2))) < 1e-6);
    assert!(worst(0.01, 100.0, |v| fast_pow(v, 2.0), |v| v.powf(2.0)) < 1e-6);
    assert!(worst(-6283.0, 6283.0, fast_sin, f64::sin) < 1e-6);
    assert!(worst(-6283.0, 6283.0, fast_cos, f64::cos) < 1e-6);
}

#[test]
fn quick_functions_at_their_ends() {
    assert!(fast_exp(f32::NEG_INFINITY) > 0.0 && fast_exp(f32::INFINITY).is_finite());
    assert_eq!((fast_exp(0.0), fast_ln(1.0), fast_sin(0.0)), (1.0, 0.0, 0.0));
    assert!(fast_ln(0.0) < -87.0 && fast_ln(-5.0) < -87.0);
    assert_eq!((fast_pow(0.0, 2.0), fast_pow(-1.0, 2.0), fast_pow(1.0, 7.5)), (0.0, 0.0, 1.0));
}
