"""Endpoints of the history: executions, and generations."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import Depends, Path, Query, Response
from pydantic import Field

from akatsuki_wasm.documents import execution_document, generation_document, whole_generation_document
from akatsuki_wasm.registry.models import ExecutionStatus, GenerationStatus  # noqa: TC001 - pydantic reads the annotations
from akatsuki_wasm.server.dependencies import Caller, TheService, within_rate
from akatsuki_wasm.server.json_answers import answer
from akatsuki_wasm.server.modules_api import Listing
from akatsuki_wasm.server.openapi import describes
from akatsuki_wasm.server.paging import Cursors, page_document
from akatsuki_wasm.server.routing import Router
from akatsuki_wasm.server.schemas import ExecutionPage, GenerationPage, WholeGenerationDocument

router = Router(prefix="/api", tags=["history"], dependencies=[Depends(within_rate)])

Reference = Annotated[str, Field(min_length=1, max_length=200, pattern="^[^\\x00]+$")]


class ExecutionListing(Listing):
    """Which executions."""

    module: Reference | None = Field(default=None, description="`NAME`, `NAME@VERSION` or an id.")
    own: Literal["true", "false"] = Field(
        default="false", description="Whether an admin sees his own alone; other users see no others anyway."
    )
    status: ExecutionStatus | None = None


class GenerationListing(Listing):
    """Which generations."""

    text: str = Field(
        default="", max_length=1_000, pattern="^[^\\x00]*$", description="Only those that have it somewhere."
    )
    status: GenerationStatus | None = None


@router.get(
    "/executions",
    operation_id="listExecutions",
    summary="List executions",
    response_model=ExecutionPage,
    openapi_extra=describes(404, 409),
)
def list_executions(service: TheService, user: Caller, query: Annotated[ExecutionListing, Query()]) -> Response:
    """Executions that the caller may see, the newest first: his own, all for an admin."""
    filters = query.model_dump(exclude={"limit", "cursor"})
    cursors = Cursors("executions", user, filters, ("time", "id"))
    after: Any = cursors.read(query.cursor)
    repository = service.registry.executions(user)
    own = query.own == "true"
    wanted: dict[str, Any] = {"limit": query.limit + 1, "status": query.status, "after": after}
    if query.module is not None:
        rows = repository.list_by_module(service.registry.modules(user).find(query.module), own=own, **wanted)
    else:
        rows = repository.list_own(**wanted) if own else repository.list_recent(**wanted)
    found = page_document(rows, query.limit, execution_document, lambda row: cursors.write(row.executed_at, row.id))
    return answer(found)


@router.get(
    "/generations",
    operation_id="listGenerations",
    summary="List generations",
    response_model=GenerationPage,
    openapi_extra=describes(),
)
def list_generations(service: TheService, user: Caller, query: Annotated[GenerationListing, Query()]) -> Response:
    """What became of prompts, the newest first: the caller's own, everybody's for an admin."""
    filters = query.model_dump(exclude={"limit", "cursor"})
    cursors = Cursors("generations", user, filters, ("time", "id"))
    after: Any = cursors.read(query.cursor)
    repository = service.registry.generations(user)
    limit, status = query.limit + 1, query.status
    rows = (
        repository.search(query.text, limit=limit, status=status, after=after)
        if query.text
        else repository.list(limit=limit, status=status, after=after)
    )
    found = page_document(rows, query.limit, generation_document, lambda row: cursors.write(row.created_at, row.id))
    return answer(found)


@router.get(
    "/generations/{generation_id}",
    operation_id="getGeneration",
    summary="Get a generation",
    response_model=WholeGenerationDocument,
    openapi_extra=describes(404),
)
def get_generation(
    service: TheService,
    user: Caller,
    generation_id: Annotated[str, Path(max_length=200, description="Its id, or the first characters of it.")],
) -> Response:
    """One generation with all that was asked and answered."""
    return answer(whole_generation_document(service.registry.generations(user).get(generation_id)))
