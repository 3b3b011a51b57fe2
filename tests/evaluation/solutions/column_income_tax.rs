const BRACKETS: [(f64, f64); 4] = [(0.0, 0.10), (11_000.0, 0.02), (44_725.0, 0.10), (95_375.0, 0.10)];

/// Income tax by brackets.
pub fn income_tax(income: f64, married: bool) -> f64 {
    let scale = if married { 2.0 } else { 1.0 };
    // Above each limit the rate rises by so much.
    BRACKETS
        .iter()
        .filter(|(limit, _)| income > limit * scale)
        .map(|(limit, rise)| (income - limit * scale) * rise)
        .sum()
}
