/// The area of the convex hull of points.
pub fn hull_area(xs: &[f64], ys: &[f64]) -> Result<f64, String> {
    if xs.len() != ys.len() {
        return Err(format!("{} xs and {} ys", xs.len(), ys.len()));
    }
    let mut points: Vec<(f64, f64)> = xs.iter().copied().zip(ys.iter().copied()).collect();
    points.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    points.dedup();
    // Andrew's monotone chain: the lower half, then the upper one backwards.
    let mut hull = half_hull(points.iter());
    hull.extend(half_hull(points.iter().rev()));
    let twice: f64 = (0..hull.len())
        .map(|place| {
            let ((x1, y1), (x2, y2)) = (hull[place], hull[(place + 1) % hull.len()]);
            x1 * y2 - x2 * y1
        })
        .sum();
    Ok(twice.abs() / 2.0)
}

fn half_hull<'a>(points: impl Iterator<Item = &'a (f64, f64)>) -> Vec<(f64, f64)> {
    let mut chain: Vec<(f64, f64)> = Vec::new();
    for &point in points {
        while let [.., a, b] = chain[..] {
            if (b.0 - a.0) * (point.1 - a.1) - (b.1 - a.1) * (point.0 - a.0) > 0.0 {
                break;
            }
            chain.pop();
        }
        chain.push(point);
    }
    chain.pop();
    chain
}
