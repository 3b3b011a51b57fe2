import numpy as np

PROMPT = """
List the prime numbers, as a function `primes_below(n)`: all primes less than the whole number `n`, in ascending
order, as a list of whole numbers. `n` is from 0 to 1000000, and a large one must not take longer than a second.
"""
KIND = "general"
LEVEL = "easy"
ROWS = 40
EXAMPLES = ["primes_below(12) == [2, 3, 5, 7, 11]"]


def inputs(rng, rows):
    return {"n": [0, 1, 2, 3, 4, 25, 26, 1_000_000, *(int(each) for each in rng.integers(5, 5_000, rows - 8))]}


def primes_below(n):
    prime = np.ones(max(n, 2), bool)
    prime[:2] = False
    for number in range(2, int(n**0.5) + 1):
        if prime[number]:
            prime[number * number :: number] = False
    return np.flatnonzero(prime)
