"""What tests of the service share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .server_kit import Running, running

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def service() -> Iterator[Running]:
    """A running service with an empty registry of its own."""
    with running() as found:
        yield found
