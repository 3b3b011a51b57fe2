"""Verifies a module: rebuilds it from its stored source, compares the bytes, and says what differs where they do."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from akatsuki_wasm import manifest
from akatsuki_wasm.contracts import Artifact, GuestProject, GuestSource, Manifest
from akatsuki_wasm.errors import BuildError, ConfigError, DigestMismatchError, ToolchainError, one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from akatsuki_wasm.contracts import Crate
    from akatsuki_wasm.module import Module
    from akatsuki_wasm.pipeline import Pipeline

_FACTS = {
    "source_sha256": "source",
    "prelude_sha256": "prelude",
    "abi": "ABI version",
    "rustc": "compiler",
    "flags": "compiler flags",
    "crates": "crates",
    "crates_sha256": "sources of the crates",
}
"""The facts of a build that determine its bytes, with their names for people."""


@dataclass(frozen=True)
class FactDifference:
    """One fact of the build that is another now than it was.

    Attributes:
        fact: Such as ``compiler``.
        recorded: What the module says of its own build.
        now: What a build gives here and now, or what the registry says.
    """

    fact: str
    recorded: str
    now: str


@dataclass(frozen=True)
class Verification:
    """Whether a module is what its source makes.

    Attributes:
        name: Of the module.
        version: semver, or None for one that is not deployed.
        digest: Of the stored bytes.
        rebuilt: Digest of what its source makes now, or None where it was not built.
        problem: Why the module is not reproduced, one line, or empty.
        differences: Facts of the build that are others now, or that the registry tells otherwise than the module.
        provenance: How the module came to be, as the registry says.
        seconds: Wall clock.
    """

    name: str
    version: str | None
    digest: str
    rebuilt: str | None = None
    problem: str = ""
    differences: tuple[FactDifference, ...] = ()
    provenance: Mapping[str, Any] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def reproduced(self) -> bool:
        """Whether the source made the same bytes again, and nothing was found altered."""
        return not self.problem

    def to_dict(self) -> dict[str, Any]:
        """JSON-able facts."""
        return {
            "name": self.name,
            "version": self.version,
            "digest": self.digest,
            "rebuilt": self.rebuilt,
            "reproduced": self.reproduced,
            "problem": self.problem or None,
            "differences": [asdict(each) for each in self.differences],
            "provenance": dict(self.provenance),
            "seconds": round(self.seconds, 3),
        }


def verify(module: Module, pipeline: Pipeline, permitted: Sequence[Crate] = ()) -> Verification:
    """Rebuilds a module from its stored source with this machine's toolchain and the crates that it records.

    Args:
        module: Deployed or not.
        pipeline: Builds it.
        permitted: Crates that the settings permit; those that the module records must be among them.

    Raises:
        ToolchainError: There is no toolchain to rebuild it with, or the crates need what this machine has not.
    """
    started = time.perf_counter()
    rebuilt, problem, differences = _examine(module, pipeline, permitted)
    return Verification(
        module.name,
        module.version,
        module.digest,
        rebuilt,
        problem,
        differences,
        module.provenance,
        time.perf_counter() - started,
    )


_Differences = tuple[FactDifference, ...]
_Found = tuple[str | None, str, _Differences]
"""The digest of the rebuilt module, the problem, and what differs."""


def _examine(module: Module, pipeline: Pipeline, permitted: Sequence[Crate]) -> _Found:
    try:
        wasm, source = module.wasm, module.source
    except DigestMismatchError as exc:
        return None, str(exc), ()
    recorded = _facts(manifest.for_binary(wasm))
    if source is None or "source_sha256" not in recorded:
        return None, "it has no source: it was not built here", ()
    given = GuestSource(source, module.name, "", "verify", crates=tuple(permitted))
    if given.sha256 != recorded["source_sha256"]:
        altered = _differences(recorded, {"source_sha256": given.sha256}, ("source_sha256",))
        return None, "the stored source is not the one that the module was built from", altered
    told = {**module.manifest.build, "abi": module.manifest.abi, **module.provenance.get("build", {})}
    if untrue := _differences(recorded, told, told):
        return None, f"the registry tells the build otherwise than the module itself ({_named(untrue)})", untrue
    if missing := _not_permitted(recorded, permitted):
        return None, f"it uses crates that the setting `crates` does not permit so: {missing}", ()
    try:
        built = pipeline.build(GuestProject(module.name, given))
    except ToolchainError:
        raise
    except BuildError as exc:
        return None, f"the source does not build any more: {exc}", ()
    return _compare(module, recorded, built)


def _compare(module: Module, recorded: Mapping[str, Any], built: Artifact) -> _Found:
    if built.digest == module.digest:
        return built.digest, "", ()
    changed = _differences(recorded, _facts(built.manifest), _FACTS)
    if changed:
        return built.digest, f"it was built otherwise ({_named(changed)})", changed
    return built.digest, "its bytes are not what its source makes, though all facts of the build are the same", ()


def _facts(described: Manifest) -> dict[str, Any]:
    return {**described.build, "abi": described.abi}


def _not_permitted(recorded: Mapping[str, Any], permitted: Sequence[Crate]) -> str:
    """The recorded crates that may not be used here: a module of somebody else's must not choose what is compiled."""
    used = recorded.get("crates")
    if not used:
        return ""
    if not isinstance(used, Mapping):  # it is the module that says them, and it may say anything
        return _text(used)
    from akatsuki_wasm.rust import crates  # a library that modules without crates do not need

    try:
        missing = [each for each in crates.permitted(used) if each not in permitted]
    except ConfigError:
        return _text(used)
    return ", ".join(f"{each.name} {each.version}" for each in missing)


def _differences(recorded: Mapping[str, Any], now: Mapping[str, Any], among: Iterable[str]) -> _Differences:
    return tuple(
        FactDifference(words, _text(recorded.get(name)), _text(now.get(name)))
        for name, words in _FACTS.items()
        if name in among and recorded.get(name) != now.get(name)
    )


def _text(value: Any) -> str:
    """A fact on one line that moves no terminal's cursor: a module may say anything of itself."""
    match value:
        case None:
            return "none"
        case list() | tuple():
            return one_line(", ".join(map(str, value)))
        case Mapping():
            return one_line(", ".join(f"{name} {each}" for name, each in value.items()))
        case _:
            return one_line(str(value))


def _named(differences: _Differences) -> str:
    return ", ".join(each.fact for each in differences)
