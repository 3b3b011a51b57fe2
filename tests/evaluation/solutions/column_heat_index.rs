/// How hot the weather feels, in degrees Fahrenheit.
///
/// * `t`: Temperature in degrees Fahrenheit.
/// * `rh`: Relative humidity in per cent.
pub fn heat_index(t: f64, rh: f64) -> f64 {
    let simple = 0.5 * (t + 0.5 * (t + 61.0 + (t - 68.0) * 1.2 + rh * 0.094));
    if simple < 80.0 {
        return simple;
    }
    let mut full =
        -42.379 + 2.04901523 * t + 10.14333127 * rh - 0.22475541 * t * rh - 0.00683783 * t * t - 0.05481717 * rh * rh
            + 0.00122874 * t * t * rh
            + 0.00085282 * t * rh * rh
            - 0.00000199 * t * t * rh * rh;
    if rh < 13.0 && (80.0..=112.0).contains(&t) {
        full -= (13.0 - rh) / 4.0 * ((17.0 - (t - 95.0).abs()) / 17.0).sqrt();
    }
    if rh > 85.0 && (80.0..=87.0).contains(&t) {
        full += (rh - 85.0) / 10.0 * (87.0 - t) / 5.0;
    }
    full
}
