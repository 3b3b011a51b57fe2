//! Functions applied to every pixel of an `Image`: by colour, by grey level, by position, by table.
//!
//! All are one loop over a row of packed pixels with one call site of the author's closure, which LLVM inlines and turns
//! into SIMD of 4 pixels. Three things make that so: a pixel is read and written as one u32 (byte by byte the loop stays
//! scalar), limits are compared with `<` and `>` (`min`, `max` and `as u8` cost several times as much), and rounding adds
//! 1.5 * 2^23 instead of converting.

use super::color::{luma, mix_rgb};
use super::image::Image;

impl Image {
    /// Replaces every colour: `f(x, y, [r, g, b])` gets column, row and channels 0..=255 and returns channels, which
    /// are clamped to 0..=255 and rounded. Alpha stays. Works in place.
    #[inline]
    pub fn map_rgb(self, f: impl Fn(u32, u32, [f32; 3]) -> [f32; 3]) -> Image {
        self.map_packed(|x, y, p| pack_rgb(f(x, y, unpack_rgb(p)), p))
    }

    /// As `map_rgb`, with alpha: `f(x, y, [r, g, b, a])` returns all four channels, 0..=255.
    #[inline]
    pub fn map_rgba(self, f: impl Fn(u32, u32, [f32; 4]) -> [f32; 4]) -> Image {
        self.map_packed(|x, y, p| {
            let [r, g, b] = unpack_rgb(p);
            let [r, g, b, a] = f(x, y, [r, g, b, (p >> 24) as i32 as f32]);
            pack_rgb([r, g, b], to_level(a) << 24)
        })
    }

    /// Makes a grey picture: `f(x, y, luma)` gets the Rec. 709 luma 0..=255 and returns the grey level. Alpha stays.
    #[inline]
    pub fn map_luma(self, f: impl Fn(u32, u32, f32) -> f32) -> Image {
        self.map_packed(|x, y, p| (to_level(f(x, y, luma(unpack_rgb(p)))) * 0x01_0101) | (p & 0xff00_0000))
    }

    /// As `map_rgb` with the place in the picture: `f(u, v, [r, g, b])`, where `u` and `v` run from -1 (left, top) to
    /// 1 (right, bottom) over the pixel centres, so that `u * u + v * v` is 0 in the middle and 2 in the corners.
    #[inline]
    pub fn map_rgb_uv(self, f: impl Fn(f32, f32, [f32; 3]) -> [f32; 3]) -> Image {
        self.map_rgb_place(|_, _, u, v, rgb| f(u, v, rgb))
    }

    /// As `map_rgb` with both kinds of coordinates: `f(x, y, u, v, [r, g, b])`; see `map_rgb_uv`.
    #[inline]
    pub fn map_rgb_place(self, f: impl Fn(u32, u32, f32, f32, [f32; 3]) -> [f32; 3]) -> Image {
        let (sx, sy) = (2.0 / self.width as f32, 2.0 / self.height as f32);
        let (ox, oy) = (0.5 * sx - 1.0, 0.5 * sy - 1.0);
        self.map_packed(|x, y, p| {
            // Through i32: the signed conversion is one instruction, the unsigned one several.
            let (u, v) = (x as i32 as f32 * sx + ox, y as i32 as f32 * sy + oy);
            pack_rgb(f(x, y, u, v, unpack_rgb(p)), p)
        })
    }

    /// As `map_rgb` for an `&Image`: the result is a new picture.
    #[inline]
    pub fn mapped_rgb(&self, f: impl Fn(u32, u32, [f32; 3]) -> [f32; 3]) -> Image {
        self.clone().map_rgb(f)
    }

    /// As `map_rgba` for an `&Image`: the result is a new picture.
    #[inline]
    pub fn mapped_rgba(&self, f: impl Fn(u32, u32, [f32; 4]) -> [f32; 4]) -> Image {
        self.clone().map_rgba(f)
    }

    /// Replaces every red, green and blue byte `v` by `table[v]`. Alpha stays. See `table_of`.
    pub fn map_lut(self, table: &[u8; 256]) -> Image {
        self.map_luts(table, table, table)
    }

