"""Real ``akatsuki`` processes over one registry of designed modules, and disks that are full or read-only."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import wasmtime
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from akatsuki_wasm.rust.toolchain import Toolchain

AKATSUKI = [sys.executable, "-m", "akatsuki_wasm.cli"]
PLAIN = """
(module
  (func (export "add") (param i32 i32) (result i32) local.get 0 local.get 1 i32.add)
  (func (export "divide") (param i32 i32) (result i32) local.get 0 local.get 1 i32.div_s)
  (func (export "half") (param f64) (result f64) local.get 0 f64.const 0.5 f64.mul)
  (func (export "spin") (loop br 0)))
"""
IMPORTING = '(module (import "env" "now" (func $now (result i64))) (func (export "f") (result i64) call $now))'
SOURCES = {
    "cut.rs": "/// Adds.\npub fn add(a: i32, b: i32) -> i32 {\n    a + b\n",
    "reads.rs": 'pub fn add(a: i32) -> String {\n    include_str!("/etc/passwd").to_string()\n}\n',
    "map.rs": "pub fn add(a: std::collections::HashMap<i32, i32>) -> i32 { 1 }\n",
    "private.rs": "fn add(a: i32) -> i32 { a }\n",
    "empty.rs": "",
    "prose.rs": "Here is the function that you asked for:\n",
    "types.rs": '/// Adds.\npub fn add(a: i32) -> i32 {\n    "x"\n}\n',
}


@dataclass
class Outcome:
    """What a process did."""

    code: int
    out: str
    err: str

    @property
    def said(self) -> tuple[str, str]:
        """The only error line and the only hint line, without their first words."""
        lines = self.err.splitlines()
        errors = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
        hints = [line.removeprefix("hint: ") for line in lines if line.startswith("hint: ")]
        assert (len(errors), len(hints)) == (1, 1), self.err
        assert lines[-2:] == [f"error: {errors[0]}", f"hint: {hints[0]}"]
        return errors[0], hints[0]

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Shell:
    """Runs ``akatsuki`` in a working folder, on a registry."""

    def __init__(self, folder: Path, data: Path, **environment: str) -> None:
        self.folder, self.data = folder, data
        self.environment: Mapping[str, str] = {**os.environ, "AKATSUKI_DATA_DIR": str(data), **environment}

    def start(self, *words: str | Path, before: tuple[str, ...] = (), **options: Any) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*before, *AKATSUKI, *map(str, words)],
            cwd=self.folder,
            env={**self.environment, **options.pop("environment", {})},
            text=True,
            stdout=options.pop("stdout", subprocess.PIPE),
            stderr=options.pop("stderr", subprocess.PIPE),
            stdin=options.pop("stdin", subprocess.DEVNULL),
            **options,
        )

    def __call__(self, *words: str | Path, **options: Any) -> Outcome:
        with self.start(*words, **options) as process:
            out, err = process.communicate(timeout=120)
            return Outcome(process.returncode, out or "", err or "")


def files_of(folder: Path) -> set[str]:
    """All files and folders below."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


@pytest.fixture(scope="session")
def material(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files to be refused, and good ones beside them."""
    folder = tmp_path_factory.mktemp("material")
    for name, text in SOURCES.items():
        (folder / name).write_text(text)
    (folder / "bytes.rs").write_bytes(b"\xff\xfe\x00")
    plain = bytes(wasmtime.wat2wasm(PLAIN))
    (folder / "plain.wasm").write_bytes(plain)
    (folder / "cut.wasm").write_bytes(plain[:-9])
    (folder / "random.wasm").write_bytes(bytes(range(7, 207)))
    (folder / "empty.wasm").write_bytes(b"")
    (folder / "text.wasm").write_text("(module)")
    (folder / "importing.wasm").write_bytes(wasmtime.wat2wasm(IMPORTING))
    (folder / "silent.wasm").write_bytes(wasmtime.wat2wasm("(module)"))
    Image.linear_gradient("L").resize((60, 40)).convert("RGB").save(folder / "photo.jpg", quality=95)
    (folder / "text.jpg").write_text("dear diary\n")
    (folder / "half.jpg").write_bytes((folder / "photo.jpg").read_bytes()[:900])
    (folder / "album.jpg").mkdir()
    return folder


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory, material: Path) -> Path:
    """A registry in which the module ``plain`` is the user's, and ``shared`` another's and public."""
    folder = tmp_path_factory.mktemp("registry")
    shell = Shell(material, folder)
    assert shell("deploy", "plain.wasm").code == 0
    assert shell("--as", "bob", "deploy", "plain.wasm", "--name", "shared", "--public").code == 0
    for user in ("bob", "eve"):
        assert shell("--as", user, "deploy", "plain.wasm", "--name", "both").code == 0
    assert shell("deploy", "plain.wasm", "--name", "sleeping").code == 0
    assert shell("modules", "disable", "sleeping").code == 0
    return folder


@pytest.fixture(scope="session")
def designed(data: Path, material: Path, toolchain: Toolchain) -> Path:
    """The registry, with three modules designed from sentences."""
    shell = Shell(material, data)
    for prompt, name in (
        ("Create a vintage photo filter", "vintage-filter"),
        ("blur", "blur-filter"),
        ("resize to 800x600", "resize-filter"),
    ):
        done = shell("design", "wasm", prompt, "--name", name)
        assert done.code == 0, done.err
    return data


@pytest.fixture
def shell(data: Path, material: Path) -> Shell:
    """``akatsuki`` among the material, on the shared registry."""
    return Shell(material, data)


@pytest.fixture
def alone(tmp_path: Path) -> Shell:
    """``akatsuki`` in an empty folder, with no registry yet."""
    (tmp_path / "work").mkdir()
    return Shell(tmp_path / "work", tmp_path / "data")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Callable[..., Path]]:
    """Mounts small disks; skips where that needs rights which the tests do not have."""
    mounted: list[Path] = []

    def mount(size: str) -> Path:
        place = tmp_path / f"disk{len(mounted)}"
        place.mkdir()
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(place)], capture_output=True, text=True
        )
        if done.returncode:
            pytest.skip(f"a disk for the test cannot be mounted: {done.stderr.strip()}")
        mounted.append(place)
        return place

    yield mount
    for place in mounted:
        subprocess.run(["umount", "-l", str(place)], check=True)
