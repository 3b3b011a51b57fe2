PROMPT = """
Check the number of a credit card by the Luhn rule, as a function `luhn_valid(number)` of a text that gives true or
false. Counted from the right, every second digit is doubled, and 9 is subtracted from what then exceeds 9; the sum of
all digits must be a multiple of 10. Spaces between the digits are ignored. A text with any other character, or with
fewer than two digits, is false.
"""
KIND = "text"
LEVEL = "medium"
EXAMPLES = ['luhn_valid("4539 3195 0343 6467") == true', 'luhn_valid("0") == false']


def inputs(rng, rows):
    numbers = []
    for number in range(rows):
        digits = [int(each) for each in rng.integers(0, 10, rng.integers(1, 19))]
        text = "".join(map(str, digits))
        if number % 2:  # a check digit that is right
            text += next(str(digit) for digit in range(10) if luhn_valid(text + str(digit)))
        if number % 3 == 0:
            text = " ".join(text[at : at + 4] for at in range(0, len(text), 4))
        numbers.append(text + "x-"[number % 2] if number % 11 == 0 else text)
    return {"number": [*numbers[3:], "", "0", " 0 0 "]}


def luhn_valid(number):
    text = number.replace(" ", "")
    if len(text) < 2 or not (text.isascii() and text.isdigit()):
        return False
    doubled = [int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(text))]
    return sum(each - 9 if each > 9 else each for each in doubled) % 10 == 0
