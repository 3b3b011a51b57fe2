"""The way to a server: what is repeated and refused, where the token goes, and what is said when nothing answers."""

from __future__ import annotations

import datetime
import inspect
import json
import logging
import ssl
import traceback
from typing import TYPE_CHECKING

import pytest
from server.server_kit import BOB, Running, token_of

import akatsuki_wasm as ak
from akatsuki_wasm.errors import (
    AkatsukiError,
    AuthenticationError,
    ConfigError,
    OverloadedError,
    ServerUnreachableError,
)
from akatsuki_wasm.remote.address import check_address
from akatsuki_wasm.remote.client import Client
from akatsuki_wasm.remote.workspace import RemoteWorkspace
from akatsuki_wasm.server import problems

from .proxy_kit import proxy
from .remote_kit import adding
from .scripted_kit import Answer, scripted

if TYPE_CHECKING:
    from pathlib import Path

TOKEN = "the-very-secret.token_of-bob"
HTML = Answer(502, b"<html><h1>Bad Gateway</h1></html>", {"Content-Type": "text/html"})
ME = Answer(
    200,
    json.dumps({"id": str(BOB.id), "name": "bob", "isAdmin": False}).encode(),
    {"Content-Type": "application/json"},
)
HANG_UP = Answer(0)


def busy(retry_after: float | None = 0) -> Answer:
    error = OverloadedError("too much to do", hint="Later.", retry_after=retry_after)
    headers = {"Content-Type": problems.MEDIA_TYPE}
    headers |= {} if retry_after is None else {"Retry-After": f"{retry_after:g}"}
    return Answer(503, json.dumps(problems.problem(error)).encode(), headers)


# ---------------------------------------------------------------- where to


@pytest.mark.parametrize(
    ("url", "wanted"),
    [
        ("https://wasm.example", "https://wasm.example"),
        (" https://wasm.example:8443/below/ ", "https://wasm.example:8443/below"),
        ("http://127.0.0.1:8000/", "http://127.0.0.1:8000"),
        ("http://localhost:8000", "http://localhost:8000"),
        ("http://[::1]:8000", "http://[::1]:8000"),
    ],
)
def test_an_address_is_taken(url: str, wanted: str) -> None:
    assert check_address(url, has_token=True) == wanted


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("wasm.example", "is no URL that begins with https://"),
        ("localhost:8000", "is no URL that begins with https://"),
        ("ftp://wasm.example", "is no URL that begins with https://"),
        ("https://", "is no URL that begins with https://"),
        ("https://wasm.example:port", "is no URL"),
        ("https://wasm example", "is no URL"),
        ("https://bob:hunter2@wasm.example", "has a user or password"),
        ("https://wasm.example/?token=hunter2", "has something after its path"),
        ("https://wasm.example/#hunter2", "has something after its path"),
        ("http://wasm.example", "unencrypted"),
        ("http://10.0.0.1:8000", "unencrypted"),
        ("http://localhost.evil.example", "unencrypted"),
        ("http://127.0.0.1.evil.example", "unencrypted"),
    ],
)
def test_an_address_is_refused(url: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        check_address(url, has_token=True)
    assert caught.value.hint
    assert "hunter2" not in str(caught.value) + caught.value.hint
    with pytest.raises(ConfigError, match=message):
        ak.open(url, token=TOKEN)


def test_an_unencrypted_network_is_used_only_where_that_is_asked_for() -> None:
    assert check_address("http://10.0.0.1", has_token=True, allow_http=True) == "http://10.0.0.1"
    assert check_address("http://10.0.0.1", has_token=False) == "http://10.0.0.1"
    with ak.open("http://10.0.0.1", token=TOKEN, allow_http=True) as workspace:
        assert repr(workspace) == "<RemoteWorkspace at http://10.0.0.1>"


@pytest.mark.parametrize("token", ["", "two words", "a\nb", "é", " a"])
def test_a_token_that_is_none_is_refused_without_being_shown(token: str) -> None:
    with pytest.raises(ConfigError, match="the token has characters that no token has, or is empty") as caught:
        ak.open("http://127.0.0.1:9", token=token)
    assert "two words" not in str(caught.value)


def test_the_setting_of_a_server_counts_for_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AKATSUKI_SERVER", "http://127.0.0.1:9")
    monkeypatch.setenv("AKATSUKI_TOKEN", TOKEN)
    with ak.open() as workspace:
        assert isinstance(workspace, RemoteWorkspace)
        assert TOKEN not in repr(workspace) + repr(workspace.client) + repr(workspace.settings)
    with ak.open("") as workspace:
        assert not isinstance(workspace, RemoteWorkspace)
    with pytest.raises(ConfigError, match="on a server the token says who acts"):
        ak.open(acting_as="eve")


# ---------------------------------------------------------------- nobody, and strangers


def test_nobody_answers() -> None:
    with ak.open("http://127.0.0.1:9", token=TOKEN) as workspace:
        with pytest.raises(ServerUnreachableError, match=r"^http://127.0.0.1:9 cannot be reached: ") as caught:
            workspace.load("margin")
        assert "is the server running?" in caught.value.hint
        assert TOKEN not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (HTML, "answered 502 with text/html, which begins: <html><h1>Bad Gateway</h1></html>: expected an akatsuki"),
        (Answer(200, b"<html>Sign in", {"Content-Type": "text/html"}), "answered 200 with text/html"),
        (Answer(200, b"[]", {"Content-Type": "application/json"}), "does not say who the token's user is"),
        (Answer(200, b'{"id": "x"}', {"Content-Type": "application/json"}), "does not say who the token's user is"),
        (Answer(404, b'{"detail":"Not Found"}', {"Content-Type": "application/json"}), "answered 404 with application"),
    ],
)
def test_somebody_else_answers(answer: Answer, message: str) -> None:
    with scripted(answer) as server, ak.open(server.url, token=TOKEN) as workspace:
        with pytest.raises(ServerUnreachableError, match=message):
            _ = workspace.user
        with pytest.raises((ServerUnreachableError, AkatsukiError)):
            workspace.list_modules()
        with pytest.raises(ServerUnreachableError):
            workspace.design("anything")


