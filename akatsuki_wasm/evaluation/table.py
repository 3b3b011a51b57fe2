"""An evaluation in rows: by kind and level, failures by kind, two runs side by side; and the same as CSV."""

from __future__ import annotations

import csv
import io
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from akatsuki_wasm.evaluation.results import FAILURES
from akatsuki_wasm.evaluation.suite import KINDS, LEVELS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from akatsuki_wasm.evaluation.results import CaseResult, Evaluation

SUMMARY_HEADERS = ("KIND", "LEVEL", "CASES", "FIRST", "REPAIRED", "FAILED", "TOKENS IN", "TOKENS OUT", "SECONDS")
FAILURE_HEADERS = ("FAILURE", "CASES", "MEANING")
CASE_FIELDS = (
    "name",
    "kind",
    "level",
    "outcome",
    "failure",
    "attempts",
    "tokens_in",
    "tokens_out",
    "seconds",
    "message",
)
WORDS = {"first": "first try", "repaired": "repaired", "failed": "failed"}
"""An outcome for people."""


@dataclass(frozen=True)
class Summary:
    """Counts of several cases.

    Attributes:
        kind: Theirs, or ``all``.
        level: Theirs, or ``all``.
        cases: How many.
        first: Those that passed at the first try.
        repaired: Those that passed after repairs.
        failed: Those that did not pass.
        tokens_in: Of all questions, as far as the server told.
        tokens_out: Of all answers.
        seconds: Wall clock.
    """

    kind: str
    level: str
    cases: int
    first: int
    repaired: int
    failed: int
    tokens_in: int
    tokens_out: int
    seconds: float

    @classmethod
    def of(cls, kind: str, level: str, results: Sequence[CaseResult]) -> Summary:
        """Counts."""
        outcomes = Counter(each.outcome for each in results)
        return cls(
            kind,
            level,
            len(results),
            outcomes["first"],
            outcomes["repaired"],
            outcomes["failed"],
            sum(each.tokens_in for each in results),
            sum(each.tokens_out for each in results),
            round(sum(each.seconds for each in results), 3),
        )

    @property
    def cells(self) -> tuple[str, ...]:
        """For a table with `SUMMARY_HEADERS`."""
        counts = (self.cases, self.first, self.repaired, self.failed, self.tokens_in, self.tokens_out)
        return (self.kind, self.level, *(f"{each:,}" for each in counts), f"{self.seconds:.1f}")


def summaries(evaluation: Evaluation) -> list[Summary]:
    """One row for each kind and level that has cases, one for each kind, and one for all."""
    rows = []
    for kind in KINDS:
        of_kind = [each for each in evaluation.results if each.kind == kind]
        for level in LEVELS:
            of_level = [each for each in of_kind if each.level == level]
            if of_level:
                rows.append(Summary.of(kind, level, of_level))
        if of_kind:
            rows.append(Summary.of(kind, "all", of_kind))
    return [*rows, Summary.of("all", "all", evaluation.results)]


def failures(evaluation: Evaluation) -> dict[str, int]:
    """Cases that failed, by what they failed with, in the order of `FAILURES`."""
    counts = Counter(each.failure for each in evaluation.results if each.failure is not None)
    return {kind: counts[kind] for kind in FAILURES if counts[kind]}


def document(evaluation: Evaluation) -> dict[str, Any]:
    """All of an evaluation as one JSON-able object: what is stored, and the counts."""
    return {
        **evaluation.facts(),
        "passed": evaluation.passed,
        "share": round(evaluation.share, 4),
        "summary": [vars(each) for each in summaries(evaluation)],
        "failures": failures(evaluation),
    }


def to_csv(evaluation: Evaluation) -> str:
    """A line for each case."""
    text = io.StringIO()
    writer = csv.DictWriter(text, CASE_FIELDS, lineterminator="\n")
    writer.writeheader()
    for each in evaluation.results:
        facts = {name: getattr(each, name) for name in CASE_FIELDS if name != "attempts"}
        writer.writerow({**facts, "attempts": len(each.turns)})
    return text.getvalue()


# ---------------------------------------------------------------- two runs


@dataclass(frozen=True)
class Comparison:
    """Two evaluations over the cases that both have.

    Attributes:
        first: One.
        second: The other.
    """

    first: Evaluation
    second: Evaluation

    @property
    def pairs(self) -> list[tuple[CaseResult, CaseResult]]:
        """The cases that both have, in the first one's order."""
        others = {each.name: each for each in self.second.results}
        return [(each, others[each.name]) for each in self.first.results if each.name in others]

    @property
    def only_in_one(self) -> list[str]:
        """Cases that are not compared, because one of the two has not run them."""
        names = [{each.name for each in one.results} for one in (self.first, self.second)]
        return sorted(names[0] ^ names[1])

    @property
    def changed(self) -> list[tuple[CaseResult, CaseResult]]:
        """Cases with another outcome."""
        return [(one, other) for one, other in self.pairs if one.outcome != other.outcome]

    def rows(self) -> list[tuple[str, str, str]]:
        """What is counted, of the first and of the second."""
        columns = [_counts([pair[side] for pair in self.pairs]) for side in (0, 1)]
        return [(name, columns[0][name], columns[1][name]) for name in columns[0]]

    def document(self) -> dict[str, Any]:
        """JSON-able."""
        return {
            "first": self.first.id,
            "second": self.second.id,
            "compared": len(self.pairs),
            "only_in_one": self.only_in_one,
            "rows": [{"name": name, "first": first, "second": second} for name, first, second in self.rows()],
            "changed": [
                {"name": one.name, "first": one.outcome, "second": other.outcome} for one, other in self.changed
            ],
        }


def _counts(results: Sequence[CaseResult]) -> dict[str, str]:
    """What two runs are compared by, as text by name."""
    groups = {"passed": list(results)}
    groups |= {f"passed, {kind}": [each for each in results if each.kind == kind] for kind in KINDS}
    return {
        **{name: f"{sum(each.passed for each in group)} of {len(group)}" for name, group in groups.items() if group},
        "first try": str(sum(each.outcome == "first" for each in results)),
        "tokens in": f"{sum(each.tokens_in for each in results):,}",
        "tokens out": f"{sum(each.tokens_out for each in results):,}",
        "seconds": f"{sum(each.seconds for each in results):.1f}",
    }
