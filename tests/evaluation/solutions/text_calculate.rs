/// A pocket calculator for formulas in text.
pub fn calculate(formula: &str) -> Result<f64, String> {
    let mut input = Formula { text: formula.as_bytes(), at: 0, depth: 0 };
    let value = input.sum()?;
    match input.peek() {
        None => Ok(value),
        Some(_) => Err(input.wrong()),
    }
}

struct Formula<'a> {
    text: &'a [u8],
    at: usize,
    depth: u32,
}

impl Formula<'_> {
    fn peek(&mut self) -> Option<u8> {
        while self.text.get(self.at).is_some_and(|byte| byte.is_ascii_whitespace()) {
            self.at += 1;
        }
        self.text.get(self.at).copied()
    }

    fn wrong(&self) -> String {
        format!("the formula is wrong at place {}", self.at + 1)
    }

    fn sum(&mut self) -> Result<f64, String> {
        let mut value = self.product()?;
        while let Some(sign @ (b'+' | b'-')) = self.peek() {
            self.at += 1;
            let next = self.product()?;
            value = if sign == b'+' { value + next } else { value - next };
        }
        Ok(value)
    }

    fn product(&mut self) -> Result<f64, String> {
        let mut value = self.factor()?;
        while let Some(sign @ (b'*' | b'/')) = self.peek() {
            self.at += 1;
            let next = self.factor()?;
            if sign == b'*' {
                value *= next;
            } else if next == 0.0 {
                return Err("division by zero".to_string());
            } else {
                value /= next;
            }
        }
        Ok(value)
    }

    fn factor(&mut self) -> Result<f64, String> {
        self.depth += 1;
        if self.depth > 500 {
            return Err("the formula is too deep".to_string());
        }
        let value = match self.peek() {
            Some(b'-') => {
                self.at += 1;
                -self.factor()?
            }
            Some(b'(') => {
                self.at += 1;
                let value = self.sum()?;
                if self.peek() != Some(b')') {
                    return Err(self.wrong());
                }
                self.at += 1;
                value
            }
            Some(b'0'..=b'9') => self.number()?,
            _ => return Err(self.wrong()),
        };
        self.depth -= 1;
        Ok(value)
    }

    fn number(&mut self) -> Result<f64, String> {
        let start = self.at;
        self.digits();
        if self.text.get(self.at) == Some(&b'.') {
            self.at += 1;
            if self.digits() == 0 {
                return Err(self.wrong());
            }
        }
        let text = std::str::from_utf8(&self.text[start..self.at]).map_err(|_| self.wrong())?;
        text.parse().map_err(|_| self.wrong())
    }

    fn digits(&mut self) -> usize {
        let start = self.at;
        while self.text.get(self.at).is_some_and(u8::is_ascii_digit) {
            self.at += 1;
        }
        self.at - start
    }
}
