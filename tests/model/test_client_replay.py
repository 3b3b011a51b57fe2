"""Answers that are remembered: no server, no key, no client, and no price; and what is never remembered."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from akatsuki_wasm.contracts import (
    Diagnostic,
    Exchange,
    Feedback,
    GenerationContext,
    GuestSource,
    Message,
    RememberedReply,
)
from akatsuki_wasm.errors import AkatsukiError, LockError, MissingKeyError, ModelError, UnusableReplyError
from akatsuki_wasm.model.asking import Asking, Parameters
from akatsuki_wasm.model.replay import reply_key
from akatsuki_wasm.replies import FolderReplies

from .asked import APIS, GOOD, ask, failed, fails
from .conftest import KEY

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import PlayedModel

LOCKED = "there is no remembered answer of gpt-5.4-mini for this prompt, and --locked asks no model"
LOCKED_HINT = "Run it once without --locked, and keep the folder of remembered answers."


pytestmark = pytest.mark.usefixtures("no_key_in_logs")


@pytest.fixture
def replies(tmp_path: Path) -> FolderReplies:
    return FolderReplies(tmp_path / "replies")


def remembered(replies: FolderReplies) -> list[Path]:
    return sorted(replies.folder.glob("*.json"))


def exchange_of(source: GuestSource) -> Exchange:
    assert source.exchange is not None
    return source.exchange


@pytest.mark.parametrize("api", APIS)
def test_the_same_question_is_asked_once(
    api: str, replies: FolderReplies, model: PlayedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    model.script(GOOD)
    context = GenerationContext(replies=replies)
    first = ask(context=context, model_api=api)
    assert [path.stem for path in remembered(replies)] == [exchange_of(first).key]
    for path in remembered(replies):
        assert KEY not in path.read_text()
    # Now there is neither a key nor a server.
    monkeypatch.delenv("OPENAI_API_KEY")
    monkeypatch.delenv("OPENAI_BASE_URL")
    pieces: list[str] = []
    again = ask(context=replace(context, on_text=pieces.append))
    assert (again.rust, again.name, again.description) == (first.rust, first.name, first.description)
    found, before = exchange_of(again), exchange_of(first)
    assert (found.reply, found.model, found.key) == (before.reply, before.model, before.key)
    assert (found.tokens_in, found.tokens_out, found.replayed, before.replayed) == (1200, 80, True, False)
    assert again.usage["replayed"] is True
    assert found.templates.keys() == before.templates.keys()
    assert found.messages[1].content
    assert len(model.requests()) == 1
    assert str(fails(MissingKeyError, prompt="four", context=context)).startswith("there is no language model")


def test_a_remembered_answer_imports_no_client(replies: FolderReplies, model: PlayedModel) -> None:
    model.script(GOOD)
    ask(context=GenerationContext(replies=replies))
    program = f"""
