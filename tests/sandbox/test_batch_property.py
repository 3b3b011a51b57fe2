"""A law: whatever kind of column it comes in, a batch gives each row what the function gives that row alone."""

from __future__ import annotations

import hashlib
import math
import struct
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from akatsuki_wasm import wit
from akatsuki_wasm.config import load_settings
from akatsuki_wasm.contracts import BuildOptions, Call, ExecutableModule, Function, GuestProject, GuestSource
from akatsuki_wasm.errors import GuestError
from akatsuki_wasm.values.column_results import lift_batch
from akatsuki_wasm.values.columns import lower_batch
from akatsuki_wasm_plugins.cargo import CargoPlugin

if TYPE_CHECKING:
    from pathlib import Path

    from akatsuki_wasm.sandbox.sandbox import Sandbox

pytestmark = pytest.mark.toolchain

RUST = {
    **{name: name.replace("s", "i") for name in wit.INTEGER_RANGES},
    "bool": "bool", "f32": "f32", "f64": "f64", "char": "char", "string": "String",
}  # fmt: skip
SOURCE = "//! What goes in comes out, or not.\n" + "\n".join(
    f"""
pub fn same_{name}(value: {rust}) -> {rust} {{ value }}
pub fn maybe_{name}(value: Option<{rust}>, keep: bool) -> Option<{rust}> {{ if keep {{ value }} else {{ None }} }}
pub fn checked_{name}(value: {rust}, good: bool) -> Result<{rust}, String> {{
    if good {{ Ok(value) }} else {{ Err(format!("not {{value}}")) }}
}}
pub fn both_{name}(value: Option<{rust}>, good: bool) -> Result<Option<{rust}>, String> {{
    if good {{ Ok(value) }} else {{ Err(String::new()) }}
}}"""
    for name, rust in RUST.items()
)


@pytest.fixture(scope="module")
def guest(toolchain_cache: Path) -> ExecutableModule:
    plugin = CargoPlugin()
    plugin.akatsuki_configure(load_settings(cache_dir=toolchain_cache))
    artifact = plugin.akatsuki_build(
        GuestProject("rows", GuestSource(SOURCE, "rows", "", "test")), BuildOptions(timeout_s=120)
    )
    digest = hashlib.sha256(artifact.wasm).hexdigest()
    return ExecutableModule(digest, artifact.manifest, lambda: artifact.wasm, "rows", built_here=True)


def values_of(name: str) -> st.SearchStrategy[Any]:
    if name in wit.INTEGER_RANGES:
        return st.integers(*wit.INTEGER_RANGES[name])
    if name == "char":
        return st.characters(exclude_categories=["Cs"])
    if name == "string":
        return st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
    if name == "bool":
        return st.booleans()
    return st.floats(width=32 if name == "f32" else 64)


ARROW = {
    **{name: getattr(pa, name.replace("s", "int").replace("u", "uint"))() for name in wit.INTEGER_RANGES},
    "bool": pa.bool_(), "f32": pa.float32(), "f64": pa.float64(), "char": pa.string(), "string": pa.string(),
}  # fmt: skip
NULLABLE = {**{name: str(type_).replace("i", "I").replace("uI", "UI") for name, type_ in ARROW.items()}}
NULLABLE |= {"bool": "boolean", "f32": "Float32", "f64": "Float64", "char": "string", "string": "string"}


def chunked(name: str, rows: list[Any]) -> pa.ChunkedArray:
    middle = len(rows) // 2
    return pa.chunked_array([rows[:middle], rows[middle:]], ARROW[name])


def plain(name: str, rows: list[Any]) -> Any:
    return np.array(rows, object if name in ("char", "string") else ARROW[name].to_pandas_dtype())


def nullable(name: str, rows: list[Any]) -> pd.Series[Any]:
    if name in ("f32", "f64"):  # where pandas would take a NaN for a null
        values = np.array([0 if row is None else row for row in rows], ARROW[name].to_pandas_dtype())
        return pd.Series(pd.arrays.FloatingArray(values, np.array([row is None for row in rows], bool)))
    return pd.Series(rows, dtype=NULLABLE[name])


