"""What servers turned out not to have, remembered so that a local server is not tried out at every command.

In the process's memory, and in a small file of the cache folder. It names servers by a hash of their address, never by
a key, and forgets after a week: servers are updated, and another one may answer at the same address.
"""

from __future__ import annotations

import hashlib
import json
import logging
import threading
import time
from typing import TYPE_CHECKING, Any, TypeGuard

from akatsuki_wasm.files import write_atomically

if TYPE_CHECKING:
    from pathlib import Path

FILE = "model-servers.json"
KEPT_S = 7 * 24 * 3600
MAX_SERVERS = 100
_MAX_BYTES = 1_000_000

_log = logging.getLogger("akatsuki_wasm.model")
_lock = threading.Lock()
_here: dict[str, dict[str, Any]] = {}


class Learnt:
    """What is known of one server.

    Args:
        address: Of the server, as it is shown to people.
        folder: Of the file, or None for the process's memory alone.
    """

    def __init__(self, address: str, folder: Path | None) -> None:
        self._name = _hash(address)
        self._path = None if folder is None else folder / FILE

    def lacks(self, *place: str) -> frozenset[str]:
        """What is missing there.

        Args:
            place: Nothing for the server itself; an interface and a model for what these do not understand.
        """
        with _lock:
            known = _here.get(self._name) or _read(self._path).get(self._name)
        found = known["lacks"].get(_hash(*place), []) if _is_record(known) else []
        return frozenset(each for each in found if isinstance(each, str)) if isinstance(found, list) else frozenset()

    def learn(self, lacks: frozenset[str], *place: str) -> None:
        """Remembers what is missing there; where the disk refuses, in this process alone."""
        if lacks == self.lacks(*place):
            return
        with _lock:
            records = _read(self._path)
            known = _here.get(self._name) or records.get(self._name)
            if not _is_record(known):
                known = {"at": int(time.time()), "lacks": {}}
            known["lacks"][_hash(*place)] = sorted(lacks)
            _here[self._name] = records[self._name] = known
            self._write(records)

    def forget(self) -> None:
        """Forgets this server."""
        with _lock:
            records = _read(self._path)
            _here.pop(self._name, None)
            if records.pop(self._name, None) is not None:
                self._write(records)

    def _write(self, records: dict[str, Any]) -> None:
        if self._path is None:
            return
        newest = sorted(records.items(), key=lambda item: -item[1]["at"])[:MAX_SERVERS]
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(self._path, json.dumps(dict(newest), indent=1).encode() + b"\n")
        except OSError as exc:
            _log.debug("what the model's server lacks is not remembered: %s", exc.strerror or exc)


def _read(path: Path | None) -> dict[str, Any]:
    """The records that are not too old; none where the file is missing or damaged."""
    if path is None:
        return {}
    try:
        with path.open("rb") as file:
            found = json.loads(file.read(_MAX_BYTES))
    except (OSError, ValueError, RecursionError):
        return {}
    now = time.time()
    records = found.items() if isinstance(found, dict) else ()
    return {name: each for name, each in records if _is_record(each) and 0 <= now - each["at"] < KEPT_S}


def _is_record(found: Any) -> TypeGuard[dict[str, Any]]:
    return isinstance(found, dict) and isinstance(found.get("at"), int) and isinstance(found.get("lacks"), dict)


def _hash(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode("utf-8", "replace")).hexdigest()[:32]
