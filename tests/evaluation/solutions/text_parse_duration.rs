/// Seconds of a duration such as "1h30m".
pub fn parse_duration(text: &str) -> Result<u64, String> {
    let wrong = || format!("{text:?} is no duration");
    let mut units = [('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)].iter();
    let mut digits = String::new();
    let mut seconds = 0;
    for letter in text.chars() {
        if letter.is_ascii_digit() {
            digits.push(letter);
            continue;
        }
        if !(1..=6).contains(&digits.len()) {
            return Err(wrong());
        }
        // Each unit is looked for after the one before, so that a second one or a larger one is not found.
        let (_, size) = units.find(|(unit, _)| *unit == letter).ok_or_else(wrong)?;
        seconds += digits.parse::<u64>().map_err(|_| wrong())? * size;
        digits.clear();
    }
    if text.is_empty() || !digits.is_empty() {
        return Err(wrong());
    }
    Ok(seconds)
}
