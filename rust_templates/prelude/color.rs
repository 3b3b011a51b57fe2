//! Colours: `[f32; 3]` red, green, blue from 0 to 255, as `map_rgb` hands them out.
//!
//! No branch and no `f32::min`: each function vectorises inside `map_rgb`. Results are not clamped (the prelude clamps
//! when it stores a pixel); amounts are 0..=1 unless said otherwise.

use super::quick::fast_pow;

/// The smaller of two; not `f32::min`, whose NaN rule costs several instructions in wasm.
#[inline(always)]
pub fn low(a: f32, b: f32) -> f32 {
    if a < b { a } else { b }
}

/// The larger of two.
#[inline(always)]
pub fn high(a: f32, b: f32) -> f32 {
    if a > b { a } else { b }
}

/// `v` limited to 0..=1.
#[inline(always)]
pub fn clamp01(v: f32) -> f32 {
    v.clamp(0.0, 1.0)
}

/// From `a` (at 0) to `b` (at 1), both exactly.
#[inline(always)]
pub fn mix(a: f32, b: f32, t: f32) -> f32 {
    a * (1.0 - t) + b * t
}

/// `mix` for each channel.
#[inline(always)]
pub fn mix_rgb(a: [f32; 3], b: [f32; 3], t: f32) -> [f32; 3] {
    [mix(a[0], b[0], t), mix(a[1], b[1], t), mix(a[2], b[2], t)]
}

/// 0 below `edge0`, 1 above `edge1`, a smooth step (3t^2 - 2t^3) between.
#[inline(always)]
pub fn smoothstep(edge0: f32, edge1: f32, v: f32) -> f32 {
    // A quotient of constants, or one outside the loop: no division for each pixel.
    let t = clamp01((v - edge0) * (1.0 / (edge1 - edge0)));
    t * t * (3.0 - 2.0 * t)
}

/// Each channel limited to 0..=255.
#[inline(always)]
pub fn clamp_rgb(rgb: [f32; 3]) -> [f32; 3] {
    each(rgb, |v| v.clamp(0.0, 255.0))
}

/// Rec. 709 luma, 0..=255.
#[inline(always)]
pub fn luma([r, g, b]: [f32; 3]) -> f32 {
    0.2126 * r + 0.7152 * g + 0.0722 * b
}

/// `f` applied to each channel.
#[inline(always)]
pub fn each([r, g, b]: [f32; 3], f: impl Fn(f32) -> f32) -> [f32; 3] {
    [f(r), f(g), f(b)]
}

/// Grey of the same luma.
#[inline(always)]
pub fn grayscale(rgb: [f32; 3]) -> [f32; 3] {
    [luma(rgb); 3]
}

/// The negative.
#[inline(always)]
pub fn invert([r, g, b]: [f32; 3]) -> [f32; 3] {
    [255.0 - r, 255.0 - g, 255.0 - b]
}

/// Brown tones of old prints.
#[inline(always)]
pub fn sepia([r, g, b]: [f32; 3]) -> [f32; 3] {
    [
        low(0.393 * r + 0.769 * g + 0.189 * b, 255.0),
        low(0.349 * r + 0.686 * g + 0.168 * b, 255.0),
        low(0.272 * r + 0.534 * g + 0.131 * b, 255.0),
    ]
}

/// Adds `amount` * 255 to each channel (-1..=1).
#[inline(always)]
pub fn brightness(rgb: [f32; 3], amount: f32) -> [f32; 3] {
    each(rgb, |v| v + amount * 255.0)
}

/// Moves each channel away from (factor > 1) or towards (factor < 1) middle grey 127.5.
#[inline(always)]
pub fn contrast(rgb: [f32; 3], factor: f32) -> [f32; 3] {
    each(rgb, |v| (v - 127.5) * factor + 127.5)
}

/// Gamma curve of one channel: above 1 brightens the middle tones. Use it in `table_of` where nothing else is done.
#[inline(always)]
pub fn gamma(v: f32, gamma: f32) -> f32 {
    fast_pow(v.clamp(0.0, 255.0) * (1.0 / 255.0), 1.0 / gamma) * 255.0
}

/// S-shaped contrast curve of one channel; `amount` 0 leaves it, 1 is the whole smooth step.
#[inline(always)]
pub fn s_curve(v: f32, amount: f32) -> f32 {
    let t = clamp01(v * (1.0 / 255.0));
    255.0 * mix(t, t * t * (3.0 - 2.0 * t), amount)
}

