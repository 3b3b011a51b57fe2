PROMPT = """
Set a text in full justification, as a function `justify(text, width)`. Words are what white space separates. Put as
many words on each line as fit into `width` characters with at least one space between them. Spread a line's spaces
between its words so that it is exactly `width` characters long: as evenly as possible, gaps further left get the ones
that are left over. The last line, and a line of one word, is set with single spaces and none at its end. A word that
is longer than `width` has a line to itself. Join the lines with line feeds, without one at the end; a text without
words is empty. `width` is a whole number from 1 to 200.
"""
KIND = "text"
LEVEL = "hard"
EXAMPLES = ['justify("to be or not to be", 8) == "to be or\\nnot   to\\nbe"']

WORDS = ["to", "be", "or", "not", "question", "a", "naïve", "whether", "slings", "outrageousness", "日本", "I"]


def inputs(rng, rows):
    texts = []
    for number in range(rows):
        words = rng.choice(WORDS, rng.integers(0, 25))
        texts.append((" ", "  ", "\n")[number % 3].join(words))
    return {"text": texts, "width": [int(each) for each in rng.integers(5, 40, rows)]}


def justify(text, width):
    lines = []
    for word in text.split():
        if lines and len(" ".join(lines[-1])) + 1 + len(word) <= width:
            lines[-1].append(word)
        else:
            lines.append([word])
    return "\n".join(
        [_spread(line, width) if len(line) > 1 else line[0] for line in lines[:-1]]
        + [" ".join(line) for line in lines[-1:]]
    )


def _spread(words, width):
    each, left = divmod(width - sum(map(len, words)), len(words) - 1)
    gaps = [" " * (each + (place < left)) for place in range(len(words) - 1)]
    return "".join(word + gap for word, gap in zip(words, [*gaps, ""], strict=True))
