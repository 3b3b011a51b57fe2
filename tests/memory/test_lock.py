"""The lock file: read back as it was written, readable in a diff, merged, and clear about what differs."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from akatsuki_wasm.contracts import BaseSource, Crate, Example, GenerationRequest
from akatsuki_wasm.errors import LockError
from akatsuki_wasm.lock import LockFile, no_entry
from akatsuki_wasm.lock_entry import LockEntry, request_id

if TYPE_CHECKING:
    from pathlib import Path

VINTAGE = GenerationRequest(
    "create a vintage filter",
    generator="openai",
    model="gpt-5",
    examples=(Example("f(2, 3) == 5", "f", (2, 3), {}, 5),),
    crates=(Crate("serde_json", "1.0.145", ("std",)),),
)
SOURCE, DIGEST, PRELUDE = "a" * 64, "b" * 64, "c" * 64
BUILD = {"rustc": "rustc 1.96.0 (ac68faa20 2026-05-25)", "prelude_sha256": PRELUDE}


def entry(request: GenerationRequest = VINTAGE, **changes: Any) -> LockEntry:
    facts: dict[str, Any] = {"name": "vintage-filter", "source_sha256": SOURCE, "digest": DIGEST, "build": BUILD}
    return LockEntry.of(request, **{**facts, "replies": ["d" * 64, ""], **changes})


def test_the_file_reads_well(tmp_path: Path) -> None:
    path = tmp_path / "akatsuki.lock"
    LockFile().with_entry(entry()).save(path)
    assert (
        path.read_text("utf-8")
        == f"""\
# What each prompt became: `akatsuki design … --locked` makes these very modules, and asks no language model.
# Commit this file, and the folder akatsuki.replies beside it. `akatsuki design … --lock` writes both.
version = 1

[[design]]
id = "{request_id(VINTAGE)}"
prompt = "create a vintage filter"
name = "vintage-filter"
generator = "openai"
source_sha256 = "{SOURCE}"
digest = "{DIGEST}"
model = "gpt-5"
examples = [
  "f(2, 3) == 5",
]
crates = [
  "serde_json 1.0.145 [std]",
]
rustc = "rustc 1.96.0 (ac68faa20 2026-05-25)"
prelude_sha256 = "{PRELUDE}"
replies = [
  "{"d" * 64}",
]
"""
    )
    assert path.stat().st_mode & 0o044 == 0o044  # a project's file like any other
    loaded = LockFile.load(path)
    assert loaded is not None
    assert loaded.entries == (entry(),)
    assert loaded.find(VINTAGE) == loaded.get(VINTAGE, path) == entry()


@given(
    prompt=st.text(st.characters(exclude_categories=["Cs"])),
    example=st.text(st.characters(exclude_categories=["Cs"])),
    generator=st.sampled_from(["", "offline", "my-own"]),
)
def test_any_text_comes_back(
    prompt: str, example: str, generator: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.lock"
    path.unlink(missing_ok=True)
    request = GenerationRequest(prompt, generator=generator, examples=(Example(example, "f", (), {}, 0),))
    LockFile().with_entry(entry(request)).save(path)
    loaded = LockFile.load(path)
    assert loaded is not None
    assert loaded.entries == (entry(request),)


def test_every_part_of_what_is_asked_counts() -> None:
    changes: list[dict[str, Any]] = [
        {"prompt": "create a vintage filter, warmer"},
        {"name": "vintage"},
        {"generator": "offline"},
        {"model": "gpt-5-mini"},
        {"examples": ()},
        {"examples": (replace(VINTAGE.examples[0], tolerance=0.1),)},
        {"base": BaseSource("pub fn f() {}", "f")},
        {"base": BaseSource("pub fn f() {}", "f", "what it was made for")},
        {"specification": "def f(): ..."},
        {"crates": ()},
        {"crates": (replace(VINTAGE.crates[0], default_features=False),)},
    ]
    ids = {request_id(replace(VINTAGE, **change)) for change in changes}
    assert len(ids | {request_id(VINTAGE)}) == len(changes) + 1
    assert request_id(replace(VINTAGE)) == request_id(VINTAGE)


def test_entries_are_in_the_order_of_names_whatever_the_order_of_designs(tmp_path: Path) -> None:
    first = entry(replace(VINTAGE, prompt="z"), name="a-module")
    for name, order in (("one", [entry(), first]), ("two", [first, entry()])):
        lock = LockFile()
        for each in order:
            lock = lock.with_entry(each)
        lock.save(tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    loaded = LockFile.load(tmp_path / "one")
    assert loaded is not None
    assert [each.name for each in loaded.entries] == ["a-module", "vintage-filter"]


def test_saving_keeps_what_others_added_meanwhile_and_replaces_its_own(tmp_path: Path) -> None:
    path = tmp_path / "project" / "akatsuki.lock"
    LockFile().with_entry(entry()).save(path)
    mine = LockFile.load(path)
    theirs = LockFile.load(path)
    assert mine is not None
    assert theirs is not None
    other = entry(replace(VINTAGE, prompt="another"), name="another")
    changed = entry(digest="e" * 64)
    theirs.with_entry(other).save(path)
    mine.with_entry(changed).save(path)
    assert LockFile.load(path) == LockFile((other, changed))
    # Nothing new: not a byte is written.
    before = path.stat().st_mtime_ns, path.stat().st_ino
    mine.with_entry(changed).save(path)
    assert (path.stat().st_mtime_ns, path.stat().st_ino) == before


def test_two_processes_lose_no_entry(tmp_path: Path) -> None:
    code = """
