"""Compiled files that somebody changed, cut, swapped or replaced: the module is compiled again, whatever it was."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from akatsuki_wasm.contracts import Call, ExecutableModule, Manifest
from akatsuki_wasm.sandbox.base import SandboxConfig
from akatsuki_wasm.sandbox.sandbox import Sandbox
from akatsuki_wasm.testing.hostile_wasm import function, wat

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def constant(number: int) -> ExecutableModule:
    wasm = wat(f'(func (export "f") (result i32) (i32.const {number}))')
    manifest = Manifest((function("f", "", "s32"),))
    return ExecutableModule(hashlib.sha256(wasm).hexdigest(), manifest, lambda: wasm, "constant", built_here=True)


SEVEN, EIGHT = constant(7), constant(8)


@pytest.fixture
def config(tmp_path: Path) -> SandboxConfig:
    return SandboxConfig(aot_dir=tmp_path / "compiled", aot_key=tmp_path / "key")


def execute(config: SandboxConfig, module: ExecutableModule = SEVEN) -> object:
    with Sandbox(config) as sandbox:
        return sandbox.execute(module, Call("f")).value


def made(config: SandboxConfig, module: ExecutableModule = SEVEN) -> Path:
    """The file of a module, which an execution has left."""
    execute(config, module)
    assert config.aot_dir is not None
    (path,) = config.aot_dir.glob(f"{module.digest}-*.cwasm")
    return path


def left(config: SandboxConfig) -> list[str]:
    """Files that are no compiled modules."""
    assert config.aot_dir is not None
    return [path.name for path in config.aot_dir.iterdir() if path.suffix != ".cwasm"]


def mended(config: SandboxConfig, path: Path, good: bytes) -> bool:
    """Whether the file is an honest one again: the same but for what differs from compile to compile."""
    return path.is_file() and path.stat().st_mode & 0o777 == 0o600 and len(path.read_bytes()) == len(good)


def test_a_changed_byte_at_sampled_places(config: SandboxConfig) -> None:
    path = made(config)
    good = path.read_bytes()
    places = {*range(40), *range(40, len(good), max(1, len(good) // 60)), *range(len(good) - 8, len(good))}
    for place in sorted(places):
        for change in (0x01, 0x80, 0xFF):
            path.write_bytes(good[:place] + bytes((good[place] ^ change,)) + good[place + 1 :])
            assert execute(config) == 7
            assert mended(config, path, good), (place, change)
    assert left(config) == []


def test_every_class_of_length(config: SandboxConfig) -> None:
    path = made(config)
    good = path.read_bytes()
    ends = (0, 1, 16, 31, 32, 33, 64, 100, 4095, 4096, len(good) // 2, len(good) - 4096, len(good) - 1)
    for end in ends:
        path.write_bytes(good[:end])
        assert execute(config) == 7
        assert mended(config, path, good), end
    for more in (b"\0", good, bytes(1_000_000)):
        path.write_bytes(good + more)
        assert execute(config) == 7
        assert mended(config, path, good), len(more)
    assert left(config) == []


def test_a_swap_with_another_modules_file(config: SandboxConfig) -> None:
    seven, eight = made(config), made(config, EIGHT)
    contents = seven.read_bytes(), eight.read_bytes()
    eight.write_bytes(contents[0])
    seven.write_bytes(contents[1])
    assert (execute(config), execute(config, EIGHT)) == (7, 8)


def test_a_swap_between_two_keys(config: SandboxConfig, tmp_path: Path) -> None:
    other = SandboxConfig(aot_dir=config.aot_dir, aot_key=tmp_path / "other-key")
    assert config.aot_dir is not None
    mine = made(config)
    execute(other)
    (theirs,) = set(config.aot_dir.iterdir()) - {mine}
    contents = mine.read_bytes(), theirs.read_bytes()
    assert contents[0][:32] != contents[1][:32]
    mine.write_bytes(contents[1])
    theirs.write_bytes(contents[0])
    assert (execute(config), execute(other)) == (7, 7)
    assert mine.read_bytes()[:32] != contents[1][:32]
    assert left(config) == []


def test_a_signature_of_nothing_under_the_right_name(config: SandboxConfig) -> None:
    path = made(config)
    for content in (bytes(32), bytes(10_000), b"\x7fELF" + bytes(10_000), path.read_bytes()[32:]):
        path.write_bytes(content)
        assert execute(config) == 7


def link(path: Path, good: Path) -> None:
    path.symlink_to(good)


def link_to_nothing(path: Path, good: Path) -> None:
    path.symlink_to(good.parent / "nothing")


def link_to_itself(path: Path, good: Path) -> None:
    path.symlink_to(path)


def endless(path: Path, good: Path) -> None:
    path.symlink_to("/dev/zero")


def fifo(path: Path, good: Path) -> None:
    os.mkfifo(path)


def folder(path: Path, good: Path) -> None:
    path.mkdir()


def full_folder(path: Path, good: Path) -> None:
    path.mkdir()
    (path / "file").touch()


def open_to_all(path: Path, good: Path) -> None:
    path.write_bytes(good.read_bytes())
    path.chmod(0o666)


def unreadable(path: Path, good: Path) -> None:
    path.write_bytes(good.read_bytes())
    path.chmod(0)


@pytest.mark.parametrize(
    "put", [link, link_to_nothing, link_to_itself, endless, fifo, folder, full_folder, open_to_all, unreadable]
)
def test_something_else_in_its_place(config: SandboxConfig, tmp_path: Path, put: Callable[[Path, Path], None]) -> None:
    path = made(config)
    good = path.rename(tmp_path / "good")
    before = good.read_bytes()
    put(path, good)
    assert execute(config) == 7
    assert execute(config) == 7
    assert good.read_bytes() == before  # a link is not written through
    assert left(config) == []


@pytest.mark.parametrize("put", [link, link_to_itself, endless, fifo, folder])
def test_something_else_in_the_keys_place(
    config: SandboxConfig, tmp_path: Path, put: Callable[[Path, Path], None]
) -> None:
    """Executes all the same; in a child, as one that waits for a pipe's other end would wait for ever."""
    (tmp_path / "good").write_bytes(bytes(32))
    (tmp_path / "good").chmod(0o600)
    put(tmp_path / "key", tmp_path / "good")
    program = f"""
from pathlib import Path
from hostile.test_compiled_files import SandboxConfig, execute
folder = Path({str(tmp_path)!r})
print(execute(SandboxConfig(aot_dir=folder / "compiled", aot_key=folder / "key")))
"""
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, cwd="tests", check=False
    )
    assert (run.stdout, run.returncode) == ("7\n", 0), run.stderr
