"""Every class of error survives the way through a problem document, with its facts; strangers' answers are told."""

from __future__ import annotations

import inspect
import json
import string
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from akatsuki_wasm import errors, wit
from akatsuki_wasm.contracts import Diagnostic, Failure
from akatsuki_wasm.remote.problems import error_classes, error_from_document, error_from_response
from akatsuki_wasm.server.problems import INSIDE, answer, problem

if TYPE_CHECKING:
    from akatsuki_wasm.errors import AkatsukiError

_TEXTS = st.text(string.ascii_letters + " .:'é日", min_size=1, max_size=40).map(str.strip).filter(bool)
_COUNTS = st.integers(0, 10_000)
_DIAGNOSTICS = st.lists(
    st.builds(Diagnostic, st.just("error"), _TEXTS, st.none() | _COUNTS, st.none() | _COUNTS, _TEXTS, _TEXTS, _TEXTS),
    max_size=3,
).map(tuple)
_FAILURES = st.lists(
    st.builds(Failure, st.sampled_from(["automatic", "example", "oracle"]), _TEXTS, _TEXTS, _TEXTS, _TEXTS, _COUNTS),
    max_size=3,
).map(tuple)
_FACTS: dict[str, st.SearchStrategy[Any]] = {
    "case": _TEXTS,
    "expected": _TEXTS,
    "got": _TEXTS,
    "kind": st.sampled_from(["automatic", "example", "oracle"]),
    "failures": _FAILURES,
    "passed": _COUNTS,
    "tried": _COUNTS,
    "cell": st.none() | _COUNTS,
    "final": st.booleans(),
    "value": st.none() | st.integers() | st.text() | st.booleans(),
    "diagnostics": _DIAGNOSTICS,
    "problems": _DIAGNOSTICS,
    "retry_after": st.none() | st.floats(0, 1000),
}
_LEFT = {"exchange", "attempts"}
"""Whole conversations and sources, which the record of the generation has."""


@st.composite
def _errors(draw: st.DrawFn) -> AkatsukiError:
    cls = draw(st.sampled_from(sorted(error_classes().values(), key=lambda each: each.code)))
    names = set(inspect.signature(cls).parameters) - {"message", "hint"} - _LEFT
    assert names <= set(_FACTS), f"{cls.__name__} has a fact that no test knows: {names - set(_FACTS)}"
    return cls(draw(_TEXTS), hint=draw(_TEXTS), **{name: draw(_FACTS[name]) for name in sorted(names)})


@given(_errors())
def test_every_error_is_the_same_after_the_trip(error: AkatsukiError) -> None:
    found = error_from_document(json.loads(json.dumps(problem(error))))
    assert type(found) is type(error)
    if isinstance(error, INSIDE):  # of these the client learns no more than their kind, and whom to ask
        assert found.hint == "Ask who runs the service: its log says more."
        return
    assert str(found) == " ".join(str(error).split())
    assert {**vars(found)} == {**vars(error)}
    assert getattr(found, "diagnostics", None) == getattr(error, "diagnostics", None)


def test_every_class_of_the_tree_has_a_code_of_its_own() -> None:
    classes = [each for each in vars(errors).values() if inspect.isclass(each) and issubclass(each, Exception)]
    assert set(error_classes().values()) == set(classes)
    assert len(error_classes()) == len(classes)


@pytest.mark.parametrize(
    ("value", "arrives"),
    [
        (wit.Case("too_big", 2.5), {"too_big": 2.5}),
        (wit.Case("empty"), "empty"),
        (wit.record_class(wit.Record("point", (("x", wit.F64), ("type", wit.F64))))(1.0, float("nan")), None),
        (frozenset({"write", "read"}), ["read", "write"]),
        (b"\xff", {"base64": "/w=="}),
        ((1, "a"), [1, "a"]),
    ],
)
def test_an_error_that_is_a_value_arrives_as_json_has_it(value: Any, arrives: Any) -> None:
    found = error_from_document(json.loads(json.dumps(problem(errors.GuestError("no", value=value)))))
    assert isinstance(found, errors.GuestError)
    assert found.value == ({"x": 1.0, "type": "NaN"} if arrives is None else arrives)


def test_an_unknown_code_is_an_error_of_the_service() -> None:
    found = error_from_document({"code": "of-next-year", "detail": "the moon is full", "retryAfter": 4, "hint": ""})
    assert type(found) is errors.ServiceError
    assert str(found) == "the moon is full"
    assert found.retry_after == 4
    assert "newer version" in found.hint


@pytest.mark.parametrize(
    "document",
    [
        {"code": "check"},
        {"code": "check", "failures": "many", "case": 3, "passed": "x", "detail": "a\n\x1b[31mred"},
        {"code": "compile", "diagnostics": [3, None]},
        {"code": "compile", "diagnostics": [{"level": "error"}]},
        {"code": ["a"], "detail": None},
        {"code": "quota", "retryAfter": "soon"},
    ],
)
def test_a_document_that_lacks_things_is_an_error_all_the_same(document: dict[str, Any]) -> None:
    found = error_from_document(document)
    assert found.message
    assert found.message.isprintable()


def _response(status: int, content: bytes, media_type: str, **headers: str) -> httpx.Response:
    request = httpx.Request("GET", "https://wasm.example/api/me", headers={"Authorization": "Bearer secret-token"})
    return httpx.Response(status, content=content, headers={"content-type": media_type, **headers}, request=request)


def test_a_response_of_the_service_is_its_error() -> None:
    made = answer(errors.GuestTrap("it panicked", kind="unreachable", hint="Mend it."))
    found = error_from_response(_response(made.status_code, bytes(made.body), made.media_type or ""))
    assert isinstance(found, errors.GuestTrap)
    assert (str(found), found.kind, found.hint) == ("it panicked", "unreachable", "Mend it.")


@pytest.mark.parametrize(
    ("status", "content", "media_type", "words"),
    [
        (
            502,
            b"<html><body><h1>Bad Gateway</h1></body></html>",
            "text/html; charset=utf-8",
            "answered 502 with text/html",
        ),
        (500, b"", "", "answered 500 with no media type: expected an akatsuki server"),
        (404, b'{"detail": "Not Found"}', "application/json", 'which begins: {"detail": "Not Found"}'),
        (400, b"{broken", "application/problem+json", "answered 400 with application/problem+json"),
        (400, b"\xff\xfe\x1b[2J", "application/problem+json", "answered 400"),
        (302, b"", "text/html", "sends to another address (302, https://evil.example/)"),
    ],
)
def test_an_answer_of_a_stranger_says_what_came(status: int, content: bytes, media_type: str, words: str) -> None:
    found = error_from_response(_response(status, content, media_type, location="https://evil.example/"))
    assert type(found) is errors.ServerUnreachableError
    assert words in str(found)
    assert str(found).startswith("https://wasm.example ")
    assert str(found).isprintable()
    assert found.hint
    assert "secret-token" not in repr(found) + str(found) + found.hint
