"""Everything that goes wrong between here and the model: one line, a hint, and never the key."""

from __future__ import annotations

import email.utils
import re
import time
from typing import Any

import pytest

from akatsuki_wasm.config import Settings
from akatsuki_wasm.contracts import GenerationContext, GenerationRequest
from akatsuki_wasm.errors import ConfigError, MissingKeyError, ModelError
from akatsuki_wasm.model.server import DEFAULT_MODEL, HOSTED_URL, ModelServer, find_server
from akatsuki_wasm_plugins.openai_model import OpenAiPlugin

from .asked import APIS, GOOD, ask, failed, fails
from .conftest import KEY, PlayedModel

URL_HINT = "Compare OPENAI_BASE_URL with the server's documentation: it mostly ends in /v1."
LATER = "Try again later."
NOT_JSON = "{url} answered with something that is not JSON: expected {shown}"
OTHER_JSON = "{url} answered with other JSON: expected {shown}"
pytestmark = pytest.mark.usefixtures("no_key_in_logs")
SHOWN = {"responses": "a response of the Responses API", "chat": "a chat completion"}


def test_passes_where_another_generator_is_meant(model: PlayedModel) -> None:
    plugin = OpenAiPlugin()
    assert plugin.akatsuki_generate(GenerationRequest("x"), None, GenerationContext()) is None
    plugin.akatsuki_configure(Settings(generator="offline"))
    assert plugin.akatsuki_generate(GenerationRequest("x"), None, GenerationContext()) is None
    plugin.akatsuki_configure(Settings(generator="openai"))
    assert plugin.akatsuki_generate(GenerationRequest("x", generator="offline"), None, GenerationContext()) is None
    assert model.requests() == []
    model.script(GOOD)
    source = plugin.akatsuki_generate(GenerationRequest("x"), None, GenerationContext())
    assert source is not None
    assert (source.name, source.generator, source.description) == ("three", "openai", "Three.")


# ---------------------------------------------------------------- key and address


def test_neither_key_nor_address() -> None:
    error = fails(MissingKeyError)
    assert str(error) == "there is no language model: neither OPENAI_API_KEY nor OPENAI_BASE_URL is set"
    assert error.hint == (
        "Set OPENAI_API_KEY, or OPENAI_BASE_URL for a server that needs no key, such as http://localhost:11434/v1."
    )


def test_a_key_alone_is_for_the_hosted_server() -> None:
    server = find_server({"OPENAI_API_KEY": f" {KEY}\n"})
    assert (server.base_url, server.key, server.is_hosted) == (HOSTED_URL, KEY, True)
    assert KEY not in repr(server)


