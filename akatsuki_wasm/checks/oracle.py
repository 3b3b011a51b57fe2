"""References in Python: what the functions of a module must agree with."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Oracle:
    """References by function name."""
