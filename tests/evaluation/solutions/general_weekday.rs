/// The day of the week of a Gregorian date.
pub fn weekday(year: i32, month: u32, day: u32) -> Result<String, String> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        2 => 28 + u32::from(leap),
        4 | 6 | 9 | 11 => 30,
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        _ => 0,
    };
    if !(1..=9999).contains(&year) || !(1..=days).contains(&day) {
        return Err(format!("there is no {year:04}-{month:02}-{day:02}"));
    }
    // Sakamoto's method: months count from March.
    let shift = [0, 3, 2, 5, 0, 3, 5, 1, 4, 6, 2, 4][month as usize - 1];
    let y = year - i32::from(month < 3);
    let number = (y + y / 4 - y / 100 + y / 400 + shift + day as i32) % 7;
    let names = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
    Ok(names[number as usize].to_string())
}
