"""When two values are the same."""

from __future__ import annotations

import math
from typing import Any

import numpy as np


def same(got: Any, expected: Any, tolerance: float) -> bool:
    """Whether two values are equal; floats within a relative tolerance, NaN equal to NaN, lists item by item."""
    if hasattr(got, "_asdict") and isinstance(expected, dict):
        got = got._asdict()
    if isinstance(got, np.generic | np.ndarray):
        got = got.tolist()
    if isinstance(expected, np.generic | np.ndarray):
        expected = expected.tolist()
    if isinstance(got, dict) and isinstance(expected, dict):
        return got.keys() == expected.keys() and all(same(got[key], expected[key], tolerance) for key in got)
    if isinstance(got, list | tuple) and isinstance(expected, list | tuple):
        return len(got) == len(expected) and all(map(same, got, expected, [tolerance] * len(got)))
    if isinstance(got, bool) or isinstance(expected, bool):
        return got is expected
    if isinstance(got, int | float) and isinstance(expected, int | float):
        if isinstance(got, int) and isinstance(expected, int):
            return got == expected
        if math.isnan(got) or math.isnan(expected):
            return math.isnan(got) and math.isnan(expected)
        return math.isclose(got, expected, rel_tol=tolerance, abs_tol=tolerance * 1e-3)
    return bool(got == expected)
