"""What the benchmarks share: contestants that take turns, medians, targets with a verdict, and the tables.

A program hands `main` one function, which gets a `Run` and holds races::

    def measure(run: Run) -> None:
        times = run.race("one call", {"ours": ours, "peer": peer}, same=equal)
        run.target("one call", times, "ours", "peer", within=2.0)

    if __name__ == "__main__":
        main(measure)

The first call of each contestant is not timed: it warms up, and its answer is compared with the first contestant's. A
wrong answer ends the program with 1. A target that is missed does not: speed is judged by whoever reads the table.
"""

from __future__ import annotations

import gc
import importlib
import json
import math
import os
import statistics
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

QUICK = "AKATSUKI_BENCH_QUICK"
RECORD = "AKATSUKI_BENCH_RECORD"
"""Environment variables by which run.py asks for few turns, and names the file that a program leaves its figures in."""

TURNS, QUICK_TURNS = 11, 3
TURN_S, QUICK_TURN_S = 0.03, 0.01
"""A contestant calls as often in one turn as fills this time."""
ENOUGH_S = 15.0
"""A slow contestant has had turns enough after this time, if it had `QUICK_TURNS`."""


@dataclass(frozen=True)
class Target:
    """One line of the table of targets; the fields are ready to be shown."""

    what: str
    ours: str
    peer: str
    ratio: str
    limit: str
    passed: bool
    why: str = ""

    @property
    def verdict(self) -> str:
        return "pass" if self.passed else "short"


@dataclass(frozen=True)
class Race:
    """What one race measured.

    Attributes:
        title: What was done.
        seconds: Median time of one call, by contestant, in the order of the race.
        spread: Fastest and slowest turn.
        absent: Contestants that could not take part, with the reason.
    """

    title: str
    seconds: dict[str, float]
    spread: dict[str, tuple[float, float]]
    absent: dict[str, str] = field(default_factory=dict)

    def __getitem__(self, name: str) -> float:
        return self.seconds[name]

    def __contains__(self, name: str) -> bool:
        return name in self.seconds

    def fastest(self, names: Sequence[str]) -> str | None:
        """The fastest of those contestants, or None where none of them took part."""
        return min((name for name in names if name in self), key=self.seconds.__getitem__, default=None)


class Run:
    """One program's run: races are printed as they end, and all of it is left for run.py.

    Args:
        name: The program's.
        quick: Few and short turns.
    """

    def __init__(self, name: str, *, quick: bool) -> None:
        self.name, self.quick = name, quick
        self.races: list[Race] = []
        self.targets: list[Target] = []
        self.notes: list[str] = []

    def optional(self, module: str) -> Any:
        """A peer's Python module, or None where it is not installed, which the table then says."""
        try:
            return importlib.import_module(module)
        except ImportError as exc:
            self.note(f"{module}: not installed ({exc})")
            return None

    def note(self, text: str) -> None:
        """A line under the tables, once."""
        if text in self.notes:
            return
        self.notes.append(text)
        print(f"  note: {text}", flush=True)

    def race(
        self,
        title: str,
        contestants: Mapping[str, Callable[[], Any] | None],
        *,
        same: Callable[[Any, Any], str | None] | None = None,
        turns: int | None = None,
    ) -> Race:
        """Times the contestants in turns: A B C A B C …, so that a slow moment of the machine hits all alike.

        Args:
            title: What each of them does.
            contestants: By name; None for one that cannot take part.
            same: Says what is wrong with a later contestant's answer beside the first one's, or None where nothing is.
            turns: Of each contestant; the usual number where None.
        """
        present = {name: call for name, call in contestants.items() if call is not None}
        absent = {name: "not here" for name, call in contestants.items() if call is None}
        numbers, first = {}, None
        for name, call in present.items():
            answer = call()
            if first is None:
                first = name, answer
            elif same is not None and (wrong := same(first[1], answer)):
                raise WrongAnswerError(f"{title}: {name} does not agree with {first[0]}: {wrong}")
            del answer
            numbers[name] = _calls_in_a_turn(call, QUICK_TURN_S if self.quick else TURN_S)
        del first
        times: dict[str, list[float]] = {name: [] for name in present}
        for _ in range(turns or (QUICK_TURNS if self.quick else TURNS)):
            for name, call in present.items():
                mine = times[name]
                if len(mine) < QUICK_TURNS or sum(mine) * numbers[name] < ENOUGH_S:
                    mine.append(_time(call, numbers[name]))
        race = Race(
            title,
            {name: statistics.median(each) for name, each in times.items()},
            {name: (min(each), max(each)) for name, each in times.items()},
            absent,
        )
        self.add(race)
        return race

    def add(self, race: Race) -> None:
        """Prints a race, and keeps it; for times that were not taken by `race`."""
        self.races.append(race)
        print(f"\n{race.title}")
        for name, median in race.seconds.items():
            fastest, slowest = race.spread[name]
            print(f"  {name:<44} {duration(median):>10}   {duration(fastest):>10} to {duration(slowest):>10}")
        for name, reason in race.absent.items():
            print(f"  {name:<44} {reason}")
        sys.stdout.flush()

    def target(
        self,
        what: str,
        race: Race,
        ours: str,
        peer: str | Sequence[str],
        *,
        within: float | None = None,
        faster: float | None = None,
        why: str = "",
    ) -> None:
        """Judges a race.

        Args:
            what: For the table.
            race: That both took part in.
            ours: Our contestant.
            peer: Theirs; of several, the fastest.
            within: Ours may take at most so many times as long.
            faster: Ours must be at least so many times as fast.
            why: The reason, if it is known why the target is missed.
        """
        other = race.fastest([peer] if isinstance(peer, str) else peer)
        if ours not in race or other is None:
            self.note(f"{what}: no verdict, {ours if ours not in race else peer} did not take part")
            return
        mine, theirs = race[ours], race[other]
        if within is not None:
            ratio, limit, passed = mine / theirs, f"at most {within:g} x", mine <= within * theirs
        else:
            assert faster is not None
            ratio, limit, passed = theirs / mine, f"at least {faster:g} x faster", theirs >= faster * mine
        self.judge(what, duration(mine), f"{other} {duration(theirs)}", f"{ratio:.2f}", limit, passed=passed, why=why)

    def judge(self, what: str, ours: str, peer: str, ratio: str, limit: str, *, passed: bool, why: str = "") -> None:
        """Keeps a verdict; for figures that are no race."""
        self.targets.append(Target(what, ours, peer, ratio, limit, passed, "" if passed else why))

    def finish(self) -> None:
        """Prints the table of targets, and leaves everything in the file that run.py named."""
        if self.targets:
            rows = [(t.what, t.ours, t.peer, t.ratio, t.limit, t.verdict) for t in self.targets]
            print("\n" + "\n".join(table(("what", "ours", "peer", "ratio", "limit", "verdict"), rows)))
            for target in self.targets:
                if target.why:
                    print(f"  {target.what}: {target.why}")
        if path := os.environ.get(RECORD):
            facts = {
                "name": self.name,
                "races": [asdict(race) for race in self.races],
                "targets": [asdict(target) for target in self.targets],
                "notes": self.notes,
            }
            Path(path).write_text(json.dumps(facts), encoding="utf-8")


