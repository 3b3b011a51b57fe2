"""The endpoint that stores a module: a form with its bytes, what it is to be, and maybe its source."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from fastapi import Depends, Request, Response
from pydantic import Field

from akatsuki_wasm import manifest
from akatsuki_wasm.contracts import MODULE_NAME, Artifact, OwnerType, UploadTarget
from akatsuki_wasm.documents import module_document
from akatsuki_wasm.errors import RequestError
from akatsuki_wasm.server.dependencies import Caller, TheService, within_rate
from akatsuki_wasm.server.forms import OVERHEAD, read_form
from akatsuki_wasm.server.idempotency import Key, Made, answer_once
from akatsuki_wasm.server.json_answers import on_thread
from akatsuki_wasm.server.json_bodies import MAX_JSON_BYTES, Body, parse_json
from akatsuki_wasm.server.modules_api import Line, check_metadata
from akatsuki_wasm.server.openapi import describes
from akatsuki_wasm.server.routing import Router
from akatsuki_wasm.server.schemas import ModuleDocument

if TYPE_CHECKING:
    from akatsuki_wasm.contracts import User
    from akatsuki_wasm.server.service import Service

router = Router(prefix="/api/modules", tags=["modules"], dependencies=[Depends(within_rate)])

MAX_SOURCE_BYTES = 256 * 1024
_TOLD = ("prompt", "generator", "model")
"""Texts of a provenance that are remarks: who wrote the source, in answer to which words."""
CLAIMED = "claimed"
"""Where the rest of an uploader's provenance is kept. `build` at the top means that the registry's own host built the
bytes from source, so that they are compiled in process; an upload never gets it. The claim of a client that built the
module with its own toolchain stands in ``claimed.build``; `akatsuki verify` finds out whether it is true."""


class NewModule(Body):
    """What a module is to be."""

    name: str = Field(
        max_length=63,
        examples=["pricing"],
        description="Lower-case letters, digits and hyphens.",
        json_schema_extra={"pattern": f"^{MODULE_NAME.pattern}$"},  # the registry refuses others, with better words
    )
    version: str | None = Field(
        default=None, max_length=64, examples=["1.0.0"], description="semver; the next one where left out."
    )
    owner_type: OwnerType = Field(default="user", description="`system` and `admin` need an admin.")
    is_public: bool = Field(default=False, description="Whether every user may read and execute it.")
    description: Line = Field(default="", description="The module's own where empty.")
    metadata: dict[str, Any] = Field(default={}, description="The owner's own JSON.")
    provenance: dict[str, Any] = Field(default={}, description="How it came to be; kept as the uploader's claim.")


_FORM: dict[str, Any] = {
    "multipart/form-data": {
        "schema": {
            "type": "object",
            "required": ["wasm", "module"],
            "additionalProperties": False,
            "properties": {
                "wasm": {"type": "string", "format": "binary", "description": "The module's bytes."},
                "module": NewModule.model_json_schema(),
                "source": {"type": "string", "maxLength": MAX_SOURCE_BYTES, "description": "The author's Rust."},
            },
        },
        "encoding": {"wasm": {"contentType": "application/wasm"}, "module": {"contentType": "application/json"}},
    }
}


@router.post(
    "",
    operation_id="uploadModule",
    summary="Store a module",
    status_code=201,
    response_model=ModuleDocument,
    responses={201: {"headers": {"Location": {"schema": {"type": "string"}}}}},
    openapi_extra=describes(403, 409, 413, 422, body=_FORM),
)
async def upload(
    request: Request,
    service: TheService,
    user: Caller,
    idempotency_key: Key = None,
) -> Response:
    """Stores a module, whole or not at all: its bytes are validated, never executed here, and believed in nothing else.

    The parts of the form: `wasm`, the bytes; `module`, JSON; `source`, text, where there is one.
    """
    limit = service.settings.max_body_bytes
    with service.uploads.of(user):
        form = await read_form(
            request,
            {"wasm": limit, "module": MAX_JSON_BYTES, "source": MAX_SOURCE_BYTES},
            total=limit + OVERHEAD,
        )
        for part in ("wasm", "module"):
            if part not in form:
                raise RequestError(f"the form has no part {part!r}", hint="See /openapi.json.")
        wanted = parse_json(form["module"], NewModule, where="the part 'module'")
        check_metadata(wanted.metadata)
        rust = _text(form["source"]) if "source" in form else None
        parts: list[bytes | str] = ["POST /api/modules"]
        parts += [form.get(name, b"") for name in ("module", "wasm", "source")]
        return await on_thread(
            lambda: answer_once(
                service.registry,
                user,
                idempotency_key,
                parts,
                lambda: _store(service, user, wanted, form["wasm"], rust),
            )
        )


def _store(service: Service, user: User, wanted: NewModule, wasm: bytes, rust: str | None) -> Made:
    workspace = service.workspace_of(user)
    artifact = Artifact(wasm, manifest.for_binary(wasm), rust, claims_of(wanted.provenance))
    target = UploadTarget(
        name=wanted.name,
        registry=service.registry,
        user=user,
        version=wanted.version,
        owner_type=wanted.owner_type,
        is_public=wanted.is_public,
        description=wanted.description,
        metadata=wanted.metadata,
        max_stored_bytes=workspace.stored_bytes_limit(wanted.owner_type),
    )
    stored = workspace.pipeline.upload(artifact, target)
    return Made(201, module_document(stored, full=True, viewer=user), {"Location": f"/api/modules/{stored.id}"})


def claims_of(provenance: dict[str, Any]) -> dict[str, Any]:
    """What is kept of a client's provenance: remarks as they are, all else as its claim.

    Whoever reads a registry's provenance may rely on the types of what stands at its top; nobody reads the claim.
    """
    told = {name: provenance[name] for name in _TOLD if isinstance(provenance.get(name), str)}
    notes = provenance.get("notes")
    if isinstance(notes, list) and all(isinstance(each, str) for each in notes):
        told["notes"] = notes
    rest = {name: value for name, value in provenance.items() if name not in told}
    return {**told, CLAIMED: rest} if rest else told


def _text(source: bytes) -> str:
    try:
        text = source.decode()
    except UnicodeDecodeError as exc:
        raise RequestError("the part 'source' is not UTF-8", hint="Save the file as UTF-8.") from exc
    if re.search("\0", text):
        raise RequestError("the part 'source' has NUL characters", hint="Send the author's text.")
    return text
