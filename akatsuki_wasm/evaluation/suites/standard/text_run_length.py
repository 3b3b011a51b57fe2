from itertools import groupby

PROMPT = """
Shorten a text by run-length encoding, as a function `run_length(text)`: a run of the same character becomes the
character followed by how many there are, and a single character stays alone, without a number. Capitals and small
letters differ, and all characters count, not only letters. The texts have no digits in them.
"""
KIND = "text"
LEVEL = "easy"
EXAMPLES = ['run_length("aaabcc") == "a3bc2"']


def inputs(rng, rows):
    texts = []
    for _ in range(rows):
        letters = rng.choice(list("aAb c-ñ日"), rng.integers(0, 8))
        texts.append("".join(str(letter) * int(rng.integers(1, 14)) for letter in letters))
    return {"text": texts}


def run_length(text):
    runs = [(letter, len(list(run))) for letter, run in groupby(text)]
    return "".join(letter if count == 1 else f"{letter}{count}" for letter, count in runs)
