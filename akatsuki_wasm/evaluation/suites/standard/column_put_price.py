from math import exp, log, sqrt
from statistics import NormalDist

PROMPT = """
Price of a European put option by Black and Scholes, without dividends, as a function `put_price(spot, strike, years,
rate, volatility)`. `years` is the time to expiry; `rate` (compounded continuously) and `volatility` are per year and
fractions, so 0.2 is 20 %. For prices around 100 it must be right to 0.0001.
"""
KIND = "column"
LEVEL = "medium"
RTOL, ATOL = 0, 1e-4


def inputs(rng, rows):
    return {
        "spot": rng.uniform(50, 150, rows),
        "strike": rng.uniform(50, 150, rows),
        "years": rng.uniform(0.05, 3, rows),
        "rate": rng.uniform(0, 0.1, rows),
        "volatility": rng.uniform(0.05, 0.8, rows),
    }


def put_price(spot, strike, years, rate, volatility):
    spread = volatility * sqrt(years)
    d1 = (log(spot / strike) + (rate + volatility**2 / 2) * years) / spread
    below = NormalDist().cdf
    return strike * exp(-rate * years) * below(spread - d1) - spot * below(-d1)
