"""`verify`: the same bytes again from the stored source, elsewhere too, and what is said where they are others."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import wasmtime
from sqlalchemy import text

import akatsuki_wasm as ak
from akatsuki_wasm import binary, manifest
from akatsuki_wasm.registry.acting import UPKEEP

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from akatsuki_wasm.contracts import Artifact

pytestmark = pytest.mark.toolchain

TWICE = "/// Twice as much.\npub fn twice(x: f64) -> f64 { 2.0 * x }\n"
THRICE = "/// Twice as much.\npub fn twice(x: f64) -> f64 { 3.0 * x }\n"
MARGIN = "a function margin(price, cost) = (price - cost) / price"
ORACLE = "def margin(price, cost):\n    return (price - cost) / price\n"


@pytest.fixture(scope="module")
def designed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with ``pricing``, which was designed with an example and a test."""
    folder = tmp_path_factory.mktemp("verify")
    (folder / "margin_test.py").write_text(ORACLE, encoding="utf-8")
    with ak.open(data_dir=folder / "data") as workspace:
        workspace.design(
            MARGIN, name="pricing", examples=["margin(80, 60) == 0.25"], oracle=str(folder / "margin_test.py")
        )
    return folder / "data"


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Artifact]:
    with ak.open(data_dir=tmp_path_factory.mktemp("built")) as workspace:
        return {name: workspace.build(rust, name="twice") for name, rust in (("twice", TWICE), ("thrice", THRICE))}


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[ak.Workspace]:
    with ak.open(data_dir=tmp_path / "data") as opened:
        yield opened


def retold(artifact: Artifact, **build: Any) -> Artifact:
    """The module, but with other facts of its build in its own section."""
    told = replace(artifact.manifest, build={**artifact.manifest.build, **build})
    section = binary.custom_section(manifest.SECTION, manifest.dump(artifact.manifest))
    assert artifact.wasm.endswith(section)
    wasm = manifest.append_section(artifact.wasm.removesuffix(section), told)
    return replace(artifact, wasm=wasm, manifest=told, provenance={})


def run(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "akatsuki_wasm.cli", *words], capture_output=True, text=True, cwd=cwd)


