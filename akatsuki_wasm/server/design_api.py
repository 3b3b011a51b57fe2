"""``/api/designs``: a sentence becomes a module in the background; what happens is followed as server-sent events."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 - pydantic reads the annotations
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

from fastapi import Depends, Header, Path, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import Field

from akatsuki_wasm.documents import moment
from akatsuki_wasm.errors import ConflictError, NotFoundError, RequestError
from akatsuki_wasm.registry.designs import UNFINISHED
from akatsuki_wasm.registry.service_models import DesignStatus  # noqa: TC001 - FastAPI reads the annotations
from akatsuki_wasm.server.dependencies import Caller, TheService, within_rate
from akatsuki_wasm.server.design_wish import DesignBody, wish_of
from akatsuki_wasm.server.idempotency import Key, Made, answer_once
from akatsuki_wasm.server.json_answers import answer, on_thread
from akatsuki_wasm.server.json_bodies import read_json
from akatsuki_wasm.server.modules_api import Listing
from akatsuki_wasm.server.openapi import describes
from akatsuki_wasm.server.paging import Cursors, page_document
from akatsuki_wasm.server.routing import Router
from akatsuki_wasm.server.schemas import Document

if TYPE_CHECKING:
    from akatsuki_wasm.contracts import User
    from akatsuki_wasm.registry.service_models import DesignJob
    from akatsuki_wasm.server.service import Service

router = Router(prefix="/api/designs", tags=["designs"], dependencies=[Depends(within_rate)])

DesignId = Annotated[str, Path(max_length=200, json_schema_extra={"format": "uuid"})]

_EXAMPLE = {"prompt": "a function margin(price, cost) = (price - cost) / price", "examples": ["margin(80, 60) == 0.25"]}


class DesignDocument(Document):
    """A design that was asked for."""

    id: UUID
    status: DesignStatus
    prompt: str
    request: dict[str, Any] = Field(description="What was asked for beside the prompt; a source by its sha256.")
    cancel_requested: bool
    error: dict[str, Any] | None = Field(description="A problem document, where it failed or was cancelled.")
    module_id: UUID | None = Field(description="What came of it, until that is deleted.")
    generation_id: UUID | None = Field(description="Its record, with all that was asked and answered.")
    owner_id: UUID
    created_at: datetime
    updated_at: datetime = Field(description="When the process that works on it was last heard of, or its end.")


class DesignPage(Document):
    """A page of designs."""

    items: list[DesignDocument]
    next_cursor: str | None


class DesignListing(Listing):
    """Which designs."""

    status: DesignStatus | None = None


def design_document(row: DesignJob) -> dict[str, Any]:
    """A design, as `DesignDocument` describes it."""
    return {
        "id": str(row.id),
        "status": row.status,
        "prompt": row.prompt,
        "request": row.request,
        "cancelRequested": row.cancel_requested,
        "error": row.error,
        "moduleId": None if row.module_id is None else str(row.module_id),
        "generationId": None if row.generation_id is None else str(row.generation_id),
        "ownerId": str(row.owner_id),
        "createdAt": moment(row.created_at, exact=True),
        "updatedAt": moment(row.updated_at, exact=True),
    }


@router.post(
    "",
    operation_id="startDesign",
    summary="Design a module",
    status_code=202,
    response_model=DesignDocument,
    responses={202: {"headers": {"Location": {"schema": {"type": "string"}}}}},
    openapi_extra=describes(403, 404, 409, 413, 422, body=DesignBody, example=_EXAMPLE),
)
async def start(
    request: Request,
    service: TheService,
    user: Caller,
    idempotency_key: Key = None,
) -> Response:
    """Asks for a design. It is worked on in the background; Location says where to look."""
    body = await read_json(request, DesignBody)

    def work() -> Made:
        row = service.designs.submit(user, wish_of(body, service.workspace_of(user)))
        return Made(202, design_document(row), {"Location": f"/api/designs/{row.id}"})

    what = ("POST /api/designs", body.model_dump_json())
    return await on_thread(lambda: answer_once(service.registry, user, idempotency_key, what, work))


@router.get(
    "",
    operation_id="listDesigns",
    summary="List designs",
    response_model=DesignPage,
    openapi_extra=describes(),
)
def list_designs(service: TheService, user: Caller, query: Annotated[DesignListing, Query()]) -> Response:
    """The designs that the caller asked for, the newest first; everybody's for an admin."""
    cursors = Cursors("designs", user, {"status": query.status}, ("time", "id"))
    after: Any = cursors.read(query.cursor)
    rows = service.registry.designs(user).list(limit=query.limit + 1, after=after, status=query.status)
    found = page_document(rows, query.limit, design_document, lambda row: cursors.write(row.created_at, row.id))
    return answer(found)


