"""What the service knows of modules: for a moment, and not beyond their end."""

from __future__ import annotations

import asyncio
import gc
import weakref
from typing import TYPE_CHECKING, Any

import pytest

from akatsuki_wasm import manifest as manifests
from akatsuki_wasm.contracts import Artifact, StoredModule, UploadTarget
from akatsuki_wasm.errors import NotFoundError
from akatsuki_wasm.registry.registry import Registry
from akatsuki_wasm.server.row_cache import RowCache

from .server_kit import BOB, EVE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WASM = bytes.fromhex("0061736d010000000105016000017f03020100070501016600000a0601040041010b")
"""(module (func (export "f") (result i32) i32.const 1))"""


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    with Registry.open(f"sqlite:///{tmp_path / 'registry.db'}", (tmp_path / "blobs").as_uri()) as found:
        yield found


@pytest.fixture
def stored(registry: Registry) -> StoredModule:
    target = UploadTarget("one", registry, BOB, is_public=True)
    return registry.store(Artifact(WASM, manifests.for_binary(WASM)), target)


def test_users_share_what_is_executed(registry: Registry, stored: StoredModule) -> None:
    async def main() -> None:
        cache = RowCache(registry, 1000)
        known = await asyncio.gather(*(cache.get(user, stored.id) for user in (BOB, EVE, BOB)))
        assert len({id(each.executable) for each in known}) == 1
        assert known[0].stored.digest == stored.digest

    asyncio.run(main())


async def is_gone(cache: RowCache, stored: StoredModule) -> bool:
    try:
        await cache.get(BOB, stored.id)
    except NotFoundError:  # its traceback, which has what was known before, ends here
        return True
    return False


@pytest.mark.parametrize("elsewhere", [False, True])
def test_a_module_that_is_deleted_leaves_nothing_behind(
    registry: Registry, stored: StoredModule, *, elsewhere: bool
) -> None:
    async def main() -> None:
        cache = RowCache(registry, 0 if elsewhere else 60_000)
        kept = [weakref.ref((await cache.get(user, stored.id)).executable) for user in (BOB, EVE)]
        assert all(each() is not None for each in kept)
        registry.modules(BOB).delete(stored.id)
        if not elsewhere:  # else it is found when it is asked for next
            cache.forget(stored.id)
        assert await asyncio.create_task(is_gone(cache, stored))
        gc.collect()
        found: list[Any] = [each() for each in kept]
        assert found == [None, None]

    asyncio.run(main())
