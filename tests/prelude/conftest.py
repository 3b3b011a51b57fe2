"""A crate of the prelude and guest.rs, built once per run with the project's toolchain, and its instance."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import wasmtime

from akatsuki_wasm.rust.build import build_crate

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from akatsuki_wasm.rust.toolchain import Toolchain

HERE = Path(__file__).parent
PRELUDE = HERE.parent.parent / "rust_templates" / "prelude"
CARGO_TOML = """\
[package]
name = "guest"
version = "0.0.0"
edition = "2021"
[lib]
crate-type = ["cdylib"]
[profile.release]
opt-level = 3
lto = "fat"
codegen-units = 1
panic = "abort"
[workspace]
"""


class Guest:
    """One instance, with numpy views of its memory."""

    def __init__(self, wasm: bytes) -> None:
        engine = wasmtime.Engine()
        self.store = wasmtime.Store(engine)
        instance = wasmtime.Instance(self.store, wasmtime.Module(engine, wasm), [])
        self.exports = instance.exports(self.store)
        self.memory = self.exports["memory"]
        assert isinstance(self.memory, wasmtime.Memory)

    def call(self, name: str, *arguments: float) -> int:
        function = self.exports[name]
        assert isinstance(function, wasmtime.Func)
        return int(function(self.store, *arguments) or 0) & 0xFFFFFFFF

    def write(self, address: int, data: bytes) -> None:
        assert isinstance(self.memory, wasmtime.Memory)
        self.memory.write(self.store, data, address)

    def read(self, address: int, count: int) -> bytes:
        assert isinstance(self.memory, wasmtime.Memory)
        return bytes(self.memory.read(self.store, address, address + count))

    def memory_bytes(self) -> int:
        assert isinstance(self.memory, wasmtime.Memory)
        return int(self.memory.data_len(self.store))

    def column(self, name: str, x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
        """Runs a function of guest.rs over columns of n numbers."""
        count = 8 * len(x)
        places = [self.call("allocate", count) for _ in range(3)]
        self.write(places[0], x.tobytes())
        self.write(places[1], y.tobytes())
        self.call(f"real:{name}", *places, len(x))
        return np.frombuffer(self.read(places[2], count), dtype=np.float64)

    def picture(self, pixels: NDArray[np.uint8], method: str, a: float = 0.0, b: float = 0.0) -> NDArray[np.uint8]:
        """Runs a picture method of guest.rs on an array (H, W, 4)."""
        height, width = pixels.shape[:2]
        self.write(self.call("picture_new", width, height), pixels.tobytes())
        self.call(method, float(a), float(b))
        width, height = self.call("picture_width"), self.call("picture_height")
        data = self.read(self.call("picture_pixels"), width * height * 4)
        return np.frombuffer(data, dtype=np.uint8).reshape(height, width, 4)


@pytest.fixture(scope="session")
def build(toolchain: Toolchain) -> Callable[[str], bytes]:
    """Builds a crate of the prelude and the given lib.rs."""

    def run(source: str) -> bytes:
        files = {f"src/prelude/{path.name}": path.read_text() for path in sorted(PRELUDE.glob("*.rs"))}
        return build_crate({"Cargo.toml": CARGO_TOML, "src/lib.rs": source, **files}, toolchain=toolchain).wasm

    return run


@pytest.fixture(scope="session")
def guest(build: Callable[[str], bytes]) -> Guest:
    return Guest(build((HERE / "guest.rs").read_text()))
