/// Sets a text in full justification.
///
/// * `width`: 1..=200, default 60. Characters in a line.
pub fn justify(text: &str, width: u32) -> String {
    let width = width as usize;
    let mut lines: Vec<Vec<&str>> = Vec::new();
    let mut used = 0;
    for word in text.split_whitespace() {
        let size = word.chars().count();
        match lines.last_mut() {
            Some(line) if used + 1 + size <= width => {
                line.push(word);
                used += 1 + size;
            }
            _ => {
                lines.push(vec![word]);
                used = size;
            }
        }
    }
    let last = lines.len().saturating_sub(1);
    let set: Vec<String> = lines
        .iter()
        .enumerate()
        .map(|(number, words)| if number == last { words.join(" ") } else { justified_line(words, width) })
        .collect();
    set.join("\n")
}

fn justified_line(words: &[&str], width: usize) -> String {
    let letters: usize = words.iter().map(|word| word.chars().count()).sum();
    let gaps = words.len() - 1;
    let mut line = words[0].to_string();
    for (place, word) in words[1..].iter().enumerate() {
        let spaces = width - letters;
        let extra = usize::from(place < spaces % gaps);
        line.extend(std::iter::repeat_n(' ', spaces / gaps + extra));
        line += word;
    }
    line
}
