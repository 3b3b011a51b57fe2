"""Opens a workspace: of this machine's user, or on a server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from akatsuki_wasm.config import Settings, load_settings
from akatsuki_wasm.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


def open(  # noqa: A001 - reads as akatsuki_wasm.open(), as PIL.Image.open does
    server: str | None = None,
    *,
    token: str | None = None,
    acting_as: str | None = None,
    plugin_files: Iterable[Path | str] = (),
    block_plugins: Iterable[str] = (),
    plugins: Iterable[object] = (),
    **settings: Any,
) -> Workspace:
    """Opens the workspace of this machine's user, or one on a server.

    Args:
        server: URL of a server, such as ``https://wasm.example.org``; the settings' one where None, this machine's own
            registry where that is empty, or where this is.
        token: The bearer token that says who acts on the server; the settings' one where None.
        acting_as: Act as another user of the embedded registry, without admin rights.
        plugin_files: Local plugin files or folders to load.
        block_plugins: Plugins not to load, by name.
        plugins: Plugin objects to register, such as one defined in a notebook.
        settings: Attributes of `akatsuki_wasm.config.Settings` that override files and environment.

    Raises:
        ConfigError: A setting is unknown or out of its range, or the token would go over a network unencrypted.
    """
    return workspace_of(
        load_settings(server=server, token=token, **settings),
        acting_as=acting_as,
        plugin_files=plugin_files,
        block_plugins=block_plugins,
        plugins=plugins,
    )


def workspace_of(settings: Settings, **options: Any) -> Workspace:
    """The workspace that settings ask for: of this machine, or on a server.

    Args:
        settings: `server` decides.
        options: As for `Workspace`.
    """
    if not settings.server:
        return Workspace(settings, **options)
    from akatsuki_wasm.remote.workspace import RemoteWorkspace

    return RemoteWorkspace(settings, **options)
