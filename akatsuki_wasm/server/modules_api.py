"""Endpoints of modules: list, find, read, change, share, delete. `akatsuki_wasm.server.upload_api` stores new ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal
from uuid import UUID

from fastapi import Depends, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from akatsuki_wasm.contracts import OwnerType, Status  # noqa: TC001 - pydantic reads the annotations
from akatsuki_wasm.documents import module_document, stats_document
from akatsuki_wasm.errors import NotFoundError, RequestError
from akatsuki_wasm.registry.modules import MAX_SHARED_WITH, Access
from akatsuki_wasm.server.dependencies import Caller, TheService, within_rate
from akatsuki_wasm.server.json_answers import answer, on_thread, to_json
from akatsuki_wasm.server.json_bodies import Body, Whole, read_json
from akatsuki_wasm.server.openapi import describes, same_etag
from akatsuki_wasm.server.paging import DEFAULT_LIMIT, MAX_CURSOR, MAX_LIMIT, Cursors, page_document
from akatsuki_wasm.server.routing import Router
from akatsuki_wasm.server.schemas import ModuleDocument, ModulePage, StatsDocument

if TYPE_CHECKING:
    from akatsuki_wasm.contracts import User
    from akatsuki_wasm.registry.models import WasmModule
    from akatsuki_wasm.server.service import Service

router = Router(prefix="/api/modules", tags=["modules"], dependencies=[Depends(within_rate)])

MAX_DESCRIPTION = 2_000
"""Characters of a module's description, which is meant to be one line."""
MAX_METADATA_BYTES = 64 * 1024
_UNCHANGING = "private, max-age=31536000, immutable"
"""A module's bytes never change; but each time they are fetched, who fetches them must be allowed to."""

ModuleId = Annotated[
    str, Path(max_length=200, json_schema_extra={"format": "uuid"}, examples=["3f0c4a52-7c2e-4b0e-8d7e-0a6b7f6a1f0e"])
]
Line = Annotated[str, Field(max_length=MAX_DESCRIPTION)]


class Listing(BaseModel):
    """What every list takes."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid")

    limit: int = Field(default=DEFAULT_LIMIT, ge=1, le=MAX_LIMIT)
    cursor: str | None = Field(default=None, max_length=MAX_CURSOR, description="`nextCursor` of the page before.")


class ModuleListing(Listing):
    """Which modules."""

    owner_type: OwnerType | None = None
    access: Access = "readable"
    name: str | None = Field(default=None, max_length=63, pattern="^[^\\x00]*$", description="All versions of it.")
    status: Status | None = None


class ModuleChange(Body):
    """What is changed of a module; what is left out stays as it is."""

    description: Line = ""
    metadata: dict[str, Any] = Field(default={}, description="The owner's own JSON, in place of what was there.")
    timeout_ms: Whole = Field(default=5000, ge=100, le=30_000, description="Of an execution that asks for none.")
    max_execution_time_ms: Whole = Field(default=30_000, ge=100, le=30_000)
    max_memory_pages: Whole = Field(default=4096, ge=0, le=65_536, description="Of 64 KiB.")


class Sharing(Body):
    """Who else may read and execute a module; what is left out stays as it is."""

    users: list[UUID] = Field(default=[], max_length=MAX_SHARED_WITH, description="Who may from now on.")
    remove: list[UUID] = Field(default=[], max_length=MAX_SHARED_WITH, description="Who may not any more.")
    is_public: bool = Field(default=False, description="Whether everybody may.")


@router.get(
    "", operation_id="listModules", summary="List modules", response_model=ModulePage, openapi_extra=describes()
)
def list_modules(service: TheService, user: Caller, query: Annotated[ModuleListing, Query()]) -> Response:
    """Modules that the caller may read, by name, those stored last first."""
    filters = query.model_dump(exclude={"limit", "cursor"})
    cursors = Cursors("modules", user, filters, ("text", "time", "id"))
    after: Any = cursors.read(query.cursor)
    rows = service.registry.modules(user).page(query.limit + 1, after, **filters)
    found = page_document(
        rows,
        query.limit,
        lambda row: shown(row, user),
        lambda row: cursors.write(row.module_name, row.created_at, row.id),
    )
    return answer(found)


@router.get(
    "/resolve",
    operation_id="resolveModule",
    summary="Find the module that a reference means",
    response_model=ModuleDocument,
    openapi_extra=describes(403, 404, 409),
)
def resolve(
    service: TheService,
    user: Caller,
    reference: Annotated[
        str,
        Query(min_length=1, max_length=200, pattern="^[^\\x00]+$", examples=["pricing@1.0.0"]),
    ],
    operation: Annotated[Literal["read", "execute"], Query()] = "execute",
) -> Response:
    """The module that `NAME`, `NAME@VERSION` or an id means, the newest version that may be read or executed."""
    return answer(shown(service.registry.modules(user).find(reference, operation=operation), user))


@router.get(
    "/{module_id}",
    operation_id="getModule",
    summary="Get a module",
    response_model=ModuleDocument,
    openapi_extra=describes(404),
)
def get(service: TheService, user: Caller, module_id: ModuleId) -> Response:
    """One module with its functions, manifest, provenance and metadata."""
    return answer(shown(service.registry.modules(user).get(module_id), user))


@router.patch(
    "/{module_id}",
    operation_id="updateModule",
    summary="Change a module",
    response_model=ModuleDocument,
    openapi_extra=describes(
        403, 404, 413, 422, body=ModuleChange, example={"description": "Prices options.", "timeoutMs": 2000}
    ),
)
async def update(request: Request, service: TheService, user: Caller, module_id: ModuleId) -> Response:
    """Changes what is given. Bytes, name, version and owner never change."""
    change = await read_json(request, ModuleChange)
    given = {name: getattr(change, name) for name in change.model_fields_set}
    check_metadata(given.get("metadata", {}))
    return await on_thread(lambda: _changed(service, user, service.registry.modules(user).update(module_id, **given)))


@router.post(
    "/{module_id}/enable",
    operation_id="enableModule",
    summary="Let a module be executed again",
    response_model=ModuleDocument,
    openapi_extra=describes(403, 404, 409),
)
def enable(service: TheService, user: Caller, module_id: ModuleId) -> Response:
    """Makes a disabled module active."""
    return _changed(service, user, service.registry.modules(user).enable(module_id))


@router.post(
    "/{module_id}/disable",
    operation_id="disableModule",
    summary="Keep a module from being executed",
    response_model=ModuleDocument,
    openapi_extra=describes(403, 404, 409),
)
def disable(service: TheService, user: Caller, module_id: ModuleId) -> Response:
    """Disables a module: every process of the service stops executing it within a second."""
    return _changed(service, user, service.registry.modules(user).disable(module_id))


@router.post(
    "/{module_id}/share",
    operation_id="shareModule",
    summary="Say who else may use a module",
    response_model=ModuleDocument,
    openapi_extra=describes(
        403, 404, 413, 422, body=Sharing, example={"users": ["8b3f8a0e-6d3f-5b1e-9b57-0f6f2a1f7d11"], "isPublic": False}
    ),
)
async def share(request: Request, service: TheService, user: Caller, module_id: ModuleId) -> Response:
    """Lets users read and execute a module, or takes them off, or makes it public, in one change."""
    change = await read_json(request, Sharing)
    public = change.is_public if "is_public" in change.model_fields_set else None
    return await on_thread(
        lambda: _changed(
            service,
            user,
            service.registry.modules(user).change_sharing(
                module_id, add=change.users, remove=change.remove, public=public
            ),
        )
    )


@router.delete(
    "/{module_id}",
    operation_id="deleteModule",
    summary="Delete a module",
    status_code=204,
    response_class=Response,
    openapi_extra=describes(403, 404),
)
def delete(service: TheService, user: Caller, module_id: ModuleId) -> Response:
    """Deletes one version. Its executions stay in the history."""
    service.registry.modules(user).delete(module_id)
    forget(service, UUID(module_id))
    return Response(status_code=204)


@router.get(
    "/{module_id}/wasm",
    operation_id="getModuleBytes",
    summary="Download a module",
    response_class=Response,
    responses={
        200: {
            "content": {"application/wasm": {"schema": {"type": "string", "format": "binary"}}},
            "headers": {"ETag": {"schema": {"type": "string"}, "description": "The digest."}},
        },
        304: {"description": "The client has it already."},
    },
    openapi_extra=describes(404),
)
def wasm(request: Request, service: TheService, user: Caller, module_id: ModuleId) -> Response:
    """The module's bytes, verified against their digest, to be executed anywhere, such as in a browser."""
    row = service.registry.modules(user).get(module_id)
    headers = {
        "ETag": f'"{row.digest}"',
        "Cache-Control": _UNCHANGING,
        "Vary": "Authorization, Cookie",
        "X-Content-Type-Options": "nosniff",
        "Content-Disposition": f'attachment; filename="{row.module_name}-{row.version}.wasm"',
    }
    if same_etag(request, headers["ETag"]):
        return Response(status_code=304, headers=headers)
    return Response(service.registry.read_wasm(row.digest), headers=headers, media_type="application/wasm")


