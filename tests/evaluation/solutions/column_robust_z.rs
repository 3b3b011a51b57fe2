/// A z-score between -limit and limit.
///
/// * `limit`: 0.0.., default 3. Its largest size.
pub fn robust_z(x: f64, mean: f64, sd: f64, limit: f64) -> f64 {
    if !(sd > 0.0) {
        return 0.0;
    }
    let score = (x - mean) / sd;
    if score > limit {
        limit
    } else if score < -limit {
        -limit
    } else {
        score
    }
}
