"""A generator that answers from a script, as a plugin: it remembers its answers as the one for language models does."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

import akatsuki_wasm as ak
from akatsuki_wasm.contracts import Exchange, GuestSource, Message, RememberedReply
from akatsuki_wasm.errors import LockError, UnusableReplyError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from akatsuki_wasm.contracts import Feedback, GenerationContext, GenerationRequest
    from akatsuki_wasm.workspace import Workspace

GOOD = """/// Days between two dates of the same year, given as day numbers.
pub fn days_between(first: u32, second: u32) -> u32 {
    first.abs_diff(second)
}
"""
BROKEN = GOOD.replace("first.abs_diff(second)", "(first as i64 - second).abs()")
WRONG = GOOD.replace("first.abs_diff(second)", "second.wrapping_sub(first)")


@dataclass
class Scripted:
    """Answers one source after another; a text without a function is an answer that cannot be used."""

    answers: list[str] = field(default_factory=list)
    asked: int = 0
    contract: str = "You write plain Rust."
    name = "scripted"

    @ak.hookimpl
    def akatsuki_generate(
        self, request: GenerationRequest, feedback: Feedback | None, context: GenerationContext
    ) -> GuestSource | None:
        if request.generator not in (None, self.name):
            return None
        messages = (Message("system", self.contract), Message("user", request.prompt))
        if feedback is not None:
            before = feedback.reply or (feedback.source.rust if feedback.source else "")
            messages += (Message("assistant", before), Message("user", feedback.message))
        key = hashlib.sha256(repr(messages).encode()).hexdigest()
        memory = context.replies
        known = None if memory is None or context.fresh else memory.get(key)
        if known is None and context.replay_only:
            raise LockError("there is no remembered answer")
        if known is None:
            self.asked += 1
            known = RememberedReply(self.answers.pop(0), "scripted-1-mini", 1000, 100)
            if memory is not None:
                memory.put(key, known)
            replayed = False
        else:
            replayed = True
        exchange = Exchange(messages, known.text, known.model, "chat", {}, key, 1000, 100, 0.25, replayed)
        if "pub fn" not in known.text:
            raise UnusableReplyError("the answer has no Rust in it", exchange=exchange)
        return GuestSource(known.text, request.name or "day-counter", "Days.", self.name, exchange=exchange)


@pytest.fixture
def scripted() -> Scripted:
    return Scripted()


@pytest.fixture
def opened(scripted: Scripted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Workspace]]:
    """Opens workspaces that have the plugin, in an empty working folder."""
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    made: list[Workspace] = []

    def open_one(**settings: object) -> Workspace:
        made.append(ak.open(plugins=[scripted], **{"data_dir": tmp_path / "data", "generator": "scripted", **settings}))
        return made[-1]

    yield open_one
    for each in made:
        each.close()
