"""Compiled modules in files, so that a new process need not compile again: authenticated, because they are native code.

A file is ``HMAC-SHA256(key, identity + digest + body) + body``. Deserialising a body that somebody changed would run
what they wrote, so it is verified in memory under a key that only the user can read and that lies outside the cache,
and the verified bytes are deserialised, not the file. Whatever does not fit (another wasmtime, configuration or
processor, damage, a key that others can read) leads to compiling, and is logged once.
"""

from __future__ import annotations

import errno
import hashlib
import hmac
import logging
import os
import platform
import secrets
import stat
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import wasmtime

from akatsuki_wasm.features import PROPOSALS_OFF
from akatsuki_wasm.sandbox import engine as engines
from akatsuki_wasm.sandbox import ffi

if TYPE_CHECKING:
    from collections.abc import Callable

    from wasmtime import component

    from akatsuki_wasm.sandbox.component.engine import ComponentEngine
    from akatsuki_wasm.sandbox.engine import ProcessEngine

T = TypeVar("T")
log = logging.getLogger(__name__)

MAC_BYTES = 32
KEY_BYTES = 32
MAX_FOLDER_BYTES = 512 << 20
"""The files written longest ago go when there is more."""


class CompiledFiles:
    """A folder of compiled modules.

    Args:
        folder: Made if it is not there; private to the user.
        key_file: The key, outside the folder; made with random bytes if it is not there.
    """

    def __init__(self, folder: Path, key_file: Path) -> None:
        self._folder, self._key_file = folder, key_file
        self._said = False

    @property
    def cache_dir(self) -> Path:
        """The folder around it, where other parts keep what can be made again."""
        return self._folder.parent

    def load(self, engine: ProcessEngine, digest: str) -> wasmtime.Module | None:
        """The module of that hex sha256 from its file, or None where there is none that fits."""
        return self.load_as(wasmtime.Module.deserialize, engine, digest)

    def load_as(
        self, deserialize: Callable[[wasmtime.Engine, bytes], T], engine: ProcessEngine | ComponentEngine, digest: str
    ) -> T | None:
        """As `load`, for what `deserialize` makes of a verified file."""
        key = self._key()
        if key is None:
            return None
        path = self._path(key, engine, digest)
        try:
            content = _read(path)
        except FileNotFoundError:
            return None
        except OSError as exc:
            self._say("%s cannot be read: %s", path, (exc.strerror or str(exc)).lower())
            return None
        body = content[MAC_BYTES:]
        if not hmac.compare_digest(content[:MAC_BYTES], _mac(key, engine, digest, body)):
            self._say("%s is damaged or was made under another key: compiling again", path)
            return None
        try:
            return deserialize(engine.engine, body)
        except wasmtime.WasmtimeError as exc:
            self._say("%s does not fit this engine: %s", path, exc)
            return None

    def save(
        self, module: wasmtime.Module | component.Component, engine: ProcessEngine | ComponentEngine, digest: str
    ) -> None:
        """Writes a module or component whole or not at all; that it cannot be written only costs time later."""
        key = self._key()
        if key is None:
            return
        path = self._path(key, engine, digest)
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            body = bytes(module.serialize())
            handle, temporary = tempfile.mkstemp(dir=self._folder, suffix=".new")  # mode 0600
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(_mac(key, engine, digest, body) + body)
                Path(temporary).replace(path)
            except BaseException:
                Path(temporary).unlink(missing_ok=True)
                raise
            self._prune()
        except OSError as exc:
            self._say("compiled modules cannot be kept in %s: %s", self._folder, (exc.strerror or str(exc)).lower())

    def clear(self, digest: str | None = None) -> None:
        """Removes the files of one module, or all; of whatever engine and key they are."""
        for path in self._folder.glob(f"{'*' if digest is None else digest}-*.cwasm"):
            try:
                path.unlink(missing_ok=True)
            except OSError as exc:
                self._say("%s cannot be removed: %s", path, (exc.strerror or str(exc)).lower())

    def _path(self, key: bytes, engine: ProcessEngine | ComponentEngine, digest: str) -> Path:
        # Registries that share a cache folder have keys of their own, and so files of their own.
        place = hashlib.sha256(identity(engine.fuel) + hashlib.sha256(b"name" + key).digest()).hexdigest()[:16]
        return self._folder / f"{digest}-{place}.cwasm"

    def _key(self) -> bytes | None:
        """The key, or None where none can be had that is private."""
        try:
            if not self._key_file.exists():
                self._key_file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                try:
                    handle = os.open(self._key_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
                except FileExistsError:
                    pass  # another process was faster, and its key is as good
                else:
                    with os.fdopen(handle, "wb") as file:
                        file.write(secrets.token_bytes(KEY_BYTES))
            facts = self._key_file.stat()
            key = _read(self._key_file)
        except OSError as exc:
            self._say("%s cannot be used: %s", self._key_file, exc)
            return None
        if stat.S_IMODE(facts.st_mode) & 0o077 or facts.st_uid != os.getuid() or len(key) != KEY_BYTES:
            self._say(
                "%s is not a private key of %d bytes: modules are compiled in each process", self._key_file, KEY_BYTES
            )
            return None
        return key

    def _prune(self) -> None:
        """Removes what was written longest ago; what another process removes meanwhile is gone just as well."""
        files = []
        for path in self._folder.glob("*.cwasm"):
            try:
                facts = path.stat()
            except FileNotFoundError:
                continue
            files.append((facts.st_mtime, facts.st_size, path))
        total = 0
        for _, size, path in sorted(files, reverse=True):
            total += size
            if total > MAX_FOLDER_BYTES:
                path.unlink(missing_ok=True)

    def _say(self, text: str, *args: object) -> None:
        log.log(logging.DEBUG if self._said else logging.WARNING, text, *args)
        self._said = True


def _read(path: Path) -> bytes:
    """The content of a regular file; a pipe in its place would never end, and a link is none of ours.

    Raises:
        OSError: It is something else, or cannot be read.
    """
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(errno.EINVAL, "not a regular file")
        return file.read()


def _mac(key: bytes, engine: ProcessEngine | ComponentEngine, digest: str, body: bytes) -> bytes:
    made = hmac.new(key, identity(engine.fuel) + bytes.fromhex(digest), hashlib.sha256)
    made.update(body)
    return made.digest()


@cache
def identity(fuel: bool) -> bytes:
    """What compiled code depends on besides the module: wasmtime, our configuration, the processor.

    Only what is quick to learn: a process that executes one known module spends most of its time here otherwise. The
    engine compares its own version and the processor's features once more when it takes a file.
    """
    facts = (
        "akatsuki-aot-3",
        *_library(),
        sys.platform,
        _processor(),
        str(engines.MAX_WASM_STACK),
        str(engines.process_engine(fuel=fuel).memory == "grown"),
        str(fuel),
        ",".join(PROPOSALS_OFF),
    )
    return hashlib.sha256("\0".join(facts).encode()).digest()


def _library() -> tuple[str, ...]:
    """Which build of wasmtime this is; asking the installed distributions for its version takes milliseconds."""
    path = ffi.library()
    facts = path.stat()
    return path.name, str(facts.st_size), str(facts.st_mtime_ns)


def _processor() -> str:
    """The processor's model and features where the system tells them, else its name."""
    try:
        return Path("/sys/devices/system/cpu/modalias").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return f"{platform.machine()} {platform.processor()}"
