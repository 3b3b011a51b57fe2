//! Noise without state: every value follows from the coordinates and a seed, so that results repeat exactly.

/// A well mixed 32-bit number from two coordinates and a seed.
#[inline(always)]
pub fn hash2(x: u32, y: u32, seed: u32) -> u32 {
    let h = x
        .wrapping_mul(374_761_393)
        .wrapping_add(y.wrapping_mul(668_265_263))
        .wrapping_add(seed.wrapping_mul(2_246_822_519));
    let h = (h ^ h >> 13).wrapping_mul(1_274_126_177);
    h ^ h >> 16
}

/// Uniform noise, 0 <= value < 1.
#[inline(always)]
pub fn noise01(x: u32, y: u32, seed: u32) -> f32 {
    // 24 bits are what an f32 holds; through i32 because the signed conversion is one instruction.
    (hash2(x, y, seed) >> 8) as i32 as f32 * (1.0 / 16_777_216.0)
}

/// Film grain: bell-shaped noise of mean 0 and standard deviation 1, between -3.5 and 3.5 (the sum of four bytes).
#[inline(always)]
pub fn grain(x: u32, y: u32, seed: u32) -> f32 {
    let h = hash2(x, y, seed);
    let pairs = (h & 0x00ff_00ff) + (h >> 8 & 0x00ff_00ff);
    let sum = (pairs + (pairs << 16)) >> 16;
    // Four uniform bytes: mean 510, variance 4 * (256^2 - 1) / 12 = 147.8^2.
    (sum as i32 as f32 - 510.0) * (1.0 / 147.801)
}

/// Smooth noise 0..=1 that changes over one unit of `x` and `y`: divide pixel coordinates by the wanted grain size.
#[inline(always)]
pub fn value_noise(x: f32, y: f32, seed: u32) -> f32 {
    let (x0, y0) = (x.floor(), y.floor());
    let (xi, yi) = (x0 as i32 as u32, y0 as i32 as u32);
    let fade = |t: f32| t * t * (3.0 - 2.0 * t);
    let (tx, ty) = (fade(x - x0), fade(y - y0));
    let (xj, yj) = (xi.wrapping_add(1), yi.wrapping_add(1));
    let row = |y: u32| {
        let (a, b) = (noise01(xi, y, seed), noise01(xj, y, seed));
        a + (b - a) * tx
    };
    let (top, bottom) = (row(yi), row(yj));
    top + (bottom - top) * ty
}

/// `octaves` layers of `value_noise`, each twice as fine and half as strong, scaled to 0..=1: clouds, paper, smoke.
#[inline]
pub fn fractal_noise(x: f32, y: f32, octaves: u32, seed: u32) -> f32 {
    let (mut sum, mut weight, mut total, mut scale) = (0.0, 1.0, 0.0, 1.0);
    for octave in 0..octaves.clamp(1, 16) {
        sum += weight * value_noise(x * scale, y * scale, seed.wrapping_add(octave));
        total += weight;
        weight *= 0.5;
        scale *= 2.0;
    }
    sum / total
}
