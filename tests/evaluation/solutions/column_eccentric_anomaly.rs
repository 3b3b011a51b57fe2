use std::f64::consts::PI;

/// Solves Kepler's equation.
///
/// * `mean_anomaly`: In radians.
/// * `eccentricity`: 0 to less than 1.
pub fn eccentric_anomaly(mean_anomaly: f64, eccentricity: f64) -> Result<f64, String> {
    if !(0.0..1.0).contains(&eccentricity) {
        return Err(format!("an eccentricity of {eccentricity} is no ellipse"));
    }
    // Newton's method within one turn, from a start where it cannot run away.
    let turns = 2.0 * PI * (mean_anomaly / (2.0 * PI)).round();
    let wanted = mean_anomaly - turns;
    let mut found = if eccentricity > 0.5 { PI.copysign(wanted) } else { wanted };
    for _ in 0..60 {
        let step = (found - eccentricity * found.sin() - wanted) / (1.0 - eccentricity * found.cos());
        found -= step;
        if step.abs() < 1e-13 {
            break;
        }
    }
    Ok(found + turns)
}
