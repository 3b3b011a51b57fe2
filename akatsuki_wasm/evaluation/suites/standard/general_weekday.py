import datetime

PROMPT = """
The day of the week of a date in the Gregorian calendar, as a function `weekday(year, month, day)` of three whole
numbers that gives its English name, such as "Monday". Years are from 1 to 9999. A date that does not exist, such as
29 February of a year that is no leap year, is an error.
"""
KIND = "general"
LEVEL = "easy"
EXAMPLES = ['weekday(2024, 2, 29) == "Thursday"']

NAMES = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
EDGES = [(1900, 2, 29), (2000, 2, 29), (2023, 2, 29), (2024, 4, 31), (2024, 13, 1), (2024, 0, 1), (2024, 1, 0)]


def inputs(rng, rows):
    dates = [*EDGES, (1, 1, 1), (9999, 12, 31), (1900, 3, 1), (2100, 2, 28)]
    while len(dates) < rows:
        dates.append((int(rng.integers(1, 10_000)), int(rng.integers(1, 13)), int(rng.integers(1, 32))))
    return dict(zip(("year", "month", "day"), map(list, zip(*dates, strict=True)), strict=True))


def weekday(year, month, day):
    return NAMES[datetime.date(year, month, day).weekday()]
