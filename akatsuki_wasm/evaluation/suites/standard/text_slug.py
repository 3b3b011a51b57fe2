import re

PROMPT = """
Make the address part of a blog post's title, as a function `slug(title)`: the letters a to z in lower case and the
digits 0 to 9 stay; everything between them, which is spaces, punctuation and letters with accents or of other
scripts, becomes one hyphen. There is no hyphen at the beginning or the end.
"""
KIND = "text"
LEVEL = "easy"
EXAMPLES = ['slug("  Hello, World! ") == "hello-world"']

PIECES = ["Hello", "World", "Ünder", "café", "10", "ways", " ", "  ", "-", "--", "!", "'", "日本", "_", "a", "Z"]


def inputs(rng, rows):
    return {"title": ["".join(rng.choice(PIECES, rng.integers(0, 9))) for _ in range(rows)]}


def slug(title):
    return re.sub(r"[^A-Za-z0-9]+", "-", title).strip("-").lower()