def test_the_token_goes_to_no_other_host() -> None:
    with scripted(ME) as elsewhere:
        moved = Answer(307, b"", {"Location": f"{elsewhere.url}/api/me"})
        with scripted(moved) as server, ak.open(server.url, token=TOKEN) as workspace:
            with pytest.raises(ServerUnreachableError, match=r"sends to another address \(307, http://127"):
                _ = workspace.user
            assert server.requests[0].headers["Authorization"] == f"Bearer {TOKEN}"
        assert elsewhere.requests == []


def test_a_proxy_of_the_environment_does_not_see_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    with scripted(ME) as server, ak.open(server.url, token=TOKEN) as workspace:
        assert workspace.user == BOB


def test_the_token_is_in_no_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with scripted(busy(), ME) as server, ak.open(server.url, token=TOKEN) as workspace:
        assert workspace.user == BOB
    assert caplog.records
    assert TOKEN not in caplog.text


# ---------------------------------------------------------------- again


@pytest.mark.parametrize("first", [busy(), HANG_UP, Answer(502, b"", {"Retry-After": "0"})])
def test_what_can_be_asked_again_is(first: Answer) -> None:
    with scripted(first, ME) as server, ak.open(server.url, token=TOKEN) as workspace:
        assert workspace.user == BOB
        assert len(server.requests) == 2


def test_it_is_given_up_after_a_few_times() -> None:
    with scripted(busy()) as server, ak.open(server.url, token=TOKEN) as workspace:
        with pytest.raises(OverloadedError, match="too much to do") as caught:
            _ = workspace.user
        assert (len(server.requests), caught.value.retry_after) == (3, 0)


def test_a_long_wait_is_the_callers_to_decide() -> None:
    with scripted(busy(3600)) as server, ak.open(server.url, token=TOKEN) as workspace:
        with pytest.raises(OverloadedError) as caught:
            _ = workspace.user
        assert (len(server.requests), caught.value.retry_after) == (1, 3600)


