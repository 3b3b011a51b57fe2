/// Run-length encoding.
pub fn run_length(text: &str) -> String {
    let mut short = String::new();
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        let mut count = 1;
        while letters.next_if_eq(&letter).is_some() {
            count += 1;
        }
        short.push(letter);
        if count > 1 {
            short += &count.to_string();
        }
    }
    short
}
