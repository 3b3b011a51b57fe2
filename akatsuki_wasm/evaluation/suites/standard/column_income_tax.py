PROMPT = """
Income tax by brackets, as a function `income_tax(income, married)`, where `married` is true or false. Of a single
person's income the part up to 11000 is taxed at 10 %, from there to 44725 at 12 %, from there to 95375 at 22 %, and
all above at 32 %. For married people every one of these limits is twice as high. An income of 0 or less pays nothing.
Nothing is rounded.
"""
KIND = "column"
LEVEL = "medium"
EXAMPLES = ["income_tax(20000, false) == 2180"]


def inputs(rng, rows):
    return {"income": rng.uniform(-20_000, 250_000, rows), "married": rng.integers(0, 2, rows).astype(bool)}


def income_tax(income, married):
    limits = [each * (2 if married else 1) for each in (0, 11_000, 44_725, 95_375)]
    ends = [*limits[1:], float("inf")]
    rates = (0.10, 0.12, 0.22, 0.32)
    parts = zip(limits, ends, rates, strict=True)
    return sum((min(income, end) - start) * rate for start, end, rate in parts if income > start)
