import numpy as np

PROMPT = """
Pack the most valuable load, as a function `best_load(weights, values, capacity)`: each thing has a weight and a
value, whole numbers that are not negative in two lists of the same length, and may be taken once or not at all. Give
the greatest total value of things whose weights together are at most `capacity`, a whole number from 0 to 10000.
There are up to 100 things, so trying all selections takes far too long. It is an error if the lists differ in length.
"""
KIND = "general"
LEVEL = "hard"
ROWS = 80
EXAMPLES = ["best_load([5, 4, 6, 3], [10, 40, 30, 50], 10) == 90"]


def inputs(rng, rows):
    counts = [0, 1, 100, *(int(each) for each in rng.integers(2, 20, rows - 3))]
    weights = [rng.integers(0, 40, count) for count in counts]
    values = [rng.integers(0, 100, count) for count in counts]
    values[5] = values[5][1:]
    capacities = [int(rng.integers(0, 1 + max(int(weight.sum()), 1))) for weight in weights]
    return {"weights": weights, "values": values, "capacity": capacities}


def best_load(weights, values, capacity):
    if len(weights) != len(values):
        raise ValueError("the lists differ in length")
    best = np.zeros(capacity + 1, np.int64)
    for weight, value in zip(weights, values, strict=True):
        if weight <= capacity:
            best[weight:] = np.maximum(best[weight:], best[: capacity + 1 - weight] + value)
    return int(best[-1])
