"""One sandbox for the tests of this folder; its engine is the process's anyway."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from akatsuki_wasm.sandbox.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as made:
        yield made
