"""Three formulas over whole columns as each peer would be written; all answer with an array of float64.

Every peer has the distance by `arcsin`, the usual and the cheaper way. The normal distribution comes from `erf` where
the peer has one; DuckDB has none and gets the polynomial of Abramowitz and Stegun (26.2.17), which is right to 7.5e-8.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Column = NDArray[np.float64]
    Whole = Callable[..., Column]

RADIUS = 6371.0088
CHUNK = 16 * 1024
"""Rows that NumPy works on at a time: what it needs for them stays in the caches."""
ROOT_HALF = math.sqrt(0.5)


@dataclass(frozen=True)
class Formula:
    """One formula.

    Attributes:
        title: For the table.
        prompt: What the offline generator is asked.
        columns: Makes the columns, so many rows long, in the order of the function's parameters.
        numpy: The formula with NumPy; takes whole columns.
        scalar: The same with `math`, for numba and for `DataFrame.apply`.
        polars: Makes the expression from the polars package and the columns' names.
        sql: What DuckDB selects as ``out``, from a table t of columns a, b, c, d, e.
        absolute: What an answer may be off by.
    """

    title: str
    prompt: str
    columns: Callable[[np.random.Generator, int], list[Column]]
    numpy: Whole
    scalar: Callable[..., float]
    polars: Callable[..., Any]
    sql: str
    absolute: float


def chunked(whole: Whole) -> Whole:
    """NumPy with chunks that fit the caches."""

    def run(*columns: Column) -> Column:
        out = np.empty(len(columns[0]))
        for start in range(0, len(out), CHUNK):
            part = slice(start, start + CHUNK)
            out[part] = whole(*(column[part] for column in columns))
        return out

    return run


# ---------------------------------------------------------------- Black and Scholes, 1973: a call option


def _options(random: np.random.Generator, rows: int) -> list[Column]:
    ranges = ((50, 150), (50, 150), (0.0, 0.1), (0.1, 0.6), (0.1, 3.0))
    return [random.uniform(low, high, rows) for low, high in ranges]


def _black_scholes_numpy(spot: Column, strike: Column, rate: Column, volatility: Column, years: Column) -> Column:
    from scipy.special import ndtr

    spread = volatility * np.sqrt(years)
    d1 = (np.log(spot / strike) + (rate + 0.5 * volatility * volatility) * years) / spread
    return spot * ndtr(d1) - strike * np.exp(-rate * years) * ndtr(d1 - spread)


def _black_scholes(spot: float, strike: float, rate: float, volatility: float, years: float) -> float:
    spread = volatility * math.sqrt(years)
    d1 = (math.log(spot / strike) + (rate + 0.5 * volatility * volatility) * years) / spread
    near = 0.5 * (1.0 + math.erf(d1 * ROOT_HALF))
    far = 0.5 * (1.0 + math.erf((d1 - spread) * ROOT_HALF))
    return spot * near - strike * math.exp(-rate * years) * far


def _black_scholes_polars(pl: Any, *columns: Any) -> Any:
    spot, strike, rate, volatility, years = columns
    spread = volatility * years.sqrt()
    d1 = ((spot / strike).log() + (rate + 0.5 * volatility * volatility) * years) / spread

    def cdf(x: Any) -> Any:
        return 0.5 * (1.0 + (x * ROOT_HALF).erf()) if hasattr(pl.Expr, "erf") else _polynomial_cdf(pl, x)

    return spot * cdf(d1) - strike * (-rate * years).exp() * cdf(d1 - spread)


def _polynomial_cdf(pl: Any, x: Any) -> Any:
    t = 1.0 / (1.0 + 0.2316419 * x.abs())
    poly = ((((1.330274429 * t - 1.821255978) * t + 1.781477937) * t - 0.356563782) * t + 0.319381530) * t
    tail = 0.3989422804014327 * (-0.5 * x * x).exp() * poly
    return pl.when(x < 0).then(tail).otherwise(1.0 - tail)


_SQL_CDF = """
    CREATE OR REPLACE MACRO tail_at(x, t) AS 0.3989422804014327 * exp(-0.5 * x * x) * t
        * ((((1.330274429 * t - 1.821255978) * t + 1.781477937) * t - 0.356563782) * t + 0.319381530);
    CREATE OR REPLACE MACRO tail(x) AS tail_at(x, 1.0::DOUBLE / (1.0::DOUBLE + 0.2316419::DOUBLE * abs(x)));
    CREATE OR REPLACE MACRO cdf(x) AS CASE WHEN x < 0 THEN tail(x) ELSE 1.0 - tail(x) END;
