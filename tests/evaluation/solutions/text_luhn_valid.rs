/// Whether a card number has a right check digit.
pub fn luhn_valid(number: &str) -> bool {
    let digits: Option<Vec<u32>> = number.chars().filter(|&c| c != ' ').map(|c| c.to_digit(10)).collect();
    let Some(digits) = digits.filter(|digits| digits.len() >= 2) else {
        return false;
    };
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, &digit)| match (place % 2, 2 * digit) {
            (0, _) => digit,
            (_, doubled) if doubled > 9 => doubled - 9,
            (_, doubled) => doubled,
        })
        .sum();
    sum % 10 == 0
}
