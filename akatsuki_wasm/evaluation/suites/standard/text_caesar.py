import string

PROMPT = """
Encrypt a text with Caesar's cipher, as a function `caesar(text, shift)`: the letters A to Z and a to z move `shift`
places along the alphabet and wrap around at its end, capitals stay capitals, and everything else stays as it is.
`shift` is any whole number from -1000 to 1000; a negative one moves backwards.
"""
KIND = "text"
LEVEL = "easy"
EXAMPLES = ['caesar("Xyz, abc!", 3) == "Abc, def!"', 'caesar("b", -27) == "a"']

LETTERS = string.ascii_letters + " ,.!?éß漢0123"


def inputs(rng, rows):
    texts = ["".join(rng.choice(list(LETTERS), rng.integers(0, 30))) for _ in range(rows)]
    return {"text": texts, "shift": [int(each) for each in rng.integers(-1000, 1001, rows)]}


def caesar(text, shift):
    small, large = string.ascii_lowercase, string.ascii_uppercase
    by = shift % 26
    return text.translate(str.maketrans(small + large, small[by:] + small[:by] + large[by:] + large[:by]))
