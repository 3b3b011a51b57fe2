"""Built distributions and the virtual environments that they are installed into."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
UV = Path(sys.executable).with_name("uv")


@dataclass(frozen=True)
class Environment:
    """A virtual environment."""

    folder: Path

    @property
    def python(self) -> Path:
        return self.folder / "bin" / "python"

    def install(self, *arguments: str | Path) -> None:
        uv("pip", "install", "--python", self.python, *arguments)

    def run(self, *arguments: str | Path, program: str = "python", cwd: Path) -> str:
        """Runs a program of the environment with no Python settings of this process, and returns what it printed."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        done = subprocess.run(
            [self.folder / "bin" / program, *arguments], cwd=cwd, env=kept, capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, f"{arguments}: exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout


def uv(*arguments: str | Path) -> None:
    done = subprocess.run([UV, *arguments], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr


def new_environment(folder: Path) -> Environment:
    uv("venv", "--quiet", "--python", sys.executable, folder)
    return Environment(folder)


@pytest.fixture(scope="session")
def guest_environment(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """An environment that also sees what is installed in this one, so that it is made in no time."""
    environment = new_environment(tmp_path_factory.mktemp("guest") / "venv")
    here, there = sysconfig.get_path("purelib"), next(environment.folder.glob("lib/python*/site-packages"))
    # addsitedir and not a plain path: this environment's own .pth files, the editable install's among them, count too.
    (there / "host.pth").write_text(f"import site; site.addsitedir({here!r})\n", encoding="utf-8")
    return environment


@dataclass(frozen=True)
class Distributions:
    """What ``python -m build`` made of a copy of the checkout."""

    wheel: Path
    sdist: Path


@pytest.fixture(scope="session")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> Distributions:
    """The sdist of the files that git knows (or would add), and the wheel that is built from that sdist."""
    folder = tmp_path_factory.mktemp("build")
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    for name in listed.stdout.decode().split("\0"):
        if name and (ROOT / name).is_file():
            (folder / "source" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, folder / "source" / name)
    # What a checkout in use is littered with: none of it may ship.
    for litter in ("rust_templates/target/debug/x.rlib", "templates/__pycache__/x.pyc", "demo-output/a.png", "build/b"):
        path = folder / "source" / litter
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"litter")
    # Without isolation the build needs no network.
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", folder / "dist", folder / "source"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = (folder / "dist").glob("*.whl")
    (sdist,) = (folder / "dist").glob("*.tar.gz")
    return Distributions(wheel, sdist)
