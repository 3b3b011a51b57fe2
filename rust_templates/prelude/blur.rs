//! Blurs of an `Image`: Gaussian and box. Colours are weighed by alpha; the border pixel repeats outside.
//!
//! Both are separable and keep a ring of rows instead of whole f32 pictures. A wide Gaussian runs on a picture shrunk by
//! a whole factor of at most sigma / 4 and is enlarged linearly: its own width is reduced by what both steps blur
//! (variances add), so that the result stays within a level of the exact one.

use super::image::Image;
use super::map::to_level;
use super::rows::{repeat_border, spread_row};

/// Channel values whose sums stay in registers: half of the 16 that x86-64 and WebAssembly engines on it have.
const STEP: usize = 32;

impl Image {
    /// Blurs with a Gaussian of standard deviation `sigma` pixels. 0, a negative number and NaN leave the picture.
    pub fn gaussian_blur(&self, sigma: f32) -> Image {
        if self.is_empty() || sigma.is_nan() || sigma < 0.1 {
            return self.clone();
        }
        // Wider than the picture is flat anyway; the limit keeps the kernel small.
        let sigma = sigma.min(self.width.max(self.height) as f32 * 2.0);
        let factor = ((sigma / 4.0) as u32).max(1);
        if factor == 1 {
            return self.blurred(&gaussian_kernel(sigma));
        }
        // A mean over n pixels has variance (n^2 - 1) / 12, a tent of half width n about n^2 / 6.
        let n = factor as f32;
        let left = sigma * sigma - (n * n - 1.0) / 12.0 - n * n / 6.0;
        let small = Plane::shrunk(self, factor as usize).blurred(&gaussian_kernel(left.sqrt() / n));
        small.enlarged(self, factor)
    }

    /// Replaces every pixel by the mean of the square of side `2 * radius + 1` around it. The time does not depend on
    /// `radius`.
    pub fn box_blur(&self, radius: u32) -> Image {
        if self.is_empty() || radius == 0 {
            return self.clone();
        }
        let (width, height) = (self.width as usize, self.height as usize);
        let reach = radius.min(self.width.max(self.height)) as usize;
        let premultiplied = !self.is_opaque();
        let mut padded = vec![0.0f32; (width + 2 * reach) * 4];
        let mut smooth_row = |y: usize, out: &mut [u32]| {
            load_row(self.row(y as u32), &mut padded, reach, premultiplied);
            running_sums(&padded, reach, out);
        };
        // Whole numbers add and subtract exactly: sums in units of 1 / 16 level, which leaves room for 2^20 rows.
        let mut totals = vec![0u64; width * 4];
        let (mut entering, mut leaving) = (vec![0u32; width * 4], vec![0u32; width * 4]);
        let row_at = |y: isize| y.clamp(0, height as isize - 1) as usize;
        for dy in -(reach as isize)..=reach as isize {
            smooth_row(row_at(dy), &mut entering);
            for (total, &v) in totals.iter_mut().zip(&entering) {
                *total += u64::from(v);
            }
        }
        let mut out = Image::new(self.width, self.height);
        let scale = 1.0 / (16.0 * ((2 * reach + 1) as f64).powi(2));
        let mut means = vec![0.0f32; width * 4];
        for y in 0..height {
            for (mean, &total) in means.iter_mut().zip(&totals) {
                *mean = (total as f64 * scale) as f32;
            }
            store_row(&means, out.row_mut(y as u32), premultiplied);
            smooth_row(row_at(y as isize + reach as isize + 1), &mut entering);
            smooth_row(row_at(y as isize - reach as isize), &mut leaving);
            for ((total, &new), &old) in totals.iter_mut().zip(&entering).zip(&leaving) {
                *total = *total + u64::from(new) - u64::from(old);
            }
        }
        out
    }

    /// Both directions with one symmetric kernel, which lists the weights from the middle outwards.
    fn blurred(&self, kernel: &[f32]) -> Image {
        let premultiplied = !self.is_opaque();
        let reach = kernel.len() - 1;
        let mut padded = vec![0.0f32; (self.width as usize + 2 * reach) * 4];
        let mut out = Image::new(self.width, self.height);
        blur_rows(
            (self.width as usize, self.height as usize),
            kernel,
            |y, row| {
                load_row(self.row(y as u32), &mut padded, reach, premultiplied);
                weigh_along(&padded, kernel, row);
            },
            |y, row| store_row(row, out.row_mut(y as u32), premultiplied),
        );
        out
    }
}

/// A small premultiplied picture of f32 channels.
struct Plane {
    width: usize,
    height: usize,
    values: Vec<f32>,
}

