"""`design`, `build`, `deploy`: from words or a file to a stored module, and what is refused on the way."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

MARGIN = "margin(price, cost) = (price - cost) / price"


@pytest.mark.toolchain
def test_design(akatsuki: Any, tmp_path: Path) -> None:
    done = akatsuki("design", "wasm", MARGIN, "--example", "margin(120, 90) == 0.25", "--out", "made")
    assert done.code == 0, done.err
    assert re.fullmatch(
        r"module    margin@1\.0\.0\n"
        r"          margin\(price, cost\) = .*\n"
        r"digest    [0-9a-f]{64}\n"
        r"function  margin: func\(price: f64, cost: f64\) -> f64\n"
        r"run       akatsuki run margin margin 1 1\n"
        r"wrote     made/margin\.rs\n"
        r"wrote     made/margin\.wasm\n",
        done.out,
    )
    stages = [line.split()[:2] for line in done.err.splitlines() if " ok " in line]
    assert stages == [["generate", "ok"], ["build", "ok"], ["check", "ok"], ["upload", "ok"]]
    assert (tmp_path / "made" / "margin.wasm").read_bytes()[:4] == b"\0asm"
    assert "pub fn margin" in (tmp_path / "made" / "margin.rs").read_text()
    assert akatsuki("run", "margin", "120", "90").out == "0.25\n"
    assert akatsuki("modules", "show", "margin", "--source").out == (tmp_path / "made" / "margin.rs").read_text()


@pytest.mark.toolchain
def test_design_json_and_no_deploy(akatsuki: Any) -> None:
    done = akatsuki("design", "wasm", MARGIN, "--no-deploy", "--json")
    assert (done.code, done.err) == (0, "")
    found = done.json
    assert (found["id"], found["name"], found["version"], found["deployed"]) == (None, "margin", None, False)
    assert re.fullmatch(r"[0-9a-f]{64}", found["digest"])
    assert found["functions"][0]["signature"] == "margin: func(price: f64, cost: f64) -> f64"
    assert akatsuki("modules", "list", "--json").json == []
    assert akatsuki("design", "wasm", MARGIN, "--json").json["version"] == "1.0.0"


@pytest.mark.toolchain
def test_an_example_that_does_not_hold(akatsuki: Any) -> None:
    done = akatsuki("design", "wasm", MARGIN, "--example", "margin(120, 90) == 0.5")
    assert (done.code, done.out) == (1, "")
    assert done.err.splitlines()[-2] == "error: the example margin(120, 90) == 0.5 gave 0.25"
    assert akatsuki("modules", "list", "--json").json == []


@pytest.mark.parametrize(
    ("words", "error", "hint"),
    [
        (
            ["design", "wasm", " "],
            "the prompt is empty",
            'Say what the module should do: akatsuki design wasm "create a vintage filter"',
        ),
        (
            ["design", "wasm", "sepia", "--name", "Bad Name"],
            "'Bad Name' is not a module name: expected lower-case letters, digits and hyphens, at most 63",
            "Try 'bad-name'.",
        ),
        (
            ["--as", "bob", "design", "wasm", "sepia", "--name", "mine", "--owner-type", "system"],
            "bob may not create system modules: only an admin may",
            "Store it as a user module, or ask an admin.",
        ),
        (["build", "nowhere.rs"], "nowhere.rs does not exist", "Give the path of a Rust file."),
        (["build", "."], ". has no .rs file: expected one", "Name the file: akatsuki build FILE.rs"),
        (["deploy", "nowhere.wasm"], "nowhere.wasm does not exist", "Give the path of a .wasm file."),
    ],
)
def test_refusals(akatsuki: Any, words: list[str], error: str, hint: str) -> None:
    done = akatsuki(*words)
    assert (done.code, done.out) == (1, "")
    assert done.err == f"error: {error}\nhint: {hint}\n"


def test_a_prompt_that_nothing_serves(akatsuki: Any) -> None:
    done = akatsuki("design", "wasm", "make me a sandwich")
    assert done.code == 1
    lines = done.err.splitlines()
    assert re.fullmatch(r"generate failed +\d+\.\d\d s", lines[0])
    assert lines[1].startswith("error: the offline catalogue has nothing for this prompt")
    assert lines[2].startswith("hint: ")
    assert len(lines) == 3
    assert akatsuki("design", "wasm", "make me a sandwich", "--json").json["error"]["code"] == "no-match"


@pytest.mark.toolchain
def test_build(akatsuki: Any, tmp_path: Path) -> None:
    (tmp_path / "half.rs").write_text("/// Half.\npub fn half(x: f64) -> f64 { x / 2.0 }\n")
    done = akatsuki("build", "half.rs")
    assert done.code == 0, done.err
    assert done.out.splitlines()[0] == "module    half.wasm"
    found = akatsuki("build", ".", "--out", "other.wasm", "--json").json
    assert (found["id"], found["version"], found["path"]) == (None, None, "other.wasm")
    assert (tmp_path / "other.wasm").read_bytes() == (tmp_path / "half.wasm").read_bytes()
    first = akatsuki("deploy", "half.wasm", "--json").json
    assert (first["name"], first["version"], first["digest"]) == ("half", "1.0.0", found["digest"])
    assert akatsuki("run", "half", "3").out == "1.5\n"


@pytest.mark.toolchain
def test_a_source_that_does_not_compile(akatsuki: Any, tmp_path: Path) -> None:
    (tmp_path / "bad.rs").write_text("pub fn f(x: f64) -> f64 {\n    x + y\n}\n")
    done = akatsuki("build", "bad.rs")
    assert (done.code, done.out) == (1, "")
    assert done.err.splitlines()[-2:] == [
        "error: line 2: cannot find value `y` in this scope: not found in this scope [E0425]",
        "hint: Correct that line",
    ]
    diagnostic = akatsuki("build", "bad.rs", "--json").json["error"]["diagnostics"][0]
    assert (diagnostic["line"], diagnostic["code"]) == (2, "E0425")
    assert "cannot find value `y`" in diagnostic["rendered"]
    assert not (tmp_path / "bad.wasm").exists()


def test_no_rust(akatsuki: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AKATSUKI_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("RUSTUP_HOME", str(tmp_path))
    (tmp_path / "half.rs").write_text("pub fn half(x: f64) -> f64 { x / 2.0 }\n")
    if akatsuki("toolchain", "status").code == 0:
        pytest.skip("the distribution's own rustc builds for wasm32 without a private sysroot")
    done = akatsuki("build", "half.rs")
    assert (done.code, done.out) == (4, "")
    assert done.err.splitlines()[-1] == "hint: Run: akatsuki toolchain install"
    assert akatsuki("build", "half.rs", "--json").json["error"]["code"] == "toolchain"
    assert akatsuki("toolchain", "status", "--json").code == 4
    report = akatsuki("doctor", "--json")
    assert report.code == 4
    assert {each["name"]: each["state"] for each in report.json["checks"]}["toolchain"] == "fail"


def test_broken_modules(akatsuki: Any, tmp_path: Path) -> None:
    import wasmtime

    whole = wasmtime.wat2wasm('(module (func (export "f") (result i32) i32.const 1))')
    wanting = wasmtime.wat2wasm('(module (import "env" "f" (func)) (func (export "g")))')
    for name, content in {"cut": whole[:-3], "text": b"hello", "empty": b"", "wanting": wanting}.items():
        (tmp_path / f"{name}.wasm").write_bytes(content)
        done = akatsuki("deploy", f"{name}.wasm", "--json")
        assert (done.code, done.json["error"]["code"], done.err) == (1, "invalid-module", "")
        assert done.json["error"]["hint"]
    assert akatsuki("modules", "list", "--json").json == []


def test_folder_that_cannot_be_written(akatsuki: Any, plain: str) -> None:
    done = akatsuki("--data-dir", "/proc/akatsuki", "deploy", "plain.wasm")
    assert (done.code, done.err) == (
        1,
        "error: cannot make the registry's folder in /proc/akatsuki: No such file or directory\n"
        "hint: Make the folder writable, or point AKATSUKI_DATA_DIR at another one.\n",
    )


@pytest.mark.toolchain
def test_a_generator_without_a_second_attempt_says_so(akatsuki: Any) -> None:
    done = akatsuki("design", "wasm", MARGIN, "--example", "margin(120, 90) == 1")
    assert (done.code, done.out) == (1, "")
    *_, check, again, error, hint = done.err.splitlines()
    assert check.endswith("the example margin(120, 90) == 1 gave 0.25")
    assert "the offline catalogue's source failed in check and it has no other to offer" in again
    assert error == "error: the example margin(120, 90) == 1 gave 0.25"
    assert hint == "hint: Change the example if the module is right, or say in the prompt what you mean."
