import re

PROMPT = """
Seconds of a duration such as "1h30m", as a function `parse_duration(text)` that gives a whole number. A duration is
one or more parts, each a whole number of one to six digits directly followed by its unit: d for days, h for hours, m
for minutes, s for seconds. Each unit comes at most once, and larger ones come first. Everything else is an error: an
empty text, spaces, capitals, signs, fractions, a number without a unit.
"""
KIND = "text"
LEVEL = "medium"
EXAMPLES = ['parse_duration("1h30m") == 5400', 'parse_duration("2d5s") == 172805']

WRONG = ["", "90", "h", "1h 30m", "30m1h", "1h1h", "1.5h", "-1h", "1H", "1w", "5 m", "1h30", "m5", "1234567s"]


def inputs(rng, rows):
    texts = []
    for _ in range(rows):
        parts = [f"{rng.integers(0, 200)}{unit}" for unit in "dhms" if rng.random() < 0.6]
        texts.append("".join(parts) or "0s")
    return {"text": [*WRONG, *texts[len(WRONG) :]]}


def parse_duration(text):
    units = (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1))
    found = re.fullmatch("".join(f"(?:([0-9]{{1,6}}){unit})?" for unit, _ in units), text)
    if not text or not found:
        raise ValueError("this is no duration")
    return sum(int(number or 0) * seconds for number, (_, seconds) in zip(found.groups(), units, strict=True))
