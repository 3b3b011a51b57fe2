PROMPT = """
Roman numerals both ways, as two functions: `to_roman(number)` of a whole number gives its numeral in capitals, and
`from_roman(numeral)` gives the whole number. Numbers outside 1 to 3999 are an error, and so is any text that is not
exactly what `to_roman` writes for some number: small letters, spaces, "IIII" or "IC".
"""
KIND = "text"
LEVEL = "medium"
EXAMPLES = ['to_roman(1994) == "MCMXCIV"', 'from_roman("XLII") == 42']

SIGNS = (
    *((1000, "M"), (900, "CM"), (500, "D"), (400, "CD"), (100, "C"), (90, "XC"), (50, "L"), (40, "XL")),
    *((10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I")),
)
WRONG = ["", "IIII", "IC", "VX", "iv", "MMMM", "X X", "ABC", "IXI", "VIV", "MCMC", "LL"]


def inputs(rng, rows):
    numbers = [0, 4000, *(int(each) for each in rng.integers(1, 4000, rows - 2))]
    numerals = [to_roman(number) if 0 < number < 4000 else "I" for number in numbers]
    return {"to_roman": {"number": numbers}, "from_roman": {"numeral": [*WRONG, *numerals[len(WRONG) :]]}}


def to_roman(number):
    if not 1 <= number <= 3999:
        raise ValueError("numerals go from 1 to 3999")
    written = ""
    for value, sign in SIGNS:
        written += number // value * sign
        number %= value
    return written


NUMBERS = {to_roman(number): number for number in range(1, 4000)}


def from_roman(numeral):
    if numeral not in NUMBERS:
        raise ValueError("this is no numeral")
    return NUMBERS[numeral]
