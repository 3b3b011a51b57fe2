"""One body of a test, two workspaces: one of this machine, and one on a real server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from server.server_kit import BOB, Running, running, token_of

import akatsuki_wasm as ak

from .remote_kit import KINDS, Place

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from akatsuki_wasm.contracts import Artifact
    from akatsuki_wasm.module import Module
    from akatsuki_wasm.rust.toolchain import Toolchain


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A running service for the tests of a file."""
    with running(data_dir=tmp_path_factory.mktemp("server")) as found:
        yield found


@pytest.fixture(scope="module", params=["here", "server"])
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Where workspaces are: on this machine, or on a server."""
    folder = tmp_path_factory.mktemp("place")
    if request.param == "here":
        yield Place(folder, None)
        return
    with running(data_dir=folder) as found:
        yield Place(folder, found)


@pytest.fixture
def workspace(place: Place) -> Iterator[ak.Workspace]:
    """Bob's."""
    with place.workspace(BOB) as opened:
        yield opened


@pytest.fixture
def remote(server: Running) -> Iterator[ak.Workspace]:
    """Bob's, on the server."""
    with ak.open(server.url, token=token_of(BOB)) as opened:
        yield opened


@pytest.fixture(scope="session")
def kinds_artifact(toolchain: Toolchain, toolchain_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    """A module with values of every kind, built once."""
    with ak.open("", data_dir=tmp_path_factory.mktemp("building"), cache_dir=toolchain_cache) as opened:
        return opened.build(KINDS, name="kinds")


@pytest.fixture(scope="module")
def kinds(place: Place, kinds_artifact: Artifact) -> Iterator[Module]:
    """The module with values of every kind, deployed by Bob."""
    with place.workspace(BOB) as opened:
        yield opened.deploy(kinds_artifact, name="kinds")
