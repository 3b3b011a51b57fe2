"""An oracle: references in Python that the functions of a module must agree with, and where they come from.

An oracle file is plain Python that its user trusts: it runs in this process, with the user's rights.
"""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from akatsuki_wasm.errors import ArgumentError
from akatsuki_wasm.examples import parse_example
from akatsuki_wasm.files import read_file
from akatsuki_wasm.values.bind import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from akatsuki_wasm.contracts import Example

DEFAULT_ROWS = 200
IMAGE_ROWS = 40
"""Random inputs of a function that takes an image, where the oracle states no number."""
DEFAULT_LEVELS = 2
FRAME = "reference"
"""The function that takes a DataFrame."""
_INPUTS = "inputs"
_HELP = "An oracle file has a function for each function of the module, with its name, or one reference(df)."


@dataclass(frozen=True)
class Reference:
    """One function in Python that a function of the module must agree with.

    Attributes:
        name: Of the module's function, snake_case.
        call: Takes the parameters by name (by position where it names none) and returns the result.
        required: Whether the module must have the function. What an oracle file merely imports need not be one.
        any_name: Whether it is also for a module's only function of another name.
        frame: Whether it takes one DataFrame of all rows and returns a column.
    """

    name: str
    call: Callable[..., Any]
    required: bool = True
    any_name: bool = False
    frame: bool = False


@dataclass(frozen=True)
class Oracle:
    """References, and how to compare with them.

    Attributes:
        references: In order.
        examples: Calls that must hold besides.
        rtol: Allowed difference of a float relative to the reference's; None for 1e-9, or 1e-5 where a function takes
            or gives f32.
        atol: Allowed difference of a float beside that.
        levels: Allowed difference of a colour channel of an image, in levels of 255.
        rows: Random inputs for each function; None for 200, or 40 where it takes an image.
        seed: Of the random inputs: the same seed gives the same ones.
        inputs: Takes a numpy Generator and a number of rows and returns columns by parameter name, or such a dict by
            function name; None for random values of the types.
        constants: What else the oracle file defines in capitals, by name.
    """

    references: tuple[Reference, ...]
    examples: tuple[Example, ...] = ()
    rtol: float | None = None
    atol: float = 0.0
    levels: int = DEFAULT_LEVELS
    rows: int | None = None
    seed: int = 0
    inputs: Callable[..., Any] | None = None
    constants: Mapping[str, Any] = field(default_factory=dict, compare=False)


OracleLike = Oracle | Path | str | Callable[..., Any] | Mapping[str, Callable[..., Any]]
"""What can be given as an oracle; a text is the path of an oracle file."""


def load_oracle(path: Path | str) -> Oracle:
    """Reads and runs an oracle file.

    Args:
        path: Of a Python file. Each public function that it defines is the reference of the module's function with that
            name (functions named ``test_…`` and imported ones only where the module has such a function), or
            ``reference`` takes a DataFrame; ``inputs``, ``EXAMPLES``, ``RTOL``, ``ATOL``, ``LEVELS``, ``ROWS`` and
            ``SEED`` say how to compare. Other files in its folder can be imported.

    Raises:
        NotFoundError: There is no such file.
        ArgumentError: It cannot be run, has nothing to compare with, or a constant is of the wrong type.
    """
    path = Path(path)
    names = vars(_run(path))
    inputs = names.get(_INPUTS)
    found = []
    for name, value in names.items():
        if name.startswith("_") or name == _INPUTS or not callable(value) or isinstance(value, type):
            continue
        own = getattr(value, "__module__", None) == names["__name__"]
        if name == FRAME and own:
            found.append(Reference(FRAME, value, frame=True))
        else:
            found.append(Reference(name, value, required=own and not name.startswith("test_")))
    examples = _constant(names, "EXAMPLES", (), _are_texts, "a list of texts")
    if not examples and not any(each.required for each in found):
        raise ArgumentError(f"{path} has no reference: it defines no public function", hint=_HELP)
    return Oracle(
        tuple(found),
        tuple(parse_example(each) for each in examples),
        _number(names, "RTOL", None),
        _number(names, "ATOL", 0.0),
        _whole(names, "LEVELS", DEFAULT_LEVELS),
        _whole(names, "ROWS", None, least=1),
        _whole(names, "SEED", 0),
        inputs,
        {name: value for name, value in names.items() if name.isupper() and not name.startswith("_")},
    )


def oracle_of(dotted: str) -> Oracle:
    """The oracle of one Python function that can be imported, such as ``some_module.func``.

    The working folder can be imported from. The module's function has the function's name; where the module has only
    one function, that may have any name.

    Raises:
        ArgumentError: There is no such function.
    """
    parts = dotted.replace(":", ".").split(".")
    if len(parts) < 2 or not all(part.isidentifier() for part in parts):
        raise ArgumentError(
            f"{dotted!r} is not the dotted name of a function", hint="Give a module and a function: some_module.func"
        )
    with _importable(Path.cwd()):
        found, rest = _import(dotted, parts)
    for part in rest:
        if not hasattr(found, part):
            known = [name for name in dir(found) if not name.startswith("_")]
            name = getattr(found, "__name__", dotted)
            raise ArgumentError(
                f"{name} has no {part!r}{did_you_mean(part, known)}", hint="Give a module and a function in it."
            )
        found = getattr(found, part)
    if not callable(found) or isinstance(found, type):
        raise ArgumentError(f"{dotted} is no function: it is a {type(found).__name__}", hint="Name a function.")
    return Oracle((Reference(parts[-1], found, any_name=True),))


