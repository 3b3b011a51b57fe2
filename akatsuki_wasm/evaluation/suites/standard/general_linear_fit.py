import numpy as np

PROMPT = """
Fit a straight line through points by least squares, as a function `linear_fit(xs, ys)` of two lists of numbers with
fractions. It gives a struct with the fields `slope`, `intercept` and `r_squared`, in this order; the last is 1 minus
the sum of squared residuals divided by the sum of squared deviations of ys from their mean, and 1 where all ys are
equal. It is an error if the lists differ in length, have fewer than two points, or all xs are equal.
"""
KIND = "general"
LEVEL = "medium"
RTOL, ATOL = 1e-8, 1e-8


def inputs(rng, rows):
    xs = [rng.uniform(-10, 10, rng.integers(2, 20)) for _ in range(rows)]
    ys = [rng.uniform(-3, 3) * x + rng.normal(0, 5, len(x)) for x in xs]
    ys[0] = np.full(len(xs[0]), 2.5)
    xs[1] = np.full(len(ys[1]), 1.0)
    xs[2], ys[3] = xs[2][1:], ys[3][1:]
    xs[4], ys[4] = xs[4][:1], ys[4][:1]
    xs[5], ys[5] = xs[5][:0], ys[5][:0]
    return {"xs": xs, "ys": ys}


def linear_fit(xs, ys):
    if len(xs) != len(ys) or len(xs) < 2 or np.ptp(xs) == 0:
        raise ValueError("there is no line")
    across, up = xs - np.mean(xs), ys - np.mean(ys)
    slope = float(across @ up / (across @ across))
    residuals, spread = up - slope * across, float(up @ up)
    r_squared = 1 - float(residuals @ residuals) / spread if np.ptp(ys) else 1.0
    return {"slope": slope, "intercept": float(np.mean(ys) - slope * np.mean(xs)), "r_squared": r_squared}
