"""Hypothesis strategies for WIT types of the contract."""

from __future__ import annotations

from hypothesis import strategies as st

from akatsuki_wasm import wit

PRIMITIVES = st.sampled_from([wit.Primitive(name) for name in wit.PRIMITIVES])
RECORDS = {"image": wit.IMAGE, "point": wit.Record("point", (("x", wit.F64),))}


def types(leaves: st.SearchStrategy[wit.Type] = PRIMITIVES) -> st.SearchStrategy[wit.Type]:
    """Types of the contract, nested a few levels."""
    return st.recursive(
        st.one_of(leaves, st.sampled_from(list(RECORDS.values()))),
        lambda inner: st.one_of(
            inner.map(wit.List),
            inner.filter(lambda each: not isinstance(each, wit.Option)).map(wit.Option),
            st.lists(inner, min_size=1, max_size=4).map(lambda items: wit.Tuple(tuple(items))),
        ),
        max_leaves=8,
    )
