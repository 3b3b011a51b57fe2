"""The whole way with a language model, as users walk it: command line on a terminal, memory, refine, chat window."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from . import sources
from .conftest import KEY, PlayedModel

if TYPE_CHECKING:
    from collections.abc import Mapping

pytestmark = pytest.mark.toolchain

PROMPT = "create a vintage filter"
DESIGN = ("design", "wasm", PROMPT)
COMMAND = [sys.executable, "-m", "akatsuki_wasm.cli"]
WITHOUT_A_SERVER: Mapping[str, str | None] = {"OPENAI_BASE_URL": None}


def environment(**changes: str | None) -> dict[str, str]:
    found = {**os.environ, "NO_COLOR": "1", "COLUMNS": "200"}
    for name, value in changes.items():
        if value is None:
            found.pop(name, None)
        else:
            found[name] = value
    return found


def akatsuki(*words: str, folder: Path, stdin: str | None = None, **changes: str | None) -> Any:
    done = subprocess.run(
        [Path(sys.executable).with_name("akatsuki"), *words],
        cwd=folder,
        env=environment(**changes),
        input=stdin,
        stdin=subprocess.DEVNULL if stdin is None else None,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert KEY not in done.stdout + done.stderr
    return done


def on_a_terminal(*words: str, folder: Path) -> tuple[int, str]:
    """Exit code, and everything that a terminal of 30 lines and 120 columns was sent."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(folder)
        os.execve(
            sys.executable, [*COMMAND, *words], environment(COLUMNS="120", LINES="30", TERM="xterm", NO_COLOR=None)
        )
    shown, deadline = b"", time.monotonic() + 120
    while time.monotonic() < deadline:
        ready, _, _ = select.select([terminal], [], [], 1)
        try:
            piece = os.read(terminal, 65536) if ready else b" " if os.waitpid(pid, os.WNOHANG) == (0, 0) else b""
        except OSError:  # the other end is closed: the command ended
            break
        if not piece:
            break
        shown += piece if ready else b""
    _, status = os.waitpid(pid, 0)
    os.close(terminal)
    return os.waitstatus_to_exitcode(status), shown.decode("utf-8", "replace")


@pytest.fixture
def keyless(model: PlayedModel, monkeypatch: pytest.MonkeyPatch) -> PlayedModel:
    """A model that the environment names by its address alone."""
    monkeypatch.delenv("OPENAI_API_KEY")
    return model


def vintage_with_an_error_first() -> tuple[dict[str, Any], str]:
    """An answer that does not compile, coming slowly enough to be seen, and edits that mend it."""
    broken = next(each for each in sources.BROKEN if each.of is sources.VINTAGE and each.stops == "compile")
    return {"content": broken.reply, "drip": 0.01}, broken.mend


def test_a_prompt_on_a_terminal(keyless: PlayedModel, tmp_path: Path) -> None:
    keyless.serves(responses="ollama", schema=False)
    keyless.script(*vintage_with_an_error_first())
    code, shown = on_a_terminal(*DESIGN, folder=tmp_path)
    assert code == 0, shown
    assert [each["path"] for each in keyless.requests() if each["path"].endswith("/chat/completions")][-2:]
    # The answer was seen while it came, and the repair was a step of its own.
    assert "pub fn vintage" in re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown).split("build")[0]
    assert "building, attempt 2" in shown
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown)
    stages = re.findall(r"(?:^|[\r\n])(generate|build|check|upload)\s+(ok|failed)", plain)
    assert stages == [
        *(
            ("generate", "ok"),
            ("build", "failed"),
            ("generate", "ok"),
            ("build", "ok"),
            ("check", "ok"),
            ("upload", "ok"),
        )
    ]
    # The timeline of both attempts, with what was changed.
    assert "0.4f64" in plain
    assert "module    vintage-filter@1.0.0" in plain
    asked = len(keyless.requests())

    Image.new("RGB", (40, 30), (90, 140, 200)).save(tmp_path / "photo.png")
    ran = akatsuki("run", "vintage-filter", "vintage", "photo.png", "-o", "out.png", folder=tmp_path)
    assert ran.returncode == 0, ran.stderr
    with Image.open(tmp_path / "out.png") as picture:
        assert picture.size == (40, 30)

    # The same again costs nothing and needs no server; the module is the same to the byte.
    first = json.loads(akatsuki("modules", "show", "vintage-filter", "--json", folder=tmp_path).stdout)
    words = (*DESIGN, "--generator", "openai", "--json")
    again = akatsuki(*words, folder=tmp_path, **WITHOUT_A_SERVER)
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout)["digest"] == first["digest"]
    assert json.loads(again.stdout)["version"] == "1.1.0"
    assert len(keyless.requests()) == asked

    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    verified = akatsuki("verify", "vintage-filter", folder=elsewhere, TMPDIR=str(elsewhere))
    assert verified.returncode == 0, verified.stderr
    assert first["digest"] in verified.stdout


