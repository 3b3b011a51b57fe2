/// The class of a body mass index.
pub fn bmi_class(weight_kg: f64, height_cm: f64) -> Result<String, String> {
    if !(weight_kg > 0.0 && height_cm > 0.0) {
        return Err("weight and height must be more than 0".to_string());
    }
    let height = height_cm / 100.0;
    let class = match weight_kg / (height * height) {
        index if index < 18.5 => "underweight",
        index if index < 25.0 => "normal",
        index if index < 30.0 => "overweight",
        _ => "obese",
    };
    Ok(class.to_string())
}
