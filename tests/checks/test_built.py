"""Checks of modules that are really built: panics with their line, oracles of all kinds, deployed modules."""

from __future__ import annotations

import math
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import akatsuki_wasm as ak
from akatsuki_wasm.checks import oracle_from
from akatsuki_wasm.errors import ArgumentError, CheckError, PermissionDeniedError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from akatsuki_wasm.contracts import Artifact

pytestmark = pytest.mark.toolchain

KINDS = """\
//! One function of every kind.

/// The picture, darker.
/// * `image`: The picture.
/// * `strength`: 0.0..=1.0, default 0.5. How dark.
pub fn darken(image: &Image, strength: f32) -> Image {
    let mut out = image.clone();
    for (index, byte) in out.pixels.iter_mut().enumerate() {
        if index % 4 != 3 { *byte = (*byte as f32 * (1.0 - strength)).round() as u8; }
    }
    out
}

/// The harmonic mean.
pub fn harmonic(a: f64, b: f64) -> f64 { 2.0 * a * b / (a + b) }

/// Words of a text, the longest first.
pub fn words(text: &str) -> Vec<String> {
    let mut found: Vec<String> = text.split_whitespace().map(str::to_string).collect();
    found.sort_by_key(|word| std::cmp::Reverse(word.chars().count()));
    found
}

pub struct Stats { pub mean: f64, pub largest: Option<f64> }

/// Mean and maximum.
pub fn stats(values: &[f64]) -> Result<Stats, String> {
    if values.is_empty() { return Err("no values".to_string()); }
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    Ok(Stats { mean, largest: values.iter().copied().reduce(f64::max) })
}

/// Greatest common divisor.
pub fn gcd(a: u32, b: u32) -> u32 { if b == 0 { a } else { gcd(b, a % b) } }

/// A letter in upper case, or nothing.
pub fn upper(letter: Option<char>, twice: bool) -> Option<String> {
    letter.map(|each| each.to_uppercase().collect::<String>().repeat(if twice { 2 } else { 1 }))
}
"""
ORACLE = """\
import math
import subprocess
import sys
import statistics

import numpy as np

ATOL = 1e-9


def darken(image, strength):
    out = image.astype(float)
    out[..., :3] *= 1 - np.float32(strength)
    return out


def harmonic(a, b):
    return 2 * a * b / (a + b)


def words(text):
    return sorted(text.split(), key=len, reverse=True)


def stats(values):
    if not len(values):
        raise ValueError("empty")
    return {"mean": statistics.fmean(values), "largest": max(values)}


def gcd(a, b):
    return math.gcd(a, b)


def upper(letter, twice):
    return None if letter is None else letter.upper() * (1 + twice)
"""
FALLS = """\
/// The item at a place.
pub fn item(values: &[f64], place: u32) -> f64 {
    let index = place as usize;
    values[index]
}
"""
UNLUCKY = """\
/// Seconds.
/// * `n`: 0..=1000. Minutes.
pub fn secs(n: u32) -> u32 {
    assert!(n != 77, "unlucky");
    n * 60
}
"""


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ak.Workspace]:
    with ak.open(data_dir=tmp_path_factory.mktemp("checks")) as opened:
        yield opened


@pytest.fixture(scope="module")
def kinds(workspace: ak.Workspace) -> Artifact:
    return workspace.build(KINDS, name="kinds")


@pytest.fixture
def oracle_file(tmp_path: Path) -> Path:
    path = tmp_path / "kinds_test.py"
    path.write_text(ORACLE, encoding="utf-8")
    return path


def test_functions_of_every_kind_agree_with_their_references(
    workspace: ak.Workspace, kinds: Artifact, oracle_file: Path
) -> None:
    report = workspace.check(kinds, oracle=oracle_file)
    found = {each.function: each for each in report.oracle}
    assert {name: each.rows for name, each in found.items()} == {
        "darken": 40,
        "harmonic": 200,
        "words": 200,
        "stats": 200,
        "gcd": 200,
        "upper": 200,
    }
    assert found["darken"].tolerance == "2 levels"
    assert found["darken"].largest_absolute <= 1
    assert found["stats"].errors > 0
    assert found["words"].tolerance == found["gcd"].tolerance == "exact"


