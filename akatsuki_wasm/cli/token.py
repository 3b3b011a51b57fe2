"""``akatsuki token``: tokens for the service."""

from __future__ import annotations

import math
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from akatsuki_wasm.cli.lazy import examples
from akatsuki_wasm.cli.output import emit, json_option, say
from akatsuki_wasm.cli.session import current
from akatsuki_wasm.documents import moment
from akatsuki_wasm.errors import MissingExtraError, PermissionDeniedError

if TYPE_CHECKING:
    from akatsuki_wasm.config import Settings
    from akatsuki_wasm.contracts import User

_MOST_HOURS = 24 * 366


@click.group(epilog=examples("akatsuki token create"))
def token() -> None:
    """Make tokens for the service."""


@token.command(
    epilog=examples(
        "akatsuki token create",
        "akatsuki token create --user alice --hours 1",
        'curl -H "Authorization: Bearer $(akatsuki token create)" http://127.0.0.1:8787/api/me',
    )
)
@click.option("--user", "name", metavar="NAME", help="For this user; the settings' own by default.")
@click.option("--admin", is_flag=True, help="For an admin. Only where you are one.")
@click.option(
    "--hours",
    type=click.FloatRange(0, _MOST_HOURS, min_open=True),
    default=12,
    show_default=True,
    help="How long it is valid.",
)
@click.option("--once", is_flag=True, help="For a browser: http://…/?token=TOKEN signs it in, once, within 10 minutes.")
@json_option
def create(name: str | None, admin: bool, hours: float, once: bool, as_json: bool) -> None:
    """Print a bearer token for a service with the same settings, alone on the last line.

    It is signed with AKATSUKI_JWT_SECRET; where no authentication is configured, with a key in the data folder, for a
    service that runs on the same folder. It holds the user's name and rights: keep it secret.
    """
    if not math.isfinite(hours):
        raise click.BadParameter("it is no number of hours.", param_hint="'--hours'")
    settings = current().notebook_settings()
    user = _user(settings, name, admin)
    text, seconds = _make(settings, user, round(hours * 3600), once)
    expires = datetime.fromtimestamp(int(time.time()) + seconds, UTC)
    if as_json:
        facts = {"token": text, "userId": user.id, "name": user.name, "isAdmin": user.is_admin}
        emit(facts | {"expiresAt": expires})
        return
    kind = ", an admin," if user.is_admin else ""
    say(f"for {user.name}{kind} until {moment(expires)}{', for one use' if once else ''}")
    click.echo(text)


def _user(settings: Settings, name: str | None, admin: bool) -> User:
    from akatsuki_wasm.contracts import User

    if admin and not settings.user_is_admin:
        raise PermissionDeniedError(
            f"{settings.user} is no admin, and may not make a token for one", hint="Leave --admin out, or ask an admin."
        )
    return User.local(name or settings.user, is_admin=admin)


def _make(settings: Settings, user: User, seconds: int, once: bool) -> tuple[str, int]:
    """The token, and how long it is valid."""
    try:
        from akatsuki_wasm.server.identity import signing_key
        from akatsuki_wasm.server.sessions import make_once_token
        from akatsuki_wasm.server.tokens import ONCE_SECONDS, bearer_token
    except ModuleNotFoundError as exc:
        raise MissingExtraError(
            f"a token needs {exc.name}, which is not installed", hint="Install it: pip install 'akatsuki-wasm[server]'"
        ) from exc
    if once:
        return make_once_token(user, settings.data_dir), ONCE_SECONDS
    return bearer_token(user, signing_key(settings), settings, max(1, seconds)), max(1, seconds)
