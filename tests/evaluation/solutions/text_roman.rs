const SIGNS: [(u32, &str); 13] = [
    (1000, "M"),
    (900, "CM"),
    (500, "D"),
    (400, "CD"),
    (100, "C"),
    (90, "XC"),
    (50, "L"),
    (40, "XL"),
    (10, "X"),
    (9, "IX"),
    (5, "V"),
    (4, "IV"),
    (1, "I"),
];

/// Writes a number as a Roman numeral.
pub fn to_roman(number: u32) -> Result<String, String> {
    if !(1..=3999).contains(&number) {
        return Err(format!("{number} is outside 1 to 3999"));
    }
    let mut left = number;
    let mut numeral = String::new();
    for (value, sign) in SIGNS {
        while left >= value {
            numeral += sign;
            left -= value;
        }
    }
    Ok(numeral)
}

/// Reads a Roman numeral.
pub fn from_roman(numeral: &str) -> Result<u32, String> {
    let mut rest = numeral;
    let mut number = 0;
    for (value, sign) in SIGNS {
        while let Some(after) = rest.strip_prefix(sign) {
            rest = after;
            number += value;
        }
    }
    // Whatever is not written as we would write it is refused.
    match to_roman(number) {
        Ok(written) if written == numeral => Ok(number),
        _ => Err(format!("{numeral:?} is no Roman numeral")),
    }
}