@pytest.mark.parametrize("answer", [busy(), HANG_UP])
def test_an_execution_is_never_sent_twice(answer: Answer) -> None:
    with scripted(answer) as server:
        client = Client(server.url, TOKEN)
        with pytest.raises((OverloadedError, ServerUnreachableError)):
            client.send("POST", "/functions/v1/wasm-executor", repeat=False, json={})
        client.close()
        assert len(server.requests) == 1


def test_an_upload_is_sent_again_under_the_same_key() -> None:
    with scripted(HANG_UP, ME, busy()) as server, ak.open(server.url, token=TOKEN) as workspace:
        with pytest.raises(OverloadedError):
            workspace.deploy(adding(1), name="adder")
        uploads = [each for each in server.requests if each.method == "POST"]
        assert len(uploads) == 3
        assert len({each.headers["Idempotency-Key"] for each in uploads}) == 1
        assert adding(1).wasm in uploads[0].body


def test_an_upload_whose_answer_got_lost_is_there_once(server: Running) -> None:
    with proxy(server.url) as way, ak.open(way.url, token=token_of(BOB)) as workspace:
        way.lose_answer_to = b"POST /api/modules "
        module = workspace.deploy(adding(21), name="lost")
        assert module.version == "1.0.0"
        assert way.lose_answer_to is None
        assert [each.version for each in workspace.list_modules() if each.name == "lost"] == ["1.0.0"]


# ---------------------------------------------------------------- who


def test_without_a_token_or_with_one_that_is_old(server: Running) -> None:
    for token in (
        None,
        "nonsense",
        token_of(BOB, seconds=-600),
        token_of(BOB, secret="another secret of tests that is long enough"),
    ):
        with ak.open(server.url, token=token) as workspace:
            with pytest.raises(AuthenticationError) as caught:
                workspace.list_modules()
            assert "AKATSUKI_TOKEN" in caught.value.hint
            assert token is None or token not in str(caught.value)


def test_a_server_cannot_be_used_as_a_registry_of_this_machine(remote: ak.Workspace) -> None:
    for use in (lambda: remote.registry, lambda: remote.acting(BOB)):
        with pytest.raises(ConfigError) as caught:
            use()
        assert caught.value.hint


def test_it_has_the_same_methods_as_a_workspace_of_this_machine() -> None:
    for name, method in vars(RemoteWorkspace).items():
        original = getattr(ak.Workspace, name, None)
        if name.startswith("_") or not inspect.isfunction(method) or original is None:
            continue
        theirs = {each.name for each in inspect.signature(original).parameters.values()}
        parameters = inspect.signature(method).parameters
        if any(each.kind is inspect.Parameter.VAR_KEYWORD for each in parameters.values()):
            continue  # it hands on what it is given, and refuses by itself what it does not know
        assert set(parameters) == theirs, name


# ---------------------------------------------------------------- TLS


def certificate(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """A server's side of TLS with a certificate of its own making, for localhost."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    public, private = folder / "cert.pem", folder / "key.pem"
    public.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(public, private)
    return context, public


def test_a_certificate_is_verified(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context, public = certificate(tmp_path)
    with scripted(ME, tls=context) as server:
        with ak.open(server.url, token=TOKEN) as workspace:
            with pytest.raises(ServerUnreachableError, match="the certificate of https://localhost") as caught:
                _ = workspace.user
            assert "SSL_CERT_FILE" in caught.value.hint
        assert server.requests == []
        monkeypatch.setenv("SSL_CERT_FILE", str(public))
        with ak.open(server.url, token=TOKEN) as workspace:
            assert workspace.user == BOB


def test_an_execution_over_tls_can_be_cancelled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from akatsuki_wasm.contracts import Control
    from akatsuki_wasm.errors import ExecutionCancelled
    from akatsuki_wasm.remote.lines import Lines

    context, public = certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(public))
    with scripted(ME, tls=context) as server:
        lines = Lines(Client(server.url, TOKEN))
        control = Control()
        for _ in range(2):  # the second on the connection of the first
            assert lines.send(control, "GET", "/api/me").is_success
        control.cancel()
        with pytest.raises(ExecutionCancelled):
            lines.send(control, "GET", "/api/me")
        lines.close()
        assert len(server.requests) == 2
