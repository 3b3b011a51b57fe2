"""Build scripts and procedural macros of permitted crates run while a module is built: what they can do then."""

from __future__ import annotations

import json
import re
import socket
from typing import TYPE_CHECKING, get_args

import pytest

from akatsuki_wasm.confinement.ladder import BASIC
from akatsuki_wasm.errors import BuildError, ToolchainError
from akatsuki_wasm.rust.build import BuildCrates, build_crate

from .attack import plain_build
from .programs import AT_FULL_ALONE, MUST_WORK, TRIED, Kind, guest, vendored

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from akatsuki_wasm.confinement.ladder import Confinement
    from akatsuki_wasm.rust.toolchain import Toolchain

    from .attack import Scene

pytestmark = pytest.mark.toolchain

kinds = pytest.mark.parametrize("kind", get_args(Kind))


@pytest.fixture(autouse=True)
def abstract(scene: Scene) -> Iterator[None]:
    """An abstract unix socket of the user's, as session buses are."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(f"\0akatsuki-test-{scene.port}")
        server.listen(1)
        yield


def said(module: bytes) -> dict[str, bool]:
    """What the crate's program left in the module."""
    return {what.decode(): worked == b"yes" for what, worked in re.findall(rb"\[([a-z_' ]+): (yes|no)\]", module)}


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    return tmp_path / "vendored"


@kinds
def test_on_a_plain_build_it_can_do_everything(
    kind: Kind, scene: Scene, toolchain: Toolchain, sources: Path, tmp_path: Path
) -> None:
    files = guest(kind, vendored(kind, scene, sources))
    files["Cargo.toml"] = files["Cargo.toml"].replace(", optional = true", "")
    files[".cargo/config.toml"] = (
        f'[source.crates-io]\nreplace-with = "vendored"\n[source.vendored]\ndirectory = {json.dumps(str(sources))}\n'
    )
    plain = plain_build(files, toolchain, tmp_path)
    found = said(plain.module)
    # A container may forbid these by itself.
    elsewhere = {"trace another program", "make a namespace", "make an io_uring"}
    assert found.keys() == {*TRIED, *AT_FULL_ALONE, *MUST_WORK}, plain.messages
    assert {what for what, worked in found.items() if not worked} <= elsewhere
    assert scene.mark.exists()


@kinds
def test_a_level_lets_it_do_its_work_and_nothing_else(
    kind: Kind, confinement: Confinement, scene: Scene, toolchain: Toolchain, sources: Path
) -> None:
    files = guest(kind, vendored(kind, scene, sources))
    crates = BuildCrates(sources, ("trying",), runs_programs=True)
    if confinement.level == "basic":
        with pytest.raises(ToolchainError) as caught:
            build_crate(files, toolchain=toolchain, crates=crates, confinement=BASIC)
        assert str(caught.value).startswith(
            "the build sandbox is basic on this machine, but crates with build scripts or procedural macros need strong"
        )
        assert not scene.mark.exists()
        return
    found = said(build_crate(files, toolchain=toolchain, crates=crates, confinement=confinement).wasm)
    allowed = {*MUST_WORK, *(AT_FULL_ALONE if confinement.level == "strong" else ())}
    assert found.keys() == {*TRIED, *AT_FULL_ALONE, *MUST_WORK}
    assert {what for what, worked in found.items() if worked} == allowed
    assert not scene.mark.exists()
    assert not scene.caught.exists()


@kinds
def test_nothing_runs_where_nothing_was_said_to_run(
    kind: Kind, confinement: Confinement, scene: Scene, toolchain: Toolchain, sources: Path
) -> None:
    files = guest(kind, vendored(kind, scene, sources))
    if confinement.level == "basic":
        # It has nothing that could stop it: whoever resolves crates says which of them run programs.
        build_crate(files, toolchain=toolchain, crates=BuildCrates(sources, ("trying",)), confinement=confinement)
        assert scene.mark.exists()
        return
    with pytest.raises(BuildError):
        build_crate(files, toolchain=toolchain, crates=BuildCrates(sources, ("trying",)), confinement=confinement)
    assert not scene.mark.exists()
    assert not scene.caught.exists()