@router.get(
    "/{module_id}/source",
    operation_id="getModuleSource",
    summary="Read a module's source",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
    openapi_extra=describes(404),
)
def source(service: TheService, user: Caller, module_id: ModuleId) -> Response:
    """The author's Rust; 404 for a module that came without."""
    row = service.registry.modules(user).get(module_id)
    text = service.registry.source(row)
    if text is None:
        raise NotFoundError(
            f"the module {row.module_name}@{row.version} has no source", hint="It was uploaded without one."
        )
    headers = {"X-Content-Type-Options": "nosniff", "Cache-Control": "private, no-cache"}
    return Response(text.encode(), headers=headers, media_type="text/plain; charset=utf-8")


@router.get(
    "/{module_id}/stats",
    operation_id="getModuleStats",
    summary="Get figures of a module's executions",
    response_model=StatsDocument,
    openapi_extra=describes(404),
)
def stats(service: TheService, user: Caller, module_id: ModuleId) -> Response:
    """Over all executions for its owner and admins, over the caller's own for others."""
    row = service.registry.modules(user).get(module_id)
    return answer(stats_document(service.registry.executions(user).stats(row)))


def shown(row: WasmModule, user: User) -> dict[str, Any]:
    """A module as `user` may see it."""
    return module_document(row.to_stored(), full=True, viewer=user)


def check_metadata(metadata: dict[str, Any]) -> None:
    """Refuses metadata that are no remarks any more.

    Raises:
        RequestError: They are too large.
    """
    size = len(to_json(metadata))
    if size > MAX_METADATA_BYTES:
        raise RequestError(
            f"metadata has {size:,} bytes as JSON, at most {MAX_METADATA_BYTES:,} are kept", hint="Store less with it."
        )


def _changed(service: Service, user: User, row: WasmModule) -> Response:
    forget(service, row.id)
    return answer(shown(row, user))


def forget(service: Service, module_id: UUID) -> None:
    """Makes this process ask the registry about a module again before it executes it; others do so within a second."""
    service.executions.rows.forget(module_id)
