"""``akatsuki eval``: how well a generator and a model turn a suite of prompts into right modules."""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from akatsuki_wasm.cli.exits import INTERRUPTED, USER
from akatsuki_wasm.cli.lazy import examples
from akatsuki_wasm.cli.output import emit, json_option, say, table
from akatsuki_wasm.cli.session import current
from akatsuki_wasm.hookspecs import hookimpl

if TYPE_CHECKING:
    from collections.abc import Iterator

    from akatsuki_wasm.contracts import Stage
    from akatsuki_wasm.evaluation.results import CaseResult, Evaluation, ResultStore
    from akatsuki_wasm.evaluation.running import Run
    from akatsuki_wasm.evaluation.suite import Case, Suite

_DOING = {"generate": "writing Rust", "build": "building", "check": "checking"}


@click.command(
    "eval",
    epilog=examples(
        "akatsuki eval --generator openai --model gpt-5.4-mini --plot scores.svg",
        "akatsuki eval my_suite --only 'text_*' --min-pass 0.9",
        "akatsuki eval --list",
        "akatsuki eval --compare last 20261125T101500Z-openai",
    ),
)
@click.argument("suite", required=False, metavar="[SUITE|FOLDER]")
@click.option("--generator", metavar="NAME", help="Which generator answers: offline, openai, or a plugin's.")
@click.option("--model", metavar="NAME", help="Which language model, for generators that have one.")
@click.option("--only", metavar="PATTERN", help="Only cases with such names, as 'image_*'.")
@click.option("--limit", type=click.IntRange(1), metavar="N", help="At most so many cases, evenly from all of them.")
@click.option("--max-repairs", type=click.IntRange(0, 20), metavar="N", help="Times the generator is asked again.")
@click.option("--fresh", is_flag=True, help="Ask the language model although its answers are known.")
@click.option(
    "--min-pass",
    type=click.FloatRange(0, 1),
    metavar="SHARE",
    help="Fail where a smaller share of the cases passes, such as 0.9.",
)
@click.option(
    "--plot", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Draw the result: .png or .svg."
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write the result too: .csv with a line for each case, or .json with all of it.",
)
@click.option("--list", "listing", is_flag=True, help="List earlier evaluations instead, the newest first.")
@click.option("--show", metavar="ID", help="Show an earlier evaluation instead; a part of its id, or last.")
@click.option("--compare", nargs=2, metavar="ID ID", help="Compare two earlier evaluations instead.")
@json_option
def evaluate(
    suite: str | None,
    *,
    only: str | None,
    limit: int | None,
    min_pass: float | None,
    plot: Path | None,
    out: Path | None,
    listing: bool,
    show: str | None,
    compare: tuple[str, str] | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Run a suite of prompts and count what passes: at the first try, after repairs, not at all.

    SUITE is a shipped suite (standard, which is the default) or a folder of case files. Each prompt is designed without
    storing its module, and compared with the case's references in Python on random inputs. The language model is not
    shown the references. The result is kept and can be shown and compared later. A run that completes has exit code 0,
    whatever the score, unless --min-pass says otherwise.
    """
    from akatsuki_wasm.evaluation.results import ResultStore
    from akatsuki_wasm.evaluation.suite import STANDARD, load_suite

    store = ResultStore(current().settings().data_dir)
    if listing + (show is not None) + (compare is not None) > 1:
        raise click.UsageError("--list, --show and --compare exclude each other.")
    _check_files(plot, out)
    if listing:
        _list(store, as_json)
        return
    if compare is not None:
        _compare(store, compare, as_json)
        return
    if show is not None:
        evaluation = store.find(show)
        _write(evaluation, plot, out)
        _show(evaluation, as_json)
        return
    part = load_suite(suite or STANDARD).only(only, limit)
    run = _run(store, part, options, quiet=as_json)
    if not run.evaluation.results and isinstance(run.error, Exception):
        raise run.error
    _write(run.evaluation, plot, out)
    _show(run.evaluation, as_json)
    if not as_json and run.evaluation.id:
        say(f"kept as {run.evaluation.id}: akatsuki eval --show {run.evaluation.id}")
    _end(run, min_pass, as_json)


def _check_files(plot: Path | None, out: Path | None) -> None:
    """Refuses a file's name before the work whose result would go there."""
    from akatsuki_wasm.errors import ArgumentError

    if out is not None and out.suffix.lower() not in (".csv", ".json"):
        raise ArgumentError(
            f"out is {str(out)!r}: expected a name that ends in .csv or .json", hint=f"Such as --out {out.stem}.csv"
        )
    if plot is not None:
        from akatsuki_wasm.evaluation.plot import check_plot

        check_plot(plot)


def _run(store: ResultStore, suite: Suite, options: dict[str, Any], *, quiet: bool) -> Run:
    from akatsuki_wasm.evaluation.running import RunOptions, run_suite

    progress = CaseProgress(len(suite.cases), quiet=quiet)
    workspace = current().workspace(progress)
    with progress.live():
        return run_suite(workspace, suite, RunOptions(**options), store=store, begin=progress.begin, done=progress.done)


def _end(run: Run, min_pass: float | None, as_json: bool) -> None:
    """Leaves with the code that the run has, where it is not 0. With ``--json`` the document is all that is said."""
    from akatsuki_wasm.errors import CheckError

    if isinstance(run.error, KeyboardInterrupt):
        if as_json:
            raise click.exceptions.Exit(INTERRUPTED)
        raise run.error
    error = run.error
    if error is None and min_pass is not None and run.evaluation.share < min_pass:
        done = run.evaluation
        error = CheckError(
            f"{done.passed} of {done.selected} cases passed: expected at least {min_pass:.0%}",
            case=done.suite,
            expected=f"{min_pass:g}",
            got=f"{done.share:.3g}",
        )
    if error is None:
        return
    if as_json:
        raise click.exceptions.Exit(USER)
    raise error


def _write(evaluation: Evaluation, plot: Path | None, out: Path | None) -> None:
    from akatsuki_wasm.evaluation.table import document, to_csv
    from akatsuki_wasm.values.image_files import write_whole

    if out is not None:
        as_text = out.suffix.lower() == ".csv"
        text = to_csv(evaluation) if as_text else json.dumps(document(evaluation), ensure_ascii=False, indent=2) + "\n"
        write_whole(out, text.encode("utf-8", "replace"))
    if plot is not None and evaluation.results:
        from akatsuki_wasm.evaluation.plot import draw_plot

        draw_plot(evaluation, plot)


def _show(evaluation: Evaluation, as_json: bool) -> None:
    from akatsuki_wasm.evaluation.results import FAILURES
    from akatsuki_wasm.evaluation.table import (
        FAILURE_HEADERS,
        SUMMARY_HEADERS,
        document,
        failures,
        summaries,
    )

    if as_json:
        emit(document(evaluation))
        return
    table(SUMMARY_HEADERS, (each.cells for each in summaries(evaluation)))
    failed = failures(evaluation)
    if failed:
        click.echo()
        table(FAILURE_HEADERS, ((kind, count, FAILURES[kind]) for kind, count in failed.items()), folding=("MEANING",))
    if evaluation.ended:
        say(f"ended after {len(evaluation.results)} of {evaluation.selected} cases: {evaluation.ended}")


def _list(store: ResultStore, as_json: bool) -> None:
    rows = list(store.all())
    if as_json:
        emit(
            [
                {
                    "id": each.id,
                    "suite": each.suite,
                    "generator": each.generator,
                    "model": each.model,
                    "selected": each.selected,
                    "run": len(each.results),
                    "passed": each.passed,
                    "seconds": round(each.seconds, 3),
                    "started": each.started,
                }
                for each in rows
            ]
        )
        return
    if not rows:
        say("Nothing was evaluated yet.")
        return
    table(
        ("ID", "SUITE", "CASES", "FIRST", "PASSED", "SECONDS"),
        (
            (
                each.id,
                each.suite,
                len(each.results) if len(each.results) == each.selected else f"{len(each.results)} of {each.selected}",
                sum(result.outcome == "first" for result in each.results),
                each.passed,
                f"{each.seconds:.1f}",
            )
            for each in rows
        ),
        folding=("ID",),
    )


def _compare(store: ResultStore, names: tuple[str, str], as_json: bool) -> None:
    from akatsuki_wasm.evaluation.table import WORDS, Comparison

    found = Comparison(store.find(names[0]), store.find(names[1]))
    if as_json:
        emit(found.document())
        return
    table(("", found.first.id, found.second.id), found.rows())
    if found.changed:
        click.echo()
        rows = ((one.name, WORDS[one.outcome], WORDS[other.outcome]) for one, other in found.changed)
        table(("CASE", found.first.id, found.second.id), rows)
    if found.only_in_one:
        say(f"not compared, because one of the two has not run them: {', '.join(found.only_in_one)}")


class CaseProgress:
    """Shows how far a run is: a live line on a terminal, one line for each case that is done.

    Args:
        total: Cases of the run.
        quiet: Say nothing at all.
    """

    name = "eval-progress"

    def __init__(self, total: int, *, quiet: bool = False) -> None:
        self._total = total
        self._quiet = quiet
        self._status: Any = None
        self._begun = ""

    @contextmanager
    def live(self) -> Iterator[None]:
        """Shows a spinner on a terminal while the block runs."""
        if self._quiet or not sys.stderr.isatty():
            yield
            return
        from rich.console import Console

        with Console(stderr=True).status("starting") as status:
            self._status = status
            try:
                yield
            finally:
                self._status = None

    def begin(self, number: int, case: Case) -> None:
        """A case begins."""
        self._begun = f"{number} of {self._total}: {case.name}"

    @hookimpl
    def akatsuki_before_stage(self, stage: Stage, attempt: int) -> None:
        """Names the stage on the live line."""
        if self._status is not None:
            again = f", attempt {attempt}" if attempt > 1 else ""
            self._status.update(f"{self._begun}, {_DOING.get(stage, stage)}{again}")

    def done(self, result: CaseResult) -> None:
        """Writes the line of a case."""
        from akatsuki_wasm.evaluation.table import WORDS

        if self._quiet:
            return
        colour = {"first": "green", "repaired": "yellow", "failed": "red"}[result.outcome]
        word = WORDS[result.outcome]
        reason = f"{result.failure}: {' '.join(result.message.split())}" if result.failure else ""
        rest = f"{result.seconds:6.2f} s  {reason}".rstrip()
        if self._status is None:
            say(f"{result.name:<28} {click.style(f'{word:<9}', fg=colour)} {rest}")
            return
        from rich.text import Text

        # Through the spinner's console, which moves the spinner out of the way first.
        line = Text.assemble(f"{result.name:<28} ", (f"{word:<9}", colour), f" {rest}")
        self._status.console.print(line, soft_wrap=True)