def test_an_address_alone_gets_a_stand_in_for_the_key(model: PlayedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    model.script(GOOD)
    ask()
    assert model.requests()[0]["headers"]["authorization"] == "Bearer none"
    assert model.requests()[0]["body"]["model"] == DEFAULT_MODEL


def test_an_address_for_people_has_no_secret() -> None:
    assert ModelServer("https://me:pass@host:8000/v1/?token=x").shown == "https://host:8000/v1"


@pytest.mark.parametrize(
    "url", ["localhost:11434", "ftp://host/v1", "http://", "http://host:99999/v1", "http://[::1", "http://a b/v1"]
)
def test_an_address_that_is_none(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", url)
    error = fails(ConfigError)
    assert str(error) == "OPENAI_BASE_URL is not an http address: expected one such as http://localhost:11434/v1"


def test_a_key_that_is_none(model: PlayedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", f"{KEY} x")
    assert str(fails(ConfigError)) == "OPENAI_API_KEY has white space or letters that no key has"
    assert model.requests() == []


def test_no_settings_file_can_say_where_the_key_goes() -> None:
    assert not [name for name in Settings.model_fields if name.startswith(("openai", "model_url", "base"))]


@pytest.mark.parametrize(("name", "value"), [("SSL_CERT_FILE", "/nowhere.pem"), ("HTTPS_PROXY", "nonsense://x")])
def test_an_environment_in_which_no_client_can_be_made(
    name: str, value: str, model: PlayedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    error = fails(ConfigError)
    assert str(error).startswith("the openai client cannot be used: ")
    assert error.hint == "Look at the variables OPENAI_…, …_PROXY and SSL_CERT_FILE."
    assert model.requests() == []


# ---------------------------------------------------------------- what servers answer


@pytest.mark.parametrize(
    ("turn", "message", "hint"),
    [
        (
            failed(401, f"Incorrect API key provided: {KEY}."),
            "{url} does not accept the key (401)",
            "Set OPENAI_API_KEY to a valid one.",
        ),
        (
            failed(403, f"Country not supported for {KEY}."),
            "{url} does not allow this (403): Country not supported for ***",
            "Ask whoever gave you the key.",
        ),
        (
            failed(404, "The model `gpt-5.4-mini` does not exist", "model_not_found"),
            f"{{url}} has no model '{DEFAULT_MODEL}' (404)",
            "Name one that it has: --model NAME, or AKATSUKI_MODEL",
        ),
        (
            failed(429, "You exceeded your current quota.", "insufficient_quota"),
            "the account at {url} is used up (429): You exceeded your current quota",
            "Look at its plan and billing.",
        ),
        (
            failed(429, "Slow down.", **{"retry-after": "3600"}),
            "{url} gets too many requests (429): Slow down; it wants a pause of 60 min",
            "Try again in 60 min.",
        ),
        (
            failed(429, "Slow down.", **{"retry-after": "Fri, 31 Dec 9999 23:59:59 GMT", "x-should-retry": "false"}),
            "{url} gets too many requests (429): Slow down; it wants a pause of {years} h",
            "Try again in {years} h.",
        ),
        (
            failed(429, "Slow down.", **{"retry-after": "soon", "x-should-retry": "false"}),
            "{url} gets too many requests (429): Slow down",
            "Wait a little and try again.",
        ),
        (
            failed(400, "Too long.\nReally.", "context_length_exceeded"),
            "{url} rejects the request (400): Too long. Really",
            "Make the prompt shorter.",
        ),
        (failed(503, "Overloaded", **{"x-should-retry": "false"}), "{url} failed (503): Overloaded", LATER),
        (
            failed(503, "Loading model", **{"retry-after-ms": "500000"}),
            "{url} failed (503): Loading model; it wants a pause of 9 min",
            "Try again in 9 min.",
        ),
        (
            {"status": 307, "body": "", "headers": {"location": "http://127.0.0.1:9/v1/chat/completions"}},
            "{url} redirects to another address, which is not followed (307)",
            URL_HINT,
        ),
        ({"body": "{{ not json"}, NOT_JSON, URL_HINT),
        (
            {"body": "<p>hello</p>", "headers": {"content-type": "text/html"}},
            NOT_JSON,
            URL_HINT,
        ),
        ({"body": "[" * 100_000}, NOT_JSON, URL_HINT),
        ({"body": ""}, "{url} answered with nothing: expected {shown}", URL_HINT),
        (
            {"body": '{"error": {"message": "Out of memory."}}'},
            "{url} failed in the middle of its answer: Out of memory",
            LATER,
        ),
        ({"raw": "data: {nonsense\n\n"}, NOT_JSON, URL_HINT),
        ({"raw": "data: " + "[" * 100_000 + "\n\n"}, NOT_JSON, URL_HINT),
        ({"body": '{"choices": []}'}, OTHER_JSON, URL_HINT),
        ({"body": "[1, 2]"}, OTHER_JSON, URL_HINT),
        ({"body": '{"choices": [{"message": 3}], "output": 3}'}, OTHER_JSON, URL_HINT),
    ],
)  # fmt: skip
@pytest.mark.parametrize("api", APIS)
def test_a_server_that_does_not_serve(
    turn: dict[str, Any], message: str, hint: str, api: str, model: PlayedModel
) -> None:
    model.script(turn)
    error = fails(ModelError, model_api=api)
    years = re.search(r"(\d{8}) h", str(error))
    facts = {"{url}": model.base_url, "{shown}": SHOWN[api], "{years}": years[1] if years else ""}
    for name, value in facts.items():
        message, hint = message.replace(name, value), hint.replace(name, value)
    assert (str(error), error.hint) == (message, hint)
    assert len(model.requests()) == 1


def test_a_server_that_wants_a_key(model: PlayedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    model.script(failed(401, "Unauthorized"))
    error = fails(ModelError)
    assert (str(error), error.hint) == (
        f"{model.base_url} wants a key (401)",
        "Set OPENAI_API_KEY to a key of this server.",
    )


@pytest.mark.parametrize(
    "turn", [failed(429, "Slow down.", **{"retry-after": "1"}), failed(500, "oops"), {"status": 502, "body": "<html>"}]
)
@pytest.mark.parametrize("api", APIS)
def test_is_asked_again_after_a_passing_failure(turn: dict[str, Any], api: str, model: PlayedModel) -> None:
    model.script(turn, GOOD)
    started = time.perf_counter()
    assert ask(model_api=api).name == "three"
    assert len(model.requests()) == 2
    if "retry-after" in turn.get("headers", {}):
        assert time.perf_counter() - started >= 1


def test_a_pause_until_a_date_is_kept(model: PlayedModel) -> None:
    until = email.utils.formatdate(time.time() + 2, usegmt=True)
    model.script(failed(429, "Slow down.", **{"retry-after": until}), GOOD)
    assert ask().name == "three"
    assert time.time() >= email.utils.parsedate_to_datetime(until).timestamp()
    assert len(model.requests()) == 2


def test_a_failure_that_does_not_pass(model: PlayedModel) -> None:
    model.script(*[failed(500, "The server had an error.")] * 3)
    error = fails(ModelError)
    assert (str(error), error.hint) == (f"{model.base_url} failed (500): The server had an error", LATER)
    assert len(model.requests()) == 3
