"""`plugins list` and `plugins new`, plugins' own commands, and blocking."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

LOCAL = '''\
import click

from akatsuki_wasm import hookimpl


@hookimpl
def akatsuki_register_commands(cli):
    @cli.command()
    def greet():
        """Say hello."""
        click.echo("hello")
'''


def run(*words: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    import os

    return subprocess.run(
        [sys.executable, "-m", "akatsuki_wasm.cli", *words],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**os.environ, **environment},
    )


def test_list(akatsuki: Any, tmp_path: Path) -> None:
    (tmp_path / "greeter.py").write_text(LOCAL)
    done = akatsuki("--plugin", "greeter.py", "--block", "offline", "plugins", "list")
    lines = [line.split("\t") for line in done.out.splitlines()]
    assert lines[0] == ["NAME", "VERSION", "FROM", "HOOKS", "WHERE", "BLOCKED"]
    found = {line[0]: line for line in lines[1:]}
    assert found["greeter"] == ["greeter", "", "file", "akatsuki_register_commands", "greeter.py", ""]
    assert found["offline"] == ["offline", "", "", "", "", "yes"]
    assert found["cargo"][2] == "built-in"
    listed = akatsuki("--plugin", "greeter.py", "plugins", "list", "--json").json
    assert {"name", "version", "hooks", "origin", "location", "blocked"} == set(listed[0])


def test_a_plugin_that_cannot_be_loaded(akatsuki: Any, tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("1 / 0\n")
    done = akatsuki("--plugin", "broken.py", "plugins", "list")
    assert (done.code, done.out) == (1, "")
    assert done.err == (
        "error: the plugin 'broken' (broken.py) cannot be loaded: ZeroDivisionError: division by zero\n"
        "hint: Mend it, or block it: --block broken\n"
    )
    assert akatsuki("--plugin", "broken.py", "--block", "broken", "plugins", "list").code == 0
    done = akatsuki("--plugin", "nowhere.py", "plugins", "list")
    assert done.err.startswith("error: the plugin file nowhere.py does not exist\n")


def test_commands_of_a_plugin(tmp_path: Path) -> None:
    (tmp_path / "greeter.py").write_text(LOCAL)
    done = run("--plugin", "greeter.py", "greet", cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "hello\n", "")
    assert re.search(
        r"^  greet +Say hello\.$", run("--plugin", "greeter.py", "--help", cwd=tmp_path).stdout, re.MULTILINE
    )
    done = run("greet", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (
        2,
        "error: No such command 'greet'\nhint: Try 'akatsuki --help'.\n",
    )


def test_new_project_passes_its_own_test(akatsuki: Any, tmp_path: Path) -> None:
    done = akatsuki("plugins", "new", "my-generator")
    assert done.code == 0, done.err
    assert done.out.splitlines() == [
        "my-generator/README.md",
        "my-generator/akatsuki_my_generator.py",
        "my-generator/pyproject.toml",
        "my-generator/tests/test_akatsuki_my_generator.py",
    ]
    site = tmp_path / "site"
    # No isolation and no dependencies: hatchling and akatsuki_wasm are here, and tests need no network.
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*install, "--target", str(site), "./my-generator"], check=True, cwd=tmp_path)
    tested = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "my-generator"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(site), "PATH": "", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert tested.returncode == 0, tested.stdout + tested.stderr
    assert "3 passed" in tested.stdout
    listed = run("plugins", "list", cwd=tmp_path, PYTHONPATH=str(site))
    line = next(line for line in listed.stdout.splitlines() if line.startswith("my-generator"))
    assert line.split("\t")[1:4] == ["0.1.0", "installed", "akatsuki_generate"]


def test_new_refuses(akatsuki: Any, tmp_path: Path) -> None:
    done = akatsuki("plugins", "new", "My Plugin")
    assert (done.code, done.err) == (
        1,
        "error: 'My Plugin' is not a plugin name: expected lower-case words with hyphens between them, "
        "at most 40 letters\nhint: Try my-generator.\n",
    )
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "file").touch()
    done = akatsuki("plugins", "new", "taken")
    assert (done.code, done.err) == (
        1,
        "error: taken exists already\nhint: Choose another name, or another place with --out.\n",
    )
