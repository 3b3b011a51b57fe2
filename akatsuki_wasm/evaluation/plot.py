"""An evaluation as a picture: for each kind how many cases passed, and how long they took."""

from __future__ import annotations

import io
from importlib.util import find_spec
from typing import TYPE_CHECKING

from akatsuki_wasm.errors import ArgumentError, MissingExtraError
from akatsuki_wasm.evaluation.suite import KINDS
from akatsuki_wasm.evaluation.table import Summary
from akatsuki_wasm.values.image_files import write_whole

if TYPE_CHECKING:
    from pathlib import Path

    from akatsuki_wasm.evaluation.results import Evaluation

FORMATS = (".png", ".svg")
# Distinct in grey and for people who see red and green alike.
_PARTS = (("first", "first try", "#1b7837"), ("repaired", "after repairs", "#a6dba0"), ("failed", "failed", "#c2a5cf"))


def check_plot(path: Path) -> None:
    """Fails before the work of a run whose plot could not be drawn.

    Raises:
        ArgumentError: The file's name says another format than PNG or SVG.
        MissingExtraError: matplotlib is not installed.
    """
    if path.suffix.lower() not in FORMATS:
        raise ArgumentError(
            f"plot is {str(path)!r}: expected a name that ends in {' or '.join(FORMATS)}",
            hint=f"Such as --plot {path.stem or 'scores'}.svg",
        )
    if find_spec("matplotlib") is None:
        raise MissingExtraError(
            "a plot needs matplotlib, which is not installed", hint="Install it: pip install 'akatsuki-wasm[plot]'"
        )


def draw_plot(evaluation: Evaluation, path: Path) -> None:
    """Draws an evaluation into a PNG or SVG file.

    Raises:
        ArgumentError: The file's name says another format, or it cannot be written.
        MissingExtraError: matplotlib is not installed.
    """
    check_plot(path)
    from matplotlib import rc_context
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    kinds = [kind for kind in KINDS if any(each.kind == kind for each in evaluation.results)]
    rows = [
        Summary.of(kind, "all", [each for each in evaluation.results if each.kind == kind]) for kind in reversed(kinds)
    ]
    names = [row.kind for row in rows]
    # Text stays text in an SVG, and the same evaluation gives the same file.
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": evaluation.id, "font.size": 10}):
        figure = Figure(figsize=(9, 1.9 + 0.55 * len(rows)), layout="constrained")
        cases, time = figure.subplots(1, 2, width_ratios=(3, 2), sharey=True)
        start = [0] * len(rows)
        for part, label, colour in _PARTS:
            counts = [getattr(row, part) for row in rows]
            bars = cases.barh(names, counts, left=start, color=colour, label=label, height=0.62)
            cases.bar_label(
                bars,
                [str(count) if count else "" for count in counts],
                label_type="center",
                color="white" if part == "first" else "black",
            )
            start = [before + count for before, count in zip(start, counts, strict=True)]
        cases.set_xlabel("cases")
        cases.xaxis.set_major_locator(MaxNLocator(integer=True))
        cases.set_xlim(0, max(start))
        seconds = [row.seconds / row.cases for row in rows]
        bars = time.barh(names, seconds, color="#5a7d9a", height=0.62)
        time.bar_label(bars, [f"{each:.1f}" for each in seconds], padding=3)
        time.set_xlabel("mean seconds per case")
        time.margins(x=0.18)
        for axes in (cases, time):
            axes.spines[["top", "right"]].set_visible(False)
            axes.tick_params(left=False)
        who = f"{evaluation.generator} {evaluation.model}".strip()
        figure.suptitle(
            f"{who} on the suite {evaluation.suite}: {evaluation.passed} of {evaluation.selected} passed", fontsize=12
        )
        figure.legend(*cases.get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False)
        drawn = io.BytesIO()
        format_ = path.suffix.lower().removeprefix(".")
        metadata = {"Date": None} if format_ == "svg" else {"Software": None}
        figure.savefig(drawn, format=format_, dpi=150, metadata=metadata)
    write_whole(path, drawn.getvalue())
