"""The examples of README and documentation run as they stand, and the two READMEs say the same.

In each document, in order and in one folder that has a ``photo.jpg``: a Python block runs in the document's one
namespace; a block with a title is written to the file of that name; of a console block every ``$ akatsuki`` command
runs, and the lines below it are its whole output. ``<!-- not run: REASON -->`` before a block leaves it out;
``<!-- exit code: N -->`` says that its commands fail so; the lines below are then the end of what they say on stderr.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from .conftest import ROOT

FENCE = re.compile(
    r"(?:<!-- not run: (?P<reason>[^>]+) -->\n+)?"
    r"(?:<!-- exit code: (?P<exit>\d+) -->\n+)?"
    r"^```(?P<language>\w+)(?: title=\"(?P<title>[^\"]+)\")?\n(?P<text>.*?)^```$",
    flags=re.MULTILINE | re.DOTALL,
)
NOT_RUN = {"docs/hooks.md"}
"""Its blocks are signatures, which are held against the specifications elsewhere."""


@dataclass(frozen=True)
class Block:
    """One fenced block."""

    language: str
    title: str | None
    text: str
    line: int
    reason: str | None
    exit_code: int


def blocks(path: Path) -> list[Block]:
    text = path.read_text("utf-8")
    return [
        Block(
            found["language"],
            found["title"],
            found["text"],
            text[: found.start("text")].count("\n"),
            found["reason"],
            int(found["exit"] or 0),
        )
        for found in FENCE.finditer(text)
    ]


def commands(text: str) -> list[tuple[str, str]]:
    """Command and the output that is shown below it, of a console block."""
    parts = re.split(r"^\$ (.+)\n", text, flags=re.MULTILINE)
    assert parts[0] == "", "a console block begins with a command"
    return list(zip(parts[1::2], parts[2::2], strict=True))


def documents() -> list[str]:
    """Those with programs. README.ja.md has the same blocks as README.md, as a test below makes sure."""
    paths = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    names = [path.relative_to(ROOT).as_posix() for path in paths]
    return [
        name
        for name in names
        if name not in NOT_RUN and any(block.language in ("python", "console") for block in blocks(ROOT / name))
    ]


def run_command(line: str, expected: str, exit_code: int) -> None:
    program, *arguments = shlex.split(line)
    if program != "akatsuki":
        return
    environment = {**os.environ, "COLUMNS": "120", "NO_COLOR": "1"}
    done = subprocess.run(
        [Path(sys.executable).with_name("akatsuki"), *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == exit_code, f"$ {line}\n{done.stdout}{done.stderr}"
    if exit_code:
        assert done.stderr.endswith(expected), line
    elif expected:
        assert done.stdout == expected, line


@pytest.mark.toolchain
@pytest.mark.parametrize("name", documents())
def test_the_examples_of_a_document_run(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = importlib.util.find_spec("sklearn")
    assert spec is not None
    assert spec.submodule_search_locations
    photograph = Path(spec.submodule_search_locations[0]) / "datasets" / "images" / "china.jpg"
    shutil.copyfile(photograph, tmp_path / "photo.jpg")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    namespace: dict[str, object] = {"__name__": "__main__"}
    for block in blocks(ROOT / name):
        if block.reason:
            continue
        if block.title:
            (tmp_path / block.title).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / block.title).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / block.title).write_text(block.text, encoding="utf-8")
        elif block.language == "python":
            # Leading blank lines put the document's own line numbers into a traceback.
            exec(compile("\n" * block.line + block.text, ROOT / name, "exec"), namespace)
        elif block.language == "console":
            for line, expected in commands(block.text):
                run_command(line, expected, block.exit_code)
        if block.title and block.title.startswith("test_"):
            tests = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", block.title]
            done = subprocess.run(tests, capture_output=True, text=True, timeout=300)
            assert done.returncode == 0, done.stdout + done.stderr


def test_both_readmes_have_the_same_commands_programs_pictures_and_sections() -> None:
    english, japanese = (blocks(ROOT / name) for name in ("README.md", "README.ja.md"))
    assert [(each.language, each.title, each.text) for each in english] == [
        (each.language, each.title, each.text) for each in japanese
    ]
    texts = [(ROOT / name).read_text("utf-8") for name in ("README.md", "README.ja.md")]
    for pattern in (r"!\[.+\]\((.+)\)", r"^(#+) "):
        first, second = (re.findall(pattern, text, flags=re.MULTILINE) for text in texts)
        assert first == second
        assert first
    # Each names the same files, targets and options between the blocks; the Japanese prompt is its own.
    first, second = (
        {code for code in re.findall(r"(?<!`)`([^`\n]+)`(?!`)", FENCE.sub("", text)) if not re.search("[ぁ-ん]", code)}
        for text in texts
    )
    assert first == second


def test_every_make_target_of_the_readme_is_in_the_makefile() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    targets = {*re.findall(r"^([a-z]+):", makefile, flags=re.MULTILINE)}
    for name in ("README.md", "README.ja.md"):
        named = {
            *re.findall(
                r"\bmake ([a-z]+)(?= |`|\n)",
                "\n".join(re.findall(r"(?:\$ |`)make .+", (ROOT / name).read_text("utf-8"))) + "\n",
            )
        }
        assert named
        assert named <= targets


def test_links_between_documents_lead_somewhere() -> None:
    for path in (ROOT / "README.md", ROOT / "README.ja.md"):
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", path.read_text("utf-8")):
            assert (path.parent / target).exists(), f"{path.name}: {target}"
