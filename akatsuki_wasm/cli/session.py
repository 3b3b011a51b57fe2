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
        verbose: Log messages and tracebacks are shown.
    """

    user: str | None = None
    plugin_files: tuple[Path, ...] = ()
    block: tuple[str, ...] = ()
    data_dir: Path | None = None
    verbose: bool = False
    _workspace: Workspace | None = field(default=None, repr=False)

    def settings(self) -> Settings:
        """The settings with the global options over them.

        Raises:
            ConfigError: A setting is unknown or out of its range.
        """
        from akatsuki_wasm.config import load_settings

        return load_settings(data_dir=self.data_dir)

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
            from akatsuki_wasm.workspace import Workspace

            self._workspace = Workspace(
                self.settings(),
                acting_as=self.user,
                plugin_files=self.plugin_files,
                block_plugins=self.block,
                plugins=plugins,
            )
            click.get_current_context().find_root().call_on_close(self._workspace.close)
        return self._workspace


def current() -> Session:
    """The session of the running command."""
    return click.get_current_context().find_root().ensure_object(Session)
