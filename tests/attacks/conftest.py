"""One service that all attacks of a process are tried on, with something of BOB's that nobody else may know of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx
import pytest
from server.api_kit import store
from server.server_kit import ADA, BOB, Running, running

from .wire import Wire

if TYPE_CHECKING:
    from collections.abc import Iterator

    from akatsuki_wasm.contracts import StoredModule

MAX_BODY = 4 * 1024 * 1024


@dataclass(frozen=True)
class Victim:
    """A service with things of BOB's.

    Attributes:
        running: The service.
        private: A module of his that is shared with nobody.
        generation: The id of a prompt of his.
        design: The id of a design of his.
        secrets: Texts that nobody else may read anywhere.
    """

    running: Running
    private: StoredModule
    generation: str
    design: str
    secrets: tuple[str, ...]

    def wire(self) -> Wire:
        """A connection on which anything can be sent."""
        address = httpx.URL(self.running.url)
        assert address.port
        return Wire(address.host, address.port)


@pytest.fixture(scope="session")
def victim(tmp_path_factory: pytest.TempPathFactory, toolchain_cache: object) -> Iterator[Victim]:
    """The service; it outlives a test's own home."""
    folder = tmp_path_factory.mktemp("victim")
    with running(data_dir=folder / "data", cache_dir=folder / "cache", max_body_bytes=MAX_BODY, user_rate=10_000) as it:
        registry = it.service.registry
        private = store(it, BOB, "bobs-own", 4711, provenance={"prompt": "prompt-of-bob"}, source="// source of bob\n")
        store(it, ADA, "ada-admins", 4712, owner_type="admin")
        generation = registry.generations(BOB).record(
            "prompt-of-bob", generator="offline", status="error", seconds=1.0, error_message="error-of-bob"
        )
        design = registry.designs(BOB).create("prompt-of-bob", {}, most=10)
        registry.designs(BOB).write(design.id, [("cancelled", {})], status="cancelled")
        with it.client(BOB) as bob:
            done = bob.post(
                "/functions/v1/wasm-executor", json={"moduleId": str(private.id), "functionName": "add", "args": [1]}
            )
            assert done.json()["result"] == 4712
            execution = done.headers["akatsuki-execution-id"]
        secrets = (
            *(str(private.id), private.name, private.digest, str(BOB.id), execution),
            *(str(generation.id), str(design.id), "prompt-of-bob", "error-of-bob", "source of bob", "ada-admins"),
        )
        yield Victim(it, private, str(generation.id), str(design.id), secrets)
