"""Asks the person at the terminal to bring an answer from a chat window, for ``--generator manual``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from akatsuki_wasm.cli.output import say
from akatsuki_wasm.errors import GenerateError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from akatsuki_wasm.cli.progress import StageProgress
    from akatsuki_wasm.contracts import Message

MAX_BYTES = 4 << 20
"""Of an answer: what is longer is no answer to a question for a page of Rust."""


class Bringer:
    """Prints what to ask, and reads what was answered.

    The whole conversation is printed the first time; after that only what is new, as a chat window has the rest.

    Args:
        reply: File with the answer, ``-`` for standard input; None reads standard input, with a word of help on a
            terminal.
        progress: Leaves the terminal free meanwhile.
        to_stderr: Whether the question goes to standard error, because standard output is for one document.
    """

    def __init__(self, reply: Path | None, progress: StageProgress, *, to_stderr: bool = False) -> None:
        self._reply = reply
        self._progress = progress
        self._to_stderr = to_stderr
        self._asked = 0
        self._is_read = False

    def __call__(self, messages: Sequence[Message]) -> str:
        """The answer to a conversation.

        Raises:
            GenerateError: There is no other answer.
            NotFoundError: There is no such file.
        """
        with self._progress.paused():
            return self._bring(messages)

    def _bring(self, messages: Sequence[Message]) -> str:
        from akatsuki_wasm.model.prompts import as_text

        known, self._asked = self._asked, len(messages)
        # What comes back of the model's own last words is what it said itself.
        new = as_text([each for each in messages[known:] if not (known and each.role == "assistant")])
        if self._is_terminal:
            click.echo(new, err=self._to_stderr)
            say("Ask a language model the text above, paste its answer here, and press Ctrl-D on an empty line:")
            return self._read()
        if self._is_read:
            click.echo(new, err=self._to_stderr)
            raise GenerateError(
                "there is no other answer: the one that was given does not do",
                hint="Ask the text above in the same chat, and run the command again with the new answer.",
            )
        reply = self._read()
        if not reply.strip():
            click.echo(new, err=self._to_stderr)
            raise GenerateError(
                "no answer was given: standard input is empty"
                if self._reply is None or str(self._reply) == "-"
                else f"no answer was given: {self._reply} is empty",
                hint="Ask a language model the text above, save what it answers, and give that: --reply FILE",
            )
        return reply

    @property
    def _is_terminal(self) -> bool:
        return self._reply is None and sys.stdin.isatty()

    def _read(self) -> str:
        self._is_read = True
        if self._reply is not None and str(self._reply) != "-":
            from akatsuki_wasm.files import read_file

            return read_file(self._reply, "a text file with the answer")[:MAX_BYTES].decode("utf-8", "replace")
        return sys.stdin.buffer.read(MAX_BYTES).decode("utf-8", "replace")
