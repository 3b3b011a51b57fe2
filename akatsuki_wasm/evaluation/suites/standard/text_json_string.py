import json

PROMPT = """
Write a text as a JSON string, as a function `json_string(text)`: in double quotes, with a backslash before every
double quote and backslash; \\b, \\f, \\n, \\r and \\t for backspace, form feed, line feed, carriage return and tab;
\\u followed by four hexadecimal digits in lower case for every other character below 32. All other characters stay as
they are.
"""
KIND = "text"
LEVEL = "medium"
EXAMPLES = ['json_string(\'say "hi"\') == \'"say \\\\"hi\\\\""\'']

CHARACTERS = [*map(chr, range(32)), *'"\\/\'"\\abc é日🎉', "\x7f", "\u2028"]


def inputs(rng, rows):
    return {"text": ["".join(rng.choice(CHARACTERS, rng.integers(0, 20))) for _ in range(rows)]}


def json_string(text):
    return json.dumps(text, ensure_ascii=False)
