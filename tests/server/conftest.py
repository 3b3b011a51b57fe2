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


@pytest.fixture(scope="module")
def one_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A running service for all tests of a file, which must not mind what the others stored in it."""
    with running(data_dir=tmp_path_factory.mktemp("registry"), user_rate=None) as found:
        yield found
