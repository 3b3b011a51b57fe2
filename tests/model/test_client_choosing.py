"""What is spoken with which server: the interface, the schema and the options that it has, learnt and remembered."""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING, Any

import pytest

from akatsuki_wasm.errors import ModelError
from akatsuki_wasm.model import learnt
from akatsuki_wasm.model.server import ModelServer, find_server
from akatsuki_wasm_plugins.openai_model import OpenAiPlugin

from .asked import APIS, GOOD, PATHS, ask, failed, fails
from .conftest import KEY, PlayedModel

if TYPE_CHECKING:
    from pathlib import Path

    from akatsuki_wasm.contracts import Exchange

WITHOUT = ["ollama", "llama.cpp", "vllm", "lmstudio", "nginx", "405", "501"]


pytestmark = pytest.mark.usefixtures("no_key_in_logs")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AKATSUKI_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache" / learnt.FILE


def paths(model: PlayedModel) -> list[str]:
    return [each["path"] for each in model.requests()]


def answered(**how: Any) -> Exchange:
    exchange = ask(**how).exchange
    assert exchange is not None
    return exchange


def another_process() -> None:
    """Nothing is known but what the cache folder holds."""
    learnt._here.clear()


# ---------------------------------------------------------------- the interface


def test_the_responses_api_is_asked_first(model: PlayedModel, cache: Path) -> None:
    model.script(GOOD)
    assert answered().api == "responses"
    assert paths(model) == ["/v1/responses"]
    assert not cache.exists()


@pytest.mark.parametrize("kind", WITHOUT)
def test_a_server_without_it_is_asked_for_chat_and_not_tried_again(kind: str, model: PlayedModel, cache: Path) -> None:
    model.script(GOOD, GOOD, GOOD)
    model.serves(responses=kind)
    assert answered().api == "chat"
    assert paths(model) == [PATHS["responses"], PATHS["chat"]]
    assert answered().api == "chat"
    another_process()
    assert answered().api == "chat"
    assert paths(model)[1:] == [PATHS["chat"]] * 3
    kept = cache.read_text()
    assert KEY not in kept
    assert model.address not in kept


def test_a_server_that_is_another_one_now_is_learnt_anew(model: PlayedModel) -> None:
    model.script(GOOD, GOOD, GOOD)
    model.serves(responses="ollama")
    assert answered().api == "chat"
    model.serves(chat="vllm")
    assert answered().api == "responses"
    assert answered().api == "responses"
    assert paths(model)[2:] == [PATHS["chat"], PATHS["responses"], PATHS["responses"]]


def test_after_a_week_it_is_tried_again(model: PlayedModel, cache: Path) -> None:
    model.script(GOOD, GOOD)
    model.serves(responses="ollama")
    ask()
    another_process()
    kept = json.loads(cache.read_text())
    for record in kept.values():
        record["at"] -= learnt.KEPT_S
    cache.write_text(json.dumps(kept))
    model.serves()
    assert answered().api == "responses"


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"x": 3}', "\x00" * 5000, "[" * 100_000])
def test_a_damaged_file_is_as_none(text: str, model: PlayedModel, cache: Path) -> None:
    cache.parent.mkdir()
    cache.write_text(text)
    model.script(GOOD, GOOD)
    model.serves(responses="vllm")
    assert answered().api == "chat"
    another_process()
    assert answered().api == "chat"
    assert len(model.requests()) == 3


def test_a_folder_that_cannot_be_written_is_no_failure(model: PlayedModel, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    model.script(GOOD, GOOD)
    model.serves(responses="vllm")
    for _ in range(2):
        assert answered(cache_dir=tmp_path / "file" / "cache").api == "chat"
    assert len(model.requests()) == 3


def test_the_file_does_not_grow_without_end(tmp_path: Path) -> None:
    for number in range(learnt.MAX_SERVERS + 5):
        learnt.Learnt(f"http://127.0.0.1:{number}/v1", tmp_path).learn(frozenset({"responses"}))
    assert len(json.loads((tmp_path / learnt.FILE).read_text())) == learnt.MAX_SERVERS
    for number in range(learnt.MAX_SERVERS + 5):
        learnt.Learnt(f"http://127.0.0.1:{number}/v1", tmp_path).forget()
    assert json.loads((tmp_path / learnt.FILE).read_text()) == {}


@pytest.mark.parametrize("api", APIS)
def test_a_setting_leaves_no_choice(api: str, model: PlayedModel, cache: Path) -> None:
    other = "chat" if api == "responses" else "responses"
    model.script(GOOD)
    assert answered(model_api=api).api == api
    model.serves(**{api: "vllm"})
    error = fails(ModelError, model_api=api)
    called = "Responses API" if api == "responses" else "chat completions"
    assert str(error) == f"{model.base_url} has no {called} (404): Not Found"
    assert error.hint == f"Set AKATSUKI_MODEL_API to {other} or auto, or mend OPENAI_BASE_URL."
    assert paths(model) == [PATHS[api]] * 2
    assert not cache.exists()


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("vllm", " (404): Not Found"),
        ("ollama", " (404): 404 page not found"),
        ("nginx", " (404)"),
        ("lmstudio", ": Unexpected endpoint or method. (POST /v1/responses)"),
    ],
)
def test_a_server_with_neither(kind: str, said: str, model: PlayedModel, cache: Path) -> None:
    model.serves(responses=kind, chat=kind)
    error = fails(ModelError)
    assert str(error) == f"there is no language model at {model.base_url}{said}"
    assert error.hint == "Compare OPENAI_BASE_URL with the server's documentation: it mostly ends in /v1."
    assert paths(model) == [PATHS["responses"], PATHS["chat"]]
    assert not cache.exists()


