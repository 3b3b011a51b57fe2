"""Content-addressed blobs through obstore: a local folder by default, an object store by URL.

A blob's key is made from the sha256 of its bytes, so a blob is never changed, only made and removed. What a local
folder gives was looked at with strace (obstore 0.12): ``put(mode="create")`` writes ``KEY#1`` and links it to ``KEY``,
so a key has all of its bytes or is not there, also when the process is killed; but nothing is synced. A module must
survive a power cut once it is acknowledged, so `put` syncs the file and its folders itself before the row is written.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote, urlsplit

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import LocalStore

from akatsuki_wasm.errors import ConfigError, DigestMismatchError, StorageError
from akatsuki_wasm.registry import failures, object_store
from akatsuki_wasm.registry.database import make_private_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from obstore.store import ObjectStore

_KEY = re.compile(r"sha256/[0-9a-f]{2}/([0-9a-f]{64})")
_STAGED = re.compile(r"[0-9a-f]{64}#[0-9]+")
DEFAULT_GARBAGE_AGE = timedelta(hours=1)
"""Younger blobs are left alone by garbage collection: their row may be on its way."""
_ATTEMPTS = 5
"""Tries to write a blob that somebody collects as garbage at the same time."""
_RETRY = "Check the storage and its credentials, then try again."


class BlobInfo(NamedTuple):
    """A stored blob: digest, bytes, and when it was written."""

    digest: str
    size: int
    modified: datetime


def digest_of(data: bytes) -> str:
    """Hex sha256."""
    return hashlib.sha256(data).hexdigest()


def key_of(digest: str) -> str:
    """Where the blob of that digest is: ``sha256/ab/abcdef…``."""
    return f"sha256/{digest[:2]}/{digest}"


class BlobStore:
    """The blobs of one registry; thread-safe, and safe against other processes on the same storage.

    Args:
        url: ``file:///folder``, ``s3://bucket/prefix``, ``gs://…``, ``az://…``; credentials come from the environment
            as obstore reads them.

    Raises:
        ConfigError: The URL is not such.
    """

    def __init__(self, url: str) -> None:
        self.url = object_store.shown_url(url)
        self.folder: Path | None = None
        parts = urlsplit(url)
        if parts.scheme == "file":
            if parts.netloc not in {"", "localhost"} or not parts.path.startswith("/"):
                raise ConfigError(
                    f"the blob URL {self.url} is no absolute path", hint="Write it as file:///home/me/blobs."
                )
            self.folder = Path(unquote(parts.path))
            return
        self._remote = object_store.open_store(url)
        self._remote_uploads = object_store.open_store(url, uploads=True)

    @property
    def _store(self) -> ObjectStore:
        if self.folder is None:
            return self._remote
        try:
            make_private_folder(self.folder)
            return LocalStore(self.folder)
        except (OSError, BaseError) as exc:
            if isinstance(exc, OSError):
                raise failures.from_os(exc, str(self.folder), "make the folder of blobs") from exc
            raise StorageError(f"cannot use the folder of blobs {self.folder}", hint=_RETRY) from exc

    def put(self, data: bytes) -> str:
        """Stores bytes durably, unless they are there already.

        Returns:
            Their digest.

        Raises:
            DigestMismatchError: Other bytes are stored under this digest: the storage was altered.
            StorageError: They cannot be written; nothing of them is left under their key.
        """
        digest = digest_of(data)
        for _ in range(_ATTEMPTS):
            if (self._create(digest, data) or self._read(digest) is not None) and self._sync(digest):
                return digest
            # It was there and is not any more: garbage was collected meanwhile.
        raise StorageError(f"the blob {key_of(digest)} keeps disappearing from {self.url}", hint=_RETRY)

    def _create(self, digest: str, data: bytes) -> bool:
        """Writes a blob; False where there is one already, or its half-written file was collected as garbage."""
        try:
            # One request, not a multipart upload: that one has no mode "create".
            store = self._remote_uploads if self._is_upload(data) else self._store
            obstore.put(store, key_of(digest), data, mode="create", use_multipart=False)
        except AlreadyExistsError:
            return False
        except (OSError, BaseError) as exc:
            if self.folder is not None and _os_number(exc) == errno.ENOENT:
                return False
            raise self._failure(exc, f"write the blob {key_of(digest)}") from exc
        return True

    def _is_upload(self, data: bytes) -> bool:
        return self.folder is None and len(data) > object_store.SMALL_BYTES

    def read(self, digest: str) -> bytes:
        """A blob's bytes, verified.

        Raises:
            DigestMismatchError: The bytes are not those that the digest names.
            StorageError: The blob is missing, or cannot be read.
        """
        data = self._read(digest)
        if data is None:
            raise StorageError(
                f"the blob {key_of(digest)} is missing from {self.url}",
                hint="Restore it from a backup, or store the module again.",
            )
        return data

    def _read(self, digest: str) -> bytes | None:
        """As `read`, None for a missing one."""
        key = key_of(digest)
        try:
            data = obstore.get(self._store, key).bytes().to_bytes()
        except (OSError, BaseError) as exc:
            if object_store.is_absent(exc):
                return None
            raise self._failure(exc, f"read the blob {key}") from exc
        found = digest_of(data)
        if found != digest:
            raise DigestMismatchError(
                f"the blob {key} in {self.url} was altered: its bytes have the sha256 {found}",
                hint="Remove that blob, then restore it from a backup or store the module again.",
            )
        return data

    def exists(self, digest: str) -> bool:
        """Whether a blob of that digest is there."""
        try:
            obstore.head(self._store, key_of(digest))
        except (OSError, BaseError) as exc:
            if object_store.is_absent(exc):
                return False
            raise self._failure(exc, f"look for the blob {key_of(digest)}") from exc
        return True

    def list(self) -> Iterator[BlobInfo]:
        """All blobs, in no order."""
        if self.folder is not None and not self.folder.exists():
            return
        try:
            for chunk in obstore.list(self._store, "sha256/"):
                for meta in chunk:
                    match = _KEY.fullmatch(meta["path"])
                    if match:
                        yield BlobInfo(match[1], meta["size"], meta["last_modified"])
        except (OSError, BaseError) as exc:
            raise self._failure(exc, "list the blobs") from exc

    def remove(self, digest: str) -> None:
        """Removes a blob; one that is not there is fine."""
        try:
            obstore.delete(self._store, key_of(digest))
        except (OSError, BaseError) as exc:
            if object_store.is_absent(exc):
                return
            raise self._failure(exc, f"remove the blob {key_of(digest)}") from exc

    def remove_staged(self, before: datetime) -> int:
        """Removes what killed writers left half-written in a local folder; returns how many files."""
        removed = 0
        for path in [] if self.folder is None else self.folder.glob("sha256/*/*#*"):
            try:
                if _STAGED.fullmatch(path.name) and path.stat().st_mtime < before.timestamp():
                    path.unlink()
                    removed += 1
            except FileNotFoundError:  # its writer was alive and is done
                continue
            except OSError as exc:
                raise failures.from_os(exc, str(self.folder), f"remove {path.name}") from exc
        return removed

    def _sync(self, digest: str) -> bool:
        """Makes a blob and the names that lead to it survive a power cut; False where it is gone.

        Also for a blob that was there: whoever wrote it may not have come to this step yet.
        """
        if self.folder is None:
            return True
        path = self.folder / key_of(digest)
        try:
            for each in (path, *list(path.parents)[:4]):
                if each == self.folder.parent and not os.access(each, os.R_OK):
                    break  # somebody else's folder, in which ours exists already
                handle = os.open(each, os.O_RDONLY)
                try:
                    os.fsync(handle)
                finally:
                    os.close(handle)
        except FileNotFoundError:
            return False
        except OSError as exc:
            raise failures.from_os(exc, str(self.folder), f"write the blob {key_of(digest)}") from exc
        return True

    def _failure(self, exc: OSError | BaseError, doing: str) -> StorageError:
        """The error for what obstore raised; it tells the operating system's number in words alone."""
        if self.folder is None:
            return object_store.failure(exc, self.url, doing)
        code = _os_number(exc)
        if code is not None:
            return failures.from_os(OSError(code, os.strerror(code)), str(self.folder), doing)
        if isinstance(exc, OSError):
            return failures.from_os(exc, str(self.folder), doing)
        line = (str(exc).strip().splitlines() or [type(exc).__name__])[0]
        return StorageError(f"cannot {doing} in {self.url}: {line}", hint=_RETRY)


def _os_number(exc: Exception) -> int | None:
    found = re.search(r"\(os error (\d+)\)", str(exc))
    return int(found[1]) if found else None