impl Plane {
    /// The means of squares of `n` pixels, with one more square of border pixels on every side: what lies outside is
    /// that pixel alone, not the mean of the last square.
    fn shrunk(image: &Image, n: usize) -> Plane {
        let (width, height) =
            (image.width.div_ceil(n as u32) as usize + 2, image.height.div_ceil(n as u32) as usize + 2);
        let premultiplied = !image.is_opaque();
        let mut values = vec![0.0f32; width * height * 4];
        let mut padded = vec![0.0f32; (image.width as usize + 4 * n) * 4];
        let scale = 1.0 / (n * n) as f32;
        for (y, row) in values.chunks_exact_mut(width * 4).enumerate() {
            for dy in 0..n {
                let from = (y * n + dy).saturating_sub(n).min(image.height as usize - 1);
                load_row(image.row(from as u32), &mut padded, 2 * n, premultiplied);
                for (x, p) in row.chunks_exact_mut(4).enumerate() {
                    for q in padded[(x + 1) * n * 4..][..n * 4].chunks_exact(4) {
                        for (sum, v) in p.iter_mut().zip(q) {
                            *sum += v * scale;
                        }
                    }
                }
            }
        }
        Plane { width, height, values }
    }

    fn blurred(&self, kernel: &[f32]) -> Plane {
        let reach = kernel.len() - 1;
        let len = self.width * 4;
        let mut padded = vec![0.0f32; len + 8 * reach];
        let mut values = vec![0.0f32; self.values.len()];
        blur_rows(
            (self.width, self.height),
            kernel,
            |y, row| {
                padded[reach * 4..][..len].copy_from_slice(&self.values[y * len..][..len]);
                repeat_border(&mut padded, reach, len);
                weigh_along(&padded, kernel, row);
            },
            |y, row| values[y * len..][..len].copy_from_slice(row),
        );
        Plane { values, ..*self }
    }

    /// Linear interpolation back to the size of `like`.
    fn enlarged(&self, like: &Image, factor: u32) -> Image {
        let premultiplied = !like.is_opaque();
        let len = self.width * 4;
        let mut out = Image::new(like.width, like.height);
        let mut between = vec![0.0f32; len];
        let mut row = vec![0.0f32; like.width as usize * 4];
        // Where the centre of pixel i lies among `n` squares (one is outside): the one before, the one after, the share.
        let place = |i: usize, n: usize| {
            let at = ((i as f32 + 0.5) / factor as f32 + 0.5).clamp(0.0, (n - 1) as f32);
            (at as usize, (at as usize + 1).min(n - 1), at - at.floor())
        };
        let columns: Vec<_> = (0..like.width as usize).map(|x| place(x, self.width)).collect();
        for y in 0..like.height as usize {
            let (above, below, t) = place(y, self.height);
            let (a, b) = (&self.values[above * len..][..len], &self.values[below * len..][..len]);
            for ((v, a), b) in between.iter_mut().zip(a).zip(b) {
                *v = a + (b - a) * t;
            }
            for (p, &(left, right, t)) in row.chunks_exact_mut(4).zip(&columns) {
                let (a, b) = (&between[left * 4..][..4], &between[right * 4..][..4]);
                for i in 0..4 {
                    p[i] = a[i] + (b[i] - a[i]) * t;
                }
            }
            store_row(&row, out.row_mut(y as u32), premultiplied);
        }
        out
    }
}

/// Runs `along(y, row)` once per row into a ring, and hands `done(y, row)` the rows weighed downwards.
fn blur_rows(
    (width, height): (usize, usize),
    kernel: &[f32],
    mut along: impl FnMut(usize, &mut [f32]),
    mut done: impl FnMut(usize, &[f32]),
) {
    let (len, reach) = (width * 4, kernel.len() - 1);
    let slots = (2 * reach + 1).min(height);
    let mut ring = vec![0.0f32; slots * len];
    let mut row = vec![0.0f32; len];
    let mut ready = 0;
    for y in 0..height {
        while ready < height && ready <= y + reach {
            along(ready, &mut ring[ready % slots * len..][..len]);
            ready += 1;
        }
        let at = |y: usize| &ring[y.min(height - 1) % slots * len..][..len];
        let pairs: Vec<_> = (1..=reach).map(|i| (at(y.saturating_sub(i)), at(y + i), kernel[i])).collect();
        weigh_across(at(y), kernel[0], &pairs, &mut row);
        done(y, &row);
    }
}

/// Weighs rows, the middle one and pairs of others, in blocks whose sums stay in registers.
fn weigh_across(middle: &[f32], weight: f32, pairs: &[(&[f32], &[f32], f32)], out: &mut [f32]) {
    for (block, out) in out.chunks_mut(STEP).enumerate() {
        let start = block * STEP;
        if let Ok(out) = <&mut [f32; STEP]>::try_from(&mut *out) {
            let part = |row: &[f32]| -> [f32; STEP] { std::array::from_fn(|i| row[start..start + STEP][i]) };
            let mut sums = part(middle).map(|v| v * weight);
            for &(above, below, weight) in pairs {
                let (above, below) = (part(above), part(below));
                for i in 0..STEP {
                    sums[i] += weight * (above[i] + below[i]);
                }
            }
            *out = sums;
        } else {
            for (i, slot) in out.iter_mut().enumerate() {
                *slot = middle[start + i] * weight;
                for &(above, below, weight) in pairs {
                    *slot += weight * (above[start + i] + below[start + i]);
                }
            }
        }
    }
}

