//! What tests/prelude/test_prelude_wasm.py calls: every function of `Real` over columns, both ways, and picture methods.

#![allow(static_mut_refs)] // A module has one thread; the test keeps one picture in it.

mod prelude;
use prelude::*;

static mut PICTURE: Option<Image> = None;

#[no_mangle]
pub extern "C" fn allocate(bytes: usize) -> *mut u64 {
    Box::leak(vec![0u64; bytes.div_ceil(8)].into_boxed_slice()).as_mut_ptr()
}

/// The column as numbers and as lanes with a rest of numbers, as the batch export runs it.
macro_rules! columns {
    ($($numbers:ident $lanes:ident: $f:expr;)*) => {$(
        // Not no_mangle: a symbol called `exp` would take the place of the mathematics library's.
        #[export_name = concat!("real:", stringify!($numbers))]
        pub unsafe extern "C" fn $numbers(x: *const f64, y: *const f64, out: *mut f64, n: usize) {
            let f: fn(f64, f64) -> f64 = $f;
            for i in 0..n {
                *out.add(i) = f(*x.add(i), *y.add(i));
            }
        }
        #[export_name = concat!("real:", stringify!($lanes))]
        pub unsafe extern "C" fn $lanes(x: *const f64, y: *const f64, out: *mut f64, n: usize) {
            let f: fn(Lanes, Lanes) -> Lanes = $f;
            let (x, y) = (std::slice::from_raw_parts(x, n), std::slice::from_raw_parts(y, n));
            let out = std::slice::from_raw_parts_mut(out, n);
            let mut i = 0;
            while i + LANES <= n {
                f(Lanes::load(&x[i..]), Lanes::load(&y[i..])).store(&mut out[i..]);
                i += LANES;
            }
            let f: fn(f64, f64) -> f64 = $f;
            while i < n {
                out[i] = f(x[i], y[i]);
                i += 1;
            }
        }
    )*};
}

columns! {
    exp exp_lanes: |x, _| Real::exp(x);
    exp_m1 exp_m1_lanes: |x, _| Real::exp_m1(x);
    ln ln_lanes: |x, _| Real::ln(x);
    ln_1p ln_1p_lanes: |x, _| Real::ln_1p(x);
    log10 log10_lanes: |x, _| Real::log10(x);
    log2 log2_lanes: |x, _| Real::log2(x);
    sin sin_lanes: |x, _| Real::sin(x);
    cos cos_lanes: |x, _| Real::cos(x);
    tan tan_lanes: |x, _| Real::tan(x);
    asin asin_lanes: |x, _| Real::asin(x);
    acos acos_lanes: |x, _| Real::acos(x);
    atan atan_lanes: |x, _| Real::atan(x);
    sinh sinh_lanes: |x, _| Real::sinh(x);
    cosh cosh_lanes: |x, _| Real::cosh(x);
    tanh tanh_lanes: |x, _| Real::tanh(x);
    sigmoid sigmoid_lanes: |x, _| Real::sigmoid(x);
    normal_cdf normal_cdf_lanes: |x, _| Real::normal_cdf(x);
    normal_pdf normal_pdf_lanes: |x, _| Real::normal_pdf(x);
    erf erf_lanes: |x, _| Real::erf(x);
    erfc erfc_lanes: |x, _| Real::erfc(x);
    powf powf_lanes: |x, y| Real::powf(x, y);
    atan2 atan2_lanes: |x, y| Real::atan2(x, y);
    hypot hypot_lanes: |x, y| Real::hypot(x, y);
    sqrt sqrt_lanes: |x, _| Real::sqrt(x);
    floor floor_lanes: |x, _| Real::floor(x);
    ceil ceil_lanes: |x, _| Real::ceil(x);
    trunc trunc_lanes: |x, _| Real::trunc(x);
    round round_lanes: |x, _| Real::round(x);
    min min_lanes: |x, y| Real::min(x, y);
    max max_lanes: |x, y| Real::max(x, y);
}

#[no_mangle]
pub extern "C" fn picture_new(width: u32, height: u32) -> *mut u8 {
    unsafe { PICTURE.insert(Image::new(width, height)).pixels.as_mut_ptr() }
}

#[no_mangle]
pub extern "C" fn picture_pixels() -> *const u8 {
    unsafe { PICTURE.as_ref().map_or(std::ptr::null(), |p| p.pixels.as_ptr()) }
}

#[no_mangle]
pub extern "C" fn picture_width() -> u32 {
    unsafe { PICTURE.as_ref().map_or(0, |p| p.width) }
}

#[no_mangle]
pub extern "C" fn picture_height() -> u32 {
    unsafe { PICTURE.as_ref().map_or(0, |p| p.height) }
}

/// Replaces the picture by `f` of it and two numbers; traps on an error.
macro_rules! pictures {
    ($($name:ident: $f:expr;)*) => {$(
        #[no_mangle]
        pub extern "C" fn $name(a: f32, b: f32) {
            let f: fn(Image, f32, f32) -> Image = $f;
            unsafe { PICTURE = PICTURE.take().map(|picture| f(picture, a, b)) }
        }
    )*};
}

pictures! {
    vintage: |p, strength, seed| {
        let seed = seed as u32;
        p.map_rgb_uv(|u, v, rgb| {
            let light = 1.0 - 0.3 * (u * u + v * v);
            let (x, y) = ((u * 4096.0) as i32 as u32, (v * 4096.0) as i32 as u32);
            let old = each(sepia(rgb), |c| s_curve(c, 0.4) * light + 4.0 * grain(x, y, seed));
            mix_rgb(rgb, old, strength)
        })
    };
    vintage_xy: |p, strength, seed| {
        let (seed, sx, sy) = (seed as u32, 2.0 / p.width as f32, 2.0 / p.height as f32);
        p.map_rgb(|x, y, rgb| {
            let (u, v) = (x as i32 as f32 * sx - 1.0, y as i32 as f32 * sy - 1.0);
            let (light, noise) = (1.0 - 0.3 * (u * u + v * v), ((hash2(x, y, seed) & 15) as i32 as f32) - 7.5);
            each(sepia(rgb), |c| s_curve(c, 0.4) * light + noise * strength)
        })
    };
    contrasted: |p, factor, amount| p.map_rgb(|_, _, rgb| brightness(contrast(rgb, factor), amount));
    saturated: |p, factor, _| p.map_rgb(|_, _, rgb| saturate(rgb, factor));
    vignette: |p, amount, _| p.map_rgb_uv(|u, v, rgb| each(rgb, |c| c * (1.0 - amount * (u * u + v * v))));
    grey: |p, _, _| p.map_luma(|_, _, l| l);
    gamma_table: |p, g, _| p.map_lut(&table_of(|v| gamma(v, g)));
    gaussian: |p, sigma, _| p.gaussian_blur(sigma);
    boxed: |p, radius, _| p.box_blur(radius as u32);
    edges: |p, _, _| p.sobel();
    sharpened: |p, sigma, amount| p.unsharp(sigma, amount);
    embossed: |p, bias, _| p.convolve3([-2.0, -1.0, 0.0, -1.0, 0.0, 1.0, 0.0, 1.0, 2.0], bias);
    resized: |p, w, h| p.resize(w as u32, h as u32).unwrap();
    nearest: |p, w, h| p.resize_nearest(w as u32, h as u32).unwrap();
    pixelated: |p, block, _| p.pixelate(block as u32);
    turned: |p, degrees, _| p.rotate(degrees, [9, 8, 7, 255]).unwrap();
}
