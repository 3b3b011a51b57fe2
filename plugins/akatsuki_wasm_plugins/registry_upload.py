"""The built-in upload plugin: stores a module in the workspace's registry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from akatsuki_wasm.hookspecs import hookimpl

if TYPE_CHECKING:
    from akatsuki_wasm.contracts import Artifact, StoredModule, UploadTarget


class RegistryUploadPlugin:
    """Serves every target that no other plugin took."""

    @hookimpl(trylast=True)
    def akatsuki_upload(self, artifact: Artifact, target: UploadTarget) -> StoredModule:
        """Stores the artifact: a whole module or none; see `akatsuki_wasm.registry.registry.Registry.store`."""
        return target.registry.store(artifact, target)
