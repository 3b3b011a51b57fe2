import numpy as np

PROMPT = """
The area of the convex hull of points in the plane, as a function `hull_area(xs, ys)` of two lists of numbers with
fractions, the coordinates. Points may be given twice; fewer than three points, or points that all lie on one line,
have an area of 0. It is an error if the lists differ in length.
"""
KIND = "general"
LEVEL = "hard"
RTOL, ATOL = 1e-9, 1e-9
EXAMPLES = ["hull_area([0, 4, 4, 0, 2], [0, 0, 3, 3, 1]) == 12"]


def inputs(rng, rows):
    xs = [np.round(rng.normal(0, 10, rng.integers(0, 20)), 2) for _ in range(rows)]
    ys = [np.round(rng.normal(0, 10, len(x)), 2) for x in xs]
    for number in range(0, rows, 9):
        ys[number] = 2 * xs[number] if number % 2 else np.full(len(xs[number]), 3.0)
    for number in range(4, rows, 9):
        xs[number], ys[number] = (np.concatenate([each, each[::2]]) for each in (xs[number], ys[number]))
    ys[5] = np.append(ys[5], 1.0)
    return {"xs": xs, "ys": ys}


def hull_area(xs, ys):
    if len(xs) != len(ys):
        raise ValueError("the lists differ in length")
    points = sorted({(float(x), float(y)) for x, y in zip(xs, ys, strict=True)})
    hull = _half(points) + _half(points[::-1])
    following = zip(hull, hull[1:] + hull[:1], strict=True)
    return abs(sum(x1 * y2 - x2 * y1 for (x1, y1), (x2, y2) in following)) / 2


def _half(points):
    chain = []
    for x, y in points:
        while len(chain) > 1 and _turn(*chain[-2:], (x, y)) <= 0:
            chain.pop()
        chain.append((x, y))
    return chain[:-1]


def _turn(a, b, c):
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