/// Colourfulness: 0 is grey, 1 unchanged, above 1 stronger.
#[inline(always)]
pub fn saturate(rgb: [f32; 3], factor: f32) -> [f32; 3] {
    let grey = luma(rgb);
    each(rgb, |v| mix(grey, v, factor))
}

/// Warmer (amount up to 1) or cooler (down to -1), keeping the luma about the same.
#[inline(always)]
pub fn temperature([r, g, b]: [f32; 3], amount: f32) -> [f32; 3] {
    [r * (1.0 + 0.20 * amount), g * (1.0 + 0.02 * amount), b * (1.0 - 0.25 * amount)]
}

/// Mixes in a colour while keeping light and dark: `amount` of `color` scaled by the luma.
#[inline(always)]
pub fn tint(rgb: [f32; 3], color: [f32; 3], amount: f32) -> [f32; 3] {
    let light = luma(rgb) * (1.0 / 255.0);
    mix_rgb(rgb, each(color, |v| v * light), amount)
}

/// From `dark` to `bright` by luma.
#[inline(always)]
pub fn duotone(rgb: [f32; 3], dark: [f32; 3], bright: [f32; 3]) -> [f32; 3] {
    mix_rgb(dark, bright, luma(rgb) * (1.0 / 255.0))
}

/// Turns the hue by an angle: multiply with the matrix that `hue_matrix` makes once outside the loop.
#[inline(always)]
pub fn hue_rotate(rgb: [f32; 3], degrees: f32) -> [f32; 3] {
    apply_matrix(&hue_matrix(degrees), rgb)
}

/// The colour matrix that turns hues by `degrees` and keeps luma (W3C Filter Effects, feColorMatrix hueRotate).
pub fn hue_matrix(degrees: f32) -> [[f32; 3]; 3] {
    let (s, c) = degrees.to_radians().sin_cos();
    let l = [0.2126, 0.7152, 0.0722];
    let turn = [[-l[0], -l[1], 1.0 - l[2]], [0.143, 0.140, -0.283], [-(1.0 - l[0]), l[1], l[2]]];
    std::array::from_fn(|row| {
        std::array::from_fn(|col| l[col] + c * (f32::from(u8::from(row == col)) - l[col]) + s * turn[row][col])
    })
}

/// Matrix times colour: row 0 gives red.
#[inline(always)]
pub fn apply_matrix(m: &[[f32; 3]; 3], [r, g, b]: [f32; 3]) -> [f32; 3] {
    [
        m[0][0] * r + m[0][1] * g + m[0][2] * b,
        m[1][0] * r + m[1][1] * g + m[1][2] * b,
        m[2][0] * r + m[2][1] * g + m[2][2] * b,
    ]
}

/// Hue in degrees 0..360, chroma, smallest and largest channel (all 0..=1).
#[inline(always)]
fn hue_chroma(rgb: [f32; 3]) -> (f32, f32, f32, f32) {
    let [r, g, b] = each(rgb, |v| v * (1.0 / 255.0));
    let (small, large) = (low(low(r, g), b), high(high(r, g), b));
    let chroma = large - small;
    let scale = if chroma > 0.0 { 60.0 / chroma } else { 0.0 };
    let of_red = (g - b) * scale;
    let of_red = if of_red < 0.0 { of_red + 360.0 } else { of_red };
    let of_green = (b - r) * scale + 120.0;
    let of_blue = (r - g) * scale + 240.0;
    let hue = if large == g { of_green } else { of_blue };
    let hue = if large == r { of_red } else { hue };
    (hue, chroma, small, large)
}

/// Hue as degrees 0..360, saturation and lightness 0..=1, of a colour 0..=255.
#[inline(always)]
pub fn rgb_to_hsl(rgb: [f32; 3]) -> [f32; 3] {
    let (hue, chroma, small, large) = hue_chroma(rgb);
    let lightness = 0.5 * (small + large);
    let room = 1.0 - (2.0 * lightness - 1.0).abs();
    [hue, if room > 0.0 { clamp01(chroma / room) } else { 0.0 }, lightness]
}

/// The colour 0..=255 of hue (degrees, any turn), saturation and lightness 0..=1.
#[inline(always)]
pub fn hsl_to_rgb([hue, saturation, lightness]: [f32; 3]) -> [f32; 3] {
    let half = saturation * low(lightness, 1.0 - lightness);
    hue_ramps(hue).map(|ramp| (lightness + half * (2.0 * ramp - 1.0)) * 255.0)
}