import sys
from pathlib import Path
from akatsuki_wasm.config import Settings
from akatsuki_wasm.contracts import GenerationContext, GenerationRequest
from akatsuki_wasm.replies import FolderReplies
from akatsuki_wasm_plugins.openai_model import OpenAiPlugin
plugin = OpenAiPlugin()
plugin.akatsuki_configure(Settings())
context = GenerationContext(replies=FolderReplies(Path({str(replies.folder)!r})))
source = plugin.akatsuki_generate(GenerationRequest("three", generator="openai"), None, context)
print(source.name, "openai" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("three False\n", "")
    assert len(model.requests()) == 1


@pytest.mark.parametrize(
    "how",
    [
        {"prompt": "four"},
        {"model": "other"},
        {"model_temperature": 0.0},
        {"model_max_tokens": 500},
        {"model_effort": "low"},
        {
            "feedback": Feedback(
                1, "build", "no", (Diagnostic("error", "no", 1),), GuestSource("fn f", "f", "", "openai")
            )
        },
    ],
)
def test_another_question_has_another_answer(how: dict[str, Any], replies: FolderReplies, model: PlayedModel) -> None:
    model.script(GOOD, GOOD)
    context = GenerationContext(replies=replies)
    ask(context=context)
    ask(context=context, **how)
    assert len(model.requests()) == 2
    assert len(remembered(replies)) == 2


@pytest.mark.parametrize(
    "how", [{"model_api": "chat"}, {"model_schema": "off"}, {"model_timeout_s": 5}, {"cache_dir": "/tmp/x"}]
)
def test_where_and_how_it_was_asked_is_not_the_question(
    how: dict[str, Any], replies: FolderReplies, model: PlayedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    model.script(GOOD)
    context = GenerationContext(replies=replies)
    ask(context=context)
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:1/v1")
    assert exchange_of(ask(context=context, **how)).replayed
    assert len(model.requests()) == 1


def test_the_key_is_a_hash_of_the_question_as_json() -> None:
    messages = [Message("system", "Be short."), Message("user", "é\ud800\n")]
    canonical = (
        r'{"messages":[["system","Be short."],["user","\u00e9\ud800\n"]],"model":"m",'
        r'"parameters":{"effort":"low","temperature":0.5},"version":1}'
    )
    key = reply_key(messages, Asking("m", Parameters(0.5, None, "low")))
    assert key == hashlib.sha256(canonical.encode()).hexdigest()
    assert json.loads(canonical)["parameters"] == {"effort": "low", "temperature": 0.5}


def test_fresh_asks_again_and_the_new_answer_is_kept(replies: FolderReplies, model: PlayedModel) -> None:
    other = GOOD.replace("three", "four")
    model.script(GOOD, other)
    context = GenerationContext(replies=replies)
    ask(context=context)
    assert ask(context=replace(context, fresh=True)).name == "four"
    assert ask(context=context).name == "four"
    assert len(model.requests()) == 2


def test_locked_asks_nothing(replies: FolderReplies, model: PlayedModel) -> None:
    model.script(GOOD)
    locked = GenerationContext(replies=replies, replay_only=True)
    for context in (locked, GenerationContext(replay_only=True)):
        error = fails(LockError, context=context)
        assert (str(error), error.hint) == (LOCKED, LOCKED_HINT)
    assert model.requests() == []
    ask(context=GenerationContext(replies=replies))
    assert exchange_of(ask(context=locked)).replayed
    assert str(fails(LockError, context=replace(locked, fresh=True))) == LOCKED
    assert len(model.requests()) == 1


def test_without_a_memory_it_is_asked_again(model: PlayedModel) -> None:
    model.script(GOOD, GOOD)
    ask()
    ask()
    assert len(model.requests()) == 2


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize(
    ("turn", "kind"),
    [
        ({"refusal": "No."}, UnusableReplyError),
        ({"content": GOOD, "finish_reason": "content_filter"}, UnusableReplyError),
        ({"content": GOOD, "finish_reason": "length"}, UnusableReplyError),
        ({"content": GOOD, "drop": 5}, ModelError),
        ({"content": GOOD, "failed": {"code": "server_error", "message": "no"}}, ModelError),
        ({"content": " "}, UnusableReplyError),
        (failed(401, "no"), ModelError),
    ],
)
def test_what_is_not_a_whole_answer_is_not_remembered(
    turn: dict[str, Any], kind: type[AkatsukiError], api: str, replies: FolderReplies, model: PlayedModel
) -> None:
    model.script(turn, GOOD)
    context = GenerationContext(replies=replies)
    fails(kind, context=context, model_api=api)
    assert remembered(replies) == []
    assert not exchange_of(ask(context=context, model_api=api)).replayed


def test_a_whole_answer_of_no_use_is_remembered_so_that_the_conversation_replays(
    replies: FolderReplies, model: PlayedModel
) -> None:
    model.script("What do you mean?")
    context = GenerationContext(replies=replies)
    for replayed in (False, True):
        error = fails(UnusableReplyError, context=context)
        assert isinstance(error, UnusableReplyError)
        assert error.exchange is not None
        assert (error.exchange.reply, error.exchange.replayed) == ("What do you mean?", replayed)
    assert len(model.requests()) == 1


def test_what_was_remembered_elsewhere_is_read(replies: FolderReplies, model: PlayedModel) -> None:
    model.script(GOOD)
    key = exchange_of(ask()).key
    replies.put(key, RememberedReply(GOOD.replace("three", "five"), "another-model"))
    source = ask(context=GenerationContext(replies=replies))
    assert (source.name, exchange_of(source).model, exchange_of(source).tokens_in) == ("five", "another-model", None)
