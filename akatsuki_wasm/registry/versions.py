"""Versions of modules: semantic versioning 2.0.0 (https://semver.org), parsed, ordered and counted up."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import total_ordering

MAX_LENGTH = 64
"""Characters of a version, so that it fits its column and a line of a terminal."""

_IDENTIFIER = r"(?:0|[1-9][0-9]*|[0-9]*[a-zA-Z-][0-9a-zA-Z-]*)"
_NUMBER = r"(0|[1-9][0-9]{0,8})"
_VERSION = re.compile(
    rf"{_NUMBER}\.{_NUMBER}\.{_NUMBER}(?:-({_IDENTIFIER}(?:\.{_IDENTIFIER})*))?(?:\+([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?",
    re.ASCII,
)


@total_ordering
@dataclass(frozen=True, eq=False)
class Version:
    """One semantic version, ordered as section 11 of the specification says, ties by build text.

    Attributes:
        major: Incompatible change.
        minor: Compatible addition.
        patch: Repair.
        pre: Pre-release identifiers, empty for a release.
        build: Build text, which says nothing of precedence.
    """

    major: int
    minor: int
    patch: int
    pre: tuple[str, ...] = ()
    build: str = ""

    @classmethod
    def parse(cls, text: str) -> Version:
        """Reads a version.

        Raises:
            ValueError: It is none, or longer than `MAX_LENGTH`.
        """
        match = _VERSION.fullmatch(text) if len(text) <= MAX_LENGTH else None
        if match is None:
            raise ValueError(f"{text[:80]!r} is not a version such as 1.0.0")
        major, minor, patch, pre, build = match.groups()
        return cls(int(major), int(minor), int(patch), tuple(pre.split(".")) if pre else (), build or "")

    def next(self) -> Version:
        """The version that follows when nobody chose one: the release of a pre-release, else the next minor."""
        if self.pre:
            return Version(self.major, self.minor, self.patch)
        return Version(self.major, self.minor + 1, 0)

    def _key(self) -> tuple[object, ...]:
        # A numeric identifier is below a textual one, and a release is above all its pre-releases.
        pre = tuple((0, int(each), "") if each.isdigit() else (1, 0, each) for each in self.pre)
        return self.major, self.minor, self.patch, not self.pre, pre, self.build

    def __str__(self) -> str:
        pre = f"-{'.'.join(self.pre)}" if self.pre else ""
        build = f"+{self.build}" if self.build else ""
        return f"{self.major}.{self.minor}.{self.patch}{pre}{build}"

    def __eq__(self, other: object) -> bool:
        return self._key() == other._key() if isinstance(other, Version) else NotImplemented

    def __lt__(self, other: Version) -> bool:
        return self._key() < other._key()

    def __hash__(self) -> int:
        return hash(self._key())


FIRST = Version(1, 0, 0)
"""The version of a module's first upload where nobody chose one."""
