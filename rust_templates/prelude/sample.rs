//! Other sizes and places of an `Image`: resize, crop, turn, flip, pixels between pixels.
//!
//! What makes one pixel from several weighs colours by alpha. New sizes follow the rule of `Image`.

use super::blur::{load_row, store_row};
use super::image::{Image, check_size};
use super::map::to_level;

impl Image {
    /// A picture of exactly `width` x `height`: along a side that shrinks every new pixel is the mean of what it
    /// covers, along one that grows values are interpolated (Catmull-Rom).
    pub fn resize(&self, width: u32, height: u32) -> Result<Image, String> {
        self.check_resize(width, height)?;
        if self.dimensions() == (width, height) {
            return Ok(self.clone());
        }
        let premultiplied = !self.is_opaque();
        let (columns, rows) = (Taps::new(self.width, width), Taps::new(self.height, height));
        let (len, slots) = (width as usize * 4, rows.longest());
        let mut ring = vec![0.0f32; slots * len];
        let mut source = vec![0.0f32; self.width as usize * 4];
        let mut sums = vec![0.0f32; len];
        let mut out = Image::new(width, height);
        let mut ready = 0;
        for y in 0..height as usize {
            let (first, weights) = rows.at(y);
            ready = ready.max(first);
            while ready < first + weights.len() {
                load_row(self.row(ready as u32), &mut source, 0, premultiplied);
                columns.weigh(&source, &mut ring[ready % slots * len..][..len]);
                ready += 1;
            }
            sums.fill(0.0);
            for (i, &weight) in weights.iter().enumerate() {
                for (sum, &v) in sums.iter_mut().zip(&ring[(first + i) % slots * len..][..len]) {
                    *sum += weight * v;
                }
            }
            store_row(&sums, out.row_mut(y as u32), premultiplied);
        }
        Ok(out)
    }

    /// A picture of `width` x `height` whose pixels are the nearest old ones: no new colours.
    pub fn resize_nearest(&self, width: u32, height: u32) -> Result<Image, String> {
        self.check_resize(width, height)?;
        let from = |i: u32, new: u32, old: u32| ((2 * u64::from(i) + 1) * u64::from(old) / (2 * u64::from(new))) as u32;
        let columns: Vec<usize> = (0..width).map(|x| from(x, width, self.width) as usize * 4).collect();
        let mut out = Image::new(width, height);
        for y in 0..height {
            let row = self.row(from(y, height, self.height));
            for (p, &x) in out.row_mut(y).chunks_exact_mut(4).zip(&columns) {
                p.copy_from_slice(&row[x..x + 4]);
            }
        }
        Ok(out)
    }

    /// `resize` to the largest size of the same shape inside `width` x `height` (at least 1 pixel each way).
    pub fn resize_to_fit(&self, width: u32, height: u32) -> Result<Image, String> {
        self.check_resize(width, height)?;
        let scale = (f64::from(width) / f64::from(self.width)).min(f64::from(height) / f64::from(self.height));
        let side = |old: u32, most: u32| ((f64::from(old) * scale).round() as u32).clamp(1, most);
        self.resize(side(self.width, width), side(self.height, height))
    }

    /// The part of `width` x `height` pixels whose top left corner is (`x`, `y`), cut off at the picture's edge. An
    /// error if nothing is left.
    pub fn crop(&self, x: u32, y: u32, width: u32, height: u32) -> Result<Image, String> {
        let width = width.min(self.width.saturating_sub(x));
        let height = height.min(self.height.saturating_sub(y));
        if width == 0 || height == 0 {
            return Err(format!(
                "the crop at ({x}, {y}) leaves nothing of an image of {}x{} pixels",
                self.width, self.height
            ));
        }
        let bytes = x as usize * 4..(x + width) as usize * 4;
        let mut pixels = Vec::with_capacity(width as usize * height as usize * 4);
        for row in y..y + height {
            pixels.extend_from_slice(&self.row(row)[bytes.clone()]);
        }
        Ok(Image { width, height, pixels })
    }

    /// A quarter turn clockwise.
    pub fn rotate90(&self) -> Image {
        self.transposed(|x, y| (self.height - 1 - y, x))
    }

    /// Half a turn.
    pub fn rotate180(&self) -> Image {
        self.clone().flip_horizontal().flip_vertical()
    }

    /// A quarter turn anticlockwise.
    pub fn rotate270(&self) -> Image {
        self.transposed(|x, y| (y, self.width - 1 - x))
    }