    /// As `map_lut` with a table for each channel.
    pub fn map_luts(mut self, red: &[u8; 256], green: &[u8; 256], blue: &[u8; 256]) -> Image {
        for p in self.pixels.chunks_exact_mut(4) {
            p[0] = red[p[0] as usize];
            p[1] = green[p[1] as usize];
            p[2] = blue[p[2] as usize];
        }
        self
    }

    /// Lays `top` over this picture: `blend(below, above)` gets both colours (see `multiply`, `screen`, …) and its
    /// result is mixed in by `opacity` (0..=1) times the alpha of `top`. Outside `top`, and in alpha, this picture stays.
    #[inline]
    pub fn blend(self, top: &Image, opacity: f32, blend: impl Fn([f32; 3], [f32; 3]) -> [f32; 3]) -> Image {
        let opacity = opacity.clamp(0.0, 1.0) / 255.0;
        let (width, height) = top.dimensions();
        self.map_packed(|x, y, p| {
            if x >= width || y >= height {
                return p;
            }
            let above = u32::from_le_bytes(top.pixel(x, y));
            let below = unpack_rgb(p);
            let weight = (above >> 24) as i32 as f32 * opacity;
            pack_rgb(mix_rgb(below, blend(below, unpack_rgb(above)), weight), p)
        })
    }

    /// Replaces every pixel, packed as `r | g << 8 | b << 16 | a << 24`.
    #[inline(always)]
    fn map_packed(mut self, f: impl Fn(u32, u32, u32) -> u32) -> Image {
        if self.is_empty() {
            return self;
        }
        for (y, row) in self.pixels.chunks_exact_mut(self.width as usize * 4).enumerate() {
            for (x, pixel) in row.chunks_exact_mut(4).enumerate() {
                // Always so; as an array of four the bytes are one load and one store.
                if let Ok(pixel) = <&mut [u8; 4]>::try_from(pixel) {
                    *pixel = f(x as u32, y as u32, u32::from_le_bytes(*pixel)).to_le_bytes();
                }
            }
        }
        self
    }
}

/// The 256 entries of `f`, clamped and rounded, for `map_lut`: `f` gets 0.0, 1.0, … 255.0.
pub fn table_of(f: impl Fn(f32) -> f32) -> [u8; 256] {
    std::array::from_fn(|v| to_level(f(v as f32)) as u8)
}

/// 1.5 * 2^23: added to a number of small size, the sum's low mantissa bits are the number rounded half to even. A
/// conversion instruction is many times slower.
const MAGIC: f32 = 12_582_912.0;

/// 0..=255 from any channel value: clamped, rounded half to even; NaN is 0.
#[inline(always)]
pub(super) fn to_level(v: f32) -> u32 {
    biased_level(v) - MAGIC.to_bits()
}

/// The level with `MAGIC` still in it.
#[inline(always)]
fn biased_level(v: f32) -> u32 {
    // The limits round to 0 and 255. They are not 0 because LLVM makes two instructions of a comparison with zero.
    let v = if v > -0.25 { v } else { -0.25 };
    let v = if v < 255.25 { v } else { 255.25 };
    (v + MAGIC).to_bits()
}

#[inline(always)]
pub(super) fn unpack_rgb(p: u32) -> [f32; 3] {
    // Through i32: the signed conversion is one instruction, the unsigned one several.
    [(p & 255) as i32 as f32, (p >> 8 & 255) as i32 as f32, (p >> 16 & 255) as i32 as f32]
}

#[inline(always)]
pub(super) fn pack_rgb([r, g, b]: [f32; 3], alpha_from: u32) -> u32 {
    // The three biases are taken off at once: fewer instructions than masking each level.
    const BIAS: u32 = MAGIC.to_bits().wrapping_mul(0x01_0101);
    let join = |high: u32, low: f32| (high << 8).wrapping_add(biased_level(low));
    join(join(biased_level(b), g), r).wrapping_sub(BIAS) | alpha_from & 0xff00_0000
}
