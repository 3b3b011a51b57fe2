"""The same refusals from Python: the right class, the whole line, and a hint."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import akatsuki_wasm as ak
from akatsuki_wasm import errors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from akatsuki_wasm.workspace import Workspace


@pytest.fixture
def workspace(data: Path) -> Iterator[Workspace]:
    with ak.open(data_dir=data) as opened:
        yield opened


def plain(name: str, *args: Any, **kwargs: Any) -> Callable[[Workspace], Any]:
    return lambda ws: ws.load("plain").call(name, *args, **kwargs)


CASES: dict[str, tuple[Callable[[Workspace], Any], type[errors.AkatsukiError], str]] = {
    "empty prompt": (lambda ws: ws.design("  "), errors.ArgumentError, "the prompt is empty"),
    "half a surrogate pair": (
        lambda ws: ws.design("bl\udcffur"),
        errors.ArgumentError,
        "the prompt is not valid text: character 3 is no Unicode",
    ),
    "no such file": (
        lambda ws: ws.deploy(Path("nothing.wasm")),
        errors.NotFoundError,
        "nothing.wasm does not exist",
    ),
    "random bytes": (
        lambda ws: ws.deploy(b"random", name="x"),
        errors.InvalidModuleError,
        "not a wasm module: it begins with 72 61 6e 64, expected 00 61 73 6d",
    ),
    "no function": (
        lambda ws: ws.build("fn f() {}\n"),
        errors.SourceRejectedError,
        "line 1: the file has no public function",
    ),
    "unknown module": (lambda ws: ws.load("plane"), errors.NotFoundError, "there is no module named 'plane'"),
    "ambiguous name": (lambda ws: ws.load("both"), errors.ConflictError, ""),
    "disabled": (
        lambda ws: ws.load("sleeping").call("add", 1, 2),
        errors.PermissionDeniedError,
        "sleeping@1.0.0 is disabled: only active modules execute",
    ),
    "missing argument": (plain("add", 1), errors.ArgumentError, "add needs 'b' (a whole number, s32)"),
    "extra argument": (plain("add", 1, 2, 3), errors.ArgumentError, "add takes at most 2 arguments, got 3"),
    "unknown argument": (
        plain("add", 1, c=2),
        errors.ArgumentError,
        "add has no parameter 'c'",
    ),
    "too large": (
        plain("add", 1, 2**40),
        errors.ArgumentError,
        "argument b of add: expected s32 (-2147483648 to 2147483647), got 1099511627776 (int)",
    ),
    "wrong type": (plain("half", "much"), errors.ArgumentError, ""),
    "timeout": (
        plain("spin", timeout_ms=150),
        errors.ExecutionTimeout,
        "spin ran past its limit of 150 ms",
    ),
    "timeout out of range": (
        plain("spin", timeout_ms=5),
        errors.ArgumentError,
        "timeout_ms is 5: expected 100 to 30000",
    ),
    "trap": (plain("divide", 1, 0), errors.GuestTrap, "divide trapped: integer division by zero"),
}


@pytest.mark.parametrize("case", CASES)
def test_refusal(workspace: Workspace, case: str) -> None:
    act, cls, text = CASES[case]
    with pytest.raises(cls) as caught:
        act(workspace)
    assert type(caught.value) is cls
    assert str(caught.value) == text or not text
    assert "\n" not in str(caught.value)
    assert caught.value.hint
    assert len(caught.value.hint) <= 160


def test_unknown_function_names_the_close_ones(workspace: Workspace) -> None:
    with pytest.raises(errors.FunctionNotFoundError) as caught:
        workspace.load("plain").call("divid", 1, 2)
    assert "'divide'" in f"{caught.value} {caught.value.hint}"
