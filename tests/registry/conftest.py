"""A real registry in a folder of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from postgres.pg_kit import OWNER, emptied_database
from registry_kit import Bench, urls

from akatsuki_wasm.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ON_POSTGRESQL = {
    "test_registry_designs",
    "test_registry_generations",
    "test_registry_history",
    "test_registry_modules",
    "test_registry_policy",
    "test_registry_quotas",
    "test_registry_store",
}
"""Files whose tests run on both databases; a test that is about SQLite's file has the mark `sqlite`."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Has the tests of `ON_POSTGRESQL` run on both databases."""
    if "bench" in metafunc.fixturenames:
        both = metafunc.module.__name__ in ON_POSTGRESQL and not metafunc.definition.get_closest_marker("sqlite")
        metafunc.parametrize("bench", ["sqlite", "postgresql"] if both else ["sqlite"], indirect=True)


@pytest.fixture
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    folder = tmp_path / "data"
    if request.param == "sqlite":
        with Registry.open(*urls(folder)) as registry:
            yield Bench(registry, folder)
        return
    database = emptied_database()
    with Registry.open(database.url(), urls(folder)[1]) as registry:
        yield Bench(registry, folder, database.url(OWNER))
