"""What a user may get wrong: the whole text of each refusal, on stderr, as JSON, and with nothing left behind."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from tests.bad_input.conftest import Outcome, files_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.bad_input.conftest import Shell

WASM = "Give a core WebAssembly module, such as `akatsuki build` writes"
LIST = "`akatsuki modules list` shows the modules that you may use."
ADD = "Its signature is add(a, b)."
RUN_HELP = "Try 'akatsuki run plain add --help'."

# What is typed: (exit code, error, hint). `ID` stands for any id.
REFUSALS: dict[tuple[str, ...], tuple[int, str, str]] = {
    ("design", "wasm", ""): (
        1,
        "the prompt is empty",
        'Say what the module should do: akatsuki design wasm "create a vintage filter"',
    ),
    ("design", "wasm", " \n\t"): (
        1,
        "the prompt is empty",
        'Say what the module should do: akatsuki design wasm "create a vintage filter"',
    ),
    ("design", "wasm", "blur", "--name", "My Blur"): (
        1,
        "'My Blur' is not a module name: expected lower-case letters, digits and hyphens, at most 63",
        "Try 'my-blur'.",
    ),
    ("design", "wasm", "blur", "--name", "shared"): (
        1,
        "the name 'shared' is taken by another user's module (user, id ID)",
        "Choose another name with --name.",
    ),
    ("deploy", "plain.wasm", "--name", "shared"): (
        1,
        "the name 'shared' is taken by another user's module (user, id ID)",
        "Choose another name with --name.",
    ),
    ("deploy", "plain.wasm", "--version", "1.0.0"): (
        1,
        "the module 'plain' has a version 1.0.0 already",
        "Leave the version out to get 1.1.0.",
    ),
    ("--as", "bob", "deploy", "plain.wasm", "--owner-type", "system"): (
        1,
        "bob may not create system modules: only an admin may",
        "Store it as a user module, or ask an admin.",
    ),
    ("design", "wasm", "blur", "--example", "blur is nice"): (
        1,
        "the example 'blur is nice' is not of the form f(2, 3) == 5: it is not a comparison with ==",
        """Write literals only, such as: --example 'slug("Hello World") == "hello-world"'""",
    ),
    ("design", "wasm", "blur", "--out", "photo.jpg/x"): (
        1,
        "out is 'photo.jpg/x': the folder cannot be made (HERE/photo.jpg is a file)",
        "Choose another folder with --out.",
    ),
    ("build", "cut.rs"): (1, "line 2: the `{` is never closed", "Write the `}` that is missing"),
    ("build", "reads.rs"): (
        1,
        "line 2: the macro `include_str!` is not allowed: it reads files of the machine that compiles",
        "Write the data in this file, or take it as a parameter",
    ),
    ("build", "map.rs"): (
        1,
        "line 1: the parameter `a`: the type `std::collections::HashMap<i32, i32>` is outside the contract",
        "Write Vec<(K, V)>",
    ),
    ("build", "private.rs"): (
        1,
        "line 1: the file has no public function",
        "Write at least one `pub fn name(…) -> …` at the top level, not in a module or impl",
    ),
    ("build", "empty.rs"): (
        1,
        "line 1: the file has no public function",
        "Write at least one `pub fn name(…) -> …` at the top level, not in a module or impl",
    ),
    ("build", "prose.rs"): (
        1,
        "line 1: this is not Rust: near `Here is the function that you asked for:`",
        "Write one file of plain Rust, with at least one `pub fn name(…) -> …`",
    ),
    ("build", "bytes.rs"): (1, "bytes.rs is not UTF-8 text: byte 0 cannot be read", "Save the file as UTF-8."),
    ("build", "missing.rs"): (1, "missing.rs does not exist", "Give the path of a Rust file."),
    ("build",): (2, "Missing argument 'FILE.rs|DIR'", "Try 'akatsuki build --help'."),
    ("deploy", "cut.wasm"): (
        1,
        "not a valid wasm module: the file is cut off: its code section announces 40 bytes, 31 are left at byte 66",
        WASM,
    ),
    ("deploy", "random.wasm"): (1, "not a wasm module: it begins with 07 08 09 0a, expected 00 61 73 6d", WASM),
    ("deploy", "empty.wasm"): (1, "not a wasm module: the file is empty", WASM),
    ("deploy", "text.wasm"): (
        1,
        "this is WebAssembly text, and the binary format is expected; no plugin executes it "
        "(asked: component, wasi, wasmtime)",
        "Convert it with wat2wasm",
    ),
    ("deploy", "importing.wasm"): (
        1,
        "the module imports what is not provided: func env.now",
        "Build it for wasm32-unknown-unknown without a runtime (no WASI, no JavaScript glue)",
    ),
    ("deploy", "silent.wasm"): (
        1,
        "the module has no function that can be called: no export takes and returns only numbers",
        "Export a numeric function, or build it with `akatsuki build`, which adds the section akatsuki.module",
    ),
    ("deploy", "missing.wasm"): (1, "missing.wasm does not exist", "Give the path of a .wasm file."),
    ("deploy", "album.jpg"): (1, "album.jpg is a folder", "Give the path of a .wasm file."),
    ("run", "plane", "add", "1", "2"): (1, "there is no module named 'plane'", "Did you mean plain?"),
    ("run", "both", "add", "1", "2"): (
        1,
        "'both' is ambiguous: 2 owners have a module of that name: ID (1.0.0), ID (1.0.0)",
        "Name it by its id.",
    ),
    ("run", "sleeping", "add", "1", "2"): (
        1,
        "sleeping@1.0.0 is disabled: only active modules execute",
        "An owner or admin can enable it: akatsuki modules enable sleeping@1.0.0",
    ),
    ("--as", "eve", "run", "plain", "add", "1", "2"): (1, "there is no module named 'plain'", LIST),
    ("run", "plain", "divid", "1", "2"): (
        1,
        "plain has no function 'divid'; did you mean 'divide'?",
        "It has add, divide, half, spin.",
    ),
    ("run", "plain", "add", "1"): (1, "add needs 'b' (a whole number, s32)", ADD),
    ("run", "plain", "add", "1", "2", "3"): (1, "add takes at most 2 arguments, got 3", ADD),
    ("run", "plain", "add", "1", "--c", "2"): (
        2,
        "No such option '--c'. (Did you mean one of: '--a', '--b', '--csv'?)",
        RUN_HELP,
    ),
    ("run", "plain", "add", "1", "99999999999"): (
        1,
        "b is 99999999999: expected a whole number, s32, -2147483648 to 2147483647",
        "Give b another value.",
    ),
    ("run", "plain", "add", "1", "1.5"): (
        1,
        "b is '1.5': expected a whole number, s32",
        "Write it as, for example, 1.",
    ),
    ("run", "plain", "add", "1", "inf"): (
        1,
        "b is 'inf': expected a whole number, s32",
        "Write it as, for example, 1.",
    ),
    ("run", "plain", "half", "much"): (
        1,
        "a is 'much': expected a number, f64",
        "Write it as, for example, 0.5.",
    ),
    ("run", "plain", "add", "1", "2", "-o", "no/sum.txt"): (
        1,
        "output is 'no/sum.txt': the folder 'no' does not exist",
        "Make the folder first.",
    ),
    ("run", "plain", "add", "1", "2", "--timeout-ms", "99999"): (
        2,
        "Invalid value for '--timeout-ms': '99999' is not a whole number from 100 to 30000",
        RUN_HELP,
    ),
    ("run", "plain", "spin", "--timeout-ms", "150"): (
        3,
        "spin ran past its limit of 150 ms",
        "Give it less work, or a longer time limit (at most 30,000 ms)",
    ),
    ("run", "plain", "divide", "1", "0"): (
        3,
        "divide trapped: integer division by zero",
        "Test the divisor before dividing",
    ),
    ("history", "plane"): (1, "there is no module named 'plane'", "Did you mean plain?"),
    ("modules", "delete", "plane", "--yes"): (1, "there is no module named 'plane'", "Did you mean plain?"),
    ("modules", "delete", "plain"): (
        2,
        "Nobody is there to confirm that plain@1.0.0 may be deleted: add --yes",
        "Try 'akatsuki modules delete --help'.",
    ),
    ("pipeline", "run", "nothing"): (
        1,
        "there is no notebook 'nothing'",
        "The notebooks are design_to_run; or give the path of an .ipynb file.",
    ),
}

IMAGES: dict[tuple[str, ...], tuple[int, str, str]] = {
    ("missing.jpg",): (
        1,
        "image is 'missing.jpg': there is no such file",
        "Give the path of an image, such as photo.jpg.",
    ),
    ("text.jpg",): (
        1,
        "image is 'text.jpg': expected an image, and it is text",
        "Give a PNG, JPEG, WebP, GIF, BMP, TIFF or AVIF file.",
    ),
    ("half.jpg",): (
        1,
        "image is 'half.jpg': the image is damaged (REASON)",
        "Get the file again, or open it in an image program and save it anew.",
    ),
    ("album.jpg",): (
        1,
        "image is 'album.jpg': expected an image, and it is a folder",
        "Give the path of one image in it.",
    ),
    ("photo.jpg", "--strength", "7"): (
        1,
        "strength is 7: expected 0 to 1",
        "Give another value, or leave strength out for its default, 0.7.",
    ),
    ("photo.jpg", "--strength", "nan"): (
        1,
        "strength is nan: expected 0 to 1",
        "Give another value, or leave strength out for its default, 0.7.",
    ),
    ("photo.jpg", "-o", "photo.jpg"): (
        1,
        "output is 'photo.jpg', which is the input",
        "Choose another name, or replace it with --force.",
    ),
    ("photo.jpg", "-o", "album.jpg"): (
        2,
        "Invalid value for '-o' / '--output': File 'album.jpg' is a directory",
        "Try 'akatsuki run vintage-filter vintage --help'.",
    ),
    (): (
        1,
        "vintage needs 'image' (an image)",
        "Its signature is vintage(image, strength=0.7, vignette=0.5, grain=0.5).",
    ),
}


def _meant(text: str, shown: str, folder: Path) -> str:
    """`text` with what differs from run to run taken from what was shown."""
    for each in re.findall(r"[0-9a-f]{8}-[0-9a-f-]{27}", shown):
        text = text.replace("ID", each, 1)
    reason = re.search(r"the image is damaged \((.*)\)$", shown)
    return text.replace("HERE", str(folder)).replace("REASON", reason[1] if reason else "REASON")


def check(shell: Shell, words: tuple[str, ...], expected: tuple[int, str, str], monkeypatch: Any) -> None:
    """Runs a refusal with and without ``--json``; in this process, as it is one of many."""
    from akatsuki_wasm.cli.root import cli

    code, error, hint = expected
    before = files_of(shell.folder) | files_of(shell.data / "blobs")
    monkeypatch.chdir(shell.folder)
    monkeypatch.setenv("AKATSUKI_DATA_DIR", str(shell.data))
    done = CliRunner().invoke(cli, words, prog_name="akatsuki")
    assert (done.exit_code, done.stdout) == (code, "")
    said = Outcome(code, "", done.stderr).said
    error = _meant(error, said[0], shell.folder)
    assert said == (error, hint)
    assert len(hint) <= 160
    again = CliRunner().invoke(cli, [*words, "--json"], prog_name="akatsuki")
    assert (again.exit_code, again.stderr) == (code, "")
    told = json.loads(again.stdout)["error"]
    assert (told["message"], told["hint"]) == (error, hint)
    assert told["code"]
    assert files_of(shell.folder) | files_of(shell.data / "blobs") == before


# One of each kind of exit code, and each command.
PROCESSES = [
    ("design", "wasm", ""),
    ("design", "wasm", "blur", "--name", "shared"),
    ("build", "cut.rs"),
    ("build",),
    ("deploy", "cut.wasm"),
    ("deploy", "importing.wasm"),
    ("run", "plain", "divid", "1", "2"),
    ("run", "plain", "add", "1", "99999999999"),
    ("run", "plain", "spin", "--timeout-ms", "150"),
    ("run", "plain", "divide", "1", "0"),
]


@pytest.mark.parametrize("words", PROCESSES, ids=" ".join)
def test_refusal_by_a_process(shell: Shell, words: tuple[str, ...]) -> None:
    code, error, hint = REFUSALS[words]
    done = shell(*words)
    assert (done.code, done.out) == (code, "")
    assert done.said == (_meant(error, done.said[0], shell.folder), hint)


@pytest.mark.parametrize("words", REFUSALS, ids=" ".join)
def test_refusal(shell: Shell, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]) -> None:
    check(shell, words, REFUSALS[words], monkeypatch)


@pytest.mark.toolchain
@pytest.mark.usefixtures("designed")
@pytest.mark.parametrize("words", IMAGES, ids=" ".join)
def test_image_refusal(shell: Shell, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]) -> None:
    check(shell, ("run", "vintage-filter", "vintage", *words), IMAGES[words], monkeypatch)


@pytest.mark.toolchain
def test_compiler_errors(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = (1, "line 3: mismatched types: expected `i32`, found `&str` [E0308]", "Correct that line")
    check(shell, ("build", "types.rs"), expected, monkeypatch)


def test_nothing_of_a_refusal_is_stored(shell: Shell) -> None:
    names = {each["name"] for each in shell("modules", "list", "--json").json}
    assert names <= {"plain", "shared", "both", "sleeping", "vintage-filter", "blur-filter", "resize-filter"}


def test_a_deleted_module(shell: Shell) -> None:
    assert shell("deploy", "plain.wasm", "--name", "passing").code == 0
    assert shell("modules", "delete", "passing", "--yes").code == 0
    done = shell("run", "passing", "add", "1", "2")
    assert (done.code, done.out) == (1, "")
    assert done.said[0] == "there is no module named 'passing'"


def test_several_problems_are_one_error_line(alone: Shell) -> None:
    (alone.folder / "two.rs").write_text('pub fn f() -> String {\n    env!("A");\n    include_str!("b").into()\n}\n')
    done = alone("build", "two.rs")
    assert done.said == (
        "line 2: the macro `env!` is not allowed: it reads the environment of the machine that compiles (and 1 more)",
        "Take the value as a parameter",
    )
    assert [line for line in done.err.splitlines() if line.startswith("  ")] == [
        "  line 2: the macro `env!` is not allowed: it reads the environment of the machine that compiles",
        "  line 3: the macro `include_str!` is not allowed: it reads files of the machine that compiles",
    ]


def test_unknown_generator(alone: Shell) -> None:
    done = alone("design", "wasm", "blur", "--generator", "oracle")
    assert (done.code, done.out) == (1, "")
    error, hint = done.said
    assert error == "there is no generator 'oracle'"
    assert hint == "The generators are: manual, offline, openai."
