"""``akatsuki serve``: the service."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import click

from akatsuki_wasm.cli.lazy import examples
from akatsuki_wasm.cli.session import current
from akatsuki_wasm.errors import ConfigError, MissingExtraError

if TYPE_CHECKING:
    from akatsuki_wasm.config import Settings
    from akatsuki_wasm.server.listening import Listener, Place

_LEVELS = ("debug", "info", "warning", "error")
_LOOPBACK_NAMES = ("localhost", "127.0.0.1", "[::1]")


@click.command(
    epilog=examples(
        "akatsuki serve",
        "akatsuki serve --port 0 --workers 2",
        "AKATSUKI_JWT_SECRET=… akatsuki serve --host 0.0.0.0",
        "AKATSUKI_JWT_SECRET=… akatsuki serve --uds /run/akatsuki/http.sock",
    )
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address or name to listen on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8787,
    show_default=True,
    help="Port to listen on; 0 takes a free one.",
)
@click.option(
    "--uds",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="PATH",
    help="Listen on a unix socket instead, for a proxy on this machine.",
)
@click.option("--workers", type=click.IntRange(1, 64), default=1, show_default=True, help="Processes that answer.")
@click.option(
    "--token/--no-token",
    "with_token",
    default=None,
    help="Print a URL that signs a browser in, once. By default where no authentication is configured.",
)
@click.option(
    "--allow-host",
    "hosts",
    metavar="NAME",
    multiple=True,
    help="Answer requests for this host too, and for no others but this machine's. Repeatable.",
)
@click.option(
    "--log-level", type=click.Choice(_LEVELS), default="warning", show_default=True, help="Least that is logged."
)
@click.option("--access-log", is_flag=True, help="Log each request, without its query.")
def serve(
    *,
    host: str,
    port: int,
    uds: Path | None,
    workers: int,
    with_token: bool | None,
    hosts: tuple[str, ...],
    log_level: str,
    access_log: bool,
) -> None:
    """Serve the registry over HTTP.

    It listens on this machine alone unless told otherwise, and elsewhere only with AKATSUKI_JWT_SECRET or
    AKATSUKI_JWT_JWKS_URL. Ctrl-C, or SIGTERM, stops it when what is under way has ended; a second one stops it at once.
    """
    check_server_extra()
    from akatsuki_wasm.server.listening import Place
    from akatsuki_wasm.server.options import Options, has_real_authentication
    from akatsuki_wasm.server.service_log import configure

    settings = current().notebook_settings()
    place = Place(host, port, uds)
    is_real = has_real_authentication(settings)
    _check_place(place, is_real)
    if with_token is None:
        with_token = not is_real
    # A page that was given this machine's address by a name of its own asks for that name. Where tokens come from
    # elsewhere, it has none, and a proxy asks for whatever name it has.
    guarded = bool(hosts) or not is_real
    options = Options(
        hosts=(*_LOOPBACK_NAMES, *([host] if uds is None else []), *hosts) if guarded and uds is None else hosts,
        log_level=log_level,
        access_log=access_log,
        trust_all_proxies=uds is not None,
    )
    with place.listen() as listener:
        configure(log_level, access=access_log)

        def started() -> None:
            _announce(listener, settings, with_token=with_token)

        if workers == 1:
            from akatsuki_wasm.server.serving import serve as serve_here

            serve_here(settings, listener.socket, options, started)
            return
        from akatsuki_wasm.server.workers import Supervisor

        command = [sys.executable, "-m", "akatsuki_wasm.cli.worker"]
        code = Supervisor(settings, listener.socket, options, count=workers, command=command, started=started).run()
    if code:
        raise click.exceptions.Exit(code)


def check_server_extra() -> None:
    """Fails where the service's libraries are not installed.

    Raises:
        MissingExtraError: One of them is not.
    """
    missing = [name for name in ("fastapi", "uvicorn", "jwt", "httptools") if find_spec(name) is None]
    if missing:
        raise MissingExtraError(
            f"the service needs {missing[0]}, which is not installed",
            hint="Install it: pip install 'akatsuki-wasm[server]'",
        )


def _check_place(place: Place, is_real: bool) -> None:
    """A place that others reach needs authentication that others have.

    Raises:
        ConfigError: There is none.
    """
    if not is_real and not place.is_private():
        raise ConfigError(
            f"{place.host} can be reached from other machines, and no authentication is configured",
            hint="Set AKATSUKI_JWT_SECRET or AKATSUKI_JWT_JWKS_URL, or listen on 127.0.0.1.",
        )


def _announce(listener: Listener, settings: Settings, *, with_token: bool) -> None:
    """Says where the service is; on stdout, as a program that started it may be waiting for it."""
    click.echo(f"serving on {listener.url}")
    if with_token and listener.place.unix is None:
        from akatsuki_wasm.contracts import User
        from akatsuki_wasm.server.sessions import make_once_token
        from akatsuki_wasm.server.tokens import ONCE_SECONDS

        user = User.local(settings.user, is_admin=settings.user_is_admin)
        token = make_once_token(user, settings.data_dir)
        click.echo(f"as {user.name}, once and within {ONCE_SECONDS // 60} minutes: {listener.url}/?token={token}")
