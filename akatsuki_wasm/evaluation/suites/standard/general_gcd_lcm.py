import math

import numpy as np

PROMPT = """
Two functions of a list of whole numbers that are not negative: `gcd_of(numbers)`, their greatest common divisor, and
`lcm_of(numbers)`, their least common multiple. Of an empty list the first is 0 and the second 1; a list with a 0 in
it has a least common multiple of 0. All results fit into 64 bits.
"""
KIND = "general"
LEVEL = "easy"
EXAMPLES = ["gcd_of([12, 18, 30]) == 6", "lcm_of([4, 6, 10]) == 60"]


def inputs(rng, rows):
    for_gcd = [rng.integers(1, 60, rng.integers(1, 6)) * int(rng.integers(1, 40)) for _ in range(rows)]
    for_lcm = [rng.integers(1, 100, rng.integers(1, 8)) for _ in range(rows)]
    for lists in (for_gcd, for_lcm):
        lists[0] = np.array([], np.int64)
        lists[1] = np.array([0, 0])
        lists[2] = np.array([0, 21, 14])
    return {"gcd_of": {"numbers": for_gcd}, "lcm_of": {"numbers": for_lcm}}


def gcd_of(numbers):
    return math.gcd(*map(int, numbers))


def lcm_of(numbers):
    return math.lcm(*map(int, numbers))
