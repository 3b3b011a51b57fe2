"""Who asks: good tokens of every kind, and every way that a token can be bad."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import time
from typing import TYPE_CHECKING, Any

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from akatsuki_wasm.errors import AuthenticationError, ConfigError
from akatsuki_wasm.server.identity import REMEMBERED_S, Identity
from akatsuki_wasm.server.token_reading import MAX_TOKEN

from .identity_kit import KeyServer, facts_of, forged, jwk, key_named, key_server, part, signed
from .server_kit import ADA, BOB, SECRET, is_problem, running, settings_of, token_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import httpx

ISSUER = "https://project.supabase.co/auth/v1"


@pytest.fixture(scope="module")
def keys() -> Iterator[KeyServer]:
    with key_server(jwk("ES256", "a"), jwk("RS256", "b"), jwk("EdDSA", "c", alg="EdDSA")) as found:
        yield found


@pytest.fixture(scope="module")
def client(keys: KeyServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """Of a service that takes all kinds of tokens, of one issuer."""
    folder = tmp_path_factory.mktemp("data")
    with running(jwt_jwks_url=keys.url, jwt_issuer=ISSUER, data_dir=folder) as service, service.client() as found:
        yield found


def ask(client: httpx.Client, token: str) -> httpx.Response:
    return client.get("/api/me", headers={"Authorization": f"Bearer {token}"})


def secret_token(**claims: Any) -> str:
    return jwt.encode(facts_of(**{"iss": ISSUER, **claims}), SECRET, algorithm="HS256")


def by_secret(text: bytes) -> bytes:
    return hmac.new(SECRET.encode(), text, hashlib.sha256).digest()


def pem(name: str) -> bytes:
    found: bytes = key_named("RS256", name).public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return found


def now(seconds: float = 0) -> int:
    return int(time.time() + seconds)


GOOD: dict[str, Callable[[], str]] = {
    "of a secret": secret_token,
    "ES256": lambda: signed("ES256", "a", iss=ISSUER),
    "RS256": lambda: signed("RS256", "b", iss=ISSUER),
    "EdDSA": lambda: signed("EdDSA", "c", iss=ISSUER),
    "one key of its kind, not named": lambda: signed("ES256", "a", iss=ISSUER, headers={"kid": None}),
    "one audience of several": lambda: secret_token(aud=["other", "authenticated"]),
    "expired within the leeway": lambda: secret_token(exp=now(-20)),
    "begins within the leeway": lambda: secret_token(nbf=now(20), iat=now(20)),
    "a fraction of a second": lambda: secret_token(exp=time.time() + 60.5),
    "a key inside, which is not looked at": lambda: signed(
        "ES256", "a", iss=ISSUER, headers={"jwk": jwk("ES256", "evil"), "jku": "http://127.0.0.1:9/", "x5u": "http://x"}
    ),
}


@pytest.mark.parametrize("name", GOOD)
def test_a_good_token_is_accepted(client: httpx.Client, name: str) -> None:
    answer = ask(client, GOOD[name]())
    assert (answer.status_code, answer.json()) == (200, {"id": str(BOB.id), "name": "bob", "isAdmin": False})


def swapped(token: str, payload: Any) -> tuple[str, str, str]:
    """A token's parts, with another payload."""
    header, _, signature = token.split(".")
    return header, part(payload), signature


def nested(depth: int) -> bytes:
    return b'{"exp":' + b"[" * depth + b"]" * depth + b"}"


