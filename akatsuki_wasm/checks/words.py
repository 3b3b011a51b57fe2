"""Calls and values as text for people and models: one line, long values shortened."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from akatsuki_wasm import wit

if TYPE_CHECKING:
    from collections.abc import Sequence


def describe_call(name: str, case: Sequence[Any]) -> str:
    """A call as text, with images and long values shortened, such as ``vintage(image 7x5, 0.7)``."""
    return f"{name}({', '.join(map(show, case))})"


def show(value: Any) -> str:
    """A value as text of at most 60 characters."""
    if type(value) is wit.record_class(wit.IMAGE):
        return f"image {value.width}x{value.height}"
    if isinstance(value, np.ndarray):
        value = value.tolist()
    try:
        text = json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError):
        text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"
