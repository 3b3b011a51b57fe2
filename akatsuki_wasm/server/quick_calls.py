"""Which functions are so quick that a thread would cost more than they do: those are executed on the event loop.

Handing a call to a thread and back takes two turns of Python's lock, several times what a small function needs. So a
function that was quick in its last executions is tried on the event loop, under a limit of a few milliseconds. Where
that does not succeed, for whatever reason, the call is made once more on a thread under its own limits, and that
outcome is the one that counts: a guest has nothing to do things to, and starts anew each time. The function then has
to be quick a thousand times on a thread before it is tried again, so that one that is slow now and then, by its
author's will or not, can hold up the others for a few milliseconds in a thousand calls.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

from akatsuki_wasm.contracts import Limits

if TYPE_CHECKING:
    from akatsuki_wasm.contracts import ExecutionResult

QUICK_MS = 0.5
"""Of processor time, with conversions, instantiation and the answer's JSON; a hand-over to a thread and back takes
about as long. Time by the clock would say more of others, on a busy machine, than of the function."""
SLOW_MS = 3.0
"""What is no accident any more, such as a pause of the garbage collector."""
LIMIT_MS = 10
"""Two ticks of the sandbox's clock."""
MAX_RESULT_BYTES = 64 * 1024
PROOFS = 5
"""Quick executions in a row before a function is tried on the event loop."""
PENALTY = 1_000
"""The same after it was not quick there."""

Key = tuple[str, str]
"""Digest and function."""


class QuickCalls:
    """What is known of functions' speed in this process.

    Args:
        modules: Compiled modules that the sandbox keeps; of those used last, half may count as kept.
    """

    def __init__(self, modules: int) -> None:
        self._most = max(1, modules // 2)
        # By digest, the one used last at the end; per function how many quick executions are still wanted.
        self._wanted: OrderedDict[str, dict[str, int]] = OrderedDict()
        # What was slow stays known when its module is forgotten.
        self._slow: OrderedDict[Key, None] = OrderedDict()

    def expects(self, digest: str, function: str) -> bool:
        """Whether a call should be tried on the event loop."""
        wanted = self._wanted.get(digest)
        return wanted is not None and wanted.get(function, PROOFS) <= 0

    @staticmethod
    def limits(limits: Limits) -> Limits:
        """The limits of such a try. Only those that the guest cannot notice are lower: a success holds under both."""
        timeout_ms, result_bytes = min(limits.timeout_ms, LIMIT_MS), min(limits.result_bytes, MAX_RESULT_BYTES)
        return Limits(timeout_ms, limits.memory_bytes, result_bytes, limits.fuel)

    def tell(self, digest: str, function: str, result: ExecutionResult | None, cpu_ms: float) -> None:
        """Tells how an execution went.

        Args:
            digest: Of the module.
            function: Its name.
            result: Of a success, else None.
            cpu_ms: Processor time of the thread that did it, all of it.
        """
        functions = self._wanted.setdefault(digest, {})
        self._wanted.move_to_end(digest)
        if len(self._wanted) > self._most:
            self._wanted.popitem(last=False)
        key = digest, function
        before = functions.get(function, PENALTY if key in self._slow else PROOFS)
        success = result is not None and result.cache_hit
        if success and cpu_ms < QUICK_MS:
            functions[function] = before - 1 if before > 0 else 0
        elif before <= 0 and not (success and cpu_ms < SLOW_MS):  # it was trusted
            functions[function] = PENALTY
            self._slow[key] = None
            if len(self._slow) > 10_000:
                self._slow.popitem(last=False)
        else:
            functions[function] = max(before, PROOFS)
