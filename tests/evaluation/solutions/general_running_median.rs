/// The median of the last `window` values, for each value.
///
/// * `window`: default 3. How many values; 1 or more.
pub fn running_median(values: &[f64], window: u32) -> Result<Vec<f64>, String> {
    if window == 0 {
        return Err("the window is empty".to_string());
    }
    let window = window as usize;
    let medians = (1..=values.len()).map(|end| median(&values[end.saturating_sub(window)..end]));
    Ok(medians.collect())
}
