/// Caesar's cipher.
///
/// * `shift`: -1000..=1000, default 3. Places along the alphabet.
pub fn caesar(text: &str, shift: i32) -> String {
    let by = shift.rem_euclid(26) as u8;
    let moved = |letter: char, first: u8| ((letter as u8 - first + by) % 26 + first) as char;
    text.chars()
        .map(|letter| match letter {
            'a'..='z' => moved(letter, b'a'),
            'A'..='Z' => moved(letter, b'A'),
            _ => letter,
        })
        .collect()
}
