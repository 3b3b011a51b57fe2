"""Finds the highest level of confinement that works on this machine, by trying to get out of it.

Versions and settings say little: a kernel may have Landlock switched off at boot, a container may forbid user
namespaces, a seccomp filter around us may forbid ours. So a small program is started at each level, from the highest,
which tries to read a file that it was not given, to write one, to open sockets and to reach this process, and must
still be able to work. The first level at which all of that comes out right is the one.

The answer is remembered in the process, and in a small file of the cache folder with what it depends on, so that a
build does not pay for it.
"""

from __future__ import annotations

import json
import logging
import os
import platform
import secrets
import socket
import subprocess
import sys
import tempfile
import threading
from contextlib import ExitStack, suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from akatsuki_wasm.confinement import bubblewrap, landlock, seccomp
from akatsuki_wasm.confinement.ladder import LEVELS, Access, Confinement, Level, interpreter, interpreter_files

if TYPE_CHECKING:
    from collections.abc import Mapping

log = logging.getLogger(__name__)

FILE = "confinement.json"
_FORMAT = 1
_TIMEOUT_S = 20.0
_MUST_FAIL = (
    "read a file outside",
    "write a file outside",
    "change a file outside",
    "read the environment of the host",
    "open an internet socket",
    "open a netlink socket",
    "signal the host",
    "reach an abstract unix socket",
)
_MUST_FAIL_AT_FULL = ("see that a file outside exists",)
_MUST_WORK = ("write inside", "link inside", "run a program")
_LINK_NEEDS_ABI = 2
_SETTINGS = (
    "/proc/sys/kernel/random/boot_id",
    "/proc/sys/user/max_user_namespaces",
    "/proc/sys/kernel/unprivileged_userns_clone",
    "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
    "/proc/sys/kernel/yama/ptrace_scope",
)
"""What may change without a new kernel: whoever lifts a limit and probes again gets the new answer."""
_LANDLOCK_HINT = "use Linux 5.13 or newer with Landlock switched on (lsm=landlock,… at boot)"
_SECCOMP_HINT = "use Linux on x86-64 or 64-bit ARM, with seccomp filters"
_BUBBLEWRAP_HINT = "install bubblewrap, such as with: apt-get install bubblewrap"
_NAMESPACES_HINT = "allow user namespaces for bwrap (in a container: on its host), or run as a user who may"

_known: dict[str, Confinement] = {}
_lock = threading.Lock()


def find_confinement(cache_dir: Path | None = None) -> Confinement:
    """The best confinement that works here.

    Args:
        cache_dir: Where the answer is kept from process to process; it need not exist or be writable. None to ask
            anew in each process.
    """
    with _lock:
        key = _key()
        found = _known.get(key)
        if found is None and cache_dir is not None:
            found = _remembered(cache_dir / FILE, key)
        if found is None:
            found, certain = probe()
            if not certain:
                return found
            if cache_dir is not None:
                _remember(cache_dir / FILE, key, found)
        _known[key] = found
        return found


def forget(cache_dir: Path | None = None) -> None:
    """Probes again the next time: something that worked when it was probed works no longer."""
    with _lock:
        _known.clear()
        if cache_dir is not None:
            with suppress(OSError):
                (cache_dir / FILE).unlink(missing_ok=True)


def probe() -> tuple[Confinement, bool]:
    """Tries all levels from the highest.

    Returns:
        The first that holds, and whether the answer is worth keeping: where not even a program without confinement
        could be started, something else is wrong.
    """
    abi = landlock.abi() if sys.platform == "linux" else 0
    bwrap = bubblewrap.find() if sys.platform == "linux" else None
    lacking: dict[str, str] = {}
    hints: dict[str, str] = {}
    missing = _missing(abi)
    for level in reversed(LEVELS):
        tried = Confinement(level, abi if level != "basic" else 0, bwrap if level == "full" else None, lacking, hints)
        if level == "basic":
            return tried, _outcomes(tried)[1] == ""
        if missing:
            lacking[level], hints[level] = missing
        elif level == "full" and bwrap is None:
            lacking[level], hints[level] = "bubblewrap is not installed", _BUBBLEWRAP_HINT
        else:
            problem = _problem(tried)
            if not problem:
                return tried, True
            lacking[level] = problem
            hints[level] = _NAMESPACES_HINT if level == "full" else _LANDLOCK_HINT
    raise AssertionError("the lowest level is always there")


def _missing(abi: int) -> tuple[str, str] | None:
    """What strong and above need and this machine has not, and what to do."""
    if sys.platform != "linux":
        return f"{platform.system()} has no Landlock", "build on Linux, such as in a container or a virtual machine"
    if not abi:
        return f"the kernel ({platform.release()}) has no Landlock", _LANDLOCK_HINT
    if not seccomp.is_supported():
        return f"there is no seccomp filter for {platform.machine()}", _SECCOMP_HINT
    return None