def test_fresh_asks_again(keyless: PlayedModel, tmp_path: Path) -> None:
    keyless.script(sources.VINTAGE.reply, sources.VINTAGE.reply)
    for words, requests in ((DESIGN, 1), (DESIGN, 1), ((*DESIGN, "--fresh"), 2)):
        done = akatsuki(*words, folder=tmp_path)
        assert done.returncode == 0, done.stderr
        assert len(keyless.requests()) == requests


def test_a_project_that_is_locked_needs_no_model(keyless: PlayedModel, tmp_path: Path) -> None:
    keyless.script(*vintage_with_an_error_first())
    done = akatsuki(*DESIGN, "--lock", "--json", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "akatsuki.lock").is_file()
    # Another machine: the project's files, an empty registry, no server.
    other = {**WITHOUT_A_SERVER, "AKATSUKI_DATA_DIR": str(tmp_path / "other")}
    locked = akatsuki(*DESIGN, "--locked", "--json", folder=tmp_path, **other)
    assert locked.returncode == 0, locked.stderr
    assert json.loads(locked.stdout)["digest"] == json.loads(done.stdout)["digest"]
    changed = akatsuki("design", "wasm", f"{PROMPT}, but warmer", folder=tmp_path, AKATSUKI_LOCKED="1", **other)
    assert changed.returncode == 1
    assert f'error: akatsuki.lock has no entry for this prompt; nearest: "{PROMPT}"' in changed.stderr
    for reply in (tmp_path / "akatsuki.replies").iterdir():
        reply.unlink()
    missing = akatsuki(*DESIGN, "--locked", folder=tmp_path, **other, AKATSUKI_REPLIES_DIR=str(tmp_path / "none"))
    assert missing.returncode == 1
    assert "no remembered answer" in missing.stderr


def test_refine(keyless: PlayedModel, tmp_path: Path) -> None:
    warmer = sources.VINTAGE.rust.replace("0.4 * smoothstep", "0.6 * smoothstep")
    assert warmer != sources.VINTAGE.rust
    keyless.script(sources.VINTAGE.reply, f"name: vintage-filter\n```rust\n{warmer}```")
    assert akatsuki(*DESIGN, folder=tmp_path).returncode == 0
    done = akatsuki("design", "refine", "vintage-filter", "darker corners", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "module    vintage-filter@1.1.0" in done.stdout
    changed = [
        line for line in done.stdout.splitlines() if line.startswith(("-", "+")) and line[:3] not in ("---", "+++")
    ]
    assert [line[0] for line in changed] == ["-", "+"]
    assert "0.6 * smoothstep" in changed[1]
    asked = keyless.said()[-1]["content"]
    assert "darker corners" in asked
    assert sources.VINTAGE.rust.strip() in asked


def test_the_catalogue_refuses_to_change_a_source(tmp_path: Path) -> None:
    assert akatsuki(*DESIGN, "--name", "mine", folder=tmp_path).returncode == 0
    done = akatsuki("design", "refine", "mine", "make it warmer", folder=tmp_path)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-2:] == [
        "error: the offline catalogue writes modules anew; it cannot change the source of 'mine'",
        "hint: A language model can: set OPENAI_API_KEY or OPENAI_BASE_URL, or use --generator manual",
    ]


