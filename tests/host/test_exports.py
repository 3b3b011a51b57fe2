"""The public names: `__all__` is what is there, and importing them costs little."""

from __future__ import annotations

import importlib
import pkgutil
import subprocess
import sys
import types

import pytest

import akatsuki_wasm

HEAVY = (
    "IPython", "PIL", "alembic", "fastapi", "jinja2", "numpy", "obstore", "openai", "pandas", "papermill", "sh",
    "sqlalchemy", "tree_sitter", "wasmtime",
)  # fmt: skip


def loaded_by(code: str) -> set[str]:
    """Top-level names that a fresh interpreter has after `code`."""
    report = f"{code}\nimport sys; print(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", report], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_all_names_what_is_public() -> None:
    public = {
        name
        for name, value in vars(akatsuki_wasm).items()
        if not name.startswith("_") and not isinstance(value, types.ModuleType) and name not in {"Any", "TYPE_CHECKING"}
    }
    lazy = set(akatsuki_wasm._LAZY)
    assert sorted(akatsuki_wasm.__all__) == akatsuki_wasm.__all__
    assert {*akatsuki_wasm.__all__} == (public - {"annotations"}) | lazy | {"__version__"}
    assert dir(akatsuki_wasm) == sorted(akatsuki_wasm.__all__)


@pytest.mark.parametrize("name", akatsuki_wasm.__all__)
def test_each_public_name_is_there(name: str) -> None:
    assert getattr(akatsuki_wasm, name) is not None


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match=r"^module 'akatsuki_wasm' has no attribute 'nothing'$"):
        _ = akatsuki_wasm.nothing  # type: ignore[attr-defined]  # that is the point


def test_importing_the_package_is_light() -> None:
    assert loaded_by("import akatsuki_wasm").isdisjoint({*HEAVY, "pydantic", "click", "rich"})


def test_importing_the_plugins_is_light() -> None:
    import akatsuki_wasm_plugins

    names = [f"akatsuki_wasm_plugins.{each.name}" for each in pkgutil.iter_modules(akatsuki_wasm_plugins.__path__)]
    assert names
    assert loaded_by(f"import {', '.join(names)}").isdisjoint(HEAVY)


def test_starting_the_command_line_is_light() -> None:
    assert loaded_by("import akatsuki_wasm.cli").isdisjoint(HEAVY)


def test_every_module_has_a_docstring() -> None:
    for module in pkgutil.walk_packages(akatsuki_wasm.__path__, "akatsuki_wasm."):
        if module.name.endswith(".__main__") or ".migrations." in module.name:
            continue
        assert (importlib.import_module(module.name).__doc__ or "").strip(), module.name