/// Hue as degrees 0..360, saturation and value 0..=1, of a colour 0..=255.
#[inline(always)]
pub fn rgb_to_hsv(rgb: [f32; 3]) -> [f32; 3] {
    let (hue, chroma, _, large) = hue_chroma(rgb);
    [hue, if large > 0.0 { chroma / large } else { 0.0 }, large]
}

/// The colour 0..=255 of hue (degrees, any turn), saturation and value 0..=1.
#[inline(always)]
pub fn hsv_to_rgb([hue, saturation, value]: [f32; 3]) -> [f32; 3] {
    hue_ramps(hue).map(|ramp| value * (1.0 - saturation * (1.0 - ramp)) * 255.0)
}

/// How much red, green and blue (0..=1) the fully saturated hue has.
#[inline(always)]
fn hue_ramps(hue: f32) -> [f32; 3] {
    let h = hue * (1.0 / 360.0);
    let h = (h - h.floor()) * 6.0;
    [clamp01((h - 3.0).abs() - 1.0), clamp01(2.0 - (h - 2.0).abs()), clamp01(2.0 - (h - 4.0).abs())]
}

/// Linear light 0..=1 of an sRGB channel 0..=255 (IEC 61966-2-1).
#[inline(always)]
pub fn srgb_to_linear(v: f32) -> f32 {
    let t = v * (1.0 / 255.0);
    let curve = fast_pow((t + 0.055) * (1.0 / 1.055), 2.4);
    if t <= 0.04045 { t * (1.0 / 12.92) } else { curve }
}

/// The sRGB channel 0..=255 of linear light 0..=1.
#[inline(always)]
pub fn linear_to_srgb(v: f32) -> f32 {
    let curve = 1.055 * fast_pow(v, 1.0 / 2.4) - 0.055;
    255.0 * if v <= 0.003_130_8 { v * 12.92 } else { curve }
}

/// Number of levels per channel reduced to `levels` (at least 2).
#[inline(always)]
pub fn posterize(rgb: [f32; 3], levels: f32) -> [f32; 3] {
    let steps = high(levels, 2.0) - 1.0;
    each(rgb, |v| (v * (steps / 255.0) + 0.5).floor() * (255.0 / steps))
}

/// White where the luma is at least `level` (0..=255), else black.
#[inline(always)]
pub fn threshold(rgb: [f32; 3], level: f32) -> [f32; 3] {
    [if luma(rgb) >= level { 255.0 } else { 0.0 }; 3]
}

/// Inverts the channels above `level` (0..=255).
#[inline(always)]
pub fn solarize(rgb: [f32; 3], level: f32) -> [f32; 3] {
    each(rgb, |v| if v > level { 255.0 - v } else { v })
}

/// Blend mode multiply: darker.
#[inline(always)]
pub fn multiply(below: [f32; 3], above: [f32; 3]) -> [f32; 3] {
    pairwise(below, above, |a, b| a * b)
}

/// Blend mode screen: lighter.
#[inline(always)]
pub fn screen(below: [f32; 3], above: [f32; 3]) -> [f32; 3] {
    pairwise(below, above, |a, b| a + b - a * b)
}

/// Blend mode overlay: multiply in the dark parts, screen in the light ones.
#[inline(always)]
pub fn overlay(below: [f32; 3], above: [f32; 3]) -> [f32; 3] {
    pairwise(below, above, |a, b| if a < 0.5 { 2.0 * a * b } else { 1.0 - 2.0 * (1.0 - a) * (1.0 - b) })
}

/// Blend mode soft light (W3C Compositing, soft-light).
#[inline(always)]
pub fn soft_light(below: [f32; 3], above: [f32; 3]) -> [f32; 3] {
    pairwise(below, above, |a, b| {
        let curve = if a <= 0.25 { ((16.0 * a - 12.0) * a + 4.0) * a } else { high(a, 0.0).sqrt() };
        let dark = a - (1.0 - 2.0 * b) * a * (1.0 - a);
        let light = a + (2.0 * b - 1.0) * (curve - a);
        if b <= 0.5 { dark } else { light }
    })
}

/// `f` on both colours, channel by channel, as 0..=1.
#[inline(always)]
fn pairwise(below: [f32; 3], above: [f32; 3], f: impl Fn(f32, f32) -> f32) -> [f32; 3] {
    let at = |i: usize| f(below[i] * (1.0 / 255.0), above[i] * (1.0 / 255.0)) * 255.0;
    [at(0), at(1), at(2)]
}