class WrongAnswerError(Exception):
    """Two contestants do not compute the same, so their times say nothing."""


def main(measure: Callable[[Run], None]) -> None:
    """Runs a program's measurements; ends with 1 where an answer was wrong."""
    quick = "--quick" in sys.argv[1:] or bool(os.environ.get(QUICK))
    run = Run(Path(sys.argv[0]).stem, quick=quick)
    try:
        measure(run)
    except WrongAnswerError as exc:
        sys.exit(f"error: {exc}")
    run.finish()


def _calls_in_a_turn(call: Callable[[], Any], wanted: float) -> int:
    took = _time(call, 1)
    for share in (16, 4):  # once is no measure of what is short
        if took * 4 < wanted:
            took = _time(call, max(1, int(wanted / share / max(took, 1e-7))))
    return max(1, math.ceil(wanted / max(took, 1e-8)))


def _time(call: Callable[[], Any], number: int) -> float:
    """Seconds of one call, on average, without the garbage collector's pauses."""
    gc.collect()
    gc.disable()
    try:
        turns = range(number)
        started = time.perf_counter()
        for _ in turns:
            call()
        return (time.perf_counter() - started) / number
    finally:
        gc.enable()


def new_process(program: str, *arguments: str) -> dict[str, Any]:
    """What a program beside this file prints as JSON, in a process of its own."""
    path = Path(__file__).with_name(program)
    done = subprocess.run([sys.executable, str(path), *arguments], stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        sys.exit(f"error: {program} failed")  # its own words are above
    return json.loads(done.stdout)


def duration(seconds: float) -> str:
    """A time for people: ``823 ns``, ``24.0 us``, ``1.97 ms``, ``2,971 ms``."""
    for unit, size in (("ns", 1e-9), ("us", 1e-6), ("ms", 1e-3)):
        amount = seconds / size
        if amount < 1000 or unit == "ms":
            return f"{amount:,.0f} {unit}" if amount >= 100 or unit == "ns" else f"{amount:.3g} {unit}"
    raise AssertionError


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of a table in columns, which are Markdown too."""
    widths = [max(len(row[index]) for row in (head, *rows)) for index in range(len(head))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in (head, *rows)
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return lines


def equal(first: Any, other: Any) -> str | None:
    """For `Run.race`: the very same answer."""
    return None if first == other else f"{_short(other)}, not {_short(first)}"


def close(*, absolute: float = 0.0, relative: float = 0.0) -> Callable[[Any, Any], str | None]:
    """For `Run.race`: arrays (or what numpy makes arrays of) whose numbers differ by no more than that."""

    def compare(first: Any, other: Any) -> str | None:
        import numpy as np

        a, b = np.asarray(first), np.asarray(other)
        if a.shape != b.shape:
            return f"shape {b.shape}, not {a.shape}"
        # Image bytes would wrap when subtracted.
        kind = np.float64 if a.dtype.kind == "f" else np.int16
        off = np.abs(a.astype(kind) - b.astype(kind))
        allowed = absolute + relative * np.abs(a.astype(kind))
        bad = ~(off <= allowed)
        if not bad.any():
            return None
        place = np.unravel_index(int(np.argmax(np.where(bad, off, -1))), a.shape)
        return f"{int(bad.sum()):,} of {a.size:,} differ, by up to {off[place]:g} ({b[place]} for {a[place]})"

    return compare


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
