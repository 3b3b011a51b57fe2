"""The built-in upload plugin of servers: sends a module to the one that the workspace is on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from akatsuki_wasm.contracts import ServerStore
from akatsuki_wasm.hookspecs import hookimpl

if TYPE_CHECKING:
    from akatsuki_wasm.contracts import Artifact, StoredModule, UploadTarget


class ServerUploadPlugin:
    """Serves targets that are a server's."""

    @hookimpl(trylast=True)
    def akatsuki_upload(self, artifact: Artifact, target: UploadTarget) -> StoredModule | None:
        """Uploads the artifact: a whole module or none; see `akatsuki_wasm.remote.store.RemoteStore.store`."""
        return target.registry.store(artifact, target) if isinstance(target.registry, ServerStore) else None
