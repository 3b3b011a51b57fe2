"""The private folder of one build: mode 0700, removed in every case, and swept up later where the host was killed."""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

log = logging.getLogger(__name__)

_PREFIX = "akatsuki-build-"
_LOCK = "alive.lock"
_NEW_LOCK = "alive.new"
_YOUNG_S = 60.0
"""A folder without a lock may be one that is just being made; the lock follows within milliseconds."""


@contextmanager
def private_folder(root: Path | None = None) -> Iterator[Path]:
    """A new folder that only this user can enter. Folders that dead processes left in `root` are removed on the way.

    Args:
        root: An existing folder or one that can be made; the system's folder for temporary files where None.

    Raises:
        OSError: It cannot be made.
    """
    base = Path(tempfile.gettempdir()) if root is None else root
    base.mkdir(parents=True, exist_ok=True)
    _sweep(base)
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=base.resolve()))
    lock = None
    try:
        # The kernel releases the lock when this process dies, which tells the next build that the folder is orphaned.
        # It gets its name when it is locked: another build's sweep must never see it free while its owner lives.
        lock = os.open(folder / _NEW_LOCK, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX)
        (folder / _NEW_LOCK).rename(folder / _LOCK)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if lock is not None:
            os.close(lock)


def _sweep(base: Path) -> None:
    for folder in base.glob(f"{_PREFIX}*"):
        try:
            if folder.is_symlink() or folder.stat().st_uid != os.getuid() or not _is_orphan(folder):
                continue
        except OSError:  # it vanished: its owner was faster
            continue
        log.debug("removing %s, which a dead process left behind", folder)
        shutil.rmtree(folder, ignore_errors=True)


def _is_orphan(folder: Path) -> bool:
    try:
        lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return time.time() - folder.stat().st_mtime > _YOUNG_S
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(lock)
    return True