def dictionary(name: str, rows: list[Any]) -> Any:
    made = pa.array(rows, ARROW[name])
    return made.dictionary_encode() if name in ("char", "string") else made


MAKERS = {
    "pyarrow": lambda name, rows: pa.array(rows, ARROW[name]),
    "a slice": lambda name, rows: pa.array([None, *rows, None], ARROW[name]).slice(1, len(rows)),
    "chunked": chunked,
    "dictionary": dictionary,
    "polars": lambda name, rows: pl.Series("x", pa.array(rows, ARROW[name])),
    "pandas on Arrow": lambda name, rows: pd.Series(
        pd.array(pa.array(rows, ARROW[name]), dtype=pd.ArrowDtype(ARROW[name]))
    ),
    "nullable": nullable,
    "numpy": plain,
}


def same(got: Any, wanted: Any) -> bool:
    if isinstance(wanted, float) and isinstance(got, float):
        return struct.pack("d", got) == struct.pack("d", wanted) or (math.isnan(got) and math.isnan(wanted))
    return type(got) is type(wanted) and bool(got == wanted)


def listed(column: Any) -> list[Any]:
    """A result's rows as Python values, None where null: NaN stands for null in numpy and pandas floats."""
    found = column.to_pylist() if hasattr(column, "to_pylist") else column.tolist() if isinstance(
        column, np.ndarray
    ) else column.to_list()  # fmt: skip
    return [None if row is pd.NA else row for row in found]


def alone(
    sandbox: Sandbox, guest: ExecutableModule, function: Function, args: tuple[Any, ...]
) -> tuple[Any, str | None]:
    """The value of one call, or the error's text."""
    optional = [isinstance(param.type, wit.Option) for param in function.params]
    if any(arg is None and not takes for arg, takes in zip(args, optional, strict=True)):
        return None, None
    try:
        return sandbox.execute(guest, Call(function.name, args)).value, None
    except GuestError as exc:
        return None, str(exc)


@pytest.mark.parametrize("name", RUST)
@pytest.mark.parametrize("kind", MAKERS)
def test_a_batch_is_what_its_rows_are_alone(sandbox: Sandbox, guest: ExecutableModule, name: str, kind: str) -> None:
    @settings(max_examples=12, deadline=None)
    @given(
        rows=st.lists(st.none() | values_of(name), max_size=12),
        shape=st.sampled_from(["same", "maybe", "checked", "both"]),
        flags=st.lists(st.none() | st.booleans(), min_size=12, max_size=12) | st.booleans(),
    )
    def check(rows: list[Any], shape: str, flags: list[bool | None] | bool) -> None:
        function = guest.manifest.function(f"{shape}_{name}")
        assert function is not None
        if kind == "numpy" and name not in ("char", "string"):  # which knows no nulls
            rows = [row for row in rows if row is not None]
        given = [MAKERS[kind](name, rows)]
        second = [flags] * len(rows) if isinstance(flags, bool) else flags[: len(rows)]
        if shape != "same":
            given.append(flags if isinstance(flags, bool) else pa.array(second, pa.bool_()))
        args = list(zip(rows, second, strict=True)) if shape != "same" else [(row,) for row in rows]
        wanted = [alone(sandbox, guest, function, each) for each in args]
        batch = sandbox.execute(guest, lower_batch(function, given)).value
        assert [(error.row, error.message) for error in batch.errors] == [
            (row, message) for row, (_, message) in enumerate(wanted) if message is not None
        ]
        for found in (batch.tolist(), listed(lift_batch(function, given, batch))):
            for got, (value, _) in zip(found, wanted, strict=True):
                null = value is None and isinstance(got, float) and math.isnan(got)
                assert null or same(got, value), (found, wanted)

    check()