"""


# ---------------------------------------------------------------- the distance of two places on the Earth


def _places(random: np.random.Generator, rows: int) -> list[Column]:
    latitude, longitude = (-90, 90), (-180, 180)
    return [random.uniform(low, high, rows) for low, high in (latitude, longitude, latitude, longitude)]


def _haversine_numpy(lat1: Column, lon1: Column, lat2: Column, lon2: Column) -> Column:
    phi1, phi2 = np.radians(lat1), np.radians(lat2)
    up, along = np.sin((phi2 - phi1) * 0.5), np.sin(np.radians(lon2 - lon1) * 0.5)
    a = up * up + np.cos(phi1) * np.cos(phi2) * along * along
    return 2 * RADIUS * np.arcsin(np.sqrt(np.minimum(a, 1.0)))


def _haversine(lat1: float, lon1: float, lat2: float, lon2: float) -> float:
    phi1, phi2 = math.radians(lat1), math.radians(lat2)
    up, along = math.sin((phi2 - phi1) * 0.5), math.sin(math.radians(lon2 - lon1) * 0.5)
    a = up * up + math.cos(phi1) * math.cos(phi2) * along * along
    return 2 * RADIUS * math.asin(math.sqrt(min(a, 1.0)))


def _haversine_polars(pl: Any, *columns: Any) -> Any:
    lat1, lon1, lat2, lon2 = columns
    phi1, phi2 = lat1.radians(), lat2.radians()
    up, along = ((phi2 - phi1) * 0.5).sin(), ((lon2 - lon1).radians() * 0.5).sin()
    a = up * up + phi1.cos() * phi2.cos() * along * along
    return 2 * RADIUS * a.clip(0.0, 1.0).sqrt().arcsin()


# ---------------------------------------------------------------- a cheap one


def _points(random: np.random.Generator, rows: int) -> list[Column]:
    return [random.uniform(-100, 100, rows) for _ in range(2)]


BLACK_SCHOLES = Formula(
    "Black-Scholes",
    "black-scholes call price",
    _options,
    _black_scholes_numpy,
    _black_scholes,
    _black_scholes_polars,
    """a * cdf(d1) - b * exp(-c * e) * cdf(d1 - spread) AS out FROM (
        SELECT *, (ln(a / b) + (c + 0.5 * d * d) * e) / spread AS d1 FROM (SELECT *, d * sqrt(e) AS spread FROM t))""",
    1e-4,
)
HAVERSINE = Formula(
    "haversine",
    "haversine distance between two points",
    _places,
    _haversine_numpy,
    _haversine,
    _haversine_polars,
    f"""2 * {RADIUS}::DOUBLE * asin(sqrt(least(x, 1.0))) AS out FROM (
        SELECT pow(sin((radians(c) - radians(a)) * 0.5), 2)
            + cos(radians(a)) * cos(radians(c)) * pow(sin(radians(d - b) * 0.5), 2) AS x FROM t)""",
    1e-3,
)
CHEAP = Formula(
    "sqrt(x^2 + y^2)",
    "f(x, y) = sqrt(x^2 + y^2)",
    _points,
    lambda x, y: np.sqrt(x * x + y * y),
    lambda x, y: math.sqrt(x * x + y * y),
    lambda pl, x, y: (x * x + y * y).sqrt(),
    "sqrt(a * a + b * b) AS out FROM t",
    1e-9,
)


def numba_vectorize(numba: Any, formula: Formula, count: int) -> Whole:
    """A ufunc of numba, compiled for this processor, with float64 in and out and no fast mathematics."""
    return numba.vectorize([numba.float64(*[numba.float64] * count)], target="cpu")(formula.scalar)


def numba_njit(numba: Any, formula: Formula, count: int) -> Whole:
    """A loop of numba over the rows."""
    names = "abcde"[:count]
    rows = ", ".join(f"{name}[i]" for name in names)
    lines = [
        f"def loop({', '.join(names)}):",
        "    out = np.empty(len(a))",
        "    for i in range(len(a)):",
        f"        out[i] = scalar({rows})",
        "    return out",
    ]
    scope: dict[str, Any] = {"np": np, "scalar": numba.njit(formula.scalar)}
    exec("\n".join(lines), scope)  # numba wants as many parameters as there are columns
    return numba.njit(scope["loop"])


def polars_expression(pl: Any, formula: Formula, columns: list[Column]) -> Callable[[], Column]:
    """polars: an expression over a frame that has the columns already."""
    names = "abcde"[: len(columns)]
    frame = pl.DataFrame(dict(zip(names, columns, strict=True)))
    expression = formula.polars(pl, *map(pl.col, names)).alias("out")

    def run() -> Column:
        return frame.select(expression)["out"].to_numpy()

    return run


def duckdb_query(duckdb: Any, pyarrow: Any, formula: Formula, columns: list[Column]) -> Callable[[], Column]:
    """DuckDB: a query over an Arrow table of the columns, its answer an Arrow column, on one thread."""
    connection = duckdb.connect(config={"threads": 1})
    connection.register("t", pyarrow.table(dict(zip("abcde", columns, strict=False))))
    connection.execute(_SQL_CDF)
    query = f"SELECT {formula.sql}"

    def run() -> Column:
        return connection.sql(query).to_arrow_table()["out"].to_numpy()

    return run


def apply_rows(pandas: Any, formula: Formula, columns: list[Column]) -> Callable[[], Any]:
    """pandas: `DataFrame.apply`, row by row."""
    frame = pandas.DataFrame(dict(zip("abcde", columns, strict=False)))
    scalar = formula.scalar
    return lambda: frame.apply(lambda row: scalar(*row), axis=1)