import pathlib, sys
from akatsuki_wasm.contracts import GenerationRequest
from akatsuki_wasm.lock import LockFile
from akatsuki_wasm.lock_entry import LockEntry
path = pathlib.Path(sys.argv[1])
for number in range(40):
    request = GenerationRequest(f"{sys.argv[2]} {number}")
    made = LockEntry.of(request, name="x", source_sha256="a" * 64, digest="b" * 64, build={})
    (LockFile.load(path) or LockFile()).with_entry(made).save(path)
"""
    path = tmp_path / "akatsuki.lock"
    running = [subprocess.Popen([sys.executable, "-W", "error", "-c", code, path, name]) for name in ("a", "b")]
    assert [process.wait(timeout=60) for process in running] == [0, 0]
    loaded = LockFile.load(path)
    assert loaded is not None
    assert {each.prompt for each in loaded.entries} == {f"{name} {number}" for name in "ab" for number in range(40)}
    assert [file.name for file in tmp_path.iterdir()] == ["akatsuki.lock"]


@pytest.mark.parametrize(
    ("request_", "text"),
    [
        (replace(VINTAGE, prompt="create a vintage filter!"), 'nearest: "create a vintage filter"'),
        (
            replace(VINTAGE, generator="offline"),
            "the same prompt is there with the generator 'openai', and here it is 'offline'",
        ),
        (replace(VINTAGE, model=None), "the same prompt is there with the model 'gpt-5', and here it is ''"),
        (replace(VINTAGE, examples=()), "the same prompt is there with other examples"),
        (replace(VINTAGE, base=BaseSource("x", "y")), "the same prompt is there with another source to start from"),
        (replace(VINTAGE, specification="x"), "the same prompt is there with another specification"),
        (replace(VINTAGE, crates=()), "the same prompt is there with other crates"),
        (replace(VINTAGE, name="other"), "the same prompt is there with another module name"),
        (replace(VINTAGE, prompt="days between two dates"), ""),
    ],
)
def test_a_request_without_an_entry_is_told_what_comes_nearest(
    request_: GenerationRequest, text: str, tmp_path: Path
) -> None:
    path = tmp_path / "akatsuki.lock"
    lock = LockFile().with_entry(entry())
    assert lock.close_to(request_) == text
    with pytest.raises(LockError) as caught:
        lock.get(request_, path)
    assert str(caught.value) == f"{path} has no entry for this prompt" + (f"; {text}" if text else "")
    assert caught.value.hint == "Design it once without --locked, with --lock, and commit what that writes."


def test_a_missing_file_is_no_lock(tmp_path: Path) -> None:
    path = tmp_path / "akatsuki.lock"
    assert LockFile.load(path) is None
    assert str(no_entry(VINTAGE, path, None)) == f"there is no lock file {path}"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("version = 2\n", "has the version 2: expected 1"),
        ("", "has the version None: expected 1"),
        ("version = 1\n<<<<<<< ours\n", "cannot be read: it has the marks of a merge conflict"),
        ("version = 1\ndesign = 3\n", "has a design that is not a table"),
        ("version = 1\n[[design]]\nid = 'x'\n", "is damaged: design number 1 is incomplete ('digest')"),
        ("version = 1\n[[design]]\nid = 3\n", "is damaged: design number 1 is incomplete (id is 3)"),
        ("version = 1\ndesign = [3]\n", "is damaged: design number 1 is incomplete"),
        ("version = 1\n[[design]]\nexamples = 'x'\n", "is damaged: design number 1 is incomplete (examples is 'x')"),
    ],
)
def test_a_damaged_file_is_one_clear_line(text: str, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "akatsuki.lock"
    path.write_text(text)
    with pytest.raises(LockError) as caught:
        LockFile.load(path)
    assert str(caught.value).startswith(f"{path} {reason}")
    assert "\n" not in str(caught.value)
    assert caught.value.hint
    with pytest.raises(LockError):  # and nothing is written over it
        LockFile().with_entry(entry()).save(path)
    assert path.read_text() == text


def test_what_cannot_be_read_or_written_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "bytes").write_bytes(b"\xff")
    with pytest.raises(LockError, match="bytes cannot be read: it is not UTF-8"):
        LockFile.load(tmp_path / "bytes")
    with pytest.raises(LockError, match="cannot be read: Is a directory"):
        LockFile.load(tmp_path)
    with pytest.raises(LockError, match=r"cannot be written: File exists|cannot be written: Not a directory"):
        LockFile().with_entry(entry()).save(tmp_path / "bytes" / "akatsuki.lock")


def test_another_digest_is_explained() -> None:
    pinned = entry()
    pinned.check(entry())
    pinned.check(entry(build={"rustc": "rustc 2.0.0", "prelude_sha256": "f" * 64}))  # the bytes are what counts
    other = {"digest": "e" * 64}
    cases = [
        (
            entry(**other, source_sha256="f" * 64),
            "its source has the sha256 ffffffffffff, pinned is aaaaaaaaaaaa",
            "A remembered answer or the generator is another one: restore akatsuki.replies.",
        ),
        (
            entry(**other, build={**BUILD, "rustc": "rustc 2.0.0"}),
            "its source is the same, but rustc is rustc 2.0.0, pinned is rustc 1.96.0 (ac68faa20 2026-05-25)",
            "Use the toolchain and the akatsuki-wasm that it was pinned with.",
        ),
        (
            entry(**other, build={}),
            "its source is the same, but rustc is unknown, pinned is rustc 1.96.0 (ac68faa20 2026-05-25) and "
            "the prelude's sha256 is unknown, pinned is cccccccccccc",
            "Use the toolchain and the akatsuki-wasm that it was pinned with.",
        ),
        (
            entry(**other),
            "the same source, rustc and prelude made the digest eeeeeeeeeeee, pinned is bbbbbbbbbbbb",
            "Other crates or build flags do that.",
        ),
    ]
    for made, text, hint in cases:
        with pytest.raises(LockError) as caught:
            pinned.check(made)
        assert str(caught.value) == f"vintage-filter is not the module that the lock file pins: {text}"
        assert caught.value.hint == f"{hint} Pin the new one with --lock where that is meant."