def oracle_from(functions: Mapping[str, Callable[..., Any]] | Callable[..., Any], **how: Any) -> Oracle:
    """The oracle of Python functions.

    Args:
        functions: By the names of the module's functions; or one function, whose own name it is.
        how: Attributes of `Oracle` beside the references, such as ``rtol`` or ``inputs``. Examples may be texts.

    Raises:
        ArgumentError: There is none, or one cannot be called.
    """
    if callable(functions):
        name = getattr(functions, "__name__", "")
        given = {name if name.isidentifier() else "f": functions}
    else:
        given = dict(functions)
    for name, function in given.items():
        if not callable(function):
            raise ArgumentError(f"the reference {name} is {type(function).__name__}: expected a function")
    if not given:
        raise ArgumentError("there is no reference", hint="Give a function, or a dict of functions by name.")
    if "examples" in how:
        how["examples"] = tuple(parse_example(each) if isinstance(each, str) else each for each in how["examples"])
    references = tuple(Reference(name, each, any_name=len(given) == 1) for name, each in given.items())
    return Oracle(references, **how)


def to_oracle(given: OracleLike) -> Oracle:
    """An oracle as it is, an oracle file by its path, or the oracle of Python functions.

    Raises:
        NotFoundError: There is no such file.
        ArgumentError: There is nothing to compare with in it.
    """
    if isinstance(given, Oracle):
        return given
    return load_oracle(given) if isinstance(given, str | Path) else oracle_from(given)


# ---------------------------------------------------------------- the file


def _run(path: Path) -> ModuleType:
    """Runs a file as a module of its own. Compiled anew each time: a cache of bytecode may be stale."""
    text = read_file(path, "a Python file")
    module = ModuleType(f"akatsuki_oracle_{path.stem}")
    module.__file__ = str(path)
    with _importable(path.absolute().parent):
        # Dataclasses and pickles look their module up.
        sys.modules[module.__name__] = module
        try:
            exec(compile(text, str(path.absolute()), "exec", dont_inherit=True), vars(module))  # noqa: S102 - the user's own file
        except SyntaxError as exc:
            raise ArgumentError(
                f"{path} is not Python: line {exc.lineno}: {exc.msg}", hint="Correct the file and try again."
            ) from exc
        except Exception as exc:
            raise ArgumentError(
                f"{path} cannot be run: {_place(exc, path)}{type(exc).__name__}: {exc}",
                hint="Correct the file and try again.",
            ) from exc
    return module


def _place(error: Exception, path: Path) -> str:
    """``line 3: `` for the last line of the file that was being run."""
    lines = [
        frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path.absolute())
    ]
    return f"line {lines[-1]}: " if lines else ""


@contextmanager
def _importable(folder: Path) -> Iterator[None]:
    """A folder's files can be imported within."""
    sys.path.insert(0, os.fspath(folder))
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path.remove(os.fspath(folder))


def _import(dotted: str, parts: Sequence[str]) -> tuple[Any, Sequence[str]]:
    """The longest part of a dotted name that is a module, and the attributes that are left."""
    for count in range(len(parts) - 1, 0, -1):
        name = ".".join(parts[:count])
        try:
            return importlib.import_module(name), parts[count:]
        except ModuleNotFoundError as exc:
            if exc.name is None or not (name == exc.name or name.startswith(f"{exc.name}.")):
                raise ArgumentError(f"{name} cannot be imported: {exc}", hint="Install what it needs.") from exc
        except Exception as exc:
            raise ArgumentError(
                f"{name} cannot be imported: {type(exc).__name__}: {exc}", hint="Correct that module."
            ) from exc
    raise ArgumentError(
        f"there is no module {parts[0]!r} for {dotted}", hint="Give a module of this folder, or one that is installed."
    )


def _constant(names: Mapping[str, Any], name: str, default: Any, good: Callable[[Any], bool], wanted: str) -> Any:
    value = names.get(name, default)
    if value is not default and not good(value):
        raise ArgumentError(
            f"{name} in {names['__file__']} is {value!r}: expected {wanted}", hint="Correct the file and try again."
        )
    return value


def _are_texts(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(each, str) for each in value)


def _number(names: Mapping[str, Any], name: str, default: float | None) -> Any:
    def good(value: Any) -> bool:
        return isinstance(value, int | float) and not isinstance(value, bool) and value >= 0

    return _constant(names, name, default, good, "a number of at least 0")


def _whole(names: Mapping[str, Any], name: str, default: int | None, least: int = 0) -> Any:
    def good(value: Any) -> bool:
        return isinstance(value, int) and not isinstance(value, bool) and value >= least

    return _constant(names, name, default, good, f"a whole number of at least {least}")
