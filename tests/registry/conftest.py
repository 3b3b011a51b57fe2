"""A real registry in a folder of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from registry_kit import Bench, urls

from akatsuki_wasm.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    folder = tmp_path / "data"
    with Registry.open(*urls(folder)) as registry:
        yield Bench(registry, folder)
