"""Formulas over columns of 5 million float64 rows, copies in and out of the guest included, on one thread and on two.

Judged at the sandbox's public call, as single calls are; what a user calls, with permission, conversion and history,
stands beside it. The modules are the offline generator's; the peers are in `_formulas.py`. polars and DuckDB have their
columns in their own frame or table before the time begins. The native peer is the same author's file compiled for AVX2,
not sandboxed.
"""

from __future__ import annotations

import os

os.environ.setdefault("POLARS_MAX_THREADS", "1")  # read once, when polars is imported

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from _formulas import (
    BLACK_SCHOLES,
    CHEAP,
    HAVERSINE,
    Formula,
    apply_rows,
    chunked,
    duckdb_query,
    numba_njit,
    numba_vectorize,
    polars_expression,
)
from _guests import design, executable, workspace
from _harness import Race, Run, close, main
from _native import native_columns

from akatsuki_wasm.contracts import BatchCall, Column
from akatsuki_wasm.sandbox.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable

    from akatsuki_wasm.module import Module

ROWS = 5_000_000
APPLY_ROWS = 20_000
ONE, TWO = "m.f.batch(…), one thread", "m.f.batch(…), two threads"
SANDBOX, SANDBOX_TWO = "Sandbox.execute, one thread", "Sandbox.execute, two threads"
COPIES = "copies into and out of the guest do not overlap with its work, and vectors have 128 bits"
CHUNKED, WHOLE = "NumPy in chunks of 16K", "NumPy, whole columns"
VECTORIZE, NJIT, POLARS, DUCKDB = "numba vectorize", "numba njit", "polars", "DuckDB"
NATIVE = "native Rust, AVX2, same source"


def shared_core(race: Race) -> str:
    """What the fastest turns say, where a core of the machine comes and goes."""
    fastest = race.spread[SANDBOX][0] / race.spread[SANDBOX_TWO][0]
    return f"medians swing with the machine's second core; by the fastest turns it is {fastest:.2f}"


def in_sandbox(sandbox: Sandbox, module: Module, columns: list[Any], threads: int) -> Callable[[], Any]:
    """Our batch at the sandbox's public call: without permission, ranges, conversion and history."""
    guest, name = executable(module), module.manifest.functions[0].name
    call = BatchCall(name, tuple(map(Column, columns)), len(columns[0]), threads=threads)
    return lambda: sandbox.execute(guest, call).value.values


def one_formula(run: Run, module: Module, sandbox: Sandbox, formula: Formula) -> Race:
    """Everyone on one thread, and ours on two."""
    numba, pl, duckdb, pyarrow = (run.optional(name) for name in ("numba", "polars", "duckdb", "pyarrow"))
    columns = formula.columns(np.random.default_rng(7), ROWS)
    function = next(iter(module.functions.values()))
    native = native_columns(module.source or "", function.__name__)
    ufunc = numba and numba_vectorize(numba, formula, len(columns))
    loop = numba and numba_njit(numba, formula, len(columns))
    by_chunks = chunked(formula.numpy)
    same = close(absolute=formula.absolute, relative=1e-9)
    race = run.race(
        f"{formula.title}, {ROWS:,} rows",
        {
            ONE: lambda: function.batch(*columns, threads=1),
            TWO: lambda: function.batch(*columns, threads=2),
            SANDBOX: in_sandbox(sandbox, module, columns, 1),
            SANDBOX_TWO: in_sandbox(sandbox, module, columns, 2),
            NATIVE: lambda: native(columns),
            VECTORIZE: ufunc and (lambda: ufunc(*columns)),
            NJIT: loop and (lambda: loop(*columns)),
            CHUNKED: lambda: by_chunks(*columns),
            WHOLE: lambda: formula.numpy(*columns),
            POLARS: pl and polars_expression(pl, formula, columns),
            DUCKDB: duckdb and pyarrow and duckdb_query(duckdb, pyarrow, formula, columns),
        },
        same=same,
    )
    # `DataFrame.apply` takes up to a minute for all rows, so it gets a few and the time for all is worked out.
    first = [column[:APPLY_ROWS] for column in columns]
    few = run.race(
        f"{formula.title}, {APPLY_ROWS:,} rows",
        {ONE: lambda: function.batch(*first, threads=1), "pandas DataFrame.apply": apply_rows(pd, formula, first)},
        same=same,
        turns=3,
    )
    seconds = few["pandas DataFrame.apply"] * ROWS / APPLY_ROWS
    run.note(f"DataFrame.apply would take {seconds:,.0f} s for {ROWS:,} rows, worked out from {APPLY_ROWS:,}")
    return race


def measure(run: Run) -> None:
    """The two expensive formulas against the best peer, the cheap one against each."""
    with workspace() as made, Sandbox() as sandbox:
        for formula in (BLACK_SCHOLES, HAVERSINE):
            race = one_formula(run, design(made, formula.prompt), sandbox, formula)
            peers = [VECTORIZE, NJIT, CHUNKED, WHOLE, POLARS, DUCKDB]
            run.target(f"{formula.title}, 5 M rows, one thread", race, SANDBOX, peers, within=1.3)
            run.target(
                f"{formula.title}, 5 M rows, two threads", race, SANDBOX_TWO, SANDBOX, faster=1.6, why=shared_core(race)
            )
        race = one_formula(run, design(made, CHEAP.prompt), sandbox, CHEAP)
        what = f"{CHEAP.title}, 5 M rows, one thread"
        run.target(what, race, SANDBOX, VECTORIZE, within=2, why=COPIES)
        for peer in ([CHUNKED, WHOLE], [POLARS], [DUCKDB]):
            run.target(what, race, SANDBOX, peer, faster=1, why=COPIES)


if __name__ == "__main__":
    main(measure)
