"""Remembered answers: kept whole, found again, refused where damaged, and shared by a project's folder."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from akatsuki_wasm.contracts import RememberedReply
from akatsuki_wasm.replies import MAX_REPLY_BYTES, FolderReplies, PinnedReplies, project_replies

if TYPE_CHECKING:
    from pathlib import Path

KEY = hashlib.sha256(b"what is asked").hexdigest()
ANSWER = RememberedReply("name: x\n```rust\npub fn f() {}\n```\n", "gpt-5.4-mini-played", 1200, 80)


def test_an_answer_is_found_again_by_another_process(tmp_path: Path) -> None:
    FolderReplies(tmp_path / "replies").put(KEY, ANSWER)
    code = (
        "import sys, pathlib; from akatsuki_wasm.replies import FolderReplies;"
        "print(FolderReplies(pathlib.Path(sys.argv[1])).get(sys.argv[2]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "replies", KEY], capture_output=True, text=True, check=True
    )
    assert done.stdout == f"{ANSWER}\n"
    assert FolderReplies(tmp_path / "replies").get("0" * 64) is None


@given(text=st.text(st.characters(exclude_categories=())), model=st.text())
def test_any_text_comes_back_as_it_was(text: str, model: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    memory = FolderReplies(tmp_path_factory.getbasetemp() / "any")
    memory.put(KEY, RememberedReply(text, model))
    assert memory.get(KEY) == RememberedReply(text, model)


def test_the_file_reads_well_and_is_for_its_owner_alone(tmp_path: Path) -> None:
    folder = tmp_path / "data" / "replies"
    FolderReplies(folder).put(KEY, ANSWER)
    (file,) = folder.iterdir()
    assert (file.name, file.stat().st_mode & 0o777) == (f"{KEY}.json", 0o600)
    assert [folder.stat().st_mode & 0o777, folder.parent.stat().st_mode & 0o777] == [0o700, 0o700]
    assert json.loads(file.read_text("utf-8"))["text"] == ["name: x", "```rust", "pub fn f() {}", "```", ""]


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"{",
        b"\xff\xfe\x00",
        b"[]",
        b"null",
        b"{}",
        b"[" * 100_000,
        json.dumps({"version": 1, "key": "0" * 64, "model": "m", "text": ["of another question"]}).encode(),
        json.dumps({"version": 2, "key": KEY, "model": "m", "text": ["of a newer program"]}).encode(),
        json.dumps({"version": 1, "key": KEY, "model": "m", "text": "no list"}).encode(),
        json.dumps({"version": 1, "key": KEY, "model": "m", "text": [1]}).encode(),
        json.dumps({"version": 1, "key": KEY, "model": 1, "text": []}).encode(),
        json.dumps({"version": 1, "key": KEY, "model": "m", "text": [], "tokens_in": -1}).encode(),
        b" " * (MAX_REPLY_BYTES + 1),
    ],
    ids=lambda data: str(data[:20]),
)
def test_a_damaged_file_is_a_miss_that_is_told(damage: bytes, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / f"{KEY}.json"
    file.write_bytes(damage)
    assert FolderReplies(tmp_path).get(KEY) is None
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert str(file) in record.message
    FolderReplies(tmp_path).put(KEY, ANSWER)
    assert FolderReplies(tmp_path).get(KEY) == ANSWER


def test_what_is_no_file_is_a_miss(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    os.mkfifo(tmp_path / f"{KEY}.json")
    other = "1" * 64
    (tmp_path / f"{other}.json").mkdir()
    memory = FolderReplies(tmp_path)
    assert memory.get(KEY) is None
    assert memory.get(other) is None
    assert [record.message for record in caplog.records] == [
        f"the remembered answer {tmp_path / name}.json is no file and is not used" for name in (KEY, other)
    ]


def test_a_disk_that_refuses_is_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("in the way")
    FolderReplies(tmp_path / "file" / "replies").put(KEY, ANSWER)
    assert FolderReplies(tmp_path / "file" / "replies").get(KEY) is None
    (record,) = caplog.records
    assert record.message.startswith(f"the answer cannot be remembered in {tmp_path / 'file' / 'replies'}")


@pytest.mark.parametrize("key", ["", "../../etc/passwd", "A" * 64, "0" * 63, "0" * 65, "0" * 64 + "\n", "٣" * 64])
def test_only_a_sha256_is_a_key(key: str, tmp_path: Path) -> None:
    memory = FolderReplies(tmp_path)
    with pytest.raises(ValueError, match="is not the key of an answer: expected 64 hex digits in lower case"):
        memory.get(key)
    with pytest.raises(ValueError, match="is not the key of an answer"):
        memory.put(key, ANSWER)
    assert list(tmp_path.iterdir()) == []


def test_a_project_has_every_answer_that_was_used_in_it(tmp_path: Path) -> None:
    own, project = tmp_path / "own", project_replies(tmp_path / "work" / "akatsuki.lock")
    assert project == tmp_path / "work" / "akatsuki.replies"
    FolderReplies(own).put(KEY, ANSWER)
    # Known before the project opted in: using it there puts it there.
    assert FolderReplies(own, project).get(KEY) == ANSWER
    assert [file.name for file in project.iterdir()] == [f"{KEY}.json"]
    # A machine without the user's own folder, such as CI.
    assert FolderReplies(tmp_path / "empty", project).get(KEY) == ANSWER
    assert not (tmp_path / "empty").exists()
    new = RememberedReply("asked again", "m")
    FolderReplies(own, project).put(KEY, new)
    assert FolderReplies(own).get(KEY) == FolderReplies(tmp_path / "empty", project).get(KEY) == new
    # What is committed stands before what the user's own folder says.
    FolderReplies(own).put(KEY, ANSWER)
    assert FolderReplies(own, project).get(KEY) == new


def test_a_damaged_file_of_the_project_leaves_the_users_own(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    memory = FolderReplies(tmp_path / "own", tmp_path / "project")
    memory.put(KEY, ANSWER)
    (tmp_path / "project" / f"{KEY}.json").write_text("<<<<<<< ours", encoding="utf-8")
    assert memory.get(KEY) == ANSWER
    assert len(caplog.records) == 1
    assert FolderReplies(tmp_path / "nobody", tmp_path / "project").get(KEY) == ANSWER


def test_pinned_answers_stand_in_for_questions_that_changed(tmp_path: Path) -> None:
    memory = FolderReplies(tmp_path)
    first, second, other = (f"{number}" * 64 for number in range(3))
    for key in (first, second, other):
        memory.put(key, RememberedReply(key, "m"))
    pinned = PinnedReplies(memory, [first, second, KEY])
    assert pinned.get("a" * 64) == memory.get(first)
    assert pinned.get(other) == memory.get(other)  # the very question is known
    assert pinned.get("b" * 64) is None  # the third attempt's answer is lost
    assert pinned.get("c" * 64) is None
    pinned.put(KEY, ANSWER)
    assert memory.get(KEY) is None


def test_two_processes_write_the_same_answers_at_once(tmp_path: Path) -> None:
    code = """
import sys, pathlib, hashlib
from akatsuki_wasm.contracts import RememberedReply
from akatsuki_wasm.replies import FolderReplies
memory = FolderReplies(pathlib.Path(sys.argv[1]))
for turn in range(40):
    for number in range(5):
        key = hashlib.sha256(str(number).encode()).hexdigest()
        memory.put(key, RememberedReply(f"{number} " * 20_000, sys.argv[2]))
        assert memory.get(key).text == f"{number} " * 20_000
"""
    running = [subprocess.Popen([sys.executable, "-W", "error", "-c", code, tmp_path, name]) for name in ("a", "b")]
    assert [process.wait(timeout=60) for process in running] == [0, 0]
    assert len(list(tmp_path.iterdir())) == 5
