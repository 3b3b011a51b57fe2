"""What only a real process shows: streams, exit codes, signals, closed pipes, completion, start time."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from akatsuki_wasm import errors
from akatsuki_wasm.cli.exits import exit_code

if TYPE_CHECKING:
    from pathlib import Path

AKATSUKI = [sys.executable, "-m", "akatsuki_wasm.cli"]


def run(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*AKATSUKI, *words], capture_output=True, text=True, env={**os.environ, **environment})


def test_every_error_has_an_exit_code() -> None:
    codes = {
        "ToolchainError": 4,
        **dict.fromkeys(
            ("GuestError", "GuestTrap", "ExecutionTimeout", "ExecutionCancelled", "FuelLimitError", "MemoryLimitError"),
            3,
        ),
        **dict.fromkeys(("ResultTooLargeError", "NotebookError"), 3),
    }
    classes = [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, Exception)]
    assert len(classes) > 25
    for each in classes:
        error = each.__new__(each, "text")
        assert exit_code(error) == codes.get(each.__name__, 1), each
        assert exit_code(pickle.loads(pickle.dumps(error))) == codes.get(each.__name__, 1)


def test_codes_and_streams(tmp_path: Path) -> None:
    done = run("modules", "list", "--json")
    assert (done.returncode, done.stdout, done.stderr) == (0, "[]\n", "")
    done = run("run", "nothing")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines()[0] == "error: there is no module named 'nothing'"
    done = run("modlues", "--json")
    assert (done.returncode, done.stderr) == (2, "")
    assert done.stdout.startswith(
        '{\n  "error": {\n    "code": "usage",\n    "message": "No such command \'modlues\'. Did'
    )
    done = run()
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("Usage: akatsuki [OPTIONS] COMMAND [ARGS]...")


def test_defects_are_one_line_and_a_traceback_on_demand(tmp_path: Path) -> None:
    (tmp_path / "odd.py").write_text(
        "from akatsuki_wasm import hookimpl\n"
        "@hookimpl\n"
        "def akatsuki_register_commands(cli):\n"
        "    @cli.command()\n"
        "    def odd():\n"
        "        raise RuntimeError('two\\nlines')\n"
    )
    done = run("--plugin", str(tmp_path / "odd.py"), "odd")
    assert (done.returncode, done.stdout, done.stderr) == (
        70,
        "",
        "error: unexpected RuntimeError: two lines\nhint: Run it again as `akatsuki --verbose …` for the traceback.\n",
    )
    done = run("--plugin", str(tmp_path / "odd.py"), "--verbose", "odd")
    assert done.returncode == 70
    assert "Traceback (most recent call last)" in done.stderr


def test_a_reader_that_goes_away() -> None:
    with subprocess.Popen(
        [*AKATSUKI, "plugins", "list", "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == b""
        assert process.wait(30) == 141


def test_interrupt(tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text(
        "import sys, time\n"
        "from akatsuki_wasm import hookimpl\n"
        "@hookimpl\n"
        "def akatsuki_register_commands(cli):\n"
        "    @cli.command()\n"
        "    def slow():\n"
        "        print('ready', flush=True)\n"
        "        time.sleep(30)\n"
    )
    command = [*AKATSUKI, "--plugin", str(tmp_path / "slow.py"), "slow"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130
        assert process.stderr is not None
        assert process.stderr.read() == "\ninterrupted\n"


def test_completion() -> None:
    done = run(_AKATSUKI_COMPLETE="bash_complete", COMP_WORDS="akatsuki modules sh", COMP_CWORD="2")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split() == ["plain,share", "plain,show"]


def test_colours_only_on_a_terminal() -> None:
    done = run("run", "nothing")
    assert "\x1b" not in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals")
def test_on_a_terminal() -> None:
    import pty

    leader, follower = pty.openpty()
    with subprocess.Popen([*AKATSUKI, "toolchain", "status"], stdout=follower, stderr=follower) as process:
        os.close(follower)
        seen = _read_all(leader)
        process.wait(30)
    os.close(leader)
    assert "KIND" in seen
    assert "─" in seen
    assert "\t" not in seen


def _read_all(descriptor: int) -> str:
    seen: Any = b""
    while True:
        try:
            part = os.read(descriptor, 4096)
        except OSError:  # how Linux tells that the other end was closed
            break
        if not part:
            break
        seen += part
    return seen.decode()
