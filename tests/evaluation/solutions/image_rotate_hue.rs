/// Turns all colours around the colour wheel.
///
/// * `degrees`: default 90. How far; negative ones turn the other way.
pub fn rotate_hue(image: Image, degrees: f32) -> Image {
    let turn = degrees - 360.0 * (degrees / 360.0).floor();
    image.map_rgb(|_, _, rgb| {
        let [h, s, v] = rgb_to_hsv(rgb);
        let hue = h + turn;
        hsv_to_rgb([if hue >= 360.0 { hue - 360.0 } else { hue }, s, v])
    })
}
