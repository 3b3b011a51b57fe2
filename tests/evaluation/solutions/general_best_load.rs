/// The greatest value of things that may be carried together.
///
/// * `capacity`: 0..=10000. What they may weigh together.
pub fn best_load(weights: &[u32], values: &[u32], capacity: u32) -> Result<u64, String> {
    if weights.len() != values.len() {
        return Err(format!("{} weights and {} values", weights.len(), values.len()));
    }
    let mut best = vec![0u64; capacity as usize + 1];
    for (&weight, &value) in weights.iter().zip(values) {
        // From the top, so that no thing is taken twice.
        for load in (weight as usize..best.len()).rev() {
            best[load] = best[load].max(best[load - weight as usize] + value as u64);
        }
    }
    Ok(best[capacity as usize])
}
