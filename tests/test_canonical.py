"""Layout of the Canonical ABI: known vectors, and laws that hold for all types."""

from __future__ import annotations

import pytest
from hypothesis import given
from wit_kit import types

from akatsuki_wasm import canonical, wit


@pytest.mark.parametrize(
    ("type_", "size", "alignment", "flat"),
    [
        (wit.BOOL, 1, 1, "i32"),
        (wit.CHAR, 4, 4, "i32"),
        (wit.U64, 8, 8, "i64"),
        (wit.STRING, 8, 4, "i32 i32"),
        (wit.List(wit.U8), 8, 4, "i32 i32"),
        (wit.Option(wit.U8), 2, 1, "i32 i32"),
        (wit.Option(wit.U64), 16, 8, "i32 i64"),
        (wit.Option(wit.F32), 8, 4, "i32 f32"),
        (wit.Result(None), 12, 4, "i32 i32 i32"),
        (wit.Result(wit.F32), 12, 4, "i32 i32 i32"),
        (wit.Result(wit.F64), 16, 8, "i32 i64 i32"),
        (wit.Result(wit.U64), 16, 8, "i32 i64 i32"),
        (wit.Tuple((wit.U8, wit.F64, wit.U16)), 24, 8, "i32 f64 i32"),
        (wit.Tuple((wit.U8, wit.U16, wit.U8)), 6, 2, "i32 i32 i32"),
        (wit.IMAGE, 16, 4, "i32 i32 i32 i32"),
        (wit.Result(wit.Tuple((wit.F32, wit.F64))), 24, 8, "i32 i32 i64"),
    ],
)
def test_known_layouts(type_: wit.Type, size: int, alignment: int, flat: str) -> None:
    assert (canonical.size(type_), canonical.alignment(type_)) == (size, alignment)
    assert canonical.flatten(type_) == tuple(flat.split())


@given(types())
def test_laws(type_: wit.Type) -> None:
    size, alignment = canonical.size(type_), canonical.alignment(type_)
    assert alignment in {1, 2, 4, 8}
    assert size % alignment == 0
    assert size > 0
    items = wit.children(type_)
    if isinstance(type_, wit.Tuple | wit.Record):
        ends = 0
        for child, offset in zip(items, canonical.offsets(items), strict=True):
            assert offset >= ends
            assert offset % canonical.alignment(child) == 0
            ends = offset + canonical.size(child)
        assert ends <= size < ends + alignment
    result = canonical.flatten(wit.Result(type_))
    assert result[0] == "i32"
    assert len(result) == 1 + max(2, len(canonical.flatten(type_)))


def test_functions_spill() -> None:
    sixteen, seventeen = (wit.F64,) * 16, (wit.F64,) * 17
    assert canonical.core_signature(sixteen, wit.F32) == (("f64",) * 16, ("f32",))
    assert canonical.core_signature(seventeen, wit.STRING) == (("i32",), ("i32",))
    assert canonical.core_signature((), None) == ((), ())
    assert canonical.owns_memory(wit.Option(wit.IMAGE))
    assert not canonical.owns_memory(wit.Tuple((wit.F64, wit.Option(wit.CHAR))))
