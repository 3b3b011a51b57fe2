"""The service behind all endpoints: one object for a process, made when it starts and closed when it stops."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Self

from akatsuki_wasm.errors import OverloadedError
from akatsuki_wasm.registry.acting import UPKEEP
from akatsuki_wasm.server.admission import Admission
from akatsuki_wasm.server.admission_turns import UPLOADS_AT_ONCE, USER_UPLOADS_AT_ONCE, Turns
from akatsuki_wasm.server.design_events import DesignFeed
from akatsuki_wasm.server.designs import Designs
from akatsuki_wasm.server.execution import Executions
from akatsuki_wasm.server.identity import Identity
from akatsuki_wasm.server.levels import watch_levels
from akatsuki_wasm.server.metrics import Metrics
from akatsuki_wasm.server.quotas import Quotas
from akatsuki_wasm.server.readiness import Readiness
from akatsuki_wasm.server.retention import Retention
from akatsuki_wasm.server.warming import warm_up
from akatsuki_wasm.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterable

    from akatsuki_wasm.config import Settings
    from akatsuki_wasm.contracts import User
    from akatsuki_wasm.registry.registry import Registry


class Service:
    """What endpoints work with; shared by all requests of a process.

    Make it with `open`.

    Args:
        workspace: Settings, plugins and registry; it acts for nobody in particular.

    Attributes:
        stopping: From when the process is asked to stop.
    """

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.settings = workspace.settings
        self.identity = Identity(workspace.settings)
        self.metrics = Metrics()
        self.readiness = Readiness(workspace.registry)
        self.stopping = False
        self.quotas = Quotas(workspace.settings, workspace.registry.database)
        self.admission = Admission(workspace.settings, self.quotas.spent)
        self._executions: Executions | None = None
        self.designs = Designs(workspace)
        self.retention = Retention(workspace.registry, workspace.settings.retention_days)
        self.design_feed = DesignFeed(workspace.registry)
        self.uploads = Turns("uploads", UPLOADS_AT_ONCE, USER_UPLOADS_AT_ONCE)
        workspace.stored_bytes_limit = self.quotas.stored_bytes  # for all workspaces that are made of this one

    @classmethod
    def open(cls, settings: Settings, *, plugins: Iterable[object] = ()) -> Self:
        """Opens the registry and loads the plugins.

        Raises:
            StorageError: The registry cannot be opened.
            ConfigError: A setting is wrong.
        """
        workspace = Workspace(settings, plugins=plugins).acting(UPKEEP)
        try:
            return cls(workspace)
        except BaseException:
            workspace.close()
            raise

    @property
    def registry(self) -> Registry:
        """The registry."""
        return self.workspace.registry

    def workspace_of(self, user: User) -> Workspace:
        """A workspace that acts for a user, on the same registry and plugins."""
        return self.workspace.acting(user)

    async def start(self) -> None:
        """Begins what needs the running event loop, and gets ready for the first execution."""
        await asyncio.to_thread(warm_up, self.registry, self.quotas)
        self._executions = Executions(self)
        self.designs.start()
        self.retention.start()
        watch_levels(self)

    @property
    def executions(self) -> Executions:
        """Executes for all users."""
        if self._executions is None:
            raise OverloadedError("the service is not started", hint="Try again.", retry_after=1.0)
        return self._executions

    def begin_stop(self) -> None:
        """Called on the event loop when the process is asked to stop: takes nothing new, and streams of events end.

        What is under way then has `Settings.stop_seconds`; it may be called twice.
        """
        self.stopping = True
        self.admission.stop()
        self.designs.begin_stop()
        self.design_feed.stop()

    def cancel_running(self) -> None:
        """Called on the event loop when that time is over: cancels executions and designs that still run.

        Their requests have a moment to be answered and recorded.
        """
        if self._executions is not None:
            self._executions.cancel_all()
        self.designs.cancel_running()

    async def stop(self) -> None:
        """Ends or cancels what is under way, writes what is to be written, and closes the registry."""
        self.begin_stop()
        self.cancel_running()
        if self._executions is not None:
            await self._executions.stop()
        await asyncio.to_thread(self.designs.stop)
        await asyncio.to_thread(self.retention.stop)
        await self.identity.close()
        self.workspace.close()
