//! Rows and neighbourhoods of an `Image`: row access, 3x3 functions, convolution, edges. Outside the picture the
//! border pixel repeats. Nothing but the result and a few rows is held in memory.

use super::blur::mix_rows;
use super::color::luma;
use super::image::Image;
use super::map::{pack_rgb, unpack_rgb};
use std::ops::Range;

/// A row in planes, one for each of `K` values of a pixel, with the border pixel repeated once at both ends.
type Planes<const K: usize> = [Vec<f32>; K];

impl Image {
    /// The `4 * width` bytes of row `y`. Panics outside the picture.
    #[inline]
    pub fn row(&self, y: u32) -> &[u8] {
        &self.pixels[self.row_range(y)]
    }

    /// The bytes of row `y`, to write. Panics outside the picture.
    #[inline]
    pub fn row_mut(&mut self, y: u32) -> &mut [u8] {
        let range = self.row_range(y);
        &mut self.pixels[range]
    }

    /// A picture whose colours are `f` of the nine colours around each pixel, row by row: number 4 is the pixel itself.
    /// Alpha stays.
    #[inline]
    pub fn map_3x3(&self, f: impl Fn([[f32; 3]; 9]) -> [f32; 3]) -> Image {
        self.map_windows(|color| color, f)
    }

    /// The sum of the nine colours around each pixel, weighed by `kernel` row by row, plus `bias`. Alpha stays.
    pub fn convolve3(&self, kernel: [f32; 9], bias: f32) -> Image {
        self.map_3x3(|around| {
            let mut sum = [bias; 3];
            for (weight, color) in kernel.iter().zip(around) {
                for (total, v) in sum.iter_mut().zip(color) {
                    *total += weight * v;
                }
            }
            sum
        })
    }

    /// `convolve3` with a square kernel of any odd side: `kernel` has 1, 9, 25, 49, … weights row by row.
    ///
    /// Panics when the number of weights is not the square of an odd number.
    pub fn convolve(&self, kernel: &[f32], bias: f32) -> Image {
        let side = (kernel.len() as f64).sqrt() as usize;
        assert!(
            side * side == kernel.len() && side % 2 == 1,
            "a kernel of {} weights is not a square of odd side",
            kernel.len()
        );
        let (width, height, reach) = (self.width as usize, self.height as usize, side / 2);
        let mut out = self.clone();
        if self.is_empty() {
            return out;
        }
        let mut sums = vec![0.0f32; width * 4];
        let mut padded = vec![0.0f32; (width + 2 * reach) * 4];
        for y in 0..height {
            sums.fill(bias);
            for (dy, weights) in kernel.chunks_exact(side).enumerate() {
                let from = (y + dy).saturating_sub(reach).min(height - 1);
                spread_row(self.row(from as u32), &mut padded, reach);
                for (dx, &weight) in weights.iter().enumerate() {
                    for (sum, v) in sums.iter_mut().zip(&padded[dx * 4..]) {
                        *sum += weight * v;
                    }
                }
            }
            store_colors(&sums, out.row_mut(y as u32));
        }
        out
    }

    /// A grey picture of edge strength: the length of the Sobel gradient of the luma. Alpha stays.
    pub fn sobel(&self) -> Image {
        self.map_windows(
            |color| [luma(color)],
            |around| {
                let [a, b, c, d, _, f, g, h, i] = around.map(|[light]| light);
                let across = (c + 2.0 * f + i) - (a + 2.0 * d + g);
                let down = (g + 2.0 * h + i) - (a + 2.0 * b + c);
                [(across * across + down * down).sqrt(); 3]
            },
        )
    }

    /// Sharpens: every colour moves away from its blur of `sigma` pixels by `amount` times the distance. Alpha stays.
    pub fn unsharp(&self, sigma: f32, amount: f32) -> Image {
        let mut out = self.gaussian_blur(sigma);
        mix_rows(&mut out.pixels, &self.pixels, |soft, sharp| sharp + amount * (sharp - soft));
        out
    }

    fn row_range(&self, y: u32) -> Range<usize> {
        assert!(y < self.height, "row {y} is outside an image of {} rows", self.height);
        let bytes = self.width as usize * 4;
        y as usize * bytes..(y as usize + 1) * bytes
    }

