"""The table of attacks in docs/explanation/build.md; ``python -m tests.confinement.table`` prints it anew."""

from __future__ import annotations

import sys
from pathlib import Path

from akatsuki_wasm.confinement.ladder import LEVELS

from .attacks import ATTACKS
from .bombs import BOMBS

PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "build.md"
BEGIN, END = "<!-- attacks: begin -->", "<!-- attacks: end -->"
NOT_STOPPED = "**not stopped**"


def lines() -> list[str]:
    """All lines, in Markdown."""
    head = ("attack", "before a compiler starts", *LEVELS)
    rows = [(each.name, each.before, *(each.stopped.get(level, NOT_STOPPED) for level in LEVELS)) for each in ATTACKS]
    rows += [(each.name, each.before, *(each.stopped for _ in LEVELS)) for each in BOMBS]
    return [f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows)]


def on_the_page() -> list[str]:
    """The lines that the page has."""
    _, _, rest = PAGE.read_text("utf-8").partition(BEGIN)
    return rest.partition(END)[0].strip().splitlines()


if __name__ == "__main__":
    sys.stdout.write("\n".join([*lines(), ""]))