# What is in the token, and what the answer says of it.
BAD: dict[str, tuple[Callable[[], str], str]] = {
    "expired": (lambda: secret_token(exp=now(-31)), "it has expired"),
    "no exp": (lambda: secret_token(exp=None), "it has no exp claim"),
    "exp as text": (lambda: secret_token(exp=str(now(600))), "its exp claim is no date"),
    "exp as a truth": (lambda: secret_token(exp=True), "its exp claim is no date"),
    "exp as a list": (lambda: secret_token(exp=[now(600)]), "its exp claim is no date"),
    "a huge exp": (lambda: secret_token(exp=10**400), "its exp claim is no date"),
    "an exp after all dates": (lambda: secret_token(exp=1e300), "its exp claim is no date"),
    "a negative exp": (lambda: secret_token(exp=-1), "its exp claim is no date"),
    "an infinite exp": (lambda: forged({"alg": "HS256"}, b'{"exp":1e999}', by_secret), "it is not plain JSON"),
    "no number": (lambda: forged({"alg": "HS256"}, b'{"exp":NaN}', by_secret), "it is not plain JSON"),
    "digits without end": (
        lambda: forged({"alg": "HS256"}, b'{"exp":' + b"9" * 5000 + b"}", by_secret),
        "it is not plain JSON",
    ),
    "nbf in the future": (lambda: secret_token(nbf=now(60)), "it is not valid yet: nbf is in the future"),
    "iat in the future": (lambda: secret_token(iat=now(60)), "it is not valid yet: iat is in the future"),
    "nbf as text": (lambda: secret_token(nbf="0"), "its nbf claim is no date"),
    "another audience": (lambda: secret_token(aud="other"), "it is for another audience"),
    "no audience": (lambda: secret_token(aud=None), "it is for another audience"),
    "an audience that has it in": (lambda: secret_token(aud="unauthenticated"), "it is for another audience"),
    "another issuer": (lambda: secret_token(iss=ISSUER + "/"), "it is of another issuer"),
    "no issuer": (lambda: secret_token(iss=None), "it is of another issuer"),
    "issuers": (lambda: forged({"alg": "HS256"}, facts_of() | {"iss": [ISSUER]}, by_secret), "it is of another issuer"),
    "no sub": (lambda: secret_token(sub=None), "its sub claim is no UUID"),
    "sub as text": (lambda: secret_token(sub="bob"), "its sub claim is no UUID"),
    "sub in braces": (lambda: secret_token(sub=f"{{{BOB.id}}}"), "its sub claim is no UUID"),
    "sub as a URN": (lambda: secret_token(sub=BOB.id.urn), "its sub claim is no UUID"),
    "sub without hyphens": (lambda: secret_token(sub=BOB.id.hex), "its sub claim is no UUID"),
    "sub with a line end": (lambda: secret_token(sub=f"{BOB.id}\n"), "its sub claim is no UUID"),
    "sub as a number": (
        lambda: forged({"alg": "HS256"}, facts_of(iss=ISSUER, sub=7), by_secret),
        "its sub claim is no UUID",
    ),
    "the service's own sub": (
        lambda: secret_token(sub="00000000-0000-0000-0000-000000000000"),
        "its sub claim is the nil UUID, which nobody has",
    ),
    "Supabase's anon key": (
        lambda: secret_token(role="anon", sub=None, aud=None),
        "it is for another audience",
    ),
    "anon with a sub": (lambda: secret_token(role="anon"), "its role is not authenticated"),
    "service_role": (lambda: secret_token(role="service_role"), "its role is not authenticated"),
    "roles": (lambda: secret_token(role=["authenticated"]), "its role is not authenticated"),
    "alg none": (lambda: jwt.encode(facts_of(iss=ISSUER), None, algorithm="none") + "", "its algorithm is not one"),
    "alg nOnE": (lambda: forged({"alg": "nOnE"}, facts_of(iss=ISSUER), by_secret), "its algorithm is not one"),
    "no alg": (lambda: forged({"typ": "JWT"}, facts_of(iss=ISSUER), by_secret), "its header names no algorithm"),
    "algs": (lambda: forged({"alg": ["HS256"]}, facts_of(iss=ISSUER), by_secret), "its header names no algorithm"),
    "HS512": (lambda: jwt.encode(facts_of(iss=ISSUER), SECRET * 2, algorithm="HS512"), "its algorithm is not one"),
    "ES384": (
        lambda: forged({"alg": "ES384", "kid": "a"}, facts_of(iss=ISSUER), by_secret),
        "its algorithm is not one",
    ),
    "another secret": (lambda: token_of(BOB, secret="x" * 40, iss=ISSUER), "its signature is wrong"),
    "no signature": (lambda: secret_token().rpartition(".")[0] + ".", "its signature is wrong"),
    "a changed claim": (
        lambda: ".".join(swapped(secret_token(), facts_of(sub=str(ADA.id), iss=ISSUER))),
        "its signature is wrong",
    ),
    "a public key as the secret": (
        lambda: forged(
            {"alg": "HS256", "kid": "b"},
            facts_of(iss=ISSUER),
            lambda text: hmac.new(pem("b"), text, hashlib.sha256).digest(),
        ),
        "its signature is wrong",
    ),
    "a JWK as the secret": (
        lambda: forged(
            {"alg": "HS256", "kid": "b"},
            facts_of(iss=ISSUER),
            lambda text: hmac.new(json.dumps(jwk("RS256", "b")).encode(), text, hashlib.sha256).digest(),
        ),
        "its signature is wrong",
    ),
    "a key for another algorithm": (
        lambda: signed("RS256", "b", iss=ISSUER, headers={"kid": "a"}),
        "it is signed with a key that is not known",
    ),
    "a key of another name": (
        lambda: signed("EdDSA", "evil", iss=ISSUER, headers={"kid": "c"}),
        "its signature is wrong",
    ),
    "a key inside": (
        lambda: signed("ES256", "evil", iss=ISSUER, headers={"kid": "a", "jwk": jwk("ES256", "evil")}),
        "its signature is wrong",
    ),
    "a kid that is a path": (
        lambda: signed("ES256", "a", iss=ISSUER, headers={"kid": "../../../../dev/null"}),
        "it is signed with a key that is not known",
    ),
    "a kid that is SQL": (
        lambda: signed("ES256", "a", iss=ISSUER, headers={"kid": "a' UNION SELECT 'x"}),
        "it is signed with a key that is not known",
    ),
    "a long kid": (lambda: signed("ES256", "a", headers={"kid": "k" * 257}), "its key id is no short text"),
    "a kid that is a number": (
        lambda: forged({"alg": "ES256", "kid": 1}, facts_of(iss=ISSUER), by_secret),
        "its key id is no short text",
    ),
    "crit": (
        lambda: forged({"alg": "HS256", "crit": ["x"], "x": 1}, facts_of(iss=ISSUER), by_secret),
        "its header asks for an extension that is not known",
    ),
    "not encoded": (
        lambda: forged({"alg": "HS256", "b64": False}, facts_of(iss=ISSUER), by_secret),
        "its header asks for an extension that is not known",
    ),
    "a claim twice": (
        lambda: forged(
            {"alg": "HS256"},
            json.dumps(facts_of(iss=ISSUER)).encode()[:-1] + f',"sub":"{ADA.id}"}}'.encode(),
            by_secret,
        ),
        "it is not plain JSON",
    ),
    "alg twice": (
        lambda: forged(b'{"alg":"none","alg":"HS256"}', facts_of(iss=ISSUER), by_secret),
        "it is not plain JSON",
    ),
    "UTF-16": (
        lambda: forged({"alg": "HS256"}, json.dumps(facts_of(iss=ISSUER)).encode("utf-16"), by_secret),
        "it is not plain JSON",
    ),
    "a list": (lambda: forged({"alg": "HS256"}, [1], by_secret), "it is no JSON object"),
    "a header of numbers": (lambda: forged(7, facts_of(iss=ISSUER), by_secret), "it is no JSON object"),
    "deep": (lambda: forged({"alg": "HS256"}, nested(5000), by_secret), "it is not plain JSON"),
    "two parts": (lambda: "a.b", "it is not three parts of base64url text with dots between them"),
    "five parts": (lambda: "a.b.c.d.e", "it is not three parts of base64url text with dots between them"),
    "padding": (lambda: secret_token() + "=", "it is not three parts of base64url text with dots between them"),
    "nothing": (lambda: "..", "it is not three parts of base64url text with dots between them"),
    "one letter": (lambda: "a.a.a", "its header is not base64url text"),
    "huge": (lambda: secret_token(x="x" * MAX_TOKEN), f"it has more than {MAX_TOKEN} characters"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_token_is_refused_with_a_reason(client: httpx.Client, name: str) -> None:
    make, reason = BAD[name]
    token = make()
    problem = is_problem(ask(client, token), 401, "unauthenticated")
    assert problem["detail"].startswith(f"the token is not accepted: {reason}")
    assert max(token.split("."), key=len) not in problem["detail"] or len(token) < 10


def test_each_answer_to_a_bad_token_says_how_to_ask(client: httpx.Client) -> None:
    assert ask(client, "x").headers["www-authenticate"] == 'Bearer realm="akatsuki"'


@pytest.mark.parametrize(
    ("facts", "is_admin"),
    [
        ({"app_metadata": {"role": "admin"}}, True),
        ({"app_metadata": {"role": "user"}, "user_metadata": {"role": "admin"}}, False),
        ({"user_metadata": {"role": "admin"}, "is_admin": True, "roles": ["admin"]}, False),
        ({"app_metadata": {"role": ["admin"]}}, False),
        ({"app_metadata": ["admin"]}, False),
        ({"app_metadata": None}, False),
    ],
)
def test_only_app_metadata_makes_an_admin(client: httpx.Client, facts: dict[str, Any], is_admin: bool) -> None:
    assert ask(client, secret_token(**facts)).json()["isAdmin"] is is_admin


@pytest.mark.parametrize("email", ["", "a" * 321, "a\nb", 7, ["x"], "\ud800"])
def test_a_name_that_is_none_becomes_the_id(client: httpx.Client, email: Any) -> None:
    assert ask(client, secret_token(email=email)).json()["name"] == str(BOB.id)


@pytest.mark.parametrize(
    ("headers", "detail"),
    [
        ([], "the request has no bearer token"),
        ([("Authorization", "Bearer")], "the request has no bearer token"),
        ([("Authorization", "Basic Ym9iOng=")], "the request has no bearer token"),
        ([("Authorization", "Bearer a"), ("Authorization", "Bearer b")], "the request has two Authorization headers"),
        ([("Authorization", "Bearer té.ß.ø".encode("latin-1"))], "the token is not accepted: it is not three parts"),
    ],
)
def test_a_request_without_one_token_is_refused(client: httpx.Client, headers: Any, detail: str) -> None:
    assert is_problem(client.get("/api/me", headers=headers), 401, "unauthenticated")["detail"].startswith(detail)


def test_the_scheme_may_be_written_in_any_case(client: httpx.Client) -> None:
    answers = [
        client.get("/api/me", headers={"Authorization": f"{each} {secret_token()}"}) for each in ("bearer", "BEARER ")
    ]
    assert [each.status_code for each in answers] == [200, 200]


def test_audience_and_issuer_are_not_looked_at_where_none_is_set() -> None:
    with running(jwt_audience="") as service, service.client() as client:
        assert ask(client, token_of(BOB, aud="whatever", iss="whoever")).status_code == 200


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"jwt_secret": "short"}, "the setting jwt_secret has 5 bytes: expected 32 at least"),
        ({"jwt_jwks_url": "file:///etc/passwd"}, "the setting jwt_jwks_url is no http or https URL"),
        ({"jwt_jwks_url": "https://"}, "the setting jwt_jwks_url is no http or https URL"),
    ],
)
def test_settings_that_cannot_serve_are_refused(settings: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Identity(settings_of(**settings))


def test_a_public_key_is_no_secret() -> None:
    with pytest.raises(ConfigError, match="is a public key or a certificate, which anybody may have"):
        Identity(settings_of(jwt_secret=pem("b").decode()))


def check(identity: Identity, token: str) -> bytes:
    """Checks a token and returns the header it came in."""
    header = f"Bearer {token}".encode()
    asyncio.run(identity.user_of_header(header))
    return header


def test_a_good_token_is_remembered_until_it_expires(monkeypatch: pytest.MonkeyPatch) -> None:
    identity = Identity(settings_of())
    header = check(identity, token_of(BOB, seconds=100))
    assert identity.remembered(header) == BOB
    assert identity.remembered(header + b"x") is None
    later = time.time() + 131  # the leeway is 30 s
    monkeypatch.setattr(time, "time", lambda: later)
    assert identity.remembered(header) is None
    with pytest.raises(AuthenticationError, match="it has expired"):
        check(identity, header.decode()[7:])


def test_a_long_token_is_looked_at_again_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    identity = Identity(settings_of())
    header = check(identity, token_of(BOB, seconds=3600))
    later = time.time() + REMEMBERED_S + 1
    monkeypatch.setattr(time, "time", lambda: later)
    assert identity.remembered(header) is None
    check(identity, header.decode()[7:])
    assert identity.remembered(header) == BOB


def test_what_is_remembered_is_bounded_and_never_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("akatsuki_wasm.server.identity.REMEMBERED", 3)
    identity = Identity(settings_of())
    headers = [check(identity, token_of(BOB, number=each)) for each in range(5)]
    assert [identity.remembered(each) for each in headers] == [None, None, BOB, BOB, BOB]
    for each in range(5):
        with pytest.raises(AuthenticationError):
            check(identity, token_of(BOB, secret="y" * 40, number=each))
    assert [identity.remembered(each) for each in headers] == [None, None, BOB, BOB, BOB]
    longest = check(identity, token_of(BOB, padding="x" * 8000))
    assert identity.remembered(longest) is None
