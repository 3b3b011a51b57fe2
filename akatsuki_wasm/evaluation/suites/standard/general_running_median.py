import numpy as np

PROMPT = """
Smooth a series of measurements with a running median, as a function `running_median(values, window)` of a list of
numbers with fractions that gives a list of the same length: each number is the median of the last `window` values up
to and including its own place, or of as many as there are so far at the beginning. The median of an even number of
values is the mean of the two in the middle. `window` is a whole number; 0 is an error. An empty list gives an empty
list.
"""
KIND = "general"
LEVEL = "medium"
ROWS = 60
EXAMPLES = ["running_median([5, 1, 9, 2], 3) == [5, 3, 5, 2]"]


def inputs(rng, rows):
    lists = [np.round(rng.normal(0, 50, rng.integers(0, 25)), 1) for _ in range(rows)]
    return {"values": lists, "window": [0, *(int(each) for each in rng.integers(1, 9, rows - 1))]}


def running_median(values, window):
    if window == 0:
        raise ValueError("the window is empty")
    return np.array([np.median(values[max(end - window, 0) : end]) for end in range(1, len(values) + 1)], float)