def _problem(confinement: Confinement) -> str:
    """Why a level does not hold, or empty where it does."""
    outcomes, said = _outcomes(confinement)
    if said:
        return f"it does not start: {said}"
    for name in (*_MUST_FAIL, *(_MUST_FAIL_AT_FULL if confinement.level == "full" else ())):
        if outcomes.get(name) == "":
            return f"a program in it can {name}"
    for name in _MUST_WORK:
        if name == "link inside" and confinement.landlock_abi < _LINK_NEEDS_ABI:
            continue
        if error := outcomes.get(name, "nothing"):
            return f"a program in it cannot {name} ({error})"
    return ""


def _outcomes(confinement: Confinement) -> tuple[Mapping[str, str], str]:
    """What a program under it can do, and why it did not start."""
    with ExitStack() as stack:
        outside, inside = (
            Path(stack.enter_context(tempfile.TemporaryDirectory(prefix=f"akatsuki-{name}-"))).resolve()
            for name in ("canary", "probe")
        )
        canary = outside / "canary"
        canary.write_text("a program that reads this is not confined", "utf-8")
        told = {
            "canary": str(canary),
            "outside": str(outside),
            "inside": str(inside),
            "address": _listener(stack),
            "host": os.getpid(),
        }
        script = Path(__file__).with_name("probe_inside.py")
        files = interpreter_files()
        command = confinement.command(
            [str(interpreter()), "-I", "-S", "-B", str(script), json.dumps(told)],
            access=Access(read=files[1:], run=files[:1], write=(inside,)),
            environment={},
        )
        try:
            done = subprocess.run(
                command, env={}, stdin=subprocess.DEVNULL, capture_output=True, timeout=_TIMEOUT_S,
                start_new_session=True, cwd="/", check=False,
            )  # fmt: skip
            outcomes: dict[str, str] = json.loads(done.stdout)
        except subprocess.TimeoutExpired:
            return {}, f"no answer in {_TIMEOUT_S:g} s"
        except OSError as exc:
            return {}, str(exc)
        except ValueError:
            lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
            return {}, (lines[-1] if lines else f"exit code {done.returncode}")[:200]
    log.debug("probed %s: %s", confinement.level, outcomes)
    return outcomes, ""


def _listener(stack: ExitStack) -> str:
    """The address of an abstract unix socket that listens, or empty where there can be none."""
    address = f"akatsuki-probe-{secrets.token_hex(8)}"
    try:
        listening = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
        listening.bind(f"\0{address}")
        listening.listen(1)
    except OSError:
        return ""
    return address


def _key() -> str:
    """All that the answer depends on, as far as it can be seen without a program being run."""
    kernel = platform.release(), platform.version(), platform.machine()
    seen: list[Any] = [_FORMAT, *kernel, os.geteuid(), str(interpreter())]
    for path in _SETTINGS:
        try:
            seen.append(Path(path).read_text("utf-8").strip())
        except OSError:
            seen.append(None)
    for name in ("user", "mnt"):
        try:
            seen.append(str(Path("/proc/self/ns", name).readlink()))
        except OSError:
            seen.append(None)
    own = sorted(Path(__file__).parent.glob("*.py"))
    for program in filter(None, (bubblewrap.find(), *own)):
        try:
            status = program.stat()
            seen.append([str(program), status.st_size, status.st_mtime_ns, status.st_mode])
        except OSError:
            seen.append(None)
    return json.dumps(seen)


def _remembered(file: Path, key: str) -> Confinement | None:
    """What a process before this one found, where everything is as it was then."""
    try:
        with file.open(encoding="utf-8") as opened:
            if os.fstat(opened.fileno()).st_uid != os.geteuid():
                return None  # it names a program that is then started
            kept = json.loads(opened.read())
        if kept["key"] != key:
            return None
        found = kept["found"]
        level: Level = found["level"]
        bwrap = bubblewrap.find() if level == "full" else None
        if level not in LEVELS or found["bubblewrap"] != (None if bwrap is None else str(bwrap)):
            return None
        return Confinement(
            level=level,
            landlock_abi=int(found["landlock_abi"]),
            bubblewrap=bwrap,
            lacking=dict(found["lacking"]),
            hints=dict(found["hints"]),
        )
    except (OSError, ValueError, LookupError, TypeError):
        return None


def _remember(file: Path, key: str, found: Confinement) -> None:
    text = json.dumps({"key": key, "found": asdict(found)}, default=str, indent=1)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=file.parent, prefix=f".{FILE}-", delete=False) as new:
            new.write(text.encode())
        Path(new.name).replace(file)
    except OSError as exc:  # the next process asks again
        log.debug("%s was not written: %s", file, exc)
