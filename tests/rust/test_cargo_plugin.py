"""The build stage as the pipeline calls it, and the examples of its reference."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from akatsuki_wasm import manifest
from akatsuki_wasm.confinement.ladder import LEVELS
from akatsuki_wasm.contracts import BuildOptions, GuestProject, GuestSource
from akatsuki_wasm.errors import CompileError, SourceRejectedError
from akatsuki_wasm.rust.signatures import parse_source
from akatsuki_wasm.rust.toolchain import Toolchain  # noqa: TC001 - a fixture's type, read by people
from akatsuki_wasm_plugins.cargo import CargoPlugin

DOCS = Path(__file__).parents[2] / "docs" / "reference" / "guest-contract.md"


def project(rust: str, name: str = "margin") -> GuestProject:
    return GuestProject(name, GuestSource(rust, name, "", "test"))


@pytest.mark.toolchain
def test_an_artifact_says_how_it_came_to_be(toolchain: Toolchain) -> None:
    lines: list[str] = []
    source = project("/// Share.\npub fn margin(price: f64, cost: f64) -> f64 { (price - cost) / price }")
    artifact = CargoPlugin().akatsuki_build(source, BuildOptions(report=lines.append))
    assert artifact is not None
    assert lines == [f"building 1 function(s) with {toolchain.version}"]
    assert manifest.for_binary(artifact.wasm) == artifact.manifest
    build = artifact.provenance["build"]
    assert set(build) == {"abi", "source_sha256", "prelude_sha256", "rustc", "flags", "toolchain", "seconds", "sandbox"}
    assert build["sandbox"]["level"] in LEVELS
    assert build["source_sha256"] == source.source.sha256
    assert {*artifact.manifest.build} == {"source_sha256", "prelude_sha256", "rustc", "flags"}
    again = CargoPlugin().akatsuki_build(project(source.source.rust, "another-name"), BuildOptions())
    assert again is not None
    assert again.digest == artifact.digest


@pytest.mark.toolchain
def test_errors_of_both_kinds_stand_on_the_authors_lines() -> None:
    with pytest.raises(
        SourceRejectedError, match=r"^line 2: the parameter `x`: the type `usize` is outside the contract$"
    ):
        CargoPlugin().akatsuki_build(project("\npub fn f(x: usize) {}"), BuildOptions())
    for text, line in (("pub fn f() -> u8 {\n    1.5\n}", 2), ("pub fn f() -> u8 {\n    1 +\n}\n", 3)):
        with pytest.raises(CompileError) as caught:
            CargoPlugin().akatsuki_build(project(text), BuildOptions())
        assert caught.value.diagnostics[0].line == line


def test_the_references_examples_are_read() -> None:
    examples = re.findall(r"```rust\n(.*?)```", DOCS.read_text("utf-8"), re.DOTALL)
    assert [each.functions[0].name for each in map(parse_source, examples)] == ["vintage"]
