"""Pages of a list by keyset: the rows beyond one, by the columns that order the list.

Unlike an OFFSET this costs the same on every page, and rows that are stored or deleted meanwhile neither repeat nor
hide another one (https://use-the-index-luke.com/no-offset).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, or_

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import ColumnElement, UnaryExpression
    from sqlalchemy.orm import InstrumentedAttribute

Key = tuple["InstrumentedAttribute[Any]", bool]
"""A column, and whether it descends."""


def ordering(keys: Sequence[Key]) -> list[UnaryExpression[Any]]:
    """What ``ORDER BY`` gets."""
    return [column.desc() if descends else column.asc() for column, descends in keys]


def beyond(keys: Sequence[Key], values: Sequence[Any]) -> ColumnElement[bool]:
    """A filter: rows that come after the one with these values in the columns of `keys`, the last of them unique."""
    steps = []
    for number, (column, descends) in enumerate(keys):
        same = [each == value for (each, _), value in zip(keys[:number], values, strict=False)]
        steps.append(and_(*same, column < values[number] if descends else column > values[number]))
    return or_(*steps)
