/// A straight line through points.
#[derive(Clone, Copy)]
pub struct Line {
    slope: f64,
    intercept: f64,
    r_squared: f64,
}

/// Fits a straight line by least squares.
pub fn linear_fit(xs: &[f64], ys: &[f64]) -> Result<Line, String> {
    if xs.len() != ys.len() || xs.len() < 2 {
        return Err("a line needs two lists of the same length, with two points or more".to_string());
    }
    if xs.iter().all(|&x| x == xs[0]) {
        return Err("all xs are equal".to_string());
    }
    let (middle_x, middle_y) = (mean(xs), mean(ys));
    let (mut across, mut both, mut up) = (0.0, 0.0, 0.0);
    for (x, y) in xs.iter().zip(ys) {
        let (dx, dy) = (x - middle_x, y - middle_y);
        across += dx * dx;
        both += dx * dy;
        up += dy * dy;
    }
    let slope = both / across;
    let level = ys.iter().all(|&y| y == ys[0]);
    let r_squared = if level { 1.0 } else { 1.0 - (up - slope * both) / up };
    Ok(Line { slope, intercept: middle_y - slope * middle_x, r_squared })
}
