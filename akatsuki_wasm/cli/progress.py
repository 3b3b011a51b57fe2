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


class StageProgress:
    """A plugin that hears of every stage.

    Args:
        quiet: Say nothing at all.
    """

    name = "cli-progress"

    def __init__(self, *, quiet: bool = False) -> None:
        self._quiet = quiet
        self._status: Any = None
        self._written = 0
        self._failed: tuple[Stage, float, str] | None = None

    @contextmanager
    def live(self) -> Iterator[None]:
        """Shows a spinner on a terminal while the block runs."""
        with self._spinner():
            try:
                yield
            finally:
                # The error itself follows as the command's message, so that it is not said twice.
                self._tell_failure(with_reason=False)

    @contextmanager
    def _spinner(self) -> Iterator[None]:
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

    @hookimpl
    def akatsuki_before_stage(self, stage: Stage, attempt: int) -> None:
        """Names the stage on the live line. What failed before was not the end: its reason is told now."""
        self._tell_failure(with_reason=True)
        self._written = 0
        if self._status is not None:
            self._status.update(f"{_DOING[stage]}{f', attempt {attempt}' if attempt > 1 else ''}")

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
    def akatsuki_reply_text(self, text: str, attempt: int) -> None:
        """Shows on the live line how much of an answer is there."""
        self._written += len(text)
        if self._status is not None:
            self._status.update(
                f"{_DOING['generate']}{f', attempt {attempt}' if attempt > 1 else ''}: {self._written:,} characters"
            )

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
        if self._status is None:
            say(f"{stage:<8} {click.style(f'{word:<6}', fg=colour)} {rest}")
            return
        from rich.text import Text

        # Through the spinner's console, which moves the spinner out of the way first.
        self._status.console.print(Text.assemble(f"{stage:<8} ", (f"{word:<6}", colour), f" {rest}"), soft_wrap=True)


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
