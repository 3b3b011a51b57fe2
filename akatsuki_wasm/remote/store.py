"""The modules of a server, as an upload plugin gets them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from akatsuki_wasm.documents import module_from_document
from akatsuki_wasm.errors import UploadError
from akatsuki_wasm.remote.client import object_of

if TYPE_CHECKING:
    from akatsuki_wasm.contracts import Artifact, StoredModule, UploadTarget
    from akatsuki_wasm.remote.client import Client


class RemoteStore:
    """Where a workspace on a server deploys to.

    Args:
        client: The way to the server.
    """

    def __init__(self, client: Client) -> None:
        self._client = client

    @property
    def url(self) -> str:
        """Of the server."""
        return self._client.url

    def store(self, artifact: Artifact, target: UploadTarget) -> StoredModule:
        """Uploads a module: a whole one or none, and once however often it has to be sent.

        Raises:
            UploadError: The server refuses it, as a registry on this machine would.
            PermissionDeniedError: The user may not store such a module.
            ConflictError: The name or the version is taken.
            ServerUnreachableError: No server answered.
        """
        wanted = {
            "name": target.name,
            "version": target.version,
            "ownerType": target.owner_type,
            "isPublic": target.is_public,
            "description": target.description,
            "metadata": dict(target.metadata),
            "provenance": dict(artifact.provenance),
        }
        try:
            document = json.dumps(wanted, allow_nan=False).encode()
        except (TypeError, ValueError) as exc:
            raise UploadError(
                f"the provenance or metadata cannot be sent as JSON: {exc}", hint="Use plain JSON values."
            ) from exc
        files: dict[str, Any] = {
            "module": (None, document, "application/json"),
            "wasm": (f"{target.name}.wasm", artifact.wasm, "application/wasm"),
        }
        if artifact.source is not None:
            files["source"] = (None, artifact.source.encode(), "text/plain; charset=utf-8")
        headers = {"Idempotency-Key": str(uuid4())}
        response = self._client.send("POST", "/api/modules", repeat=True, files=files, headers=headers)
        return module_from_document(object_of(response))
