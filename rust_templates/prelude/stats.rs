//! Statistics over slices of `f64`.
//!
//! NaN policy: a NaN in the data makes the result NaN (of `histogram`: it is not counted; of `quantile` and `median`:
//! NaN). An empty slice gives NaN where there is no value, and an empty `Vec` where the result is a list.

/// The sum, added up in eight partial sums (faster, and more exact, than one).
pub fn sum(values: &[f64]) -> f64 {
    fold_lanes(values, 0.0, |total, v| total + v, |a, b| a + b)
}

/// The arithmetic mean; NaN if empty.
pub fn mean(values: &[f64]) -> f64 {
    sum(values) / values.len() as f64
}

/// The population variance: the mean of the squared distances from the mean; NaN if empty.
pub fn variance(values: &[f64]) -> f64 {
    let center = mean(values);
    fold_lanes(values, 0.0, |total, v| total + (v - center) * (v - center), |a, b| a + b) / values.len() as f64
}

/// The sample variance (divisor n - 1); NaN for fewer than two values.
pub fn sample_variance(values: &[f64]) -> f64 {
    if values.len() < 2 {
        return f64::NAN;
    }
    variance(values) * (values.len() as f64 / (values.len() as f64 - 1.0))
}

/// The population standard deviation.
pub fn std_dev(values: &[f64]) -> f64 {
    variance(values).sqrt()
}

/// The smallest value; NaN if empty or if any is NaN.
pub fn minimum(values: &[f64]) -> f64 {
    extreme(values, f64::INFINITY, |best, v| if v < best { v } else { best })
}

/// The largest value; NaN if empty or if any is NaN.
pub fn maximum(values: &[f64]) -> f64 {
    extreme(values, f64::NEG_INFINITY, |best, v| if v > best { v } else { best })
}

/// The value below which the share `q` (0..=1, clamped) lies, interpolated linearly between neighbours.
pub fn quantile(values: &[f64], q: f64) -> f64 {
    quantiles(values, &[q])[0]
}

/// `quantile` for several shares with one sort.
pub fn quantiles(values: &[f64], shares: &[f64]) -> Vec<f64> {
    if values.is_empty() || values.iter().any(|v| v.is_nan()) {
        return vec![f64::NAN; shares.len()];
    }
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let last = sorted.len() - 1;
    let at = |share: &f64| {
        let place = share.clamp(0.0, 1.0) * last as f64;
        let below = place as usize;
        let (a, b) = (sorted[below], sorted[(below + 1).min(last)]);
        let t = place - below as f64;
        if t == 0.0 || a == b { a } else { a + (b - a) * t }
    };
    shares.iter().map(at).collect()
}

/// The middle value.
pub fn median(values: &[f64]) -> f64 {
    quantile(values, 0.5)
}

/// How many values lie in each of `bins` equal parts of `low..=high`; others, and NaN, are not counted.
pub fn histogram(values: &[f64], low: f64, high: f64, bins: usize) -> Vec<u64> {
    let mut counts = vec![0; bins];
    let scale = bins as f64 / (high - low);
    for &v in values {
        if v >= low && v <= high && bins > 0 {
            counts[(((v - low) * scale) as usize).min(bins - 1)] += 1;
        }
    }
    counts
}

/// Running totals: result `i` is the sum of values 0..=i.
pub fn cumulative_sum(values: &[f64]) -> Vec<f64> {
    let mut total = 0.0;
    values
        .iter()
        .map(|v| {
            total += v;
            total
        })
        .collect()
}

/// The mean of each value and the `window - 1` before it (fewer at the start). A `window` of 0 counts as 1.
pub fn moving_average(values: &[f64], window: usize) -> Vec<f64> {
    let window = window.max(1);
    let mut total = 0.0;
    let mut averages = Vec::with_capacity(values.len());
    for (i, &value) in values.iter().enumerate() {
        let start = (i + 1).saturating_sub(window);
        total += value - if start > 0 { values[start - 1] } else { 0.0 };
        // Once per window, and after an infinity or NaN, the sum is made anew: errors cannot pile up.
        if i % window == 0 || !total.is_finite() {
            total = sum(&values[start..=i]);
        }
        averages.push(total / (i + 1 - start) as f64);
    }
    averages
}

/// `(slope, intercept)` of the least-squares line through the points; NaN if fewer than two or all `x` equal.
/// Of slices of unequal length the shorter length counts.
pub fn linear_regression(x: &[f64], y: &[f64]) -> (f64, f64) {
    let (mx, my, xx, _, xy) = moments(x, y);
    let slope = xy / xx;
    (slope, my - slope * mx)
}

/// Pearson's correlation, -1..=1; NaN if fewer than two points or one side is constant.
pub fn correlation(x: &[f64], y: &[f64]) -> f64 {
    let (_, _, xx, yy, xy) = moments(x, y);
    let r = xy / (xx.sqrt() * yy.sqrt());
    if r.is_nan() { r } else { r.clamp(-1.0, 1.0) }
}

/// Means, and sums of products of distances from the means: mean x, mean y, xx, yy, xy.
fn moments(x: &[f64], y: &[f64]) -> (f64, f64, f64, f64, f64) {
    let n = x.len().min(y.len());
    let (x, y) = (&x[..n], &y[..n]);
    let (mx, my) = (mean(x), mean(y));
    let (mut xx, mut yy, mut xy) = (0.0, 0.0, 0.0);
    for (&a, &b) in x.iter().zip(y) {
        xx += (a - mx) * (a - mx);
        yy += (b - my) * (b - my);
        xy += (a - mx) * (b - my);
    }
    (mx, my, xx, yy, xy)
}

fn extreme(values: &[f64], start: f64, better: impl Fn(f64, f64) -> f64) -> f64 {
    let nan = fold_lanes(values, 0.0, |bad: f64, v| if v.is_nan() { 1.0 } else { bad }, f64::max) > 0.0;
    if values.is_empty() || nan {
        return f64::NAN;
    }
    fold_lanes(values, start, &better, &better)
}

/// Folds into eight independent accumulators, so that the loop has no chain of dependent additions, then joins them.
#[inline(always)]
fn fold_lanes(values: &[f64], start: f64, step: impl Fn(f64, f64) -> f64, join: impl Fn(f64, f64) -> f64) -> f64 {
    let mut lanes = [start; 8];
    let blocks = values.chunks_exact(8);
    let rest = blocks.remainder();
    for block in blocks {
        for (lane, &v) in lanes.iter_mut().zip(block) {
            *lane = step(*lane, v);
        }
    }
    for (lane, &v) in lanes.iter_mut().zip(rest) {
        *lane = step(*lane, v);
    }
    lanes.into_iter().fold(start, join)
}
