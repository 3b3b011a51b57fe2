/// Great circle distance in kilometres.
pub fn haversine_km<R: Real>(lat1: R, lon1: R, lat2: R, lon2: R) -> R {
    let down = ((lat2 - lat1).to_radians() * 0.5).sin();
    let across = ((lon2 - lon1).to_radians() * 0.5).sin();
    let part = down * down + lat1.to_radians().cos() * lat2.to_radians().cos() * across * across;
    2.0 * 6371.0 * part.sqrt().min(1.0).asin()
}