@pytest.mark.parametrize(
    "message",
    ["The model `tiny` does not exist", "model 'tiny' not found", "model \"tiny\" not found, try pulling it first"],
)  # fmt: skip
def test_a_model_that_is_not_there_is_no_missing_interface(message: str, model: PlayedModel, cache: Path) -> None:
    model.script(failed(404, message))
    error = fails(ModelError, model="tiny")
    assert str(error) == f"{model.base_url} has no model 'tiny' (404)"
    assert len(model.requests()) == 1
    assert not cache.exists()


def test_a_model_that_only_the_other_interface_has(model: PlayedModel) -> None:
    model.script(failed(400, "The model `old` is not supported with the Responses API."), GOOD)
    assert answered(model="old").api == "chat"


# ---------------------------------------------------------------- the schema


@pytest.mark.parametrize("api", APIS)
def test_an_answer_is_asked_for_under_a_strict_schema(api: str, model: PlayedModel) -> None:
    rust = "/// Three.\npub fn three() -> u8 {\n    3\n}\n"
    answer = {"name": "three", "description": "Says three.", "rust": rust, "examples": ["three() == 3"], "notes": []}
    model.script({"answer": answer})
    source = ask(model_api=api)
    assert (source.rust, source.name, source.description) == (rust, "three", "Says three.")
    assert source.exchange is not None
    assert json.loads(source.exchange.reply) == answer
    body = model.requests()[0]["body"]
    held = body["text"]["format"] if api == "responses" else body["response_format"]["json_schema"]
    assert (held["name"], held["strict"]) == ("wasm_module", True)
    assert held["schema"]["required"] == list(answer)


@pytest.mark.parametrize("api", APIS)
def test_a_server_without_schemas_is_asked_in_words(api: str, model: PlayedModel, cache: Path) -> None:
    model.script(GOOD, GOOD, GOOD, GOOD)
    model.serves(schema=False)
    exchange = answered(model_api=api)
    assert exchange.parameters == {"schema": False}
    assert [{"role": each.role, "content": each.content} for each in exchange.messages] == model.said()
    asked_first, asked_then = model.said(0), model.said(1)
    assert "JSON" in str(asked_first)
    assert "JSON" not in str(asked_then)
    another_process()
    ask(model_api=api)
    assert len(model.requests()) == 3
    assert cache.exists()
    # Another model of the same server may have them.
    ask(model_api=api, model="other")
    assert len(model.requests()) == 5


@pytest.mark.parametrize("api", APIS)
def test_a_schema_can_be_off_or_insisted_on(api: str, model: PlayedModel) -> None:
    model.script(GOOD)
    model.serves(schema=False)
    assert answered(model_api=api, model_schema="off").parameters == {"schema": False}
    assert not {"text", "response_format"} & model.requests()[0]["body"].keys()
    error = fails(ModelError, model_api=api, model_schema="on")
    shown = {"responses": "text.format", "chat": "response_format"}[api]
    assert str(error) == (
        f"{model.base_url} does not accept model_schema = 'on' (400): '{shown}' of this kind is not supported"
    )
    assert error.hint == "Unset AKATSUKI_MODEL_SCHEMA and model_schema in akatsuki.toml, or set another value."
    assert len(model.requests()) == 2


@pytest.mark.parametrize("status", [400, 422, 500])
def test_a_server_that_names_the_schema_in_its_own_words(status: int, model: PlayedModel) -> None:
    words = {400: "This response_format type is unavailable now", 422: "extra", 500: "failed to parse grammar"}
    body = (
        {"detail": [{"loc": ["body", "response_format"]}]} if status == 422 else {"error": {"message": words[status]}}
    )
    refusal = {"status": status, "body": json.dumps(body), "headers": {"x-should-retry": "false"}}
    model.script(refusal, GOOD)
    assert answered(model_api="chat").parameters == {"schema": False}


def test_what_would_be_sent_is_shown_as_it_is(model: PlayedModel) -> None:
    from akatsuki_wasm.config import Settings
    from akatsuki_wasm.contracts import GenerationRequest

    plugin = OpenAiPlugin()
    plugin.akatsuki_configure(Settings())
    request = GenerationRequest("three", generator="openai")
    for refuses in (False, True):
        model.script(GOOD, GOOD)
        model.serves(schema=not refuses)
        ask()
        shown = plugin.akatsuki_render_prompt(request, None)
        assert shown is not None
        assert [{"role": each.role, "content": each.content} for each in shown] == model.said()


