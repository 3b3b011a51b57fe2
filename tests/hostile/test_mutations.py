"""Mutated binaries through the registry's examination and the executor, in processes that may crash."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from akatsuki_wasm.testing.hostile_mutations import mutation, try_mutations
from akatsuki_wasm.testing.hostile_run import mutate

if TYPE_CHECKING:
    from pathlib import Path

COUNT = int(os.environ.get("AKATSUKI_TEST_MUTATIONS", "0"))
"""How many to try; 0 for as many as `SECONDS` allow."""
SECONDS = 20.0


@pytest.mark.slow
def test_mutated_binaries_are_refused_or_fail_with_a_type() -> None:
    tally = mutate(COUNT or 100_000, (), seconds=None if COUNT else SECONDS)
    assert tally.problems == {}
    assert tally.count >= (COUNT or 200)
    assert tally.outcomes["refused"] > tally.count / 2
    assert tally.outcomes["stored"] > tally.count / 50
    assert tally.outcomes["GuestTrap"] > 0
    assert tally.outcomes["value"] > 0


def test_a_mutation_can_be_made_again() -> None:
    assert mutation(123) == mutation(123)
    assert mutation(123)[0] != mutation(124)[0]


def test_what_must_not_be_is_counted_by_the_mutations_number() -> None:
    def broken(*_: object) -> None:
        raise KeyError("oops")

    tally = try_mutations(broken, 0, 5)
    assert tally.problems == dict.fromkeys(range(5), "KeyError: \"'oops'\"")


def test_a_crash_is_a_problem_of_one_mutation(tmp_path: Path) -> None:
    plugin = tmp_path / "crashes.py"
    plugin.write_text(
        "import os, signal\nfrom akatsuki_wasm import hookimpl\n"
        "@hookimpl\ndef akatsuki_execute(module):\n    os.kill(os.getpid(), signal.SIGSEGV)\n"
    )
    ((number, problem),) = mutate(10, (plugin,)).problems.items()
    assert number in range(10)
    assert problem == "it was ended by signal 11"