def test_from_a_file(keyless: PlayedModel, tmp_path: Path) -> None:
    (tmp_path / "mine.rs").write_text(sources.VINTAGE.rust, encoding="utf-8")
    keyless.script(sources.VINTAGE.reply)
    done = akatsuki("design", "wasm", "tidy it up", "--from", "mine.rs", "--name", "tidy", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert sources.VINTAGE.rust.strip() in keyless.said()[-1]["content"]


def test_a_chat_window_is_enough(tmp_path: Path) -> None:
    shown = akatsuki(*DESIGN, "--generator", "manual", "--show-prompt", folder=tmp_path)
    assert shown.returncode == 0, shown.stderr
    assert PROMPT in shown.stdout
    empty = akatsuki(*DESIGN, "--generator", "manual", folder=tmp_path)
    assert (empty.returncode, empty.stdout) == (1, shown.stdout)
    assert "error: no answer was given: standard input is empty\n" in empty.stderr
    broken, _ = vintage_with_an_error_first()
    (tmp_path / "answer.txt").write_text(broken["content"], encoding="utf-8")
    refused = akatsuki(*DESIGN, "--reply", "answer.txt", folder=tmp_path)
    assert refused.returncode == 1
    assert "mismatched types" in refused.stdout, "what to ask next is printed"
    piped = akatsuki(*DESIGN, "--generator", "manual", "--reply", "-", folder=tmp_path, stdin=sources.VINTAGE.reply)
    assert piped.returncode == 0, piped.stderr
    assert "module    vintage-filter@1.0.0" in piped.stdout


def test_a_test_in_python_finds_what_an_example_does_not(keyless: PlayedModel, tmp_path: Path) -> None:
    """The model's first answer forgets the century rule; the user's reference notices, and is shown to the model."""
    broken = next(each for each in sources.BROKEN if each.of is sources.LEAP_YEARS and each.stops == "check")
    reference = (
        "import calendar\n\n\ndef days_of_month(year, month):\n"
        "    if not 1 <= month <= 12 or not 1 <= year <= 9999:\n        raise ValueError('no such month')\n"
        "    return calendar.monthrange(year, month)[1]\n\n\ndef inputs(rng, rows):\n"
        "    return {'year': rng.integers(1, 40, rows) * 100, 'month': rng.integers(1, 13, rows)}\n"
    )
    (tmp_path / "month_test.py").write_text(reference, encoding="utf-8")
    keyless.script(broken.reply, sources.LEAP_YEARS.reply)
    done = akatsuki("design", "wasm", sources.LEAP_YEARS.prompt, "--test", "month_test.py", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    first, repair = keyless.said(0)[-1]["content"], keyless.said(1)[-1]["content"]
    assert "calendar.monthrange" in first
    assert re.search(r"days_of_month\(\d+00, 2\)", repair)


def test_never_right(keyless: PlayedModel, tmp_path: Path) -> None:
    broken = [each for each in sources.BROKEN if each.of is sources.VINTAGE][:3]
    keyless.script(*(each.reply for each in broken))
    done = akatsuki(*DESIGN, "--max-repairs", "2", folder=tmp_path)
    assert done.returncode == 1
    assert "error: none of 3 attempts is right; the best, attempt " in done.stderr
    assert all(f"\n {number}  " in done.stderr for number in (1, 2, 3)), "the timeline"
    listed = json.loads(akatsuki("generations", "list", "--json", folder=tmp_path).stdout)
    assert (len(listed), listed[0]["status"]) == (1, "error")
    assert f"All attempts: akatsuki generations show {listed[0]['id'][:8]}\n" in done.stderr
    kept = akatsuki("generations", "show", listed[0]["id"], folder=tmp_path).stdout
    assert all(each.says.split("`")[1] in kept for each in broken if "`" in each.says)


def test_a_file_of_the_working_folder_stands_in_for_no_package(keyless: PlayedModel, tmp_path: Path) -> None:
    for name in ("openai", "sqlalchemy", "jinja2", "wasmtime"):
        (tmp_path / f"{name}.py").write_text(f"raise SystemExit('{name} of a stranger ran')\n", encoding="utf-8")
    (tmp_path / "slow.py").write_text("def add(a, b):\n    return a + b\n", encoding="utf-8")
    keyless.script("name: adder\n```rust\n/// Adds.\npub fn add(a: f64, b: f64) -> f64 {\n    a + b\n}\n```")
    done = akatsuki("design", "wasm", "add two numbers", "--like", "slow.add", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "add agrees with its reference on 200 rows" in done.stderr
