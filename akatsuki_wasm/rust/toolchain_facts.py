"""What a rustc says of itself, remembered by the identity of its file so that a warm search runs no program."""

from __future__ import annotations

import json
import logging
import os
import re
import subprocess
import tempfile
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from akatsuki_wasm.errors import ToolchainError

log = logging.getLogger(__name__)

_FORMAT = 1
_TIMEOUT_S = 30.0


@dataclass(frozen=True)
class RustcFacts:
    """What ``rustc -vV`` and ``rustc --print sysroot`` say.

    Attributes:
        version: First line of ``rustc -vV``.
        release: Such as ``1.96.0`` or ``1.98.0-nightly``.
        commit: Full commit hash, or empty where the build does not know it.
        host: Triple that this rustc runs on.
        sysroot: Its own sysroot.
    """

    version: str
    release: str
    commit: str
    host: str
    sysroot: str

    @property
    def number(self) -> tuple[int, int]:
        """Major and minor version."""
        return version_number(self.release)


def version_number(text: str) -> tuple[int, int]:
    """Major and minor of a version such as ``1.96.0`` or Debian's ``1:1.96.0+dfsg1-1``; (0, 0) where there is none."""
    match = re.match(r"(?:\d+:)?(\d+)\.(\d+)", text)
    return (int(match[1]), int(match[2])) if match else (0, 0)


class FactsCache:
    """Facts by rustc file, kept as one small JSON file in the cache folder.

    A file is known by path, inode, size, modification and change time: an update of the compiler changes the last of
    these even where packagers pin the modification time.
    """

    def __init__(self, cache_dir: Path) -> None:
        self._file = cache_dir / "rustc-facts.json"
        self._known = self._load()

    def read(self, rustc: Path) -> RustcFacts:
        """The facts of `rustc`, from the cache or by asking it.

        Raises:
            ToolchainError: It does not run, or does not answer as a rustc does.
        """
        try:
            status = rustc.stat()
        except OSError as exc:
            raise ToolchainError(f"{rustc} cannot be read: {exc.strerror}") from exc
        identity = [status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns]
        entry = self._known.get(str(rustc))
        if isinstance(entry, dict) and entry.get("identity") == identity:
            with suppress(TypeError):  # an entry with other fields is of another release: ask again
                return RustcFacts(**entry["facts"])
        facts = ask_rustc(rustc)
        self._known[str(rustc)] = {"identity": identity, "facts": asdict(facts)}
        self._save()
        return facts

    def _load(self) -> dict[str, Any]:
        try:
            data = json.loads(self._file.read_text("utf-8"))
        except (OSError, ValueError):
            return {}
        known = data.get("rustc") if isinstance(data, dict) and data.get("format") == _FORMAT else None
        return known if isinstance(known, dict) else {}

    def _save(self) -> None:
        """Replaces the file whole; a cache folder that cannot be written only costs time."""
        text = json.dumps({"format": _FORMAT, "rustc": self._known}, indent=1, sort_keys=True)
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=self._file.parent, prefix=".rustc-facts-")
            try:
                with os.fdopen(handle, "w", encoding="utf-8") as stream:
                    stream.write(text)
                Path(name).replace(self._file)
            except OSError:
                Path(name).unlink(missing_ok=True)
                raise
        except OSError as exc:
            log.debug("facts about rustc were not stored in %s: %s", self._file, exc)


def ask_rustc(rustc: Path) -> RustcFacts:
    """Runs `rustc` to learn its facts.

    Raises:
        ToolchainError: It does not run, or does not answer as a rustc does.
    """
    lines = _output(rustc, "-vV").splitlines()
    fields = dict(line.split(": ", 1) for line in lines[1:] if ": " in line)
    if not lines or not lines[0].startswith("rustc ") or "host" not in fields or "release" not in fields:
        raise ToolchainError(f"{rustc} does not answer as a rustc does: 'rustc -vV' printed {' '.join(lines)[:200]!r}")
    commit = fields.get("commit-hash", "")
    return RustcFacts(
        version=lines[0].strip(),
        release=fields["release"].strip(),
        commit="" if commit == "unknown" else commit.strip(),
        host=fields["host"].strip(),
        sysroot=_output(rustc, "--print", "sysroot").strip(),
    )


def _output(rustc: Path, *arguments: str) -> str:
    # RUSTUP_AUTO_INSTALL=0: should this be a proxy of rustup after all, a question must not download a toolchain.
    environment = {**os.environ, "RUSTUP_AUTO_INSTALL": "0", "LC_ALL": "C.UTF-8"}
    try:
        done = subprocess.run(
            [str(rustc), *arguments],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_TIMEOUT_S,
            check=False,
            stdin=subprocess.DEVNULL,
            env=environment,
            cwd="/",  # a rust-toolchain.toml in the working folder must not choose
        )
    except (OSError, subprocess.TimeoutExpired) as exc:
        raise ToolchainError(f"{rustc} does not run: {exc}") from exc
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise ToolchainError(f"{rustc} does not run: exit code {done.returncode}, {last[:200]}")
    return done.stdout
