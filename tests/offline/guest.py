"""Builds a source with the real toolchain and calls it in the real sandbox."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from akatsuki_wasm.config import Settings
from akatsuki_wasm.contracts import (
    BatchCall,
    BuildOptions,
    Call,
    Column,
    ExecutableModule,
    GuestProject,
    GuestSource,
    Limits,
)
from akatsuki_wasm.offline.composing import compose_functions, compose_image
from akatsuki_wasm.offline.mentions import Choice
from akatsuki_wasm.offline.operations import KINDS, Operation, load_catalogue
from akatsuki_wasm.offline.rendering import beside_prelude
from akatsuki_wasm.sandbox.sandbox import Sandbox
from akatsuki_wasm_plugins.cargo import CargoPlugin


class Guest:
    """A built module in a sandbox of its own; call it by function name."""

    def __init__(self, rust: str, timeout_s: float = 60.0) -> None:
        plugin = CargoPlugin()
        plugin.akatsuki_configure(Settings())
        source = GuestSource(rust, "guest", "", "test")
        self.artifact = plugin.akatsuki_build(GuestProject("guest", source), BuildOptions(timeout_s=timeout_s))
        assert self.artifact is not None
        artifact = self.artifact
        self.module = ExecutableModule(artifact.digest, artifact.manifest, lambda: artifact.wasm, built_here=True)
        self.sandbox = Sandbox()

    def call(self, function: str, *args: Any) -> Any:
        return self.sandbox.execute(self.module, Call(function, args), Limits(timeout_ms=30_000)).value

    def image(self, function: str, pixels: np.ndarray, *args: Any) -> np.ndarray:
        """Calls a function of an image with an array (height, width, 4) of uint8."""
        height, width, _ = pixels.shape
        made = self.call(function, {"width": width, "height": height, "pixels": pixels.reshape(-1)}, *args)
        return np.asarray(made.pixels).reshape(made.height, made.width, 4)

    def batch(self, function: str, *columns: np.ndarray) -> np.ndarray:
        call = BatchCall(function, tuple(Column(np.ascontiguousarray(each)) for each in columns), len(columns[0]))
        return np.asarray(self.sandbox.execute(self.module, call, Limits(timeout_ms=30_000)).value.values)


def single(operation: Operation) -> str:
    """The Rust of one operation that stands alone."""
    choice = Choice(operation, {}, operation.id)
    return (compose_image([choice]) if operation.kind == "image" else compose_functions([choice])).rust


def all_operations() -> str:
    """Every operation of the catalogue as a function of its own, in one file."""
    operations = [each for kind in KINDS for each in load_catalogue().of_kind(kind)]
    items: list[str] = []
    for operation in operations:
        for item in re.split(r"\n\n(?=///)", single(operation).strip()):
            if item not in items:
                items.append(item)
    return beside_prelude("\n\n".join(items) + "\n", [each.id for each in operations])
