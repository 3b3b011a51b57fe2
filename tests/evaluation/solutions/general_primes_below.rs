/// All primes less than `n`.
///
/// * `n`: 0..=1000000. The limit.
pub fn primes_below(n: u32) -> Vec<u32> {
    let n = n as usize;
    let mut composite = vec![false; n];
    let mut primes = Vec::new();
    for number in 2..n {
        if composite[number] {
            continue;
        }
        primes.push(number as u32);
        // Widened: the square of a large prime is more than a wasm32 usize holds.
        if (number as u64) * (number as u64) < n as u64 {
            for multiple in (number * number..n).step_by(number) {
                composite[multiple] = true;
            }
        }
    }
    primes
}
