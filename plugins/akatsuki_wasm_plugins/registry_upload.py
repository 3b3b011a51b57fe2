"""Uploads to the workspace's own registry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from akatsuki_wasm.hookspecs import hookimpl

if TYPE_CHECKING:
    from akatsuki_wasm.contracts import Artifact, StoredModule, UploadTarget


@hookimpl(trylast=True)
def akatsuki_upload(artifact: Artifact, target: UploadTarget) -> StoredModule | None:
    """Stores the module in the registry that the workspace stands on."""
    return target.registry.store(artifact, target)
