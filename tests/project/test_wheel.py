"""The built distributions: exactly what belongs in them, and a wheel that works far from any checkout."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tarfile
import zipfile
from email.parser import Parser
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import pytest

import akatsuki_wasm

from .conftest import ROOT, UV, Distributions, Environment, new_environment

if TYPE_CHECKING:
    from pathlib import Path

# One worker builds, installs and looks.
pytestmark = pytest.mark.xdist_group("wheel")

DATA = {
    "akatsuki_wasm/_data/templates": {".j2"},
    "akatsuki_wasm/_data/notebooks": {".ipynb"},
    "akatsuki_wasm/_data/rust_templates": {".j2", ".rs", ".toml", ".md"},
}
"""Folder in the wheel to the endings that its files may have."""
CODE = {".py", ".typed", ".mako", ".sql", ".css", ".js", ".html"}


def checkout_files(folder: str) -> set[str]:
    """Files of the checkout in `folder` that git knows or would add, relative to it."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", folder]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    return {name.removeprefix(f"{folder}/") for name in listed if name and (ROOT / name).is_file()}


@pytest.fixture(scope="module")
def names(distributions: Distributions) -> list[str]:
    with zipfile.ZipFile(distributions.wheel) as wheel:
        return wheel.namelist()


def below(names: list[str], folder: str) -> set[str]:
    return {name.removeprefix(f"{folder}/") for name in names if name.startswith(f"{folder}/")}


def test_every_file_of_the_wheel_is_of_a_kind_that_belongs_there(names: list[str]) -> None:
    info = f"akatsuki_wasm-{akatsuki_wasm.__version__}.dist-info"
    strangers = []
    for name in names:
        path = PurePosixPath(name)
        data = next((folder for folder in DATA if name.startswith(f"{folder}/")), None)
        if data is not None:
            fine = path.suffix in DATA[data]
        elif path.parts[0] in ("akatsuki_wasm", "akatsuki_wasm_plugins"):
            fine = path.suffix in CODE and "_data" not in path.parts
        else:
            fine = name.startswith(f"{info}/")
        if not fine:
            strangers.append(name)
    assert strangers == []
    assert below(names, info) == {"METADATA", "WHEEL", "RECORD", "entry_points.txt", "licenses/LICENSE"}


def test_the_wheel_has_every_file_of_the_code_and_of_the_data(names: list[str]) -> None:
    code = {name for name in below(names, "akatsuki_wasm") if not name.startswith("_data/")}
    assert code == checkout_files("akatsuki_wasm")
    assert below(names, "akatsuki_wasm_plugins") == checkout_files("plugins/akatsuki_wasm_plugins")
    for folder in DATA:
        assert below(names, folder) == checkout_files(folder.rpartition("/")[2])


def test_the_sdist_has_what_the_wheel_is_built_from_and_no_litter(distributions: Distributions) -> None:
    with tarfile.open(distributions.sdist) as sdist:
        files = {name.partition("/")[2] for name in sdist.getnames()}
    assert {"pyproject.toml", "README.md", "LICENSE", "Makefile", "akatsuki_wasm/hookspecs.py"} <= files
    assert not [name for name in files if re.search(r"(^|/)(target|__pycache__|demo-output|build|site|\.venv)/", name)]


def test_the_metadata_names_extras_licence_and_program(distributions: Distributions) -> None:
    info = f"akatsuki_wasm-{akatsuki_wasm.__version__}.dist-info"
    with zipfile.ZipFile(distributions.wheel) as wheel:
        metadata = Parser().parsestr(wheel.read(f"{info}/METADATA").decode())
        entry_points = wheel.read(f"{info}/entry_points.txt").decode()
    assert (metadata["Name"], metadata["Version"]) == ("akatsuki-wasm", akatsuki_wasm.__version__)
    assert (metadata["License-Expression"], metadata["Requires-Python"]) == ("MIT", ">=3.11")
    assert {"demo", "test", "check", "docs"} <= {*(metadata.get_all("Provides-Extra") or ())}
    assert entry_points == "[console_scripts]\nakatsuki = akatsuki_wasm.cli:main\n"
    unbounded = [
        line
        for line in metadata.get_all("Requires-Dist") or ()
        if "extra ==" not in line and not (">=" in line and "<" in line)
    ]
    assert unbounded == [], "every dependency has a lower and an upper bound"


@pytest.fixture(scope="module")
def installed(distributions: Distributions, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """A clean environment with the wheel and its dependencies, in the versions that this suite runs with."""
    folder = tmp_path_factory.mktemp("clean")
    freeze = [UV, "pip", "freeze", "--python", sys.executable, "--exclude-editable"]
    versions = subprocess.run(freeze, capture_output=True, text=True, check=True).stdout
    pins = [line for line in versions.splitlines() if "==" in line]
    (folder / "constraints.txt").write_text("\n".join(pins), encoding="utf-8")
    environment = new_environment(folder / "venv")
    environment.install("--constraints", folder / "constraints.txt", distributions.wheel)
    return environment


def test_the_installed_wheel_finds_its_code_and_data_in_itself(installed: Environment, tmp_path: Path) -> None:
    code = (
        "import akatsuki_wasm, akatsuki_wasm_plugins\n"
        "from akatsuki_wasm.resources import data_folder\n"
        "print(akatsuki_wasm.__file__, akatsuki_wasm_plugins.__file__, sep='\\n')\n"
        "for name in ('templates', 'notebooks', 'rust_templates'): print(data_folder(name))\n"
    )
    paths = installed.run("-c", code, cwd=tmp_path).splitlines()
    site = next(installed.folder.glob("lib/python*/site-packages"))
    assert paths == [
        str(site / "akatsuki_wasm" / "__init__.py"),
        str(site / "akatsuki_wasm_plugins" / "__init__.py"),
        *(str(site / folder) for folder in DATA),
    ]


def test_the_installed_wheel_loads_every_built_in_plugin(installed: Environment, tmp_path: Path) -> None:
    code = (
        "from akatsuki_wasm.manager import BUILTIN_PLUGINS, create_plugin_manager\n"
        "print({info.name for info in create_plugin_manager().describe()} == {*BUILTIN_PLUGINS})"
    )
    assert installed.run("-c", code, cwd=tmp_path) == "True\n"


def test_the_installed_program_shows_its_help_and_version(installed: Environment, tmp_path: Path) -> None:
    shown = installed.run("--help", program="akatsuki", cwd=tmp_path)
    assert shown.startswith("Usage: akatsuki ")
    assert {"design", "run", "modules", "doctor"} <= {*re.findall(r"^  (\w+)", shown, flags=re.MULTILINE)}
    assert akatsuki_wasm.__version__ in installed.run("--version", program="akatsuki", cwd=tmp_path)


@pytest.mark.toolchain
def test_the_installed_program_turns_a_prompt_into_a_result(installed: Environment, tmp_path: Path) -> None:
    """Scaffold, prelude, catalogue and migrations are found far from any checkout."""
    prompt = "a function margin(price, cost) = (price - cost) / price"
    made = json.loads(installed.run("design", "wasm", prompt, "--json", program="akatsuki", cwd=tmp_path))
    assert (made["name"], made["version"]) == ("margin", "1.0.0")
    assert installed.run("run", "margin", "margin", "20", "15", program="akatsuki", cwd=tmp_path) == "0.25\n"
    assert "design_to_run" in installed.run("pipeline", "list", program="akatsuki", cwd=tmp_path)
