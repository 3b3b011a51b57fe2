"""Random formulas over a, b and c for property tests."""

from __future__ import annotations

from hypothesis import strategies as st

from akatsuki_wasm.offline.expression import Binary, Call, Choose, Compare, Expression, Logic, Name, Negative, Number

_UNARY = [
    "abs",
    "sqrt",
    "exp",
    "ln",
    "sin",
    "cos",
    "atan",
    "tanh",
    "floor",
    "ceil",
    "round",
    "sign",
    "sigmoid",
    "normcdf",
]


def expressions(max_leaves: int = 12) -> st.SearchStrategy[Expression]:
    """Numbers only at the top; conditions inside choices."""
    leaves = st.one_of(
        st.sampled_from(["a", "b", "c", "pi"]).map(Name),
        st.one_of(st.integers(0, 20).map(float), st.sampled_from([0.5, 1e-3, 2.25, 1e6])).map(Number),
    )
    return st.recursive(leaves, _larger, max_leaves=max_leaves)


def _larger(inner: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
    compare = st.builds(Compare, st.sampled_from(["<", "<=", ">", ">=", "==", "!="]), inner, inner)
    condition = st.one_of(
        compare,
        st.builds(Logic, st.sampled_from(["and", "or"]), compare, compare),
        st.builds(Logic, st.just("not"), compare, st.none()),
    )
    return st.one_of(
        st.builds(Binary, st.sampled_from(["+", "-", "*", "/", "%"]), inner, inner),
        st.builds(Binary, st.just("^"), inner, st.sampled_from([2.0, 3.0, 0.5]).map(Number)),
        st.builds(Negative, inner),
        st.builds(lambda name, each: Call(name, (each,)), st.sampled_from(_UNARY), inner),
        st.builds(lambda name, a, b: Call(name, (a, b)), st.sampled_from(["min", "max", "hypot"]), inner, inner),
        st.builds(Choose, condition, inner, inner),
    )