@router.get(
    "/{design_id}",
    operation_id="getDesign",
    summary="Get a design",
    response_model=DesignDocument,
    openapi_extra=describes(404),
)
def get_design(service: TheService, user: Caller, design_id: DesignId) -> Response:
    """One design."""
    return answer(design_document(service.registry.designs(user).get(_uuid(design_id))))


@router.post(
    "/{design_id}/cancel",
    operation_id="cancelDesign",
    summary="Cancel a design",
    status_code=202,
    response_model=DesignDocument,
    responses={200: {"model": DesignDocument, "description": "It has ended as cancelled."}},
    openapi_extra=describes(404, 409),
)
def cancel(service: TheService, user: Caller, design_id: DesignId) -> Response:
    """Asks for the end of a design, whichever process works on it; again is no error. What is finished stays so."""
    row = service.designs.cancel(user, _uuid(design_id))
    if row.status in ("success", "error"):
        raise ConflictError(
            f"the design is finished already: {row.status}",
            hint="A module that came of it is deleted with DELETE /api/modules/{id}.",
        )
    return answer(design_document(row), 200 if row.status == "cancelled" else 202)


@router.get(
    "/{design_id}/events",
    operation_id="followDesign",
    summary="Follow a design",
    response_class=StreamingResponse,
    responses={
        # Not as a string: tools take the schema for that of each event.
        200: {"content": {"text/event-stream": {"schema": {}}}, "description": "The events."},
        204: {"description": "The reader has all events, and there will be no more."},
    },
    openapi_extra=describes(404),
)
async def follow(
    service: TheService,
    user: Caller,
    design_id: DesignId,
    last_event_id: Annotated[
        str | None,
        Header(description="The number of the last event that came.", json_schema_extra={"pattern": "^[0-9]{1,9}$"}),
    ] = None,
) -> Response:
    """What happens in a design, as server-sent events, from its beginning or behind the event that the reader has."""
    wanted, after = _uuid(design_id), _number(last_event_id)
    service.design_feed.check_room(user)
    if await on_thread(lambda: _has_all(service, user, wanted, after)):
        return Response(status_code=204)  # which tells a browser not to connect again
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    stream = service.design_feed.stream(user, wanted, after)
    return StreamingResponse(stream, headers=headers, media_type="text/event-stream")


def _uuid(design_id: str) -> UUID:
    """The id, or that there is none such."""
    try:
        return UUID(design_id)
    except ValueError:
        raise NotFoundError(
            f"there is no design with the id {design_id}", hint="GET /api/designs lists them."
        ) from None


def _number(last: str | None) -> int:
    """The number of the last event that a reader has.

    Raises:
        RequestError: It is none.
    """
    if not last:
        return 0
    if not (last.isascii() and last.isdigit() and len(last) <= 9):
        raise RequestError(
            f"Last-Event-ID is {last[:40]!r}, expected the number of an event", hint="Leave it out to read all events."
        )
    return int(last)


def _has_all(service: Service, user: User, design_id: UUID, after: int) -> bool:
    """Whether a design is finished, and the reader has its last event.

    Raises:
        NotFoundError: There is no such design, or it is another user's.
    """
    rows = service.registry.designs(user)
    return rows.get(design_id).status not in UNFINISHED and not rows.events(design_id, after=after, limit=1)
