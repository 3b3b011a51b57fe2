"""Writes real_vectors.csv: exact values of the functions of `Real`, from 400-digit arithmetic (needs mpmath).

One line is `function,x,y,high,low`: arguments as hexadecimal floats (`y` empty for one argument), and the exact value
as a sum of two floats. Run it again only to change the points: `python tests/prelude/make_vectors.py`.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import mpmath as mp

Function = Callable[..., mp.mpf]
TARGET = Path(__file__).with_name("real_vectors.csv")


def spread(low: float, high: float, count: int) -> list[float]:
    """`count` random points between `low` and `high`, half of them spread evenly over magnitudes."""
    draw = random.Random(f"{low} {high} {count}")
    points = [draw.uniform(low, high) for _ in range(count // 2)]
    smallest = low if low > 0 else 1e-9
    largest = max(abs(low), abs(high))
    while len(points) < count:
        point = math.exp(draw.uniform(math.log(smallest), math.log(largest))) * draw.choice((1.0, -1.0))
        if low <= point <= high:
            points.append(point)
    return points


def normal_cdf(x: mp.mpf) -> mp.mpf:
    return mp.erfc(-x / mp.sqrt(2)) / 2


UNARY: dict[str, tuple[Function, list[float]]] = {
    "exp": (mp.exp, spread(-708, 709.7, 160)),
    "exp_m1": (mp.expm1, spread(-40, 40, 80) + spread(-1, 1, 40)),
    "ln": (mp.log, spread(1e-300, 1e300, 100) + spread(0.5, 2, 60) + [5e-324, 1e-310, 2.2e-308]),
    "ln_1p": (mp.log1p, spread(-0.999, 10, 120)),
    "log10": (mp.log10, spread(1e-300, 1e300, 80) + spread(0.5, 2, 40)),
    "log2": (lambda x: mp.log(x, 2), spread(1e-300, 1e300, 80) + spread(0.5, 2, 40)),
    "sin": (mp.sin, spread(-10, 10, 80) + spread(-1e6, 1e6, 80) + spread(-1e18, 1e18, 20)),
    "cos": (mp.cos, spread(-10, 10, 80) + spread(-1e6, 1e6, 80) + spread(-1e18, 1e18, 20)),
    "tan": (mp.tan, spread(-10, 10, 80) + spread(-1e6, 1e6, 80)),
    "asin": (mp.asin, [*spread(-1, 1, 160), 1.0, -1.0, 0.5, 1.0]),
    "acos": (mp.acos, [*spread(-1, 1, 160), -1.0, 0.5, 1.0]),
    "atan": (mp.atan, spread(-1e6, 1e6, 120) + spread(-2, 2, 60)),
    "sinh": (mp.sinh, spread(-700, 700, 80) + spread(-1, 1, 40)),
    "cosh": (mp.cosh, spread(-700, 700, 80)),
    "tanh": (mp.tanh, spread(-25, 25, 120)),
    "sigmoid": (lambda x: 1 / (1 + mp.exp(-x)), spread(-700, 700, 80) + spread(-5, 5, 40)),
    "normal_cdf": (normal_cdf, spread(-37.4, 10, 160) + spread(-3, 3, 60)),
    "normal_pdf": (mp.npdf, spread(-37, 37, 80)),
    "erf": (mp.erf, [*spread(-6, 6, 160), 0.5, -0.5, 0.5000000000000001]),
    "erfc": (mp.erfc, spread(-6, 26, 160)),
}
BINARY: dict[str, tuple[Function, list[tuple[float, float]]]] = {
    "powf": (
        mp.power,
        list(zip(spread(1e-3, 1e3, 100), spread(-90, 90, 100), strict=True))
        + list(zip(spread(0.9, 1.1, 60), spread(-2000, 2000, 60), strict=True))
        + [(float(a), float(b)) for a in range(2, 13) for b in range(1, 13)]
        + [(-1.5, 3.0), (-2.0, -2.0), (-7.0, 5.0)],
    ),
    "atan2": (mp.atan2, list(zip(spread(-100, 100, 160), spread(-100, 99, 160), strict=True))),
    "hypot": (mp.hypot, list(zip(spread(-100, 100, 60), spread(-100, 99, 60), strict=True))),
}


def lines() -> Iterator[str]:
    for name, (function, points) in UNARY.items():
        for x in points:
            yield f"{name},{x.hex()},,{parts(function(mp.mpf(x)))}"
    for name, (function2, pairs) in BINARY.items():
        for x, y in pairs:
            yield f"{name},{x.hex()},{y.hex()},{parts(function2(mp.mpf(x), mp.mpf(y)))}"


def parts(value: mp.mpf) -> str:
    high = float(value)
    return f"{high.hex()},{float(value - high).hex()}"


if __name__ == "__main__":
    mp.mp.dps = 400  # tan and sin of 1e18 lose 18 digits, erfc and tanh near their limits a few hundred
    TARGET.write_text("\n".join(lines()) + "\n")