def test_it_is_reproduced_in_another_folder_by_another_process(designed: Path, tmp_path: Path) -> None:
    shutil.copytree(designed, tmp_path / "elsewhere")
    done = run("--data-dir", str(tmp_path / "elsewhere"), "verify", "pricing", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["reproduced"] is True
    assert found["rebuilt"] == found["digest"]
    assert (found["version"], found["problem"], found["differences"]) == ("1.0.0", None, [])
    provenance = found["provenance"]
    assert provenance["prompt"] == MARGIN
    assert provenance["generator"] == "offline"
    assert {"source_sha256", "prelude_sha256", "rustc", "flags", "abi", "sandbox"} <= provenance["build"].keys()
    assert provenance["checks"]["examples"] == ["margin(80, 60) == 0.25"]
    (oracle,) = provenance["checks"]["oracle"]
    assert (oracle["function"], oracle["rows"], oracle["tolerance"]) == ("margin", 200, "rtol 1e-09")


def test_people_read_how_it_came_to_be(designed: Path, tmp_path: Path) -> None:
    done = run("--data-dir", str(designed), "verify", "pricing@1.0.0", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "module      pricing@1.0.0"
    assert lines[-1] == "result      reproduced: its source makes the same bytes"
    for line in (
        f"  prompt: {MARGIN}",
        "  15 automatic cases passed",
        "  example held: margin(80, 60) == 0.25",
        "  agrees with the reference margin on 200 rows (rtol 1e-09): differs by at most 0, relatively 0",
    ):
        assert line in lines, line
    assert done.stderr.startswith("build ")


def test_altered_bytes_of_the_source_are_found(workspace: ak.Workspace, artifacts: dict[str, Artifact]) -> None:
    module = workspace.deploy(artifacts["twice"], name="twice")
    assert workspace.verify("twice").reproduced
    source = workspace.registry.blobs.folder / _blob(workspace, str(module.provenance["source_digest"]))
    source.chmod(0o644)
    source.write_text(THRICE, encoding="utf-8")
    found = workspace.verify("twice")
    assert (found.reproduced, found.rebuilt) == (False, None)
    assert "bytes" in found.problem


def _blob(workspace: ak.Workspace, digest: str) -> str:
    (path,) = workspace.registry.blobs.folder.rglob(f"*{digest[8:]}*")
    return str(path.relative_to(workspace.registry.blobs.folder))


def test_another_source_in_its_place_is_found(workspace: ak.Workspace, artifacts: dict[str, Artifact]) -> None:
    module = workspace.deploy(artifacts["twice"], name="twice")
    other = workspace.deploy(artifacts["thrice"], name="thrice")
    _set_provenance(workspace, module, source_digest=other.provenance["source_digest"])
    found = workspace.verify("twice")
    assert found.problem == "the stored source is not the one that the module was built from"
    (difference,) = found.differences
    assert difference.fact == "source"
    assert difference.recorded == artifacts["twice"].manifest.build["source_sha256"]
    assert difference.now == artifacts["thrice"].manifest.build["source_sha256"]


def _set_provenance(workspace: ak.Workspace, module: ak.Module, **facts: Any) -> None:
    """As an administrator of the database could."""
    with workspace.registry.database.write(UPKEEP) as session:
        session.execute(
            text("UPDATE wasm_modules SET provenance = :facts WHERE module_name = :name"),
            {"facts": json.dumps({**module.provenance, **facts}), "name": module.name},
        )


def test_facts_that_the_registry_tells_otherwise_are_found(
    workspace: ak.Workspace, artifacts: dict[str, Artifact]
) -> None:
    module = workspace.deploy(artifacts["twice"], name="twice")
    build = {**module.provenance["build"], "rustc": "rustc 0.1"}
    _set_provenance(workspace, module, build=build)
    found = workspace.verify("twice")
    assert found.problem == "the registry tells the build otherwise than the module itself (compiler)"
    assert (found.differences[0].now, found.reproduced) == ("rustc 0.1", False)


def test_another_prelude_and_compiler_are_named(workspace: ak.Workspace, artifacts: dict[str, Artifact]) -> None:
    workspace.deploy(retold(artifacts["twice"], prelude_sha256="0" * 64, rustc="rustc 1.2.3"), name="twice")
    found = workspace.verify("twice")
    assert found.problem == "it was built otherwise (prelude, compiler)"
    assert [(each.fact, each.recorded) for each in found.differences] == [
        ("prelude", "0" * 64),
        ("compiler", "rustc 1.2.3"),
    ]
    assert found.differences[0].now == artifacts["twice"].manifest.build["prelude_sha256"]
    assert found.rebuilt == artifacts["twice"].digest != found.digest


def test_what_a_module_says_of_itself_moves_no_cursor(
    workspace: ak.Workspace, artifacts: dict[str, Artifact], tmp_path: Path
) -> None:
    forged = retold(artifacts["twice"], rustc="rustc \x1b[2J\n1.2.3")
    workspace.deploy(replace(forged, provenance={"prompt": "\x1b[2Jtwice"}), name="twice")
    done = run("--data-dir", str(tmp_path / "data"), "verify", "twice", cwd=tmp_path)
    assert done.returncode == 1
    assert "  prompt: �[2Jtwice\n" in done.stdout
    assert "    recorded  rustc �[2J 1.2.3\n" in done.stdout
    assert "\x1b" not in done.stdout


def test_crates_that_are_not_permitted_are_not_built(workspace: ak.Workspace, artifacts: dict[str, Artifact]) -> None:
    workspace.deploy(retold(artifacts["twice"], crates={"libm": "0.2.11"}, crates_sha256="1" * 64), name="twice")
    found = workspace.verify("twice")
    assert found.problem == "it uses crates that the setting `crates` does not permit so: libm 0.2.11"
    assert found.rebuilt is None


@pytest.mark.parametrize("crates", [3, ["libm"], {"libm": {"version": 4}}, {"../x": "*"}, {"libm": "\x1b[2J"}])
def test_a_module_may_say_anything_of_its_crates(
    workspace: ak.Workspace, artifacts: dict[str, Artifact], crates: Any
) -> None:
    workspace.deploy(retold(artifacts["twice"], crates=crates), name="twice")
    found = workspace.verify("twice")
    assert found.problem.startswith("it uses crates that the setting `crates` does not permit so: ")
    assert found.problem.isprintable()


def test_crates_of_which_there_is_no_use_any_more_are_named(tmp_path: Path, artifacts: dict[str, Artifact]) -> None:
    with ak.open(data_dir=tmp_path, crates={"libm": "0.2.11"}) as workspace:
        workspace.deploy(retold(artifacts["twice"], crates={"libm": "0.2.11"}, crates_sha256="1" * 64), name="twice")
        found = workspace.verify("twice")
    assert [(each.fact, each.recorded, each.now) for each in found.differences] == [
        ("crates", "libm 0.2.11", "none"),
        ("sources of the crates", "1" * 64, "none"),
    ]


def test_bytes_that_its_source_does_not_make_are_found(workspace: ak.Workspace, artifacts: dict[str, Artifact]) -> None:
    facts = artifacts["twice"].manifest.build
    forged = replace(retold(artifacts["thrice"], **facts), source=TWICE)
    module = workspace.deploy(forged, name="twice")
    assert module.twice(2.0) == 6.0
    found = workspace.verify(module)
    assert found.problem == "its bytes are not what its source makes, though all facts of the build are the same"


def test_a_source_that_does_not_build_any_more_is_said(workspace: ak.Workspace, artifacts: dict[str, Artifact]) -> None:
    broken = TWICE.replace("2.0 * x", "two(x)")
    from hashlib import sha256

    told = retold(artifacts["twice"], source_sha256=sha256(broken.encode()).hexdigest())
    workspace.deploy(replace(told, source=broken), name="twice")
    assert workspace.verify("twice").problem.startswith(
        "the source does not build any more: line 2: cannot find function"
    )


def test_what_was_not_built_here_has_no_source(workspace: ak.Workspace, tmp_path: Path) -> None:
    wasm = bytes(wasmtime.wat2wasm('(module (func (export "one") (result i32) i32.const 1))'))
    workspace.deploy(wasm, name="one")
    found = workspace.verify("one")
    assert (found.problem, found.rebuilt) == ("it has no source: it was not built here", None)
    done = run("--data-dir", str(tmp_path / "data"), "verify", "one", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1] == "result      it has no source: it was not built here"


def test_a_module_that_is_not_deployed_is_verified_too(workspace: ak.Workspace) -> None:
    module = workspace.design(MARGIN, deploy=False)
    found = workspace.verify(module)
    assert found.reproduced
    assert found.version is None
