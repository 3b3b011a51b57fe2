PROMPT = """
How many typing mistakes lie between two words, as a function `typo_distance(a, b)`: the least number of inserted,
deleted and replaced characters and of swaps of two neighbouring characters that turn one into the other, where no
part of the text is changed twice (the optimal string alignment distance). Characters are Unicode characters; capitals
and small letters differ.
"""
KIND = "text"
LEVEL = "hard"
EXAMPLES = ['typo_distance("teh", "the") == 1', 'typo_distance("ca", "abc") == 3']


def inputs(rng, rows):
    first = [list(rng.choice(list("abcdé"), rng.integers(0, 9))) for _ in range(rows)]
    second = []
    for number, word in enumerate(first):
        other = list(word)
        for _ in range(rng.integers(0, 4)):
            at = int(rng.integers(0, len(other) + 1))
            match rng.integers(0, 3):
                case 0:
                    other[at : at + 2] = reversed(other[at : at + 2])
                case 1:
                    other.insert(at, "a")
                case _:
                    del other[at : at + 1]
        second.append(other if number % 4 else list(rng.choice(list("abcdé"), rng.integers(0, 9))))
    return {"a": ["".join(word) for word in first], "b": ["".join(word) for word in second]}


def typo_distance(a, b):
    distance = {(i, 0): i for i in range(len(a) + 1)} | {(0, j): j for j in range(len(b) + 1)}
    for i in range(1, len(a) + 1):
        for j in range(1, len(b) + 1):
            replaced = distance[i - 1, j - 1] + (a[i - 1] != b[j - 1])
            distance[i, j] = min(distance[i - 1, j] + 1, distance[i, j - 1] + 1, replaced)
            if i > 1 and j > 1 and a[i - 2 : i] == b[j - 1] + b[j - 2]:
                distance[i, j] = min(distance[i, j], distance[i - 2, j - 2] + 1)
    return distance[len(a), len(b)]
