/// The geohash of a place.
///
/// * `lat`: Latitude in degrees.
/// * `lon`: Longitude in degrees.
/// * `length`: default 8. Characters, 1 to 12.
pub fn geohash(lat: f64, lon: f64, length: u32) -> Result<String, String> {
    if !(-90.0..=90.0).contains(&lat) {
        return Err(format!("latitude {lat} is outside -90..90"));
    }
    if !(-180.0..=180.0).contains(&lon) {
        return Err(format!("longitude {lon} is outside -180..180"));
    }
    if !(1..=12).contains(&length) {
        return Err(format!("length {length} is outside 1..12"));
    }
    let digits = b"0123456789bcdefghjkmnpqrstuvwxyz";
    let mut ranges = [(-180.0, 180.0), (-90.0, 90.0)];
    let mut hash = String::with_capacity(length as usize);
    let mut axis = 0;
    for _ in 0..length {
        let mut bits = 0;
        for _ in 0..5 {
            let (low, high) = ranges[axis];
            let middle = (low + high) / 2.0;
            let upper = [lon, lat][axis] >= middle;
            ranges[axis] = if upper { (middle, high) } else { (low, middle) };
            bits = 2 * bits + upper as usize;
            axis = 1 - axis;
        }
        hash.push(digits[bits] as char);
    }
    Ok(hash)
}
