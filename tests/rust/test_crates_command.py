"""``akatsuki crates``, with a registry of the test's own."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner, Result
from crates_kit import LocalRegistry, local_registry, new_cache

from akatsuki_wasm.cli.root import cli

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.toolchain
__all__ = ["local_registry"]


def run(*words: str) -> Result:
    return CliRunner().invoke(cli, ["crates", *words], prog_name="akatsuki")


@pytest.fixture
def project(local_registry: LocalRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project that permits a crate, which needs one with a build script."""
    local_registry.crate("inner", {"src/lib.rs": "", "build.rs": "fn main() {}"})
    local_registry.crate("outer", {"src/lib.rs": ""}, '[dependencies]\ninner = "1"\n')
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "akatsuki.toml").write_text('[crates]\nouter = { version = "1.0.0", default_features = false }\n')
    monkeypatch.chdir(folder)
    monkeypatch.setenv("AKATSUKI_CACHE_DIR", str(new_cache(tmp_path / "cache")))
    return folder


def test_crates_are_listed_fetched_and_listed_again(project: Path) -> None:
    before = run("list")
    assert before.stdout == "PACKAGE\tVERSION\tRUNS\tFOR\nouter\t1.0.0\t\touter\n"
    assert before.stderr == "hint: What they need is not known yet. Run: akatsuki crates resolve\n"
    assert json.loads(run("list", "--json").stdout) == {
        "resolved": False,
        "crates": [
            {
                "name": "outer",
                "version": "1.0.0",
                "features": [],
                "defaultFeatures": False,
                "needsStrongSandbox": None,
            }
        ],
        "packages": [],
    }
    fetched = run("resolve")
    assert fetched.stdout == "PACKAGE\tVERSION\tRUNS\tFOR\ninner\t1.0.0\tbuild script\touter\nouter\t1.0.0\t\touter\n"
    assert fetched.stderr == "fetching outer from the crate registry\n"
    assert run("list").stdout == run("resolve").stdout == fetched.stdout
    listed = json.loads(run("list", "--json").stdout)
    assert listed["resolved"]
    assert listed["crates"][0]["needsStrongSandbox"]
    assert listed["packages"][0] == {
        "name": "inner",
        "version": "1.0.0",
        "buildScript": True,
        "procMacro": False,
        "for": ["outer"],
    }


def test_a_lock_is_written_kept_and_updated(project: Path, local_registry: LocalRegistry) -> None:
    path = project / "akatsuki.crates.lock"
    assert run("lock").stdout == "akatsuki.crates.lock  2 packages\n"
    text = path.read_text("utf-8")
    local_registry.crate("inner", {"src/lib.rs": ""}, version="1.2.0")
    assert run("lock").stdout == "akatsuki.crates.lock  2 packages, as before\n"
    assert path.read_text("utf-8") == text
    updated = json.loads(run("lock", "--update", "--json").stdout)
    assert updated == {"path": "akatsuki.crates.lock", "changed": True, "packages": ["inner 1.2.0", "outer 1.0.0"]}
    assert run("list").stdout == "PACKAGE\tVERSION\tRUNS\tFOR\ninner\t1.2.0\t\touter\nouter\t1.0.0\t\touter\n"
    path.write_text("nonsense")
    for command in ("list", "resolve", "lock"):
        assert isinstance(run(command).exception, SystemExit)
        assert run(command).exit_code == 1
        assert "akatsuki crates lock --update" in run(command).stderr
    assert run("lock", "--update").exit_code == 0


def test_without_permitted_crates_there_is_nothing_to_do(project: Path) -> None:
    (project / "akatsuki.toml").unlink()
    for command in ("list", "resolve"):
        done = run(command)
        assert (done.exit_code, done.stdout) == (0, "")
        assert done.stderr.startswith("no crates are permitted\nhint: ")
        assert json.loads(run(command, "--json").stdout) == {"resolved": False, "crates": [], "packages": []}
    assert run("lock").exit_code == 1
    assert run("lock").stderr.startswith("error: no crates are permitted, so there is nothing to lock\nhint: ")


def test_a_setting_that_is_wrong_is_an_error_of_the_user(project: Path) -> None:
    (project / "akatsuki.toml").write_text('[crates]\nouter = "1"\n')
    done = run("list")
    assert done.exit_code == 1
    assert done.stderr.startswith("error: the setting crates.outer is '1': expected an exact version")
