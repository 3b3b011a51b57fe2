"""What the registry's tests share: users, small modules made from WebAssembly text, and short ways to store them."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import create_engine
from sqlalchemy.orm import Session
from wasmtime import wat2wasm

from akatsuki_wasm import manifest as manifests
from akatsuki_wasm.contracts import Artifact, StoredModule, UploadTarget, User
from akatsuki_wasm.registry.acting import UPKEEP

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from akatsuki_wasm.registry import Registry, WasmModule

ADMIN = User.local("ada", is_admin=True)
OTHER_ADMIN = User.local("otto", is_admin=True)
BOB = User.local("bob")
EVE = User.local("eve")


@cache
def wasm_adding(number: int) -> bytes:
    """A module whose `add` adds `number`: another number, another digest."""
    return bytes(
        wat2wasm(
            f"""(module (memory (export "memory") 2 300)
                  (func (export "add") (param i32) (result i32) local.get 0 i32.const {number} i32.add))"""
        )
    )


def artifact(number: int = 1, source: str | None = None, **provenance: Any) -> Artifact:
    wasm = wasm_adding(number)
    return Artifact(wasm, manifests.for_binary(wasm), source, provenance)


@dataclass
class Bench:
    """A registry with the shortest way to store something in it."""

    registry: Registry
    folder: Path
    owner_url: str = ""

    def store(
        self, user: User, name: str, number: int = 1, *, source: str | None = None, **target: Any
    ) -> StoredModule:
        return self.registry.store(artifact(number, source), UploadTarget(name, self.registry, user, **target))

    @contextmanager
    def unguarded(self) -> Iterator[Session]:
        """A write transaction for what nobody may do, where the database itself holds the permissions too."""
        if not self.owner_url:
            with self.registry.database.write(UPKEEP) as session:
                yield session
            return
        engine = create_engine(self.owner_url.replace("postgresql:", "postgresql+psycopg:"))
        try:
            with Session(engine, expire_on_commit=False) as session, session.begin():
                yield session
        finally:
            engine.dispose()

    def row(self, user: User, name: str, **target: Any) -> WasmModule:
        return self.registry.modules(user).get(self.store(user, name, **target).id)


def urls(folder: Path) -> tuple[str, str]:
    return f"sqlite:///{folder / 'registry.db'}", (folder / "blobs").as_uri()