@pytest.mark.parametrize(
    ("function", "wrong"),
    [
        ("darken", "def darken(image, strength):\n    return image\n"),
        ("harmonic", "def harmonic(a, b):\n    return (a * b) ** 0.5 if a > 0 < b else 0.0\n"),
        ("words", "def words(text):\n    return sorted(text.split(), key=lambda word: -len(word.encode()))\n"),
        ("stats", "def stats(values):\n    return {'mean': float(sum(values)), 'largest': max(values)}\n"),
        ("gcd", "import math\ndef gcd(a, b):\n    return max(math.gcd(a, b), 1)\n"),
        ("upper", "def upper(letter, twice):\n    return letter and letter.upper()\n"),
    ],
)
def test_a_small_mistake_is_found(
    workspace: ak.Workspace, kinds: Artifact, tmp_path: Path, function: str, wrong: str
) -> None:
    (tmp_path / "wrong_test.py").write_text(wrong, encoding="utf-8")
    with pytest.raises(CheckError) as caught:
        workspace.check(kinds, oracle=str(tmp_path / "wrong_test.py"))
    assert caught.value.kind == "oracle"
    assert caught.value.case.startswith(f"{function}(")
    assert ", its reference gives " in str(caught.value)


def test_a_panic_has_its_input_and_the_authors_line(workspace: ak.Workspace) -> None:
    artifact = workspace.build(FALLS, name="falls")
    with pytest.raises(CheckError) as caught:
        workspace.check(artifact, ["item([1.0, 2.0], 1) == 2.0", "item([1.0], 5) == 0.0"])
    error = caught.value
    panic = "item panicked: index out of bounds: the len is 0 but the index is 3, line 4"
    assert str(error) == f"item([], 3) failed: {panic}"
    assert (error.case, error.expected, error.got) == ("item([], 3)", "an answer, or Err of a Result", panic)
    assert [(each.kind, each.line) for each in error.failures] == [("automatic", 4), ("example", 4)]
    assert [each.line for each in error.diagnostics] == [4, 4]
    panic = "item panicked: index out of bounds: the len is 1 but the index is 5, line 4"
    assert error.failures[1].message == f"the example item([1.0], 5) == 0.0 failed: {panic}"
    assert (error.passed, error.tried) == (2, 4)


def test_a_panic_of_one_row_is_found_in_a_column(workspace: ak.Workspace) -> None:
    artifact = workspace.build(UNLUCKY, name="secs")
    inputs = lambda rng, rows: {"n": np.arange(100)}  # noqa: E731
    oracle = oracle_from(lambda n: n * 60, inputs=inputs)
    with pytest.raises(CheckError) as caught:
        workspace.check(artifact, oracle=oracle)
    assert str(caught.value) == "secs(77) failed: secs panicked: unlucky, line 4 (1 of 100 rows are wrong)"
    assert (caught.value.expected, caught.value.failures[0].line) == ("4620", 4)


def test_a_deployed_module_is_checked_and_its_history_does_not_grow(
    workspace: ak.Workspace, kinds: Artifact, oracle_file: Path
) -> None:
    module = workspace.deploy(kinds, name="kinds")
    by_name = workspace.check("kinds", ["gcd(12, 18) == 6"], oracle=oracle_file)
    by_module = workspace.check(module, ["gcd(12, 18) == 6"], oracle={"gcd": math.gcd, "harmonic": harmonic})
    assert by_name.examples == by_module.examples == ("gcd(12, 18) == 6",)
    assert [each.function for each in by_module.oracle] == ["gcd", "harmonic"]
    assert workspace.history("kinds") == []
    with pytest.raises(CheckError, match=r"^the example gcd\(12, 18\) == 5 gave 6$"):
        workspace.check("kinds", ["gcd(12, 18) == 5"])


def harmonic(a: float, b: float) -> float:
    return 2 * a * b / (a + b)


