"""The error tree: as its docstring draws it, with stable codes, and alive after pickling."""

from __future__ import annotations

import copy
import pickle
import re

import pytest

from akatsuki_wasm import errors
from akatsuki_wasm.contracts import Diagnostic, Failure
from akatsuki_wasm.errors import AkatsukiError


def subclasses(cls: type[AkatsukiError]) -> list[type[AkatsukiError]]:
    return [cls, *(each for child in cls.__subclasses__() for each in subclasses(child))]


ALL = [cls for cls in subclasses(AkatsukiError) if cls.__module__ == errors.__name__]

EXTRAS = {
    errors.SourceRejectedError: {"problems": (Diagnostic("error", "no unsafe", line=3),)},
    errors.CompileError: {"diagnostics": (Diagnostic("error", "mismatched types", line=1, code="E0308"),)},
    errors.CheckError: {
        "case": "f(2, 3)",
        "expected": "5",
        "got": "6",
        "kind": "example",
        "failures": (Failure("example", "f(2, 3)", "5", "6", "f(2, 3) gave 6"),),
        "passed": 7,
        "tried": 8,
    },
    errors.GuestTrap: {"kind": "stack_overflow"},
    errors.NotebookError: {"cell": 4},
}


def drawn_tree() -> dict[str, str | None]:
    """Name to parent's name, as the module docstring's indentation says."""
    assert errors.__doc__ is not None
    parents: dict[str, str | None] = {}
    above: list[tuple[int, str]] = []
    for line in errors.__doc__.splitlines():
        if match := re.match(r"^( {4,})([A-Z]\w+)(?:\s+\..*)?$", line):
            depth, name = len(match[1]), match[2]
            above = [(d, n) for d, n in above if d < depth]
            parents[name] = above[-1][1] if above else None
            above.append((depth, name))
    return parents


def test_the_docstring_draws_the_real_tree() -> None:
    real = {cls.__name__: cls.__bases__[0].__name__ if cls is not AkatsukiError else None for cls in ALL}
    assert drawn_tree() == real


def test_the_docstring_names_the_facts_that_an_error_carries() -> None:
    assert errors.__doc__ is not None
    for cls, extras in EXTRAS.items():
        line = next(line for line in errors.__doc__.splitlines() if line.split()[:1] == [cls.__name__])
        assert line.split()[1:] == [f".{name}" for name in extras]


def test_codes_are_stable_names_of_their_own() -> None:
    codes = [cls.code for cls in ALL]
    assert len(set(codes)) == len(codes)
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", code) for code in codes)


@pytest.mark.parametrize("cls", ALL, ids=lambda cls: cls.__name__)
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_every_error_survives_pickling(cls: type[AkatsukiError], protocol: int) -> None:
    error = cls("3 rows were given, expected 4", hint="Give one more.", **EXTRAS.get(cls, {}))
    twin = pickle.loads(pickle.dumps(error, protocol))
    assert type(twin) is cls
    assert str(twin) == twin.message == "3 rows were given, expected 4"
    assert vars(twin) == vars(error)


def test_an_error_survives_copying_with_what_was_noted_on_it() -> None:
    error = errors.CheckError("f(2, 3) is 6, expected 5", case="f(2, 3)", expected="5", got="6")
    error.add_note("attempt 2")
    twin = copy.copy(error)
    assert (twin.case, twin.expected, twin.got, twin.hint) == ("f(2, 3)", "5", "6", "")
    assert twin.__notes__ == ["attempt 2"]


def test_a_subclass_with_other_arguments_survives_too() -> None:
    twin = pickle.loads(pickle.dumps(PickyError(7)))
    assert (str(twin), twin.number, twin.hint) == ("7 is picky", 7, "Relax.")


class PickyError(AkatsukiError):
    def __init__(self, number: int) -> None:
        super().__init__(f"{number} is picky", hint="Relax.")
        self.number = number
