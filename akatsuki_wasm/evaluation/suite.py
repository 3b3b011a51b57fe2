"""A suite: a folder of small Python files, each a prompt with the references that its module must agree with.

A case is an oracle file (`akatsuki_wasm.checks.load_oracle`) that has besides:

* ``PROMPT``: the sentence. It names the functions and their parameters, by which the references are asked.
* ``KIND``: ``image``, ``column``, ``text`` or ``general``.
* ``LEVEL``: ``easy``, ``medium`` or ``hard``.

The file's stem is the case's name. Files whose names begin with ``_`` are no cases: they may hold what several share.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

from akatsuki_wasm.checks import load_oracle
from akatsuki_wasm.errors import ArgumentError, NotFoundError
from akatsuki_wasm.values.bind import did_you_mean

if TYPE_CHECKING:
    from akatsuki_wasm.checks import Oracle

SHIPPED = Path(__file__).parent / "suites"
"""Folder of the suites that ship with akatsuki."""
STANDARD = "standard"
KINDS = ("image", "column", "text", "general")
LEVELS = ("easy", "medium", "hard")


@dataclass(frozen=True)
class Case:
    """One prompt with what its module must agree with.

    Attributes:
        name: The file's stem.
        prompt: On one line.
        kind: What the module works on.
        level: How hard it is.
        oracle: The references, and the examples that are part of the prompt.
    """

    name: str
    prompt: str
    kind: str
    level: str
    oracle: Oracle


@dataclass(frozen=True)
class Suite:
    """Cases in the order of kind, level and name.

    Attributes:
        name: Of the shipped suite, or of the folder.
        cases: At least one.
    """

    name: str
    cases: tuple[Case, ...]

    def only(self, pattern: str | None = None, limit: int | None = None) -> Suite:
        """A part of the suite.

        Args:
            pattern: Names of cases, with ``*`` and ``?``; all where None.
            limit: At most so many, evenly from all of them; all where None.

        Raises:
            NotFoundError: No case has such a name.
        """
        kept = [case for case in self.cases if pattern is None or fnmatchcase(case.name, pattern)]
        if not kept:
            names = [case.name for case in self.cases]
            raise NotFoundError(
                f"the suite {self.name} has no case {pattern!r}{did_you_mean(str(pattern), names)}",
                hint=f"Its cases are: {', '.join(names)}",
            )
        count = len(kept) if limit is None else min(limit, len(kept))
        kept = [kept[place * len(kept) // count] for place in range(count)]
        return replace(self, cases=tuple(kept))


def shipped_suites() -> list[str]:
    """Names of the suites that ship with akatsuki."""
    return sorted(path.name for path in SHIPPED.iterdir() if path.is_dir() and not path.name.startswith("_"))


def load_suite(name: str | Path = STANDARD) -> Suite:
    """Reads all cases of a suite, which runs their files.

    Args:
        name: A shipped suite's name, or the path of a folder. A folder of that name in the working folder wins only
            where it is written as a path, such as ``./standard``.

    Raises:
        NotFoundError: There is neither.
        ArgumentError: The folder has no cases, or one of them is not what it must be.
    """
    folder = Path(name)
    if str(name) in shipped_suites():
        folder = SHIPPED / str(name)
    if not folder.is_dir():
        raise NotFoundError(
            f"there is no suite {str(name)!r}{did_you_mean(str(name), shipped_suites())}",
            hint=f"Give a folder of case files, or one of: {', '.join(shipped_suites())}",
        )
    paths = sorted(path for path in folder.glob("*.py") if not path.name.startswith("_"))
    if not paths:
        raise ArgumentError(
            f"{folder} has no cases: there is no Python file in it",
            hint="A case is a file with PROMPT, KIND, LEVEL and a reference.",
        )
    cases = [_load_case(path) for path in paths]
    order = {each: place for place, each in enumerate((*KINDS, *LEVELS))}
    cases.sort(key=lambda case: (order[case.kind], order[case.level], case.name))
    return Suite(folder.resolve().name, tuple(cases))


def _load_case(path: Path) -> Case:
    oracle = load_oracle(path)
    if not any(each.required for each in oracle.references):
        raise ArgumentError(
            f"{path} has no reference: it defines no public function",
            hint="Examples alone could be met by a table of their answers.",
        )
    prompt = oracle.constants.get("PROMPT")
    if not isinstance(prompt, str) or not prompt.strip():
        raise _wrong(path, "PROMPT", prompt, "a sentence")
    kind = oracle.constants.get("KIND")
    if kind not in KINDS:
        raise _wrong(path, "KIND", kind, f"one of {', '.join(KINDS)}")
    level = oracle.constants.get("LEVEL")
    if level not in LEVELS:
        raise _wrong(path, "LEVEL", level, f"one of {', '.join(LEVELS)}")
    unnamed = [each.name for each in oracle.references if each.required and not each.frame and each.name not in prompt]
    if unnamed:
        raise ArgumentError(
            f"the PROMPT in {path} does not name the function {unnamed[0]}, which the case compares",
            hint=f"Write it as a user would: … as a function `{unnamed[0]}(…)`. A helper's name begins with _.",
        )
    return Case(path.stem, " ".join(prompt.split()), str(kind), str(level), oracle)


def _wrong(path: Path, name: str, got: object, wanted: str) -> ArgumentError:
    said = f"{path} has no {name}" if got is None else f"{name} in {path} is {got!r}"
    return ArgumentError(f"{said}: expected {wanted}", hint="A case has PROMPT, KIND, LEVEL and a reference.")
