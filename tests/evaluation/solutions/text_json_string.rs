use std::fmt::Write;

/// Writes a text as a JSON string.
pub fn json_string(text: &str) -> String {
    let mut written = String::with_capacity(text.len() + 2);
    written.push('"');
    for letter in text.chars() {
        match letter {
            '"' => written += "\\\"",
            '\\' => written += "\\\\",
            '\u{8}' => written += "\\b",
            '\u{c}' => written += "\\f",
            '\n' => written += "\\n",
            '\r' => written += "\\r",
            '\t' => written += "\\t",
            control if control < ' ' => {
                let _ = write!(written, "\\u{:04x}", control as u32);
            }
            other => written.push(other),
        }
    }
    written.push('"');
    written
}
