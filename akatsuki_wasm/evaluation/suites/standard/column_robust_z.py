import numpy as np

PROMPT = """
A z-score that outliers cannot blow up, as the only function `robust_z(x, mean, sd, limit)`: by how many standard
deviations `sd` the value `x` lies above `mean`, held between -limit and limit. Where `sd` is 0 or less it is 0. All
four are numbers with fractions, and `limit` is not negative.
"""
KIND = "column"
LEVEL = "easy"


def inputs(rng, rows):
    return {
        "x": rng.normal(50, 30, rows),
        "mean": rng.normal(50, 5, rows),
        "sd": rng.choice([-1.0, 0.0, 4.0, 12.5, 20.0], rows),
        "limit": rng.choice([0.5, 2.0, 3.0], rows),
    }


def reference(df):
    usable = df["sd"] > 0
    score = (df["x"] - df["mean"]) / df["sd"].where(usable, 1.0)
    return score.clip(-df["limit"], df["limit"]).where(usable, 0.0).astype(np.float64)
