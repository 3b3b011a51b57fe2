"""What every test gets: a home, data and cache folder of its own, and a Rust toolchain where it asks for one."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import NoReturn

import platformdirs
import pytest

from akatsuki_wasm.confinement.probe import find_confinement
from akatsuki_wasm.errors import ToolchainError
from akatsuki_wasm.rust.toolchain import Toolchain, find_toolchain
from akatsuki_wasm.rust.toolchain_install import install_toolchain

TEST_CACHE = Path(
    os.environ.get("AKATSUKI_TEST_TOOLCHAIN_CACHE") or platformdirs.user_cache_path("akatsuki_wasm")
).absolute()
"""The user's real cache by default: it holds the compiled standard library, which takes most of a minute to make."""


def missing(what: str) -> NoReturn:
    """A part that a test needs is not here: that fails in CI, and skips with its reason on a laptop."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"CI needs what is missing: {what}")
    pytest.skip(what)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Gives the tests that are marked `toolchain` the fixture of that name."""
    for item in items:
        if item.get_closest_marker("toolchain") and isinstance(item, pytest.Function):
            item.fixturenames.append("toolchain")


@pytest.fixture(autouse=True, scope="session")
def interrupts() -> None:
    """Ctrl-C works in tests and in what they start, also where a shell started the suite in the background."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def private_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keeps tests away from the user's registry and settings, and from a language model's key."""
    home = tmp_path_factory.mktemp("home")
    for name in [name for name in os.environ if name.startswith(("AKATSUKI_", "OPENAI_"))]:
        if not name.startswith("AKATSUKI_TEST_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AKATSUKI_DATA_DIR", str(home / "data"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "config"))
    monkeypatch.setenv("AKATSUKI_CACHE_DIR", str(TEST_CACHE))
    return home


@pytest.fixture(scope="session")
def strong_sandbox() -> None:
    """A build sandbox in which programs of crates may run: every Linux that tests run on has Landlock and seccomp."""
    best = find_confinement()
    if not best.at_least("strong"):
        missing(f"a strong build sandbox: {best.lacking['strong']} ({best.hints['strong']})")


@pytest.fixture(scope="session")
def toolchain_cache() -> Path:
    """The cache folder that keeps the compiled standard library from run to run."""
    return TEST_CACHE


@pytest.fixture(scope="session")
def toolchain(toolchain_cache: Path) -> Toolchain:
    """A real toolchain; the private sysroot is compiled where only that is missing."""
    try:
        return find_toolchain(toolchain_cache)
    except ToolchainError:
        pass
    try:
        return install_toolchain(toolchain_cache, lambda progress: None, methods=())
    except ToolchainError as exc:
        missing(f"a Rust toolchain for wasm32: {exc} ({exc.hint})")
