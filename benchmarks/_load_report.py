"""The figures of a load test, for a terminal and for docs/explanation/service.md."""

from __future__ import annotations

import statistics
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from _harness import duration, table
from _machine import facts

if TYPE_CHECKING:
    import argparse

    from _load_ledger import Ledger
    from load import Kill, Samples

PAGE = Path(__file__).parent.parent / "docs" / "explanation" / "service.md"


def mode(wanted: argparse.Namespace) -> str:
    """The name of a run's place on the page: ``load``, ``load shared``, ``load kill worker`` and so on."""
    if wanted.kill:
        return f"load kill {wanted.kill}"
    return "load shared" if wanted.shared else "load"


def lines(wanted: argparse.Namespace, ledger: Ledger, samples: Samples, kill: Kill | None, seconds: float) -> list[str]:
    """The report as Markdown."""
    counts = ledger.counts
    answers = sum(ledger.answers.values())
    store = "PostgreSQL and S3" if wanted.shared else "SQLite and a folder"
    rows = [
        ("clients, server processes, storage", f"{wanted.clients}, {wanted.processes}, {store}"),
        ("answers", f"{answers:,} in {seconds:,.0f} s, {answers / seconds:,.0f} a second"),
        ("good calls of a number", _percentiles(ledger.seconds)),
        ("refused for the time being (429, 503)", f"{counts['refused with 429']:,}, {counts['refused with 503']:,}"),
        (
            "modules uploaded, disabled, enabled, deleted meanwhile",
            ", ".join(f"{counts[each]:,}" for each in ("upload", "disable", "enable", "delete")),
        ),
        ("uploads read back whole at the end, from each process", f"{counts['upload read back']:,}"),
        ("executions that were answered", f"{counts['answered executions']:,}"),
        ("of them not in the history", f"{counts['lost rows']:,}"),
        ("rows of clients that had gone", f"{counts['rows without an answer']:,}"),
        ("wrong answers", f"{counts['wrong']:,}"),
        (
            "memory of the server processes in the quarters of the run",
            ", ".join(f"{samples.quarter(number) / 2**20:,.0f}" for number in range(4)) + " MiB",
        ),
        ("its slope in the second half", f"{samples.slope() / 2**20:+.2f} MiB a minute"),
    ]
    if kill is not None:
        rows.append((f"kills of: {kill.what}", f"{kill.times}"))
        rows.append(("connections that a kill cut", f"{counts['connections lost']:,}"))
        if kill.away:
            away = f"{statistics.median(kill.away):.1f} s, at most {max(kill.away):.1f} s"
            since = "the kill" if kill.what == "worker" else "its return"
            rows.append((f"all processes ready again after {since}", away))
    kinds = sorted({kind for kind, _ in ledger.answers})
    statuses = [
        (
            kind,
            ", ".join(
                f"{status}: {count:,}" for (each, status), count in sorted(ledger.answers.items()) if each == kind
            ),
        )
        for kind in kinds
    ]
    statuses.append(("disconnect", f"{counts['disconnects']:,} without an answer"))
    return [*table(("what", "figure"), rows), "", *table(("request", "answers"), statuses)]


def _percentiles(seconds: list[float]) -> str:
    if len(seconds) < 2:
        return "none"
    cuts = statistics.quantiles(seconds, n=100)
    return f"p50 {duration(cuts[49])}, p95 {duration(cuts[94])}, p99 {duration(cuts[98])}"


def write(wanted: argparse.Namespace, report: list[str]) -> None:
    """Replaces what is between the markers of this mode on the page."""
    begin, end = f"<!-- {mode(wanted)}: begin -->", f"<!-- {mode(wanted)}: end -->"
    before, first, rest = PAGE.read_text(encoding="utf-8").partition(begin)
    _, second, after = rest.partition(end)
    if not first or not second:
        sys.exit(f"error: {PAGE.name} has no markers\n  It needs the lines {begin} and {end}.")
    machine = [f"* {name}: {value}" for name, value in facts().items()]
    text = "\n".join([before + begin, "", *machine, "", *report, "", end + after])
    PAGE.write_text(text, encoding="utf-8")
    print(f"\nWritten to docs/explanation/{PAGE.name}")
