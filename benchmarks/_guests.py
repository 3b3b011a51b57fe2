"""The modules that several benchmarks execute: made by the offline generator, or from WebAssembly text."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from typing import TYPE_CHECKING

from akatsuki_wasm import manifest
from akatsuki_wasm.config import load_settings
from akatsuki_wasm.contracts import Artifact, ExecutableModule
from akatsuki_wasm.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from akatsuki_wasm.module import Module

VINTAGE = "create a vintage filter"
BLACK_SCHOLES = "black-scholes call price"
HAVERSINE = "haversine distance between two points"
CHEAP = "f(x, y) = sqrt(x^2 + y^2)"
SLUG = "slugify a text"


@contextmanager
def workspace() -> Iterator[Workspace]:
    """A workspace with an empty registry that goes away; the toolchain is the user's."""
    with (
        tempfile.TemporaryDirectory(prefix="akatsuki-bench-") as folder,
        Workspace(load_settings(data_dir=folder)) as made,
    ):
        yield made


def design(made: Workspace, prompt: str) -> Module:
    """A module of the offline generator, deployed, so that permission and history are part of its calls."""
    return made.design(prompt, generator="offline")


def from_text(text: str) -> Artifact:
    """A plain module from WebAssembly text."""
    import wasmtime

    wasm = bytes(wasmtime.wat2wasm(text))
    return Artifact(wasm, manifest.for_binary(wasm))


def executable(made: Artifact | Module) -> ExecutableModule:
    """What a sandbox executes; the bytes are read once, not from the registry."""
    wasm = made.wasm
    return ExecutableModule(made.digest, made.manifest, lambda: wasm, "bench", built_here=True)