    /// Turns clockwise by any angle, on a canvas just large enough, filled with `background` (RGBA).
    pub fn rotate(&self, degrees: f32, background: [u8; 4]) -> Result<Image, String> {
        if !degrees.is_finite() {
            return Err(format!("cannot rotate by {degrees} degrees: a finite number is needed"));
        }
        if self.is_empty() {
            return Ok(self.clone());
        }
        let turn = f64::from(degrees).rem_euclid(360.0);
        if turn % 90.0 == 0.0 {
            return Ok(match turn as u32 {
                90 => self.rotate90(),
                180 => self.rotate180(),
                270 => self.rotate270(),
                _ => self.clone(),
            });
        }
        let (sin, cos) = turn.to_radians().sin_cos();
        let (w, h) = (f64::from(self.width), f64::from(self.height));
        // A hair less than the exact size, so that rounding noise adds no column.
        let width = (w * cos.abs() + h * sin.abs() - 1e-6).ceil() as u32;
        let height = (w * sin.abs() + h * cos.abs() - 1e-6).ceil() as u32;
        check_size(width, height)?;
        let (left, top) = (0.5 * (f64::from(width) - 1.0), 0.5 * (f64::from(height) - 1.0));
        let mut out = Image::new(width, height);
        for y in 0..height {
            let dy = f64::from(y) - top;
            for (x, p) in out.row_mut(y).chunks_exact_mut(4).enumerate() {
                let dx = x as f64 - left;
                let from_x = dx * cos + dy * sin + 0.5 * (w - 1.0);
                let from_y = dy * cos - dx * sin + 0.5 * (h - 1.0);
                p.copy_from_slice(&self.sample_over(from_x as f32, from_y as f32, background));
            }
        }
        Ok(out)
    }

    /// Left and right exchanged.
    pub fn flip_horizontal(mut self) -> Image {
        if !self.is_empty() {
            for row in self.pixels.chunks_exact_mut(self.width as usize * 4) {
                let (mut left, mut right) = (0, row.len() - 4);
                while left < right {
                    for i in 0..4 {
                        row.swap(left + i, right + i);
                    }
                    left += 4;
                    right -= 4;
                }
            }
        }
        self
    }

    /// Top and bottom exchanged.
    pub fn flip_vertical(mut self) -> Image {
        let bytes = self.width as usize * 4;
        let mut rows = &mut self.pixels[..];
        while bytes > 0 && rows.len() >= 2 * bytes {
            let (first, rest) = rows.split_at_mut(bytes);
            let (middle, last) = rest.split_at_mut(rest.len() - bytes);
            first.swap_with_slice(last);
            rows = middle;
        }
        self
    }

    /// The channels 0..=255 at a place between pixels; whole numbers are pixel centres, outside the border repeats
    /// (zeros if the picture is empty).
    #[inline]
    pub fn sample_bilinear(&self, x: f32, y: f32) -> [f32; 4] {
        let (x0, y0) = (x.floor(), y.floor());
        let (tx, ty) = (x - x0, y - y0);
        let (left, top) = (x0 as i32, y0 as i32);
        let weights = [(1.0 - tx) * (1.0 - ty), tx * (1.0 - ty), (1.0 - tx) * ty, tx * ty];
        let (right, bottom) = (left.saturating_add(1), top.saturating_add(1));
        let around = [
            self.get_clamped(left, top),
            self.get_clamped(right, top),
            self.get_clamped(left, bottom),
            self.get_clamped(right, bottom),
        ];
        weigh_pixels(weights, around)
    }

    /// Squares of side `block` become their mean colour. 0 and 1 leave the picture.
    pub fn pixelate(&self, block: u32) -> Image {
        if block <= 1 || self.is_empty() {
            return self.clone();
        }
        let premultiplied = !self.is_opaque();
        let block = block.min(self.width.max(self.height)) as usize;
        let (width, bytes) = (self.width as usize, self.width as usize * 4);
        let mut values = vec![0.0f32; bytes];
        let mut sums = vec![0.0f64; width.div_ceil(block) * 4];
        let mut out = self.clone();
        for rows in out.pixels.chunks_mut(block * bytes) {
            sums.fill(0.0);
            for row in rows.chunks_exact(bytes) {
                load_row(row, &mut values, 0, premultiplied);
                for (sum, square) in sums.chunks_exact_mut(4).zip(values.chunks(block * 4)) {
                    for p in square.chunks_exact(4) {
                        for (total, &v) in sum.iter_mut().zip(p) {
                            *total += f64::from(v);
                        }
                    }
                }
            }
            let count = rows.len() / bytes;
            for (sum, square) in sums.chunks_exact(4).zip(values.chunks_mut(block * 4)) {
                let scale = 1.0 / (square.len() / 4 * count) as f64;
                for p in square.chunks_exact_mut(4) {
                    for (v, &total) in p.iter_mut().zip(sum) {
                        *v = (total * scale) as f32;
                    }
                }
            }
            let (first, others) = rows.split_at_mut(bytes);
            store_row(&values, first, premultiplied);
            for row in others.chunks_exact_mut(bytes) {
                row.copy_from_slice(first);
            }
        }
        out
    }

    fn check_resize(&self, width: u32, height: u32) -> Result<(), String> {
        check_size(width, height)?;
        if self.is_empty() {
            return Err(format!("an image of {}x{} pixels cannot be resized", self.width, self.height));
        }
        Ok(())
    }

