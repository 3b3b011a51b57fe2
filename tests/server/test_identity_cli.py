"""`akatsuki token create`: what it prints is accepted by a service with the same settings."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import jwt
import pytest
from click.testing import CliRunner

from akatsuki_wasm.cli.root import cli
from akatsuki_wasm.contracts import User

from .server_kit import SECRET, running

if TYPE_CHECKING:
    from click.testing import Result


def create(*words: str, before: tuple[str, ...] = (), **environment: str) -> Result:
    settings = {f"AKATSUKI_{name}": value for name, value in environment.items()}
    return CliRunner().invoke(cli, [*before, "token", "create", *words], prog_name="akatsuki", env=settings)


def claims(token: str) -> dict[str, Any]:
    found: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return found


@pytest.mark.parametrize("settings", [{"jwt_secret": SECRET, "jwt_issuer": "https://me", "jwt_audience": "us"}, {}])
def test_a_token_is_accepted_by_a_service_with_the_same_settings(
    settings: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in settings.items():
        monkeypatch.setenv(f"AKATSUKI_{name.upper()}", value)
    monkeypatch.setenv("AKATSUKI_USER", "ada")
    made = [create(), create("--admin"), create("--user", "bob"), create("--user", "bob", "--admin", "--hours", "0.5")]
    with running(**{"jwt_secret": None, **settings}) as service, service.client() as client:
        answers = [
            client.get("/api/me", headers={"Authorization": f"Bearer {each.stdout.splitlines()[-1]}"}).json()
            for each in made
        ]
    expected = [("ada", False), ("ada", True), ("bob", False), ("bob", True)]
    assert answers == [
        {"id": str(User.local(name).id), "name": name, "isAdmin": is_admin} for name, is_admin in expected
    ]
    assert {each.stdout.count("\n") for each in made} == {1}
    assert made[3].stderr.startswith("for bob, an admin, until 20")


def test_it_lasts_as_long_as_is_asked_for() -> None:
    for words, seconds in (((), 12 * 3600), (("--hours", "0.25"), 900), (("--hours", "0.00001"), 1)):
        assert claims(create(*words).stdout.strip())["exp"] == pytest.approx(time.time() + seconds, abs=10)
    for wrong in ("0", "-1", "1e9", "nan"):
        assert create("--hours", wrong).exit_code == 2


def test_the_document_says_whose_it_is_and_until_when() -> None:
    document = json.loads(create("--user", "bob", "--json").stdout)
    assert document.keys() == {"token", "userId", "name", "isAdmin", "expiresAt"}
    assert (document["userId"], document["name"], document["isAdmin"]) == (str(User.local("bob").id), "bob", False)
    assert claims(document["token"])["sub"] == document["userId"]


@pytest.mark.parametrize("before", [(), ("--as", "eve")])
def test_who_is_no_admin_makes_no_token_for_one(before: tuple[str, ...]) -> None:
    done = create("--admin", before=before, USER="bob", USER_IS_ADMIN="true" if before else "false")
    assert done.exit_code == 1
    assert "is no admin, and may not make a token for one" in done.stderr
    assert done.stdout == ""


def test_public_keys_alone_sign_nothing() -> None:
    done = create(JWT_JWKS_URL="https://example.org/jwks.json")
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.splitlines() == [
        "error: tokens are signed by whoever has the private key of jwt_jwks_url, not by this service",
        "hint: Get one from your identity provider, or set AKATSUKI_JWT_SECRET too.",
    ]
    assert create(JWT_JWKS_URL="https://example.org/jwks.json", JWT_SECRET=SECRET).exit_code == 0


def test_a_secret_that_is_too_short_is_an_error() -> None:
    done = create(JWT_SECRET="short")
    assert (done.exit_code, done.stderr.splitlines()[0]) == (
        1,
        "error: the setting jwt_secret has 5 bytes: expected 32 at least",
    )
