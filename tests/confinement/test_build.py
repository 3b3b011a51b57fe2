"""The build and its sandbox: what it reaches, what is required of it, and where that is written."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from akatsuki_wasm.config import Settings
from akatsuki_wasm.confinement import probe
from akatsuki_wasm.contracts import BuildOptions, GuestProject, GuestSource
from akatsuki_wasm.errors import BuildError, ToolchainError
from akatsuki_wasm.rust.build import build_crate
from akatsuki_wasm.rust.build_access import build_access
from akatsuki_wasm_plugins.cargo import CargoPlugin

from .attack import CARGO_TOML, LIB
from .conftest import at_level
from .test_probe import REFUSING_BWRAP, program

if TYPE_CHECKING:
    from akatsuki_wasm.confinement.ladder import Confinement
    from akatsuki_wasm.rust.toolchain import Toolchain

pytestmark = pytest.mark.toolchain

PROJECT = GuestProject("half", GuestSource("pub fn half(x: f64) -> f64 { x / 2.0 }", "half", "", "test"))
FILES = {"Cargo.toml": CARGO_TOML, "src/lib.rs": LIB, "src/author.rs": "pub fn f(a: usize) -> i32 { a as i32 }\n"}


@pytest.fixture(autouse=True)
def anew() -> None:
    probe.forget()


def plugin(cache_dir: Path, **settings: Any) -> CargoPlugin:
    made = CargoPlugin()
    made.akatsuki_configure(Settings(cache_dir=cache_dir, **settings))
    return made


def test_a_required_level_that_is_not_there_ends_the_build_before_it_begins(
    toolchain: Toolchain, toolchain_cache: Path, best: Confinement, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_level(best, "strong")
    monkeypatch.setenv("PATH", str(program(tmp_path, REFUSING_BWRAP).parent))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with pytest.raises(ToolchainError) as caught:
        plugin(toolchain_cache, require_sandbox="full").akatsuki_build(PROJECT, BuildOptions())
    assert str(caught.value) == (
        "the build sandbox is strong on this machine, but the setting require_sandbox asks for full: "
        "it does not start: bwrap: setting up uid map: Permission denied"
    )
    assert caught.value.hint.startswith("allow user namespaces for bwrap")
    artifact = plugin(toolchain_cache, require_sandbox="strong").akatsuki_build(PROJECT, BuildOptions())
    assert artifact is not None
    assert artifact.provenance["build"]["sandbox"]["level"] == "strong"


def test_the_best_level_is_used_and_is_in_the_provenance_but_not_in_the_module(
    toolchain: Toolchain, toolchain_cache: Path, best: Confinement, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    artifact = plugin(toolchain_cache).akatsuki_build(PROJECT, BuildOptions())
    assert artifact is not None
    assert artifact.provenance["build"]["sandbox"] == best.as_json()
    assert "sandbox" not in artifact.manifest.build
    monkeypatch.setenv("PATH", str(tmp_path))
    probe.forget()
    other = plugin(toolchain_cache).akatsuki_build(PROJECT, BuildOptions())
    assert other is not None
    assert other.provenance["build"]["sandbox"]["bubblewrap"] is False
    assert other.digest == artifact.digest


def test_a_sandbox_that_once_worked_and_does_no_longer_ends_the_build(
    toolchain: Toolchain, best: Confinement, tmp_path: Path
) -> None:
    strong = at_level(best, "strong")
    broken = replace(strong, level="full", bubblewrap=program(tmp_path, REFUSING_BWRAP))
    with pytest.raises(BuildError) as caught:
        build_crate(FILES, toolchain=toolchain, confinement=broken)
    assert str(caught.value) == (
        "the build sandbox, which once worked here, could not be set up: bwrap: setting up uid map: Permission denied"
    )
    assert caught.value.hint == "run: akatsuki doctor, which looks again for what works"


def test_a_build_reaches_the_toolchain_and_its_own_folder_and_nothing_else(
    toolchain: Toolchain, tmp_path: Path
) -> None:
    access = build_access(toolchain, tmp_path)
    assert access.write == (tmp_path,)
    assert access.run_written is False
    home = Path(os.path.expanduser("~"))  # noqa: PTH111 - as the toolchain was found
    for path in (*access.read, *access.run):
        assert not home.is_relative_to(path)
        assert not Path("/etc/passwd").is_relative_to(path)
        assert not Path("/proc").is_relative_to(path)
        assert path not in {Path("/"), Path("/usr"), Path("/usr/bin"), Path("/tmp"), home / ".cargo", home / ".rustup"}
    vendored = tmp_path / "vendored"
    vendored.mkdir()
    running = build_access(toolchain, tmp_path, read_only=(vendored,), run_built=True)
    assert vendored in running.read
    assert {*running.run} - {*access.run} == {Path("/usr"), Path("/bin"), Path("/bin").resolve()}
    assert running.run_written is True


def test_a_toolchain_in_a_home_folder_does_not_open_the_home_folder(toolchain: Toolchain, tmp_path: Path) -> None:
    home = tmp_path / "home"
    for name in ("bin", "lib", "Documents", ".ssh"):
        (home / name).mkdir(parents=True)
    for name in ("cargo", "rustc"):
        (home / "bin" / name).symlink_to(getattr(toolchain, name))
    linked = replace(toolchain, cargo=home / "bin" / "cargo", rustc=home / "bin" / "rustc")
    access = build_access(linked, tmp_path / "work")
    inside = [path.relative_to(home) for path in (*access.read, *access.run) if path.is_relative_to(home)]
    assert sorted(map(str, inside)) == ["bin/cargo", "bin/rustc", "lib"]
    assert {each.resolve() for each in build_access(toolchain, tmp_path).run} <= {*access.run}