/// Weighs a padded row with a symmetric kernel, a block of channel values at a time so that the sums stay in registers.
fn weigh_along(padded: &[f32], kernel: &[f32], out: &mut [f32]) {
    let reach = kernel.len() - 1;
    for (block, out) in out.chunks_mut(STEP).enumerate() {
        let middle = block * STEP + reach * 4;
        let mut sums = [0.0f32; STEP];
        if out.len() == STEP {
            for (sum, v) in sums.iter_mut().zip(&padded[middle..middle + STEP]) {
                *sum = kernel[0] * v;
            }
            for (distance, &weight) in kernel.iter().enumerate().skip(1) {
                let before = &padded[middle - distance * 4..][..STEP];
                let after = &padded[middle + distance * 4..][..STEP];
                for i in 0..STEP {
                    sums[i] += weight * (before[i] + after[i]);
                }
            }
            out.copy_from_slice(&sums);
        } else {
            for (i, slot) in out.iter_mut().enumerate() {
                let mut sum = kernel[0] * padded[middle + i];
                for (distance, &weight) in kernel.iter().enumerate().skip(1) {
                    sum += weight * (padded[middle + i - distance * 4] + padded[middle + i + distance * 4]);
                }
                *slot = sum;
            }
        }
    }
}

/// The weights 0, 1, 2, … pixels from the middle of a Gaussian; together (the others twice) they are 1.
fn gaussian_kernel(sigma: f32) -> Vec<f32> {
    let reach = (sigma * 3.5).ceil() as usize;
    let weights: Vec<f64> = (0..=reach).map(|i| (-0.5 * (i as f64 / f64::from(sigma)).powi(2)).exp()).collect();
    let total = 2.0 * weights.iter().sum::<f64>() - weights[0];
    weights.iter().map(|w| (w / total) as f32).collect()
}

/// Sums of `2 * reach + 1` pixels along a padded row, times 16, as whole numbers.
fn running_sums(padded: &[f32], reach: usize, out: &mut [u32]) {
    let units = |v: f32| (v * 16.0 + 0.5) as i32 as u32;
    let mut sums = [0u32; 4];
    for p in padded[..2 * reach * 4].chunks_exact(4) {
        for (sum, &v) in sums.iter_mut().zip(p) {
            *sum += units(v);
        }
    }
    for (x, slot) in out.chunks_exact_mut(4).enumerate() {
        let (old, new) = (&padded[x * 4..][..4], &padded[(x + 2 * reach) * 4..][..4]);
        for i in 0..4 {
            slot[i] = sums[i] + units(new[i]);
            sums[i] = slot[i] - units(old[i]);
        }
    }
}

/// `spread_row`, with colours multiplied by alpha (as 0..=1) where a picture is not opaque.
pub(super) fn load_row(row: &[u8], padded: &mut [f32], reach: usize, premultiply: bool) {
    spread_row(row, padded, reach);
    if premultiply {
        for p in padded.chunks_exact_mut(4) {
            let alpha = p[3] * (1.0 / 255.0);
            p[0] *= alpha;
            p[1] *= alpha;
            p[2] *= alpha;
        }
    }
}

/// The bytes of a row from channel values, colours divided by alpha again where `premultiplied`.
pub(super) fn store_row(values: &[f32], row: &mut [u8], premultiplied: bool) {
    if premultiplied {
        for (p, v) in row.chunks_exact_mut(4).zip(values.chunks_exact(4)) {
            let scale = if v[3] > 0.0 { 255.0 / v[3] } else { 0.0 };
            let packed = to_level(v[0] * scale) | to_level(v[1] * scale) << 8 | to_level(v[2] * scale) << 16;
            p.copy_from_slice(&(packed | to_level(v[3]) << 24).to_le_bytes());
        }
    } else {
        store_levels(values, row);
    }
}

/// Clamps and rounds every channel.
fn store_levels(values: &[f32], row: &mut [u8]) {
    for (p, &v) in row.iter_mut().zip(values) {
        *p = to_level(v) as u8;
    }
}

/// Replaces each colour byte `v` of `pixels` by `f(v, w)` with the byte `w` of `others`; alpha comes from `others`.
pub(super) fn mix_rows(pixels: &mut [u8], others: &[u8], f: impl Fn(f32, f32) -> f32) {
    for (p, q) in pixels.chunks_exact_mut(4).zip(others.chunks_exact(4)) {
        for i in 0..3 {
            p[i] = to_level(f(i32::from(p[i]) as f32, i32::from(q[i]) as f32)) as u8;
        }
        p[3] = q[3];
    }
}
