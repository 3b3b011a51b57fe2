"""An answer of a language model while it comes: its text without secrets, its facts, and how it ended."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any, Literal

from akatsuki_wasm.contracts import Exchange

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from akatsuki_wasm.contracts import Message
    from akatsuki_wasm.model.asking import Api, Asking

Ending = Literal["", "whole", "length", "filter"]

MAX_ANSWER = 2_000_000
"""Characters of an answer: a module is some thousands, and a server that does not stop must not fill the memory."""
_HALF = re.compile("[\ud800-\udfff]")
_FIRST_HALF = re.compile("[\ud800-\udbff]")


class Hiding:
    """Text that comes in pieces, with secrets made unreadable also where one is cut by the end of a piece.

    Half a surrogate pair, which JSON can hold, is no text: it could not be shown or stored. Halves in two pieces are
    put together, and one alone becomes U+FFFD.

    Args:
        secrets: What must not be readable.
    """

    def __init__(self, secrets: Sequence[str]) -> None:
        self._secrets = secrets
        self._held = ""

    def feed(self, piece: str) -> str:
        """What may be shown now: all but the end that could be the beginning of a secret."""
        text = self._held + piece
        if _FIRST_HALF.search(text[-1:]):
            self._held = text
            return ""
        text = self.whole(text)
        longest = max((len(secret) for secret in self._secrets), default=1) - 1
        tails = (text[-size:] for size in range(min(longest, len(text)), 0, -1))
        self._held = next((tail for tail in tails if any(each.startswith(tail) for each in self._secrets)), "")
        return text[: len(text) - len(self._held)]

    def whole(self, text: str) -> str:
        """A text that is complete, without the secrets."""
        if _HALF.search(text):
            text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text

    def rest(self) -> str:
        """What was held back, when nothing more comes."""
        held, self._held = self._held, ""
        return self.whole(held)


class Arriving:
    """An answer while it comes: what was said so far, and how it ended.

    Attributes:
        api: The interface that it comes through.
        sent: The messages that it answers.
        schema: Whether it was asked for under a schema.
        model: The model that answers, as the server calls it.
        refusal: What the model says instead of an answer.
        failed: What the server says of a failure in the middle of the answer.
        ending: How it ended; empty while it has not.
        spoke: Whether any of the answer's text has come.
        tokens_in: Of the question, or None.
        tokens_out: Of the answer, thinking included, or None.

    Args:
        asking: How the model is asked.
        secrets: What must not be readable in the text.
        on_text: Hears the text piece by piece.
        started: When it was first asked, on the performance counter.
    """

    def __init__(self, asking: Asking, secrets: Sequence[str], on_text: Callable[[str], None], started: float) -> None:
        self._asking, self._on_text, self._started = asking, on_text, started
        self._hiding = Hiding(secrets)
        self._pieces: list[str] = []
        self._length = 0
        self._seconds: float | None = None
        self.api: Api = "responses"
        self.sent: tuple[Message, ...] = ()
        self.schema = False
        self.model = asking.model
        self.refusal = ""
        self.failed: str | None = None
        self.spoke = False
        self.ending: Ending = ""
        self.tokens_in: int | None = None
        self.tokens_out: int | None = None

    @property
    def text(self) -> str:
        """What has come."""
        return "".join(self._pieces)

    @property
    def has_come(self) -> bool:
        """Whether there is an answer, or a piece of one."""
        return self.spoke or bool(self.refusal or self.ending) or self.failed is not None

    @property
    def too_long(self) -> bool:
        """Whether more has come than any answer has."""
        return self._length > MAX_ANSWER

    def say(self, piece: str) -> None:
        """The next piece of the answer's text."""
        self.spoke = self.spoke or bool(piece)
        self._show(self._hiding.feed(piece))

    def stop(self) -> None:
        """Nothing more comes."""
        self._seconds = time.perf_counter() - self._started
        self._show(self._hiding.rest())

    def exchange(self) -> Exchange:
        """The question and what has come of the answer."""
        seconds = time.perf_counter() - self._started if self._seconds is None else self._seconds
        return Exchange(
            messages=self.sent,
            reply=self.text,
            model=self._hiding.whole(self.model),
            api=self.api,
            parameters={**self._asking.parameters.given(), "schema": self.schema},
            tokens_in=self.tokens_in,
            tokens_out=self.tokens_out,
            seconds=seconds,
        )

    def _show(self, text: str) -> None:
        if text and not self.too_long:
            self._length += len(text)
            self._pieces.append(text)
            self._on_text(text)


def text_of(content: Any) -> str:
    """A text, or the texts of a list of parts."""
    if isinstance(content, list):
        return "".join(each["text"] for each in content if isinstance(each, dict) and isinstance(each.get("text"), str))
    return content if isinstance(content, str) else ""


def count_of(value: Any) -> int | None:
    """A count of tokens, or None for what is none."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
