"""A design's timeline on a terminal: coloured where there is one, plain lines in a pipe."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

    from akatsuki_wasm.timeline import Timeline

_STYLES = {
    "title": "bold",
    "good": "green",
    "bad": "red",
    "dim": "dim",
    "added": "green",
    "removed": "red",
    "place": "cyan",
}


def show_timeline(console: Console, timeline: Timeline, only: int | None = None) -> None:
    """Prints a timeline.

    Args:
        console: Where to; a pipe gets plain lines that are not broken.
        timeline: Of a design.
        only: The number of the attempt that is meant; all where None.
    """
    from rich.text import Text

    for line in timeline.lines(only):
        # Text, as brackets in a model's words are not markup. A terminal breaks long lines by itself.
        console.print(Text.assemble(*((text, _STYLES.get(kind, "")) for text, kind in line)), soft_wrap=True)
