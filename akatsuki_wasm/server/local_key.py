"""The service's own secret: a private file in the data folder, made by whichever process needs it first.

It signs what this machine alone hands out: one-time tokens, sessions of a browser, and bearer tokens where neither a
secret nor a JWKS address is set. Each purpose has a key of its own, derived from the file's, so that a token for one is
none for another.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import stat
from typing import TYPE_CHECKING, Literal

from akatsuki_wasm.errors import ConfigError, StorageError
from akatsuki_wasm.files import new_file_beside

if TYPE_CHECKING:
    from pathlib import Path

FILE = "token.key"
KEY_BYTES = 32

Purpose = Literal["bearer", "once", "session"]


def make_local_key(data_dir: Path) -> bytes:
    """The key, made where there is none; processes that ask at the same time get the same one.

    Raises:
        StorageError: The folder cannot be written.
        ConfigError: The file is there, and is not private or not whole.
    """
    path = data_dir / FILE
    found = read_local_key(data_dir)
    if found is not None:
        return found
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, temporary = new_file_beside(path, 0o600)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(secrets.token_bytes(KEY_BYTES))
            # A link and not a rename: it fails where another process was faster, and the first key stays.
            os.link(temporary, path)
        except FileExistsError:
            pass
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as exc:
        raise StorageError(
            f"{path} cannot be made: {(exc.strerror or str(exc)).lower()}",
            hint="Set AKATSUKI_DATA_DIR to a folder that can be written.",
        ) from exc
    found = read_local_key(data_dir)
    if found is None:
        raise StorageError(f"{path} was removed while it was made", hint="Start again.")
    return found


def read_local_key(data_dir: Path) -> bytes | None:
    """The key, or None where none was made yet.

    Raises:
        ConfigError: The file is there, and is not private or not whole.
    """
    path = data_dir / FILE
    try:
        with path.open("rb") as file:
            facts = os.fstat(file.fileno())
            key = file.read(KEY_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as exc:
        raise ConfigError(
            f"{path} cannot be read: {(exc.strerror or str(exc)).lower()}", hint="Run as the user that owns it."
        ) from exc
    if stat.S_IMODE(facts.st_mode) & 0o077 or facts.st_uid != os.geteuid():
        raise ConfigError(
            f"{path} is not private: others may read it, or it is another user's",
            hint="Remove it: a new one is made, and tokens that it signed end.",
        )
    if len(key) != KEY_BYTES:
        raise ConfigError(
            f"{path} does not have {KEY_BYTES} bytes",
            hint="Remove it: a new one is made, and tokens that it signed end.",
        )
    return key


def key_for(purpose: Purpose, key: bytes) -> bytes:
    """The key of one purpose (HMAC-SHA256 as a key derivation: https://www.rfc-editor.org/rfc/rfc5869 section 2.3)."""
    return hmac.new(key, b"akatsuki_wasm " + purpose.encode() + b"\x01", hashlib.sha256).digest()
