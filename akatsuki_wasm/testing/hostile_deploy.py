"""The same cases the way a user meets them: deployed into a registry, loaded, and called as Python functions."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from akatsuki_wasm.contracts import MIN_TIMEOUT_MS, MISSING, Call
from akatsuki_wasm.errors import AkatsukiError, InvalidModuleError
from akatsuki_wasm.manifest import SECTION, dump
from akatsuki_wasm.testing.hostile_case import GOOD, Case, shown
from akatsuki_wasm.testing.hostile_wasm import custom_section

if TYPE_CHECKING:
    from akatsuki_wasm.workspace import Workspace

UPLOAD_S = 10.0
"""How long the registry, the compiler's process and the history may take besides."""


@dataclass(frozen=True)
class Deployed:
    """What came of deploying and calling a case's module.

    Attributes:
        case: What was deployed.
        stored: Whether the registry took it.
        error: Of the upload or of the call, or None.
        seconds: Of both.
        problem: Why that is wrong, or empty.
    """

    case: Case
    stored: bool
    error: BaseException | None
    seconds: float
    problem: str = ""


def packed(case: Case) -> bytes:
    """A case's module with its manifest in the section that a build would have written."""
    module = case.module
    if module.manifest.kind != "akatsuki":
        return module.read()
    return module.read() + custom_section(SECTION, dump(module.manifest))


def deploy_case(workspace: Workspace, case: Case) -> Deployed:
    """Deploys a case's module and calls it; whatever is wrong must be seen at the upload or at the call, with a type.

    Args:
        workspace: Its limits should be the case's: ``memory_bytes`` and ``result_bytes`` of its settings.
        case: Of `akatsuki_wasm.testing.hostile.cases`.
    """
    wasm = packed(case)
    timeout_ms = max(case.limits.timeout_ms, MIN_TIMEOUT_MS)
    error: BaseException | None = None
    value: Any = MISSING
    stored = False
    started = time.perf_counter()
    try:
        module = workspace.deploy(wasm, name=case.name)
        stored = True
        value = module.call(case.call.function, *_python_values(case), timeout_ms=timeout_ms)
    except BaseException as exc:  # noqa: BLE001 - an untyped error is a wrong answer like any other
        error = exc
    seconds = time.perf_counter() - started
    problem = _problem(case, error, value, seconds, stored=stored) or _afterwards(workspace)
    return Deployed(case, stored, error, seconds, problem)


def _python_values(case: Case) -> tuple[Any, ...]:
    if isinstance(case.call, Call):
        return case.call.args
    return tuple(column.values for column in case.call.columns)


def _problem(case: Case, error: BaseException | None, value: Any, seconds: float, *, stored: bool) -> str:
    if error is not None:
        if not isinstance(error, case.errors if stored else InvalidModuleError):
            return f"it raised {type(error).__name__}: {shown(str(error))}"
        if not str(error).isprintable():
            return f"its error is not one printable line: {shown(str(error))}"
    elif case.value is MISSING:
        return f"it gave {shown(value)}"
    if seconds > case.longest_s + UPLOAD_S:
        return f"it took {seconds:.1f} s, expected at most {case.longest_s + UPLOAD_S:.1f}"
    return ""


def _afterwards(workspace: Workspace) -> str:
    try:
        got = workspace.deploy(packed(GOOD), name="good").call("f", 21)
    except AkatsukiError as exc:
        return f"the good call afterwards failed: {exc}"
    return "" if got == GOOD.value else f"the good call afterwards gave {shown(got)}"
