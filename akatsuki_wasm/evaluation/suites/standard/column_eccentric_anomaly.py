import math

PROMPT = """
Where a planet is on its orbit: solve Kepler's equation M = E - e sin(E) for E, as a function
`eccentric_anomaly(mean_anomaly, eccentricity)` in radians. M may be any number and E lies as many turns away from 0
as M does; the result must be right to 0.00000001 for every eccentricity from 0 to 0.99. An eccentricity below 0, or
of 1 or more, is an error.
"""
KIND = "column"
LEVEL = "hard"
RTOL, ATOL = 0, 1e-8


def inputs(rng, rows):
    mean, eccentricity = rng.uniform(-10, 10, rows), rng.uniform(0, 0.99, rows)
    mean[::5], eccentricity[::5] = rng.normal(0, 0.05, rows)[::5], 0.99  # where Newton's method runs away
    eccentricity[3::17], eccentricity[4::17] = -0.1, 1.0
    return {"mean_anomaly": mean, "eccentricity": eccentricity}


def eccentric_anomaly(mean_anomaly, eccentricity):
    if not 0 <= eccentricity < 1:
        raise ValueError("the orbit is no ellipse")
    low, high = mean_anomaly - 1.0, mean_anomaly + 1.0
    for _ in range(60):
        middle = (low + high) / 2
        below = middle - eccentricity * math.sin(middle) < mean_anomaly
        low, high = (middle, high) if below else (low, middle)
    return (low + high) / 2
