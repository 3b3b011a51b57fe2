"""The hostile suite: modules that try to hang, crash, fool or exhaust what executes them, for any execution plugin.

In Python, with a plugin's hook::

    from akatsuki_wasm.testing import hostile

    for case in hostile.cases():
        hostile.check_case(plugin.akatsuki_execute, case)

On the command line, each group of cases in a process of its own, so that a crash is an answer like any other::

    python -m akatsuki_wasm.testing.hostile --plugin my_executor.py
    python -m akatsuki_wasm.testing.hostile --plugin my_executor.py --mutations 100000

docs/reference/hostile-suite.md lists the cases and what the built-in executor answers.
"""

from __future__ import annotations

from functools import cache

from akatsuki_wasm.testing import hostile_answers, hostile_batch, hostile_bombs, hostile_limits, hostile_traps
from akatsuki_wasm.testing.hostile_case import GOOD, Case, Outcome, check_case, run_case
from akatsuki_wasm.testing.hostile_uploads import Refusal, Upload, refuse, uploads

__all__ = [
    "GOOD",
    "GROUPS",
    "Case",
    "Outcome",
    "Refusal",
    "Upload",
    "cases",
    "check_case",
    "refuse",
    "run_case",
    "uploads",
]

_MAKERS = (
    hostile_limits.time,
    hostile_limits.memory,
    hostile_limits.stack,
    hostile_limits.state,
    hostile_traps.traps,
    hostile_traps.proposals,
    hostile_traps.imports,
    hostile_traps.names,
    hostile_answers.answers,
    hostile_answers.panics,
    hostile_answers.allocators,
    hostile_answers.manifests,
    hostile_batch.batch,
    hostile_bombs.bombs,
)
GROUPS = tuple(make.__name__ for make in _MAKERS)
"""Names of the groups, the compiler's bombs last."""


@cache
def cases(*groups: str) -> tuple[Case, ...]:
    """The cases of these groups, or all of them.

    Args:
        groups: Of `GROUPS`.
    """
    chosen = groups or GROUPS
    return tuple(case for make in _MAKERS if make.__name__ in chosen for case in make())


if __name__ == "__main__":
    import sys

    from akatsuki_wasm.testing.hostile_run import main

    sys.exit(main())
