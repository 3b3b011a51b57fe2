"""What there is of Rust on this machine, for ``akatsuki toolchain status`` and ``akatsuki doctor``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from akatsuki_wasm.rust.toolchain import INSTALL_HINT, Host, Toolchain
from akatsuki_wasm.rust.toolchain_candidates import Candidate, candidates

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class ToolchainStatus:
    """Every place where a toolchain may be, in order of preference.

    Attributes:
        candidates: Found or not, with what each lacks.
        cache_dir: Where the private sysroot is, or would be.
    """

    candidates: tuple[Candidate, ...]
    cache_dir: Path

    @property
    def chosen(self) -> Toolchain | None:
        """The toolchain that builds use, or None."""
        return next((each.toolchain for each in self.candidates if each.toolchain is not None), None)

    @property
    def hint(self) -> str:
        """The next thing to do, or empty."""
        return "" if self.chosen is not None else INSTALL_HINT

    def as_json(self) -> dict[str, Any]:
        """A JSON-able form."""
        chosen = self.chosen
        return {
            "usable": chosen is not None,
            "chosen": None
            if chosen is None
            else {
                "kind": chosen.kind,
                "version": chosen.version,
                "rustc": str(chosen.rustc),
                "cargo": str(chosen.cargo),
                "sysroot": None if chosen.sysroot is None else str(chosen.sysroot),
                "description": chosen.description,
            },
            "candidates": [candidate.as_json() for candidate in self.candidates],
            "cache_dir": str(self.cache_dir),
            "hint": self.hint,
        }


def toolchain_status(cache_dir: Path, *, host: Host | None = None) -> ToolchainStatus:
    """Looks at every candidate; never raises for a missing or broken one.

    Args:
        cache_dir: The user's cache folder; it need not exist or be writable.
        host: Where to look; this machine by default.
    """
    return ToolchainStatus(tuple(candidates(cache_dir, host or Host.from_environment())), cache_dir)
