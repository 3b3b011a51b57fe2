from math import exp, log, sqrt
from statistics import NormalDist

PROMPT = """
The volatility that the market expects, as a function `implied_volatility(price, spot, strike, years, rate)`: the one
at which the Black-Scholes price of a European call without dividends is `price`. `years` is the time to expiry,
`rate` is per year, compounded continuously, and a fraction, and so is the result, to at least 0.00001. Where no
volatility from 0.001 to 5 gives the price, it is an error.
"""
KIND = "column"
LEVEL = "hard"
RTOL, ATOL = 0, 1e-5


def _call(volatility, spot, strike, years, rate):
    spread = volatility * sqrt(years)
    d1 = (log(spot / strike) + (rate + volatility**2 / 2) * years) / spread
    return spot * NormalDist().cdf(d1) - strike * exp(-rate * years) * NormalDist().cdf(d1 - spread)


def inputs(rng, rows):
    spot, years, rate = rng.uniform(80, 120, rows), rng.uniform(0.25, 2, rows), rng.uniform(0, 0.08, rows)
    strike = spot * rng.uniform(0.9, 1.1, rows)
    volatility = rng.uniform(0.12, 0.9, rows)
    price = [_call(*each) for each in zip(volatility, spot, strike, years, rate, strict=True)]
    price[::17] = spot[::17] * 1.5  # no option on a share costs more than the share
    return {"price": price, "spot": spot, "strike": strike, "years": years, "rate": rate}


def implied_volatility(price, spot, strike, years, rate):
    low, high = 0.001, 5.0
    if not _call(low, spot, strike, years, rate) <= price <= _call(high, spot, strike, years, rate):
        raise ValueError("no volatility gives this price")
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _call(middle, spot, strike, years, rate) < price else (low, middle)
    return (low + high) / 2
