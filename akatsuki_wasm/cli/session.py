"""What the global options say, and the settings and workspace that follow from them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from pathlib import Path

    from akatsuki_wasm.config import Settings
    from akatsuki_wasm.manager import AkatsukiPluginManager
    from akatsuki_wasm.workspace import Workspace


@dataclass
class Session:
    """The global options of one invocation.

    Attributes:
        user: Acts as this user instead of the settings' one.
        plugin_files: Local plugin files or folders to load.
        block: Plugins not to load.
        data_dir: Folder of the registry.
        server: URL of a server to work on; empty for this machine although a setting names one, None for the setting.
        token_file: File with the token for it, which would be seen by everybody on a command line.
        verbose: Log messages and tracebacks are shown.
    """

    user: str | None = None
    plugin_files: tuple[Path, ...] = ()
    block: tuple[str, ...] = ()
    data_dir: Path | None = None
    server: str | None = None
    token_file: Path | None = None
    verbose: bool = False
    _workspace: Workspace | None = field(default=None, repr=False)

    def settings(self) -> Settings:
        """The settings with the global options over them.

        Raises:
            ConfigError: A setting is unknown or out of its range, or the token's file cannot be read.
        """
        from akatsuki_wasm.config import load_settings

        token = None if self.token_file is None else _token(self.token_file)
        return load_settings(data_dir=self.data_dir, server=self.server, token=token)

    def notebook_settings(self) -> Settings:
        """The settings of a workspace that a notebook opens by itself: all global options are in them.

        Raises:
            ConfigError: A setting is unknown or out of its range.
        """
        base = self.settings()
        changes: dict[str, object] = {
            "plugin_files": (*base.plugin_files, *(path.absolute() for path in self.plugin_files)),
            "block_plugins": (*base.block_plugins, *self.block),
        }
        if self.user is not None and self.user != base.user:
            # Only the settings' own user may be an admin: acting as another must never gain rights.
            changes |= {"user": self.user, "user_is_admin": False}
        return base.model_copy(update=changes)

    def plugin_manager(self) -> AkatsukiPluginManager:
        """A plugin manager of its own, for work that needs no workspace.

        Raises:
            PluginLoadError: A plugin cannot be loaded.
        """
        from akatsuki_wasm.manager import create_plugin_manager

        return create_plugin_manager(self.settings(), plugin_files=self.plugin_files, block=self.block)

    def workspace(self, *plugins: object) -> Workspace:
        """The workspace, made at the first use and closed with the click context.

        Args:
            plugins: Plugin objects that the command adds, such as its progress display.
        """
        if self._workspace is None:
            from akatsuki_wasm.opening import workspace_of

            self._workspace = workspace_of(
                self.settings(),
                acting_as=self.user,
                plugin_files=self.plugin_files,
                block_plugins=self.block,
                plugins=plugins,
            )
            click.get_current_context().find_root().call_on_close(self._workspace.close)
        return self._workspace


_MAX_TOKEN = 16 * 1024
"""Bytes of a token's file; a token has hundreds, and servers refuse headers of more."""


def _token(path: Path) -> str:
    """The token in a file.

    Raises:
        ConfigError: The file cannot be read, or holds none.
    """
    from akatsuki_wasm.errors import ConfigError

    hint = "Save the token as one line of a file that only you can read."
    try:
        with path.expanduser().open("rb") as file:
            data = file.read(_MAX_TOKEN + 1)
    except OSError as exc:
        raise ConfigError(
            f"the token's file {path} cannot be read: {(exc.strerror or str(exc)).lower()}", hint=hint
        ) from exc
    text = data.decode("ascii", "replace").strip()
    if not text or len(data) > _MAX_TOKEN or not text.isprintable() or " " in text or not text.isascii():
        raise ConfigError(f"the token's file {path} holds no token", hint=hint)
    return text


def current() -> Session:
    """The session of the running command."""
    return click.get_current_context().find_root().ensure_object(Session)
