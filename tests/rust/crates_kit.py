"""Crates of a test's own in a registry on this machine, and the way to crates.io where that can be reached."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from akatsuki_wasm.contracts import Artifact, BuildOptions, Crate, GuestProject, GuestSource
from akatsuki_wasm.errors import BuildError
from akatsuki_wasm.rust.crates_resolve import resolve
from akatsuki_wasm_plugins.cargo import CargoPlugin

if TYPE_CHECKING:
    from akatsuki_wasm.config import Settings
    from akatsuki_wasm.rust.toolchain import Toolchain

HEAD = """\
[package]
name = "{name}"
version = "{version}"
edition = "2021"
"""


class LocalRegistry:
    """A folder that stands in for crates.io, as a user's configuration of cargo can say it.

    Its format is that of The Cargo Book, "Source Replacement", directory sources.
    """

    def __init__(self, root: Path) -> None:
        self.folder = root / "registry"
        self.cargo_home = root / "cargo-home"
        self.folder.mkdir()
        self.cargo_home.mkdir()
        (self.cargo_home / "config.toml").write_text(
            f'[source.crates-io]\nreplace-with = "mine"\n[source.mine]\ndirectory = {json.dumps(str(self.folder))}\n'
        )

    def crate(self, name: str, files: dict[str, str], toml: str = "", version: str = "1.0.0") -> None:
        """Publishes a crate; `toml` follows its ``[package]``."""
        folder = self.folder / f"{name}-{version}"
        texts = {"Cargo.toml": HEAD.format(name=name, version=version) + toml, **files}
        for path, text in texts.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text)
        sums = {path: hashlib.sha256(text.encode()).hexdigest() for path, text in texts.items()}
        package = hashlib.sha256(json.dumps(sums).encode()).hexdigest()
        (folder / ".cargo-checksum.json").write_text(json.dumps({"files": sums, "package": package}))


@pytest.fixture
def local_registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LocalRegistry:
    """A registry of the test's own, which the user's cargo is configured for."""
    made = LocalRegistry(tmp_path)
    monkeypatch.setenv("CARGO_HOME", str(made.cargo_home))
    return made


def build(rust: str, settings: Settings, crates: tuple[Crate, ...] = ()) -> Artifact:
    """Builds as the pipeline does."""
    source = GuestSource(rust, "guest", "", "test", crates=crates)
    plugin = CargoPlugin()
    plugin.akatsuki_configure(settings)
    artifact = plugin.akatsuki_build(GuestProject("guest", source), BuildOptions())
    assert artifact is not None
    return artifact


@pytest.fixture(scope="session")
def crates_io(toolchain: Toolchain, tmp_path_factory: pytest.TempPathFactory) -> None:
    """The public registry, by the machine's own configuration of cargo."""
    try:
        resolve((Crate("itoa", "1.0.15"),), toolchain, tmp_path_factory.mktemp("reach"))
    except BuildError as exc:
        if os.environ.get("CI") == "true":
            pytest.fail(f"CI needs the crate registry: {exc}")
        pytest.skip(f"the crate registry cannot be reached: {exc}")


def new_cache(folder: Path) -> Path:
    """Makes a cache without crates. A compiled standard library, where this machine needs one, is that of all tests."""
    folder.mkdir(parents=True, exist_ok=True)
    compiled, link = Path(os.environ["AKATSUKI_CACHE_DIR"]) / "sysroot", folder / "sysroot"
    if compiled.is_dir() and not link.exists():
        link.symlink_to(compiled)
    return folder
