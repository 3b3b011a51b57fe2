"""Which crates modules may use: the setting ``crates`` read into `contracts.Crate`, each with its exact version."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from akatsuki_wasm.contracts import Crate
from akatsuki_wasm.errors import BuildError, ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
_FEATURE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_+.-]{0,63}")
_NUMBER = r"(?:0|[1-9]\d*)"
# https://semver.org/spec/v2.0.0.html, items 2, 9 and 10
_VERSION = re.compile(rf"{_NUMBER}\.{_NUMBER}\.{_NUMBER}(?:-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?", re.ASCII)
_KEYS = ("version", "features", "default_features")
_RESERVED = frozenset(
    (
        *("std", "core", "alloc", "test", "proc_macro", "crate", "self", "super", "Self"),
        *("prelude", "default", "akatsuki_guest"),
    )
)
"""Names that mean something else in a module's source or in its ``Cargo.toml``."""
_HINT = 'Write crates.NAME = "1.2.3", or crates.NAME = {version = "1.2.3", features = ["std"]}.'


def permitted(setting: Mapping[str, Any]) -> tuple[Crate, ...]:
    """The crates of the setting ``crates``, by name.

    Args:
        setting: By crate name an exact version, or a table of ``version``, ``features`` and ``default_features``.

    Raises:
        ConfigError: A name, version, feature or table is not as it should be; the message names the crate.
    """
    found: dict[str, Crate] = {}
    for name in sorted(setting):
        crate = _crate(name, setting[name])
        if crate.ident in _RESERVED:
            raise ConfigError(
                f"the setting crates has {name!r}, which means something else in a module: expected another crate",
                hint="Remove it from the setting crates.",
            )
        if (other := found.get(crate.ident)) is not None:
            raise ConfigError(
                f"the setting crates has {other.name!r} and {name!r}, which are one name in Rust: expected one of them",
                hint="Remove one of them from the setting crates.",
            )
        found[crate.ident] = crate
    return tuple(found.values())


def require_permitted(used: Sequence[Crate], allowed: Sequence[Crate]) -> None:
    """Refuses crates that a source brings along without the user's permission, as a module of somebody else may.

    Args:
        used: What a source names, as its own list of crates has it.
        allowed: What the settings permit.

    Raises:
        BuildError: Names the crates, which must be permitted in the same version and with the same features.
    """
    missing = [each for each in used if each not in allowed]
    if missing:
        names = ", ".join(f"{each.name} {each.version}" for each in missing)
        raise BuildError(
            f"the source needs crates that the settings do not permit: {names}",
            hint=f"Where you trust {'them' if len(missing) > 1 else 'it'}, permit just that in the setting crates.",
        )


def _crate(name: str, value: Any) -> Crate:
    if not _NAME.fullmatch(name):
        raise ConfigError(
            f"the setting crates has {name!r}: expected a crate's name, of letters, digits, - and _", hint=_HINT
        )
    if isinstance(value, str):
        return Crate(name, _version(name, value))
    if not isinstance(value, dict):
        raise _wrong(name, value, "an exact version, or a table with one")
    unknown = [key for key in value if key not in _KEYS]
    if unknown:
        raise ConfigError(
            f"the setting crates.{name} has {unknown[0]!r}: expected {', '.join(_KEYS[:-1])} or {_KEYS[-1]}", hint=_HINT
        )
    if "version" not in value:
        raise _wrong(name, value, "a table with an exact version")
    features = value.get("features", ())
    if not isinstance(features, list | tuple) or not all(
        isinstance(each, str) and _FEATURE.fullmatch(each) for each in features
    ):
        raise _wrong(f"{name}.features", features, "a list of names of cargo features")
    default = value.get("default_features", True)
    if not isinstance(default, bool):
        raise _wrong(f"{name}.default_features", default, "true or false")
    return Crate(name, _version(name, value["version"]), tuple(sorted(set(features))), default)


def _version(name: str, value: Any) -> str:
    if not isinstance(value, str) or not _VERSION.fullmatch(value):
        raise _wrong(name, value, "an exact version with three numbers, such as 1.0.145")
    return value


def _wrong(name: str, value: Any, expected: str) -> ConfigError:
    return ConfigError(f"the setting crates.{name} is {value!r}: expected {expected}", hint=_HINT)
