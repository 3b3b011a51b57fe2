PROMPT = """
What a savings account holds in the end, as a function `future_value(principal, rate_percent, times_per_year, years)`:
interest of `rate_percent` per cent a year is added `times_per_year` times a year in equal parts and earns interest
itself, which gives principal * (1 + rate_percent / 100 / times_per_year) ^ (times_per_year * years). All of them are
numbers with fractions; nothing is rounded.
"""
KIND = "column"
LEVEL = "easy"
EXAMPLES = ["future_value(1000, 10, 1, 2) == 1210"]


def inputs(rng, rows):
    return {
        "principal": rng.uniform(1, 1e6, rows),
        "rate_percent": rng.uniform(-1, 15, rows),
        "times_per_year": rng.choice([1.0, 2.0, 4.0, 12.0, 365.0], rows),
        "years": rng.uniform(0, 40, rows),
    }


def future_value(principal, rate_percent, times_per_year, years):
    return principal * (1 + rate_percent / 100 / times_per_year) ** (times_per_year * years)
