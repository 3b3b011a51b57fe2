"""The child that compiles modules of others: what is left to it once it may read one."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import wasmtime

from akatsuki_wasm.confinement import ladder
from akatsuki_wasm.errors import ExecuteError
from akatsuki_wasm.sandbox import foreign
from akatsuki_wasm.sandbox.engine import process_engine

from .attack import SECRET, Scene
from .conftest import at_level
from .test_probe import REFUSING_BWRAP, program

if TYPE_CHECKING:
    from akatsuki_wasm.confinement.ladder import Confinement

TRYING = """\
import sys; sys.path[:] = {path!r}
import errno, json, os, socket
from akatsuki_wasm.sandbox import foreign_child
config = json.loads(sys.argv[1])
foreign_child.prepare(config)
told = config["told"]
def tried(action, *arguments):
    try:
        action(*arguments)
    except OSError as exc:
        return errno.errorcode[exc.errno]
    return ""
def connect():
    socket.create_connection(("127.0.0.1", told["port"])).close()
print(json.dumps({{
    "read": tried(open, told["canary"]),
    "read our own code": tried(open, foreign_child.__file__),
    "read its environment": tried(open, "/proc/self/environ"),
    "read another's environment": tried(open, f"/proc/{{told['victim']}}/environ"),
    "write": tried(open, told["mark"], "w"),
    "connect": tried(connect),
    "run a program": tried(os.posix_spawn, "/bin/sh", ["sh", "-c", ":"], {{}}),
    "signal": tried(os.kill, told["victim"], 0),
    "environment": sorted(os.environ),
}}))
"""

WAITING = """\
import sys; sys.path[:] = {path!r}
import json, time
from akatsuki_wasm.sandbox import foreign_child
foreign_child.prepare(json.loads(sys.argv[1]))
print("ready", flush=True)
time.sleep(60)
"""


def tried(confinement: Confinement, scene: Scene) -> dict[str, str]:
    told = {"canary": str(scene.canary), "mark": str(scene.mark), "port": scene.port, "victim": scene.victim}
    limits = foreign._limits(20, 2 << 30)
    command = foreign.child_command(confinement, {"told": told}, limits, start=TRYING)
    done = subprocess.run(command, env=foreign._ENVIRONMENT, capture_output=True, text=True, start_new_session=True)
    assert done.returncode == 0, done.stderr
    found: dict[str, str] = json.loads(done.stdout)
    return found


def test_it_has_no_files_and_no_network(confinement: Confinement, scene: Scene) -> None:
    found = tried(confinement, scene)
    assert {*found.pop("environment")} - {"LC_CTYPE", "PWD"} == {*foreign._ENVIRONMENT}
    assert SECRET not in str(found)
    if confinement.level == "basic":
        assert {what for what, error in found.items() if error} == set()
        assert scene.mark.read_text() == ""  # a file, but the limit of its size lets nothing be written
        return
    assert {what for what, error in found.items() if not error} == set()
    assert not scene.mark.exists()
    assert not scene.caught.exists()


def test_it_compiles_the_same_at_each_level(confinement: Confinement, monkeypatch: pytest.MonkeyPatch) -> None:
    wasm = bytes(wasmtime.wat2wasm('(module (memory 1) (data (i32.const 0) "x") (func (export "f")))'))
    monkeypatch.setattr(foreign, "find_confinement", lambda cache_dir: confinement)
    exported = foreign.compile_foreign(process_engine(), wasm).exports
    assert [each.name for each in exported] == ["f"]


def test_a_sandbox_that_once_worked_and_does_no_longer_is_told(
    best: Confinement, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    strong = at_level(best, "strong")
    broken = ladder.Confinement("full", strong.landlock_abi, program(tmp_path, REFUSING_BWRAP))
    monkeypatch.setattr(foreign, "find_confinement", lambda cache_dir: broken)
    with pytest.raises(ExecuteError) as caught:
        foreign.compile_foreign(process_engine(), bytes(wasmtime.wat2wasm("(module)")))
    assert str(caught.value) == (
        "the sandbox of the compiling child process could not be set up: bwrap: setting up uid map: Permission denied"
    )


def test_it_dies_with_its_parent_at_each_level(confinement: Confinement) -> None:
    """A child that is left over would hold the module in memory until it ends by itself."""
    bubblewrap = None if confinement.bubblewrap is None else str(confinement.bubblewrap)
    host_script = f"""
import subprocess, time
from akatsuki_wasm.sandbox import foreign
from akatsuki_wasm.confinement.ladder import Confinement
confinement = Confinement({confinement.level!r}, {confinement.landlock_abi}, {bubblewrap!r})
command = foreign.child_command(confinement, {{}}, foreign._limits(20, 2 << 30), start={WAITING!r})
child = subprocess.Popen(command, env=foreign._ENVIRONMENT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
child.stdout.readline()
print(child.pid, flush=True)
time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", host_script], stdout=subprocess.PIPE, text=True) as host:
        assert host.stdout is not None
        status = Path(f"/proc/{int(host.stdout.readline())}/stat")
        assert status.exists()
        host.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 5
    while _runs(status) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not _runs(status)


def _runs(status: Path) -> bool:
    try:
        return status.read_text().split(")")[1].split()[0] != "Z"
    except OSError:
        return False
