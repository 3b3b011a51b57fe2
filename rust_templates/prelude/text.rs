//! Text helpers with a fast path for ASCII; other scripts take the slower, exact path of `std`.

/// Lowercase, words of letters and digits joined by single hyphens: `"Hello,  World!"` becomes `"hello-world"`.
/// Letters of all scripts are kept.
pub fn slugify(text: &str) -> String {
    const LETTERS: [u8; 128] = {
        let mut table = [GAP; 128];
        let mut b = 0;
        while b < 128 {
            if (b as u8).is_ascii_alphanumeric() {
                table[b] = (b as u8).to_ascii_lowercase();
            }
            b += 1;
        }
        table
    };
    join_words(text, b'-', &LETTERS, |c, out| {
        if c.is_alphanumeric() {
            c.to_lowercase().for_each(|small| push(out, small));
        }
    })
}

/// Lowercase.
pub fn lowercase(text: &str) -> String {
    if text.is_ascii() { text.to_ascii_lowercase() } else { text.to_lowercase() }
}

/// Uppercase.
pub fn uppercase(text: &str) -> String {
    if text.is_ascii() { text.to_ascii_uppercase() } else { text.to_uppercase() }
}

/// No white space at the ends, one space between words.
pub fn collapse_whitespace(text: &str) -> String {
    const VISIBLE: [u8; 128] = {
        let mut table = [GAP; 128];
        let mut b = 0;
        while b < 128 {
            if !is_space(b as u8) {
                table[b] = b as u8;
            }
            b += 1;
        }
        table
    };
    if text.is_ascii() {
        return join_words(text, b' ', &VISIBLE, |_, _| {});
    }
    let mut out = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
    }
    out
}

/// Words between white space.
pub fn word_count(text: &str) -> u32 {
    if !text.is_ascii() {
        return text.split_whitespace().count() as u32;
    }
    let bytes = text.as_bytes();
    let first = bytes.first().is_some_and(|&b| !is_space(b));
    // A word begins where something visible follows white space.
    let others =
        bytes.iter().zip(bytes.iter().skip(1)).filter(|&(&before, &b)| is_space(before) & !is_space(b)).count();
    u32::from(first) + others as u32
}

/// The first letter of each word as a capital, the others small.
pub fn title_case(text: &str) -> String {
    let mut inside = false;
    if text.is_ascii() {
        let cased = text.bytes().map(|b| {
            let cased = if inside { b.to_ascii_lowercase() } else { b.to_ascii_uppercase() };
            inside = b.is_ascii_alphanumeric() | (inside & (b == b'\''));
            cased
        });
        return text_of(cased.collect());
    }
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if inside {
            out.extend(c.to_lowercase());
        } else {
            out.extend(c.to_uppercase());
        }
        inside = c.is_alphanumeric() || inside && c == '\'';
    }
    out
}

/// Levenshtein distance in characters: the fewest insertions, deletions and replacements from `a` to `b`.
pub fn edit_distance(a: &str, b: &str) -> u32 {
    let (short, long) = if a.len() <= b.len() { (a, b) } else { (b, a) };
    if short.is_ascii() && long.is_ascii() && (1..=64).contains(&short.len()) {
        return edit_distance_in_words(short.as_bytes(), long.as_bytes());
    }
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<u32> = (0..=b.len() as u32).collect();
    for (i, c) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i as u32 + 1;
        for (j, &d) in b.iter().enumerate() {
            let change = diagonal + u32::from(c != d);
            diagonal = row[j + 1];
            row[j + 1] = change.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

/// The same for 1 to 64 bytes and any others: a column of the table is two words, of the places where it rises and
/// falls (Myers 1999, with the first row of Hyyrö 2003).
fn edit_distance_in_words(short: &[u8], long: &[u8]) -> u32 {
    let mut places = [0_u64; 128];
    for (i, &b) in short.iter().enumerate() {
        places[usize::from(b & 127)] |= 1 << i;
    }
    let last = short.len() - 1;
    let (mut rises, mut falls, mut distance) = (u64::MAX, 0_u64, short.len() as u32);
    for &b in long {
        let equal = places[usize::from(b & 127)];
        let vertical = equal | falls;
        let horizontal = ((equal & rises).wrapping_add(rises) ^ rises) | equal;
        let (up, down) = (falls | !(horizontal | rises), rises & horizontal);
        distance = distance + (up >> last & 1) as u32 - (down >> last & 1) as u32;
        let (up, down) = (up << 1 | 1, down << 1);
        rises = down | !(vertical | up);
        falls = up & vertical;
    }
    distance
}

/// Stands in a table for what is no part of a word.
const GAP: u8 = 0x80;

/// What `char::is_whitespace` says of ASCII.
const fn is_space(b: u8) -> bool {
    matches!(b, b' ' | b'\t'..=b'\r')
}

/// Words joined by `joiner`: a byte of ASCII becomes what the table has, and `other` writes what a character of
/// another script becomes, nothing where it is no part of a word. Without branches in ASCII, whose words are short.
fn join_words(text: &str, joiner: u8, table: &[u8; 128], other: impl Fn(char, &mut Vec<u8>)) -> String {
    let mut out = Vec::with_capacity(text.len());
    // Whether a joiner here would be the second, or the first of all.
    let mut joined = true;
    let mut rest = text;
    loop {
        let ascii = if rest.is_ascii() { rest.len() } else { rest.bytes().take_while(u8::is_ascii).count() };
        let mut end = out.len();
        out.resize(end + ascii, 0);
        let mut put = |b: u8| {
            let letter = table[usize::from(b & 127)];
            let gap = letter == GAP;
            out[end] = if gap { joiner } else { letter };
            end += usize::from(!(gap & joined));
            joined = gap;
        };
        // By eight, which LLVM unrolls: what a loop costs in itself is a third of this one.
        let groups = rest.as_bytes()[..ascii].chunks_exact(8);
        let left = groups.remainder();
        groups.for_each(|group| group.iter().for_each(|&b| put(b)));
        left.iter().for_each(|&b| put(b));
        out.truncate(end);
        let mut others = rest[ascii..].chars();
        let Some(c) = others.next() else { break };
        other(c, &mut out);
        if out.len() > end {
            joined = false;
        } else if !joined {
            out.push(joiner);
            joined = true;
        }
        rest = others.as_str();
    }
    if joined {
        out.pop();
    }
    text_of(out)
}

fn push(out: &mut Vec<u8>, c: char) {
    out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
}

/// The text of bytes that were made of whole characters.
fn text_of(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_default()
}
