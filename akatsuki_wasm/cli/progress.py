"""Shows the stages of a design as they happen: a live line on a terminal, one line per finished stage when piped."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from akatsuki_wasm.cli.output import say
from akatsuki_wasm.hookspecs import hookimpl

if TYPE_CHECKING:
    from collections.abc import Iterator

    from akatsuki_wasm.contracts import Stage
    from akatsuki_wasm.errors import AkatsukiError

_DOING = {
    "generate": "writing Rust",
    "build": "building",
    "check": "checking",
    "upload": "storing",
    "execute": "executing",
}


_TAIL_LINES = 8
"""Lines of an answer that a terminal shows while it comes: enough to see what is being written."""
_TAIL_CHARACTERS = 4_000


class StageProgress:
    """A plugin that hears of every stage.

    Args:
        quiet: Say nothing at all.
    """

    name = "cli-progress"

    def __init__(self, *, quiet: bool = False) -> None:
        self._quiet = quiet
        self._live: Any = None
        self._spinner: Any = None
        self._doing = "starting"
        self._answer = ""
        self._is_json = False
        self._written = 0
        self._failed: tuple[Stage, float, str] | None = None

    @contextmanager
    def live(self) -> Iterator[None]:
        """Shows a spinner on a terminal while the block runs, and an answer while it comes."""
        with self._display():
            try:
                yield
            finally:
                # The error itself follows as the command's message, so that it is not said twice.
                self._tell_failure(with_reason=False)

    @contextmanager
    def _display(self) -> Iterator[None]:
        if self._quiet or not sys.stderr.isatty():
            yield
            return
        from rich.console import Console
        from rich.live import Live

        # Drawn ten times a second from what is known then: an answer comes in faster pieces.
        with Live(
            console=Console(stderr=True), get_renderable=self._render, refresh_per_second=10, transient=True
        ) as live:
            self._live = live
            try:
                yield
            finally:
                self._live = None

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Takes the live lines off the terminal while the block runs, for instance to ask a question."""
        if self._live is not None:
            self._live.stop()
        try:
            yield
        finally:
            if self._live is not None:
                self._live.start()

    def _render(self) -> Any:
        from rich.console import Group
        from rich.spinner import Spinner
        from rich.text import Text

        if self._spinner is None:
            self._spinner = Spinner("dots")
        count = f", {self._written:,} characters" if self._written else ""
        self._spinner.update(text=Text(f"{self._doing}{count}"))
        lines = [Text(f"  {line}", style="dim", no_wrap=True, overflow="ellipsis") for line in self._tail()]
        return Group(*lines, self._spinner)

    def _tail(self) -> list[str]:
        """The last lines of the answer, without what could move the cursor; a text within JSON as the text."""
        text = self._answer.replace("\\n", "\n").replace('\\"', '"') if self._is_json else self._answer
        lines = text.expandtabs(4).splitlines()[-_TAIL_LINES:]
        return ["".join(letter if letter.isprintable() else "�" for letter in line) for line in lines]

    @hookimpl
    def akatsuki_before_stage(self, stage: Stage, attempt: int) -> None:
        """Names the stage on the live line. What failed before was not the end: its reason is told now."""
        self._tell_failure(with_reason=True)
        self._answer, self._written = "", 0
        self._doing = f"{_DOING[stage]}{f', attempt {attempt}' if attempt > 1 else ''}"

    @hookimpl
    def akatsuki_after_stage(self, stage: Stage, seconds: float, summary: str) -> None:
        """Writes the line of a finished stage."""
        self._line(stage, "ok", seconds, summary)

    @hookimpl
    def akatsuki_stage_failed(self, stage: Stage, attempt: int, seconds: float, error: AkatsukiError) -> None:
        """Keeps what failed until it is known whether another attempt follows."""
        self._failed = (stage, seconds, error.message)
        if stage == "generate" and attempt > 1:
            # The command ends with the failure before this one, so this one's reason is said here or nowhere.
            self._tell_failure(with_reason=True)

    @hookimpl
    def akatsuki_stage_note(self, stage: Stage, text: str) -> None:
        """Says on the live line how far a stage is."""
        self._doing = f"{_DOING[stage]}: {text}"

    @hookimpl
    def akatsuki_reply_text(self, text: str) -> None:
        """Shows an answer while it comes."""
        if not self._written:
            self._is_json = text.lstrip().startswith("{")
        self._written += len(text)
        self._answer = (self._answer + text)[-_TAIL_CHARACTERS:]

    def _tell_failure(self, *, with_reason: bool) -> None:
        if self._failed is not None:
            stage, seconds, reason = self._failed
            self._failed = None
            self._line(stage, "failed", seconds, reason if with_reason else "")

    def _line(self, stage: Stage, word: str, seconds: float, text: str) -> None:
        if self._quiet:
            return
        rest = f"{seconds:6.2f} s  {text}".rstrip()
        colour = "green" if word == "ok" else "red"
        if self._live is None:
            say(f"{stage:<8} {click.style(f'{word:<6}', fg=colour)} {rest}")
            return
        from rich.text import Text

        # Through the live display's console, which moves it out of the way first.
        self._live.console.print(Text.assemble(f"{stage:<8} ", (f"{word:<6}", colour), f" {rest}"), soft_wrap=True)


class Steps:
    """Progress of a long work that is no pipeline, such as an installation.

    Args:
        quiet: Say nothing at all.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self._quiet = quiet
        self._last = ("", "")
        self._told = 0.0

    def report(self, phase: str, text: str, fraction: float | None = None) -> None:
        """Writes one line for each new step; while a phase tells how far it is, at most one every 5 seconds."""
        now = time.monotonic()
        same = phase == self._last[0] if fraction is not None else (phase, text) == self._last
        if self._quiet or (same and now - self._told < 5.0):
            return
        self._last, self._told = (phase, text), now
        part = "" if fraction is None or fraction >= 1.0 else f" ({fraction:.0%})"
        say(f"{phase:<8} {text}{part}")
