"""Modules compiled ahead of time: used when they are authentic, compiled again whatever else they are."""

from __future__ import annotations

import logging
import os
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from wat_guests import function, guest

from akatsuki_wasm.contracts import Call, Limits
from akatsuki_wasm.errors import DigestMismatchError
from akatsuki_wasm.sandbox import aot
from akatsuki_wasm.sandbox.aot import CompiledFiles
from akatsuki_wasm.sandbox.base import SandboxConfig
from akatsuki_wasm.sandbox.engine import process_engine
from akatsuki_wasm.sandbox.loading import compile_bytes
from akatsuki_wasm.sandbox.sandbox import Sandbox

if TYPE_CHECKING:
    from pathlib import Path

SEVEN = guest('(func (export "f") (result i32) (i32.const 7))', function("f", "", "s32"))
EIGHT = guest('(func (export "f") (result i32) (i32.const 8))', function("f", "", "s32"))


@pytest.fixture
def config(tmp_path: Path) -> SandboxConfig:
    return SandboxConfig(aot_dir=tmp_path / "compiled", aot_key=tmp_path / "key")


def files(config: SandboxConfig) -> list[Path]:
    assert config.aot_dir is not None
    return sorted(config.aot_dir.iterdir())


def execute(config: SandboxConfig) -> object:
    with Sandbox(config) as sandbox:
        return sandbox.execute(SEVEN, Call("f")).value


def test_the_second_sandbox_does_not_compile(config: SandboxConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    assert execute(config) == 7
    (path,) = files(config)
    assert path.stat().st_mode & 0o777 == 0o600
    assert config.aot_key is not None
    assert config.aot_key.stat().st_mode & 0o777 == 0o600
    monkeypatch.setattr("akatsuki_wasm.sandbox.loading.compile_bytes", None)  # would raise if it were called
    assert execute(config) == 7


@pytest.mark.parametrize("place", [0, 31, 32, 100, -1])
def test_a_changed_byte_is_seen_and_mended(config: SandboxConfig, place: int, caplog: pytest.LogCaptureFixture) -> None:
    execute(config)
    (path,) = files(config)
    content = path.read_bytes()
    changed = bytearray(content)
    changed[place] ^= 1
    path.write_bytes(changed)
    with caplog.at_level(logging.WARNING):
        assert execute(config) == 7
    assert [record.getMessage() for record in caplog.records] == [
        f"{path} is damaged or was made under another key: compiling again"
    ]
    assert path.read_bytes()[32:] == content[32:]


@pytest.mark.parametrize("size", [0, 10, 32, 1000])
def test_a_truncated_file(config: SandboxConfig, size: int) -> None:
    execute(config)
    (path,) = files(config)
    path.write_bytes(path.read_bytes()[:size])
    assert execute(config) == 7


def test_a_file_swapped_for_another_modules(config: SandboxConfig) -> None:
    execute(config)
    (path,) = files(config)
    with Sandbox(config) as sandbox:
        sandbox.execute(EIGHT, Call("f"))
    (other,) = set(files(config)) - {path}
    path.write_bytes(other.read_bytes())
    assert execute(config) == 7


def test_another_key_or_version_compiles_again(config: SandboxConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    execute(config)
    assert config.aot_key is not None
    config.aot_key.write_bytes(bytes(32))
    assert execute(config) == 7
    monkeypatch.setattr(aot, "identity", lambda fuel: b"another wasmtime")
    assert execute(config) == 7
    assert len(files(config)) == 3


def test_a_key_that_others_can_read_is_not_used(config: SandboxConfig, caplog: pytest.LogCaptureFixture) -> None:
    assert config.aot_key is not None
    config.aot_key.write_bytes(bytes(32))
    config.aot_key.chmod(0o644)
    assert execute(config) == 7
    assert config.aot_dir is not None
    assert not config.aot_dir.exists()
    assert caplog.messages == [
        f"{config.aot_key} is not a private key of 32 bytes: modules are compiled in each process"
    ]


@pytest.mark.parametrize("kind", ["pipe", "folder", "link"])
def test_what_is_no_file_is_not_read(config: SandboxConfig, kind: str, caplog: pytest.LogCaptureFixture) -> None:
    execute(config)
    (path,) = files(config)
    copy = path.rename(path.with_suffix(".copy"))
    match kind:
        case "pipe":
            os.mkfifo(path)
        case "folder":
            path.mkdir()
        case _:
            path.symlink_to(copy)
    assert execute(config) == 7
    assert caplog.messages
    assert caplog.messages[0].startswith(f"{path} cannot be read: ")


def test_a_fuel_limit_has_files_of_its_own(config: SandboxConfig) -> None:
    execute(config)
    with Sandbox(config) as sandbox:
        assert sandbox.execute(SEVEN, Call("f"), Limits(fuel=1000)).value == 7
    assert len(files(config)) == 2


def test_clear_removes_the_files_of_one_or_of_all(config: SandboxConfig) -> None:
    with Sandbox(config) as sandbox:
        for module in (SEVEN, EIGHT):
            sandbox.execute(module, Call("f"))
        sandbox.clear(SEVEN.digest)
        assert [path.name.startswith(EIGHT.digest) for path in files(config)] == [True]
        assert [sandbox.execute(module, Call("f")).cache_hit for module in (SEVEN, EIGHT)] == [False, True]
        sandbox.clear()
        assert files(config) == []
    assert execute(config) == 7


def test_bytes_of_another_digest_are_refused(sandbox: Sandbox) -> None:
    wrong = replace(SEVEN, digest=EIGHT.digest, name="seven")
    with pytest.raises(DigestMismatchError, match=r"^the bytes of seven have the digest [0-9a-f]{12}…, expected "):
        sandbox.execute(wrong, Call("f"))


def test_a_folder_that_cannot_be_written(config: SandboxConfig, caplog: pytest.LogCaptureFixture) -> None:
    assert config.aot_dir is not None
    config.aot_dir.write_text("a file is in the way")
    assert execute(config) == 7
    assert len(caplog.messages) == 1


def test_the_folder_is_kept_small(config: SandboxConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    execute(config)
    (path,) = files(config)
    monkeypatch.setattr(aot, "MAX_FOLDER_BYTES", path.stat().st_size + 10)
    assert config.aot_dir is not None
    assert config.aot_key is not None
    engine = process_engine()
    module = compile_bytes(engine.engine, EIGHT.read())
    CompiledFiles(config.aot_dir, config.aot_key).save(module, engine, EIGHT.digest)
    assert len(files(config)) == 1
    assert files(config) != [path]
