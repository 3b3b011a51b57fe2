"""Executes on a server: a call is bound, checked and converted here, and computed there."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from akatsuki_wasm.contracts import BatchCall, Call
from akatsuki_wasm.errors import ExecutionCancelled, GuestError
from akatsuki_wasm.execution import Executor
from akatsuki_wasm.remote.calls import EXECUTOR, call_request, call_result, typed
from akatsuki_wasm.sandbox.limits import cancelled

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from akatsuki_wasm.config import Settings
    from akatsuki_wasm.contracts import Control, ExecutionResult, Function, Limits, StoredModule
    from akatsuki_wasm.module import Module
    from akatsuki_wasm.pipeline import Pipeline
    from akatsuki_wasm.remote.client import Client
    from akatsuki_wasm.remote.lines import Lines


class RemoteExecutor(Executor):
    """As `Executor`, on a server, which looks after permissions, limits and the history.

    What is not deployed is executed on this machine.

    Args:
        settings: The default time limit.
        client: The way to the server.
        lines: Connections to it that can be cut.
        pipeline: The way to this machine's execution plugins.
    """

    def __init__(self, settings: Settings, client: Client, lines: Lines, pipeline: Callable[[], Pipeline]) -> None:
        self._settings = settings
        self._client = client
        self._pipeline = pipeline
        self._lines = lines

    def check_permission(self, module: Module) -> None:
        """Asks the server.

        Raises:
            PermissionDeniedError: The module is disabled, or the acting user may not execute it.
            NotFoundError: The acting user may not know of it any more.
        """
        if module.id is not None:
            self._client.get("/api/modules/resolve", reference=str(module.id), operation="execute")

    def _executable_row(self, module: Module) -> StoredModule | None:
        return module.stored  # the server looks at its own row

    def _recorded(
        self,
        module: Module,
        call: Call | BatchCall,
        limits: Limits,
        summary: str,
        control: Control | None = None,
        *,
        accept: Callable[[Any], None] | None = None,
    ) -> ExecutionResult:
        if module.id is None:
            return super()._recorded(module, call, limits, summary, control, accept=accept)
        function = module.function(call.function).function
        try:
            result = self._send(module, function, call, limits.timeout_ms, control)
        except GuestError as exc:
            typed(function, exc)
            raise
        except ExecutionCancelled as exc:
            if control is None or not control.cancelled:
                raise
            raise cancelled(function.name) from exc
        if accept is not None:
            accept(result.value)
        return result

    def _send(
        self, module: Module, function: Function, call: Call | BatchCall, timeout_ms: int, control: Control | None
    ) -> ExecutionResult:
        assert module.id is not None  # noqa: S101 - others are executed here
        if isinstance(call, BatchCall):
            from akatsuki_wasm.remote.batches import send_batch  # it needs pyarrow

            return send_batch(self._post, module.id, function, call, timeout_ms=timeout_ms, control=control)
        request = call_request(module.id, function, call, timeout_ms)
        began = time.perf_counter()
        return call_result(function, self._post(control, **request), began)

    def _post(self, control: Control | None, **request: Any) -> httpx.Response:
        if control is None:
            return self._client.send("POST", EXECUTOR, repeat=False, **request)
        return self._lines.send(control, "POST", EXECUTOR, **request)