    /// `f` of what `read` makes of the nine colours around every pixel, over a ring of three rows. Alpha stays.
    #[inline(always)]
    fn map_windows<const K: usize>(
        &self,
        read: impl Fn([f32; 3]) -> [f32; K],
        f: impl Fn([[f32; K]; 9]) -> [f32; 3],
    ) -> Image {
        let mut out = self.clone();
        if self.is_empty() {
            return out;
        }
        let (width, last) = (self.width as usize, self.height - 1);
        let mut line = vec![0u32; width];
        let mut ring: [Planes<K>; 3] = std::array::from_fn(|_| std::array::from_fn(|_| vec![0.0; width + 2]));
        for (slot, y) in ring.iter_mut().zip([0, 0, 1]) {
            fill_planes(self.row(y.min(last)), slot, &read);
        }
        for y in 0..self.height {
            let taps = std::array::from_fn(|n| std::array::from_fn(|k| &ring[n / 3][k][n % 3..n % 3 + width]));
            let row = out.row_mut(y);
            for (packed, p) in line.iter_mut().zip(row.chunks_exact(4)) {
                *packed = u32::from_le_bytes([p[0], p[1], p[2], p[3]]);
            }
            map_line(&taps, &mut line, &f);
            for (packed, p) in line.iter().zip(row.chunks_exact_mut(4)) {
                p.copy_from_slice(&packed.to_le_bytes());
            }
            ring.rotate_left(1);
            let (past, new) = ring.split_at_mut(2);
            if y + 2 <= last {
                fill_planes(self.row(y + 2), &mut new[0], &read);
            } else {
                new[0].clone_from(&past[1]);
            }
        }
        out
    }
}

/// `f` of nine pixels for each pixel of a packed line. A function of its own, whose signature tells LLVM that the line
/// is apart from all the rows.
#[inline(always)]
fn map_line<const K: usize>(taps: &[[&[f32]; K]; 9], line: &mut [u32], f: &impl Fn([[f32; K]; 9]) -> [f32; 3]) {
    let taps = taps.map(|planes| planes.map(|plane| &plane[..line.len()]));
    for (x, packed) in line.iter_mut().enumerate() {
        *packed = pack_rgb(f(taps.map(|planes| planes.map(|plane| plane[x]))), *packed);
    }
}

/// Reads a row of bytes into planes.
#[inline(always)]
fn fill_planes<const K: usize>(row: &[u8], planes: &mut Planes<K>, read: &impl Fn([f32; 3]) -> [f32; K]) {
    let end = row.len() / 4;
    for (x, p) in row.chunks_exact(4).enumerate() {
        let values = read(unpack_rgb(u32::from_le_bytes([p[0], p[1], p[2], p[3]])));
        for (plane, v) in planes.iter_mut().zip(values) {
            plane[x + 1] = v;
        }
    }
    for plane in planes {
        plane[0] = plane[1];
        plane[end + 1] = plane[end];
    }
}

/// A row's bytes as f32, with the border pixel repeated `reach` times at both ends.
pub(super) fn spread_row(row: &[u8], padded: &mut [f32], reach: usize) {
    let start = reach * 4;
    for (slot, &v) in padded[start..].iter_mut().zip(row) {
        *slot = i32::from(v) as f32;
    }
    repeat_border(padded, reach, row.len());
}

/// Fills the `reach` pixels before and after `len` channel values with the first and the last pixel.
pub(super) fn repeat_border(padded: &mut [f32], reach: usize, len: usize) {
    let start = reach * 4;
    for i in 0..reach {
        padded.copy_within(start..start + 4, i * 4);
        padded.copy_within(start + len - 4..start + len, start + len + i * 4);
    }
}

/// Writes red, green and blue from channel values; alpha stays.
fn store_colors(values: &[f32], row: &mut [u8]) {
    for (p, v) in row.chunks_exact_mut(4).zip(values.chunks_exact(4)) {
        let alpha = u32::from(p[3]) << 24;
        p.copy_from_slice(&pack_rgb([v[0], v[1], v[2]], alpha).to_le_bytes());
    }
}
