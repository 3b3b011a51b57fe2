/// The greatest common divisor of a list.
pub fn gcd_of(numbers: &[u64]) -> u64 {
    numbers.iter().fold(0, |so_far, &number| common_divisor(so_far, number))
}

/// The least common multiple of a list.
pub fn lcm_of(numbers: &[u64]) -> u64 {
    numbers.iter().fold(1, |so_far, &number| match common_divisor(so_far, number) {
        0 => 0,
        divisor => (so_far / divisor).wrapping_mul(number),
    })
}

fn common_divisor(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}
