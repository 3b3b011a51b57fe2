"""One entry of ``akatsuki.lock``: what was asked, what it became, and why another digest would come of it."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from akatsuki_wasm.errors import LockError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from akatsuki_wasm.contracts import Crate, GenerationRequest

_HEX = re.compile(r"[0-9a-f]{64}")


def request_id(request: GenerationRequest) -> str:
    """Hex sha256 over all that is asked for.

    Args:
        request: With the generator and the model that are meant, not None for the settings' ones: a project that
            changes its settings asks for something else.
    """
    base = request.base
    asked = {
        "version": 1,
        "prompt": request.prompt,
        "name": request.name,
        "generator": request.generator,
        "model": request.model,
        "examples": [[each.text, each.tolerance] for each in request.examples],
        "base": None if base is None else [base.rust, base.name, base.prompt],
        "specification": request.specification,
        "crates": [_crate(each) for each in request.crates],
    }
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class LockEntry:
    """What one request became.

    Attributes:
        id: From `request_id`.
        prompt: As it was given.
        name: Of the module that came of it.
        generator: Who wrote the source.
        model: The language model that was asked for, or empty.
        examples: That had to hold.
        base_sha256: Of the source that it started from, or empty.
        specification_sha256: Of the Python that said what is wanted, or empty.
        crates: That it could use, such as ``regex 1.11.1``.
        source_sha256: Of the author's Rust.
        digest: Hex sha256 of the module.
        rustc: That built it, with its version.
        prelude_sha256: Of the prelude and the scaffold.
        replies: Keys of the remembered answers, one for each attempt.
    """

    id: str
    prompt: str
    name: str
    generator: str
    source_sha256: str
    digest: str
    model: str = ""
    examples: tuple[str, ...] = ()
    base_sha256: str = ""
    specification_sha256: str = ""
    crates: tuple[str, ...] = ()
    rustc: str = ""
    prelude_sha256: str = ""
    replies: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        request: GenerationRequest,
        *,
        name: str,
        source_sha256: str,
        digest: str,
        build: Mapping[str, Any],
        replies: Iterable[str] = (),
    ) -> LockEntry:
        """Makes the entry of a design.

        Args:
            request: As for `request_id`.
            name: Of the module.
            source_sha256: Of its source.
            digest: Of its bytes.
            build: The build's facts, ``artifact.provenance["build"]``.
            replies: Keys of the answers that it used, in order; empty ones are left out.
        """
        return cls(
            id=request_id(request),
            prompt=request.prompt,
            name=name,
            generator=request.generator or "",
            source_sha256=source_sha256,
            digest=digest,
            replies=tuple(key for key in replies if key),
            rustc=str(build.get("rustc", "")),
            prelude_sha256=str(build.get("prelude_sha256", "")),
            **_asked(request),
        )

    def check(self, made: LockEntry) -> None:
        """Holds what was made against what is pinned.

        Args:
            made: The entry of the design that was just made for the same request.

        Raises:
            LockError: It is another module; the message says what differs.
        """
        if made.digest == self.digest:
            return
        name = f"{self.name} is not the module that the lock file pins"
        again = "Pin the new one with --lock where that is meant."
        if made.source_sha256 != self.source_sha256:
            raise LockError(
                f"{name}: its source has the sha256 {_short(made.source_sha256)}, pinned is "
                f"{_short(self.source_sha256)}",
                hint=f"A remembered answer or the generator is another one: restore akatsuki.replies. {again}",
            )
        reasons = [
            f"{what} is {_short(got) or 'unknown'}, pinned is {_short(wanted) or 'unknown'}"
            for what, got, wanted in (
                ("rustc", made.rustc, self.rustc),
                ("the prelude's sha256", made.prelude_sha256, self.prelude_sha256),
            )
            if got != wanted
        ]
        if not reasons:
            raise LockError(
                f"{name}: the same source, rustc and prelude made the digest {_short(made.digest)}, pinned is "
                f"{_short(self.digest)}",
                hint=f"Other crates or build flags do that. {again}",
            )
        raise LockError(
            f"{name}: its source is the same, but {' and '.join(reasons)}",
            hint=f"Use the toolchain and the akatsuki-wasm that it was pinned with. {again}",
        )


def _asked(request: GenerationRequest) -> dict[str, Any]:
    """What an entry says of a request beside prompt, generator and name."""
    return {
        "model": request.model or "",
        "examples": tuple(each.text for each in request.examples),
        "base_sha256": _sha256(request.base.rust) if request.base is not None else "",
        "specification_sha256": _sha256(request.specification) if request.specification else "",
        "crates": tuple(_crate(each) for each in request.crates),
    }


def difference(entry: LockEntry, request: GenerationRequest) -> str:
    """What an entry of the same prompt has that a request has not, in words."""
    if entry.generator != (request.generator or ""):
        return f"the generator {entry.generator!r}, and here it is {request.generator!r}"
    asked = _asked(request)
    if entry.model != asked["model"]:
        return f"the model {entry.model!r}, and here it is {asked['model']!r}"
    words = {
        "examples": "other examples",
        "base_sha256": "another source to start from",
        "specification_sha256": "another specification",
        "crates": "other crates",
    }
    return next((text for name, text in words.items() if getattr(entry, name) != asked[name]), "another module name")


def _crate(crate: Crate) -> str:
    features = f" [{', '.join(sorted(crate.features))}]" if crate.features else ""
    return f"{crate.name} {crate.version}{features}{'' if crate.default_features else ' without default features'}"


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _short(text: str) -> str:
    return text[:12] if _HEX.fullmatch(text) else text
