import numpy as np

PROMPT = """
Multiply two matrices, as a function `matrix_product(a, b, rows, inner, columns)` that gives a list of numbers. `a`
has `rows` rows and `inner` columns, `b` has `inner` rows and `columns` columns, and the result `rows` rows and
`columns` columns; each is a flat list of numbers with fractions, row by row. If the length of `a` or of `b` does not
fit its size, it is an error. The sizes are whole numbers and may be 0; no matrix has more than 10000 numbers.
"""
KIND = "general"
LEVEL = "medium"
ATOL = 1e-9
ROWS = 60
EXAMPLES = ["matrix_product([1, 2, 3, 4, 5, 6], [1, 0, 0, 1, 1, 1], 2, 3, 2) == [4, 5, 10, 11]"]


def inputs(rng, rows):
    sizes = [tuple(int(each) for each in rng.integers(0 if number < 9 else 1, 7, 3)) for number in range(rows)]
    a = [rng.normal(0, 10, rows_ * inner + (number % 13 == 5)) for number, (rows_, inner, _) in enumerate(sizes)]
    b = [rng.normal(0, 10, inner * columns + (number % 13 == 7)) for number, (_, inner, columns) in enumerate(sizes)]
    return {"a": a, "b": b} | {
        name: [size[place] for size in sizes] for place, name in enumerate(("rows", "inner", "columns"))
    }


def matrix_product(a, b, rows, inner, columns):
    if len(a) != rows * inner or len(b) != inner * columns:
        raise ValueError("a list does not fit its size")
    return (np.reshape(a, (rows, inner)) @ np.reshape(b, (inner, columns))).reshape(-1)
