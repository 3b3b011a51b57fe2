"""What cargo complains of while it resolves crates, as errors that name the crate and what to do."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from akatsuki_wasm.errors import AkatsukiError, BuildError, ConfigError, one_line
from akatsuki_wasm.rust.crates_lock import RELOCK_HINT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from akatsuki_wasm.rust.build_process import Finished

OFFLINE_HINT = "With the network and the registry at hand, run once: akatsuki crates resolve"

_NO_CRATE = re.compile(r"no matching package named `([^`]+)` found")
_NO_VERSION = re.compile(r'failed to select a version for the requirement `(\S+) = "=([^"]+)"`')
_YANKED = re.compile(r"version (\S+) is yanked")
_CANDIDATES = re.compile(r"candidate versions found which didn't match: (.+)")
_NO_FEATURE = re.compile(r"depends on `([^`]+)` with feature `([^`]+)` but `[^`]+` does not have")
_FEATURES = re.compile(r"available features: (.+)")
_LOCKED = re.compile(r"lock file .* (?:needs to be updated|was not)|cannot update the lock file|because --locked was")
_OFFLINE = ("offline mode", "--offline was specified")
_SCRIPT = re.compile(r"failed to run custom build command for `(\S+) v(\S+?)(?: .*)?`")
_SCRIPT_SAID = "--- stderr"
_FULL = "No space left on device"


def resolve_error(finished: Finished, timeout_s: float) -> AkatsukiError:
    """The error of a cargo that could not resolve or fetch the permitted crates."""
    lines = [line.strip() for line in finished.tail]
    text = "\n".join(lines)
    if finished.timed_out:
        return BuildError(f"fetching the permitted crates took longer than {timeout_s:g} s", hint=OFFLINE_HINT)
    if any(each in text for each in _OFFLINE):
        return BuildError("not all permitted crates are on this machine, and cargo is offline", hint=OFFLINE_HINT)
    if match := _NO_CRATE.search(text):
        return ConfigError(
            f"the registry has no crate {match[1]!r}, which the setting crates permits",
            hint="Correct its name, or remove it.",
        )
    if match := _NO_VERSION.search(text):
        return _no_version(match[1], match[2], text)
    if match := _NO_FEATURE.search(text):
        known = _FEATURES.search(text)
        return ConfigError(
            f"the crate {match[1]!r} has no feature {match[2]!r}, which the setting crates names",
            hint=f"Its features are: {known[1]}." if known else "Remove the feature.",
        )
    if _LOCKED.search(text):
        return ConfigError("the lock of the crates does not fit the setting crates", hint=RELOCK_HINT)
    if "failed to parse lock file" in text:
        return ConfigError("the lock of the crates is no lock file", hint="Run: akatsuki crates lock --update")
    if _FULL in text:
        return BuildError("the disk is full: the permitted crates cannot be stored", hint="Free some disk space.")
    # Of a chain of causes the last one says what happened.
    reason = lines[-1] if "Caused by:" in lines else _error(lines)
    return BuildError(f"cargo could not fetch the permitted crates: {reason[:500]}", hint=OFFLINE_HINT)


def script_error(lines: Sequence[str]) -> BuildError | None:
    """The error of a build that a crate's build script ended, or None where none did.

    Args:
        lines: The last ones that cargo printed.
    """
    failed = next((match for line in lines if (match := _SCRIPT.search(line))), None)
    if failed is None:
        return None
    after = [line.strip() for line in lines]
    said = after[after.index(_SCRIPT_SAID) + 1 :] if _SCRIPT_SAID in after else []
    # Of a panic the line after its place says what it is about.
    reason = next((line for line in said if line and not line.startswith(("thread ", "note: "))), "it does not say why")
    return BuildError(
        f"the build script of the crate {failed[1]} {failed[2]} failed: {one_line(reason)[:300]}",
        hint="It may need the network, files or programs that the build sandbox does not give. Permit another crate.",
    )


def _no_version(name: str, version: str, text: str) -> ConfigError:
    if (match := _YANKED.search(text)) and match[1] == version:
        return ConfigError(
            f"the crate {name} {version} was yanked by its authors: expected a version that is not",
            hint=f"Permit another version; see: cargo info {name}",
        )
    known = _CANDIDATES.search(text)
    return ConfigError(
        f"the registry has no version {version} of the crate {name!r}, which the setting crates permits",
        hint=f"There are {known[1].removesuffix(', ...')}." if known else f"See: cargo info {name}",
    )


def _error(lines: Sequence[str]) -> str:
    """The first line that cargo marks as an error, or the last line."""
    marked = [line.removeprefix("error: ") for line in lines if line.startswith("error")]
    return next(iter((*marked, *lines[-1:])), "no message")