# ---------------------------------------------------------------- options and parameters


def test_a_server_that_rejects_options_of_a_stream(model: PlayedModel) -> None:
    model.script(GOOD, GOOD)
    model.serves(stream_options=False, responses="vllm")
    exchange = answered()
    assert (exchange.tokens_in, exchange.reply) == (None, GOOD)
    bodies = [each["body"] for each in model.requests()]
    assert [each.get("stream_options") for each in bodies] == [None, {"include_usage": True}, None]
    ask()
    assert len(model.requests()) == 4


def test_a_server_that_does_not_know_store(model: PlayedModel) -> None:
    model.script(GOOD, GOOD)
    model.serves(store=False)
    assert answered().api == "responses"
    assert [each["body"].get("store") for each in model.requests()] == [False, None]
    ask()
    assert len(model.requests()) == 3


@pytest.mark.parametrize("api", APIS)
def test_parameters_are_sent_where_they_are_set(api: str, model: PlayedModel) -> None:
    model.script(GOOD)
    exchange = answered(model_api=api, model_temperature=0.0, model_max_tokens=900, model_effort="low")
    assert exchange.parameters == {"temperature": 0.0, "max_tokens": 900, "effort": "low", "schema": True}
    body = model.requests()[0]["body"]
    limit, effort = (
        (body["max_output_tokens"], body["reasoning"]["effort"])
        if api == "responses"
        else (body["max_tokens"], body["reasoning_effort"])
    )
    assert (body["temperature"], limit, effort) == (0.0, 900, "low")


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize(
    ("setting", "value", "names"),
    [
        ("temperature", 0.25, {"responses": "temperature", "chat": "temperature"}),
        ("effort", "high", {"responses": "reasoning", "chat": "reasoning_effort"}),
        ("max_tokens", 900, {"responses": "max_output_tokens", "chat": "max_completion_tokens"}),
    ],
)
def test_a_parameter_that_is_rejected_names_its_setting(
    setting: str, value: Any, names: dict[str, str], api: str, model: PlayedModel
) -> None:
    name = names[api]
    model.serves(rejects=[name, "max_tokens"])
    error = fails(ModelError, model_api=api, **{f"model_{setting}": value})
    assert str(error) == (
        f"{model.base_url} does not accept model_{setting} = {value!r} (400): "
        f"Unsupported parameter: '{name}' is not supported with this model"
    )
    assert error.hint == (
        f"Unset AKATSUKI_MODEL_{setting.upper()} and model_{setting} in akatsuki.toml, or set another value."
    )


def test_a_limit_has_the_name_that_the_server_knows(model: PlayedModel) -> None:
    model.script(GOOD, GOOD)
    model.serves(rejects=["max_tokens"])
    for _ in range(2):
        ask(model_api="chat", model_max_tokens=900)
    bodies = [each["body"] for each in model.requests()]
    limits = [(each.get("max_tokens"), each.get("max_completion_tokens")) for each in bodies]
    assert limits == [(900, None), (None, 900), (None, 900)]


# ---------------------------------------------------------------- what else the client reads of the environment


def test_the_accounts_names_go_to_openai_alone(model: PlayedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_ORG_ID", "org-of-the-account")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "proj-of-the-account")
    monkeypatch.setenv("OPENAI_ADMIN_KEY", "sk-admin-0123456789")
    model.script(GOOD)
    ask()
    (request,) = model.requests()
    assert not [name for name in request["headers"] if name.startswith("openai-")]
    assert "of-the-account" not in str(request)
    assert "sk-admin" not in str(request)


def test_a_gateways_headers_are_sent_and_shown_to_nobody(model: PlayedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = "gateway-secret-0123"
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", f"X-Gateway-Token: Bearer {secret}\nX-Client: akatsuki-wasm-tests")
    model.script(failed(403, f"{secret} of akatsuki-wasm-tests may not"))
    error = fails(ModelError)
    assert str(error) == f"{model.base_url} does not allow this (403): *** of akatsuki-wasm-tests may not"
    assert error.__cause__ is None
    assert model.requests()[0]["headers"]["x-gateway-token"] == f"Bearer {secret}"
    server = find_server(dict(os.environ))
    assert secret not in repr(server)
    assert server.secrets == (KEY, secret)


def test_a_password_in_the_address_is_a_secret() -> None:
    server = find_server({"OPENAI_BASE_URL": "http://me:my-long-password@host/v1"})
    assert server.secrets == ("my-long-password",)
    assert server.without_key("my-long-password!") == "***!"
    assert ModelServer("http://host/v1", "ollama").secrets == ()


def test_time_that_was_learnt_is_a_number_of_now(model: PlayedModel, cache: Path) -> None:
    model.script(GOOD)
    model.serves(responses="ollama")
    ask()
    (record,) = json.loads(cache.read_text()).values()
    assert 0 <= time.time() - record["at"] < 60