    /// Sides exchanged: pixel (x, y) goes to `place(x, y)`. In squares, so that both pictures stay in the cache.
    fn transposed(&self, place: impl Fn(u32, u32) -> (u32, u32)) -> Image {
        const SQUARE: usize = 32;
        let mut out = Image::new(self.height, self.width);
        for top in (0..self.height).step_by(SQUARE) {
            for left in (0..self.width).step_by(SQUARE) {
                for y in top..self.height.min(top + SQUARE as u32) {
                    for x in left..self.width.min(left + SQUARE as u32) {
                        let (to_x, to_y) = place(x, y);
                        out.set(to_x, to_y, self.pixel(x, y));
                    }
                }
            }
        }
        out
    }

    /// `sample_bilinear` rounded to bytes, with `background` outside the picture.
    #[inline]
    fn sample_over(&self, x: f32, y: f32, background: [u8; 4]) -> [u8; 4] {
        let (w, h) = (self.width as i32, self.height as i32);
        let (left, top) = (x.floor() as i32, y.floor() as i32);
        if left < -1 || top < -1 || left >= w || top >= h {
            return background;
        }
        let at = |x: i32, y: i32| {
            if x < 0 || y < 0 || x >= w || y >= h { background } else { self.pixel(x as u32, y as u32) }
        };
        let (tx, ty) = (x - left as f32, y - top as f32);
        let weights = [(1.0 - tx) * (1.0 - ty), tx * (1.0 - ty), (1.0 - tx) * ty, tx * ty];
        let around = [at(left, top), at(left + 1, top), at(left, top + 1), at(left + 1, top + 1)];
        weigh_pixels(weights, around).map(|v| to_level(v) as u8)
    }
}

/// The weighted mean of four pixels, colours weighed by alpha.
#[inline]
fn weigh_pixels(weights: [f32; 4], around: [[u8; 4]; 4]) -> [f32; 4] {
    let mut sum = [0.0f32; 4];
    for (weight, p) in weights.into_iter().zip(around) {
        let covered = weight * i32::from(p[3]) as f32;
        for i in 0..3 {
            sum[i] += covered * i32::from(p[i]) as f32;
        }
        sum[3] += covered;
    }
    let scale = if sum[3] > 0.0 { 1.0 / sum[3] } else { 0.0 };
    [sum[0] * scale, sum[1] * scale, sum[2] * scale, sum[3]]
}

/// For each new position along one side: the first old position that counts, and the weights from there on.
struct Taps {
    first: Vec<usize>,
    ends: Vec<usize>,
    weights: Vec<f32>,
}

impl Taps {
    fn new(old: u32, new: u32) -> Taps {
        let mut taps = Taps { first: Vec::new(), ends: Vec::new(), weights: Vec::new() };
        let scale = f64::from(old) / f64::from(new);
        for i in 0..new {
            if new <= old {
                taps.push_cover(f64::from(i) * scale, f64::from(i + 1) * scale, old as usize);
            } else {
                taps.push_cubic((f64::from(i) + 0.5) * scale - 0.5, old as usize);
            }
            taps.ends.push(taps.weights.len());
        }
        taps
    }

    /// The shares of pixels that lie in `from..to`.
    fn push_cover(&mut self, from: f64, to: f64, old: usize) {
        let first = (from as usize).min(old - 1);
        let last = ((to - 1e-9).max(from) as usize).min(old - 1);
        self.first.push(first);
        for i in first..=last {
            let share = (to.min((i + 1) as f64) - from.max(i as f64)) / (to - from);
            self.weights.push(share as f32);
        }
    }

    /// Catmull-Rom weights of the four pixels around `at`; what falls outside goes to the border pixel.
    fn push_cubic(&mut self, at: f64, old: usize) {
        let t = at - at.floor();
        let cubic = [
            ((2.0 - t) * t - 1.0) * t * 0.5,
            ((3.0 * t - 5.0) * t * t + 2.0) * 0.5,
            ((4.0 - 3.0 * t) * t + 1.0) * t * 0.5,
            (t - 1.0) * t * t * 0.5,
        ];
        let inside = |i: i64| i.clamp(0, old as i64 - 1) as usize;
        let start = at.floor() as i64 - 1;
        let first = inside(start);
        self.first.push(first);
        let base = self.weights.len();
        self.weights.resize(base + inside(start + 3) - first + 1, 0.0);
        for (i, weight) in cubic.into_iter().enumerate() {
            self.weights[base + inside(start + i as i64) - first] += weight as f32;
        }
    }

    fn at(&self, i: usize) -> (usize, &[f32]) {
        let start = if i == 0 { 0 } else { self.ends[i - 1] };
        (self.first[i], &self.weights[start..self.ends[i]])
    }

    fn longest(&self) -> usize {
        (0..self.first.len()).map(|i| self.at(i).1.len()).max().unwrap_or(0)
    }

    /// Weighs the pixels of one row (4 channel values each).
    fn weigh(&self, source: &[f32], out: &mut [f32]) {
        for (x, p) in out.chunks_exact_mut(4).enumerate() {
            let (first, weights) = self.at(x);
            let mut sum = [0.0f32; 4];
            for (q, &weight) in source[first * 4..].chunks_exact(4).zip(weights) {
                for i in 0..4 {
                    sum[i] += weight * q[i];
                }
            }
            p.copy_from_slice(&sum);
        }
    }
}
