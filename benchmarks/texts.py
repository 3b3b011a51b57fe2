r"""A slug of each of a million strings in an Arrow-backed pandas Series, beside Python, pandas, polars and DuckDB.

The titles are made of English words with punctuation; one in ten has a word with accents or of another script. All keep
letters and digits of every script, in lower case, with one hyphen between words. On Arrow strings pandas hands the
pattern to RE2, whose ``\W`` knows ASCII alone, so it is written with the Unicode classes.
"""

from __future__ import annotations

import os

os.environ.setdefault("POLARS_MAX_THREADS", "1")  # read once, when polars is imported

import random
import re
from typing import TYPE_CHECKING, Any

import pandas as pd
from _guests import SLUG, design, workspace
from _harness import Run, main

if TYPE_CHECKING:
    from collections.abc import Callable

ROWS, QUICK_ROWS = 1_000_000, 200_000
ENGLISH = """The Quick Brown Fox's Guide to Modern Data Engineering: Part One - How We Learned to Stop Worrying & Love
Columns (2nd Edition) What's New in Release 3.14? Coffee, Tea... and Me! 100% Cotton T-Shirt / Blue_Grey"""
FOREIGN = "Café Crème brûlée Übergrößenträger naïve Čeština Привет Мир Ελλάδα 東京タワー データ 分析 한국어"
NOT_A_WORD = r"[^\p{L}\p{N}]+"
"""As RE2 (Arrow, DuckDB) and Rust (polars) write it."""
OURS, ARROW, PYTHON = (
    "m.slug.batch(series), one thread",
    "pandas .str, Arrow strings",
    "Python function, list comprehension",
)
_words = re.compile(r"[^\W_]+").findall


def slug(text: str) -> str:
    """As one would write it in Python."""
    return "-".join(_words(text)).lower()


def titles(rows: int) -> list[str]:
    """Titles of 3 to 9 words."""
    draw, english, foreign = random.Random(7), ENGLISH.split(), FOREIGN.split()
    made = []
    for row in range(rows):
        words = draw.choices(english, k=draw.randint(3, 9))
        if row % 10 == 0:
            words[draw.randrange(len(words))] = draw.choice(foreign)
        made.append(" ".join(words))
    return made


def same(first: Any, other: Any) -> str | None:
    """For `Run.race`: the very same texts, in whatever column."""
    a, b = list(first), list(other)
    wrong = [row for row in range(len(a)) if a[row] != b[row]] if len(a) == len(b) else [0]
    return f"{len(wrong):,} texts differ, the first being {b[wrong[0]]!r} for {a[wrong[0]]!r}" if wrong else None


def with_pandas(series: pd.Series) -> pd.Series:
    """pandas: the `.str` methods, each over the whole column."""
    return series.str.replace(NOT_A_WORD, "-", regex=True).str.strip("-").str.lower()


def with_polars(pl: Any, texts: list[str]) -> Callable[[], Any]:
    """polars: an expression."""
    frame = pl.DataFrame({"t": texts})
    made = pl.col("t").str.replace_all(NOT_A_WORD, "-").str.strip_chars("-").str.to_lowercase()
    return lambda: frame.select(made)["t"]


def with_duckdb(duckdb: Any, pyarrow: Any, texts: list[str]) -> Callable[[], Any]:
    """DuckDB: a query over an Arrow table, on one thread."""
    connection = duckdb.connect(config={"threads": 1})
    connection.register("t", pyarrow.table({"t": pyarrow.array(texts)}))
    query = f"SELECT lower(trim(regexp_replace(t, '{NOT_A_WORD}', '-', 'g'), '-')) AS t FROM t"

    def run() -> Any:
        return connection.sql(query).to_arrow_table()["t"].to_pandas()

    return run


def measure(run: Run) -> None:
    """Everyone on one thread, and ours on two as well."""
    pl, duckdb, pyarrow = (run.optional(name) for name in ("polars", "duckdb", "pyarrow"))
    if pyarrow is None:
        run.note("without pyarrow there are no Arrow strings")
        return
    texts = titles(QUICK_ROWS if run.quick else ROWS)
    arrow = pd.Series(texts, dtype=pd.ArrowDtype(pyarrow.string()))
    usual = pd.Series(texts, dtype="str")
    pyarrow.set_cpu_count(1)
    with workspace() as made:
        module = design(made, SLUG)
        race = run.race(
            f"slug of {len(texts):,} strings",
            {
                OURS: lambda: module.slug.batch(usual, threads=1),
                "m.slug.batch(series), two threads": lambda: module.slug.batch(usual, threads=2),
                "m.slug.batch(ArrowDtype series), one thread": lambda: module.slug.batch(arrow, threads=1),
                PYTHON: lambda: pd.Series([slug(text) for text in usual], dtype="str"),
                ARROW: lambda: with_pandas(usual),
                "pandas .str, ArrowDtype": lambda: with_pandas(arrow),
                "polars": pl and with_polars(pl, texts),
                "DuckDB": duckdb and with_duckdb(duckdb, pyarrow, texts),
            },
            same=same,
        )
    what = f"slug, {len(texts):,} strings"
    run.target(what, race, OURS, PYTHON, faster=5)
    run.target(what, race, OURS, [ARROW, "pandas .str, ArrowDtype"], faster=1.5)


if __name__ == "__main__":
    main(measure)