def test_who_may_not_execute_a_module_may_not_check_it(workspace: ak.Workspace, kinds: Artifact) -> None:
    workspace.deploy(kinds, name="resting")
    workspace.registry.modules(workspace.user).disable(str(workspace.load("resting").id))
    with pytest.raises(PermissionDeniedError, match="only active modules execute"):
        workspace.check("resting")


def test_a_module_of_others_has_an_oracle_too(workspace: ak.Workspace) -> None:
    import wasmtime

    wat = '(module (func (export "add") (param i32 i32) (result i32) local.get 0 local.get 1 i32.add))'
    module = workspace.deploy(bytes(wasmtime.wat2wasm(wat)), name="adder")
    name, other = (param.name for param in module.manifest.functions[0].params)
    (result,) = workspace.check(module, oracle=lambda x, y, /: x + y).oracle
    assert result.rows + result.skipped == 200
    assert name != other


def test_a_generator_is_told_the_oracles_source_and_examples_unless_they_are_hidden(tmp_path: Path) -> None:
    requests = []

    class Curious:
        @ak.hookimpl
        def akatsuki_generate(self, request: Any) -> None:
            requests.append(request)

    oracle = oracle_from({"margin": lambda price, cost: (price - cost) / price}, examples=["margin(4, 3) == 0.25"])
    prompt = "a function margin(price, cost) = (price - cost) / price"
    with ak.open(data_dir=tmp_path, plugins=[Curious()]) as workspace:
        for shown in (True, False):
            made = workspace.design(
                prompt, oracle=oracle, show_oracle=shown, examples=["margin(2, 1) == 0.5"], deploy=False
            )
            assert made.provenance["checks"]["examples"] == ["margin(2, 1) == 0.5", "margin(4, 3) == 0.25"]
    assert ["lambda price, cost" in each.specification for each in requests] == [True, False]
    assert [len(each.examples) for each in requests] == [2, 1]


def test_design_takes_an_oracle_and_a_function_to_be_like(workspace: ak.Workspace) -> None:
    def margin(price: float, cost: float) -> float:
        return (price - cost) / price

    prompt = "a function margin(price, cost) = (price - cost) / price"
    module = workspace.design(prompt, like=margin, deploy=False)
    assert module.provenance["checks"]["oracle"][0]["rows"] == 200
    with pytest.raises(CheckError, match=r"its reference gives "):
        workspace.design(prompt, oracle={"margin": lambda price, cost: price - cost}, deploy=False)
    with pytest.raises(ArgumentError, match=r"^the reference margin raised TypeError: "):
        workspace.design(prompt, oracle={"margin": lambda price, cost: price + "x"}, deploy=False)


def test_a_doubt_is_told_by_design_and_by_verify(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "from akatsuki_wasm import hookimpl\n"
        "from akatsuki_wasm.contracts import GuestSource\n"
        "from akatsuki_wasm.examples import parse_example\n\n"
        "RUST = '/// Twice.\\npub fn twice(x: f64) -> f64 { 2.0 * x }\\n'\n\n\n"
        "@hookimpl\n"
        "def akatsuki_generate(request):\n"
        "    own = (parse_example('twice(2) == 5'), parse_example('twice(1) == 2'))\n"
        "    return GuestSource(RUST, 'twice', 'Twice.', 'mine', own)\n",
        encoding="utf-8",
    )

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "akatsuki_wasm.cli", "--plugin", "mine.py", *words]
        return subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)

    designed = run("design", "wasm", "twice")
    assert designed.returncode == 0, designed.stderr
    assert "1 of 2 examples of the generator's own held, in doubt: twice(2) == 5 gave 4.0\n" in designed.stderr
    assert "note: the generator itself expected twice(2) == 5, which gave 4.0\n" in designed.stderr
    verified = run("verify", "twice")
    assert "  the generator's own example did not hold: twice(2) == 5 gave 4.0\n" in verified.stdout
    assert "  the generator's own example held: twice(1) == 2\n" in verified.stdout
