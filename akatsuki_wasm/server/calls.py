"""One call: as a client asks for it, as it is executed, and as it is answered and recorded."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from akatsuki_wasm.contracts import BatchValue, Call
from akatsuki_wasm.errors import AkatsukiError, ArgumentError, ExecutionCancelled, ExecutionTimeout
from akatsuki_wasm.execution import MAX_ERRORS, kind_of, raise_row_errors, say, summarise, summarise_arguments
from akatsuki_wasm.registry.journal import ExecutionRecord, execution_id
from akatsuki_wasm.registry.models import now
from akatsuki_wasm.server import answers
from akatsuki_wasm.server.call_arguments import bound_arguments
from akatsuki_wasm.values.python import lower

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Mapping, Sequence
    from uuid import UUID

    from akatsuki_wasm.contracts import BatchCall, ExecutionResult, Function, Limits, StoredModule, User
    from akatsuki_wasm.execution import OnError
    from akatsuki_wasm.pipeline import Pipeline
    from akatsuki_wasm.registry.models import ExecutionStatus
    from akatsuki_wasm.server.disconnects import RequestControl
    from akatsuki_wasm.server.row_cache import Known


@dataclass(slots=True)
class ExecuteRequest:
    """One call as the client asks for it. Not changed once it is made, though not frozen: that takes longer to make.

    Attributes:
        module_id: Which module.
        function: snake_case or kebab-case.
        args: By position, or by name, as JSON gave them.
        timeout_ms: None for the module's own.
        files: Bytes of image files by parameter; the name ``""`` is the function's first image parameter.
        columns: The body is an Arrow stream of columns, which are applied as a batch; else None.
        on_error: What becomes of rows of a batch that fail.
        accept: The ``Accept`` header.
        small: Whether it came in a few bytes of JSON.
    """

    module_id: UUID
    function: str
    args: Sequence[Any] | Mapping[str, Any] = ()
    timeout_ms: int | None = None
    files: Mapping[str, bytes] = field(default_factory=dict)
    columns: bytes | None = None
    on_error: OnError = "raise"
    accept: str = ""
    small: bool = False


@dataclass(slots=True)
class Executed:
    """How a call ended. Where it began, the history has it. Not changed once it is made.

    Attributes:
        id: The history row's; None where the execution did not begin.
        stored: The module.
        media_type: Of the body.
        body: The answer; empty where it failed.
        result: What it cost, or None where it failed.
        error: Why it failed, or None.
    """

    id: UUID | None
    stored: StoredModule
    media_type: str = answers.JSON
    body: bytes = b""
    result: ExecutionResult | None = None
    error: Exception | None = None


class Outcome(NamedTuple):
    """How a call ended.

    Attributes:
        record: For the history; None where the execution did not begin, because the arguments do not fit.
        executed: For who asked.
        cpu_ms: Processor time that its thread took.
    """

    record: ExecutionRecord | None
    executed: Executed
    cpu_ms: float = 0.0


class Work(NamedTuple):
    """An execution that was admitted.

    Attributes:
        user: Who asks.
        known: The module.
        function: Of it.
        limits: Its own, whatever it is tried under first.
        request: What was asked for.
        control: Cancels it.
        done: Gets how it ended.
    """

    user: User
    known: Known
    function: Function
    limits: Limits
    request: ExecuteRequest
    control: RequestControl
    done: asyncio.Future[Executed]


def execute(pipeline: Pipeline, work: Work, limits: Limits) -> Outcome:
    """Executes a call and encodes its answer; on any thread.

    Args:
        pipeline: Asks the execution plugins.
        work: The call.
        limits: Of this time; it may be tried under lower ones than its own.
    """
    user, known, function, _, request, control, _ = work
    stored = known.stored
    batch, cpu = request.columns is not None, time.thread_time()
    try:
        call, summary = _call(function, request)
    except Exception as exc:  # noqa: BLE001 - answered as the error that it is
        return Outcome(None, Executed(None, stored, error=_without_frames(exc)))
    row_id, executed_at, started = execution_id(), now(), time.perf_counter()
    error: Exception | None = None
    result: ExecutionResult | None = None
    media, body = answers.media_type(request.accept, function, batch=batch), b""
    output, milliseconds, memory = "", 0.0, 0
    try:
        result = pipeline.execute(known.executable, call, limits, control)
        milliseconds, memory = float(result.execution_time_ms), int(result.memory_used_bytes)
        if isinstance(result.value, BatchValue):
            if request.on_error == "raise":
                raise_row_errors(result.value)
            errors = request.on_error == "collect"
            body = answers.encode_batch(media, stored, function, result, errors=errors)
        else:
            body = answers.encode(media, stored, function, result)
        output = summarise(result.value)
    except Exception as exc:  # noqa: BLE001 - recorded, then answered as the error that it is
        revoked = control.revoked if isinstance(exc, ExecutionCancelled) else None
        error = _without_frames(revoked or exc)
        milliseconds = milliseconds or (time.perf_counter() - started) * 1e3
    status: ExecutionStatus = (
        "success" if error is None else "timeout" if isinstance(error, ExecutionTimeout) else "error"
    )
    record = ExecutionRecord(
        id=row_id,
        module_id=stored.id,
        user=user,
        function_name=function.name,
        status=status,
        execution_time_ms=milliseconds,
        memory_used_bytes=memory,
        cache_hit=result is not None and result.cache_hit,
        input_summary=summary,
        output_summary=output,
        error_message=None if error is None else say(error),
        error_code=None if error is None else kind_of(error),
        executed_at=executed_at,
    )
    cpu_ms = (time.thread_time() - cpu) * 1e3
    return Outcome(record, Executed(row_id, stored, media, body, result, error), cpu_ms)


def _call(function: Function, request: ExecuteRequest) -> tuple[Call | BatchCall, str]:
    """The call for the plugins, and its arguments for the history."""
    values = bound_arguments(function, request)
    if request.columns is not None:
        from akatsuki_wasm.values.columns import is_batch, lower_batch

        if not is_batch(function, values):
            raise ArgumentError(
                f"no argument of {function.name} is a column", hint="Name the stream's columns as its parameters."
            )
        call = lower_batch(function, values, max_errors=MAX_ERRORS[request.on_error])
        return call, f"{call.rows} rows"
    lowered = tuple(lower(param, value) for param, value in zip(function.params, values, strict=True))
    return Call(function.name, lowered), summarise_arguments(function, lowered)


def _without_frames(error: Exception) -> Exception:
    """One of ours without where it was raised, which nobody asks for; a defect as it is.

    The frames hold the call, the call its end, and that the error: a cycle, which would keep all that the call had in
    memory until Python's collector finds it.
    """
    each: BaseException | None = error if isinstance(error, AkatsukiError) else None
    while each is not None:
        each.__traceback__ = None
        each = each.__cause__ or each.__context__
    return error
