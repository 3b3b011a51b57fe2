"""What crosses the hooks: frozen, comparable, small laws of their own."""

from __future__ import annotations

import dataclasses
import hashlib
import inspect
import pickle
import subprocess
import sys
from pathlib import Path
from uuid import UUID

import pytest

from akatsuki_wasm import contracts, wit
from akatsuki_wasm.contracts import MISSING, Artifact, Diagnostic, Function, GuestSource, Manifest, Parameter, User

DATACLASSES = [
    cls
    for _, cls in inspect.getmembers(contracts, dataclasses.is_dataclass)
    if isinstance(cls, type) and cls.__module__.startswith(f"{contracts.__name__}.")
]
assert len(DATACLASSES) > 20


@pytest.mark.parametrize("cls", DATACLASSES, ids=lambda cls: cls.__name__)
def test_each_is_frozen_and_documents_its_attributes(cls: type) -> None:
    assert cls.__dataclass_params__.frozen  # type: ignore[attr-defined]  # what `dataclass` leaves on a class
    doc = inspect.getdoc(cls) or ""
    if "Attributes:" in doc:
        documented = [line.strip().partition(":")[0] for line in doc.partition("Attributes:")[2].splitlines()]
        missing = [each.name for each in dataclasses.fields(cls) if each.name not in documented]
        assert missing in ([], ["metadata"])


def test_missing_stays_itself_across_pickling_because_none_may_be_a_default() -> None:
    assert pickle.loads(pickle.dumps(MISSING)) is MISSING
    assert Parameter("x", wit.F64).required
    assert not Parameter("x", wit.F64, default=0.5).required
    assert not Parameter("x", wit.Option(wit.F64)).required


def test_a_manifest_finds_a_function_by_either_spelling() -> None:
    function = Function("black_scholes", (Parameter("spot", wit.F64),), wit.F64, export="black-scholes")
    manifest = Manifest((function,))
    assert manifest.function("black_scholes") is function
    assert manifest.function("black-scholes") is function
    assert manifest.function("scholes") is None
    assert function.signature == "black-scholes: func(spot: f64) -> f64"


def test_an_artifact_is_named_by_the_sha256_of_its_bytes() -> None:
    artifact = Artifact(b"\0asm\1\0\0\0", Manifest(()))
    assert artifact.digest == hashlib.sha256(b"\0asm\1\0\0\0").hexdigest()
    assert "asm" not in repr(artifact)


def test_a_source_is_named_by_the_sha256_of_its_utf8_text() -> None:
    source = GuestSource("/// 灰色", "grey", "Grey.", "offline")
    assert source.sha256 == hashlib.sha256("/// 灰色".encode()).hexdigest()


def test_a_local_user_is_the_same_on_every_machine() -> None:
    assert User.local("hana") == User(UUID("41bacd70-3ca8-5d97-8644-228146812a43"), "hana")
    assert User.local("hana").id != User.local("taro").id


def test_a_diagnostic_says_its_line_where_it_has_one() -> None:
    assert str(Diagnostic("error", "expected `;`", line=4)) == "line 4: expected `;`"
    assert str(Diagnostic("error", "linking failed")) == "linking failed"
    assert contracts.first_error([Diagnostic("warning", "a"), Diagnostic("error", "b")]) == Diagnostic("error", "b")
    assert contracts.first_error([Diagnostic("warning", "a")]) is None


@pytest.mark.parametrize("name", ["vintage-filter", "a", "2d", "x" * 63])
def test_module_names(name: str) -> None:
    assert contracts.MODULE_NAME.fullmatch(name)


@pytest.mark.parametrize("name", ["", "-a", "Vintage", "a_b", "a b", "x" * 64, "ä", "a\n"])
def test_not_module_names(name: str) -> None:
    assert not contracts.MODULE_NAME.fullmatch(name)


def test_contracts_and_errors_need_the_standard_library_alone() -> None:
    # The package's own __init__ brings pluggy in; a bare namespace stands in for it. -S leaves out what is installed.
    code = (
        "import sys, types\n"
        "package = types.ModuleType('akatsuki_wasm')\n"
        "package.__path__ = [sys.argv[1]]\n"
        "sys.modules['akatsuki_wasm'] = package\n"
        "import akatsuki_wasm.contracts, akatsuki_wasm.errors, akatsuki_wasm.canonical\n"
    )
    folder = str(Path(contracts.__file__).parents[1])
    subprocess.run([sys.executable, "-I", "-S", "-c", code, folder], check=True)
