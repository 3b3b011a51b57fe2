/// The address part of a title.
pub fn slug(title: &str) -> String {
    let words = title.split(|letter: char| !letter.is_ascii_alphanumeric());
    let kept: Vec<String> = words.filter(|word| !word.is_empty()).map(|word| word.to_ascii_lowercase()).collect();
    kept.join("-")
}
