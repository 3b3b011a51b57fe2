"""A database of its own for each test that asks for one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .pg_kit import TestDatabase, fresh_database

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def postgres() -> Iterator[TestDatabase]:
    """A database with the registry's tables."""
    with fresh_database() as database:
        yield database
