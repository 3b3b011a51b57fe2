"""The OpenAPI 3.1 document: what FastAPI finds in the endpoints, with what it cannot see there.

FastAPI documents 422 answers that the service never gives, and knows nothing of problems, of bodies that are read by
hand, and of the token. An endpoint says these with `describes`; `document` puts them into place.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from fastapi import Request, Response
from fastapi.openapi.utils import get_openapi

from akatsuki_wasm import __version__
from akatsuki_wasm.server import problems
from akatsuki_wasm.server.routing import Router
from akatsuki_wasm.server.schema_examples import EXAMPLES
from akatsuki_wasm.server.schemas import Problem

if TYPE_CHECKING:
    from fastapi import FastAPI
    from pydantic import BaseModel

router = Router()

_REFS = "#/components/schemas/{model}"
_METHODS = ("get", "put", "post", "delete", "patch")
_STATUSES: dict[int, str] = {
    400: "The request is malformed: its body, a header or a parameter.",
    401: "There is no token, or one that is not accepted.",
    403: "The user may not do this with what he may see.",
    404: "There is none, or the user may not know that there is one: the same answer.",
    406: "The result cannot be sent as the header Accept asks.",
    409: "The name or version is taken, the reference is ambiguous, or the key belongs to another request.",
    413: "The body, or a part of it, is too large.",
    415: "The body is of a type that is not taken.",
    422: "The module or the arguments do not do.",
    429: "The user has used up what they may use for now.",
    503: "The service, or what it stands on, is not there, has too much to do, or is about to stop.",
    504: "The execution or the build took longer than it may.",
}
_ALWAYS = (400, 401, 429, 503)
"""Every endpoint that wants a token may answer so."""
_TAGS = {
    "executor": "Executes functions of modules.",
    "modules": "Stores, finds, changes and shares modules.",
    "designs": "Makes modules from sentences.",
    "history": "What was executed and designed.",
    "identity": "Who asks.",
    "service": "For those who run the service.",
}
_DESCRIPTION = """\
Stores, finds, shares and executes WebAssembly modules, and designs them from sentences.

Every endpoint wants a bearer token but those of health and this document. What is no success is an RFC 9457 problem
with a stable `code`. Lists come in pages: send `nextCursor` as `cursor` for the next one.
"""


def describes(
    *statuses: int,
    body: type[BaseModel] | dict[str, Any] | None = None,
    example: Any = None,
    public: bool = False,
    optional: bool = False,
) -> dict[str, Any]:
    """What goes into an endpoint's ``openapi_extra``.

    Args:
        statuses: Of problems that it may answer, beside those that every endpoint has.
        body: The JSON that it reads, or a whole ``content`` object for another kind of body.
        example: Of the JSON body.
        public: Whether it takes no token.
        optional: Whether a token is wanted of some callers alone.
    """
    extra: dict[str, Any] = {"x-problems": sorted({*statuses, *(() if public else _ALWAYS)}), "x-public": public}
    if optional:
        extra["security"] = [{"bearer": []}, {}]
    if body is not None:
        extra["requestBody"] = {"required": True, "content": _content(body, example)}
    return extra


def _content(body: type[BaseModel] | dict[str, Any], example: Any) -> dict[str, Any]:
    if isinstance(body, dict):
        return body
    media: dict[str, Any] = {"schema": body.model_json_schema(ref_template=_REFS)}
    if example is not None:
        media["example"] = example
    return {"application/json": media}


def document(app: FastAPI) -> dict[str, Any]:
    """The whole document of an application."""
    found: dict[str, Any] = get_openapi(
        title="akatsuki_wasm",
        version=__version__,
        description=_DESCRIPTION,
        routes=app.routes,
        tags=[{"name": name, "description": text} for name, text in _TAGS.items()],
    )
    components = found.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    schemas["Problem"] = Problem.model_json_schema(ref_template=_REFS)
    for name, example in EXAMPLES.items():  # put in here: FastAPI takes nulls out of those that it finds itself
        if name in schemas:
            schemas[name]["examples"] = [example]
    components["responses"] = {f"Problem{status}": _response(status) for status in _STATUSES}
    components["securitySchemes"] = {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}}
    for methods in found["paths"].values():
        for method in _METHODS:
            if method in methods:
                _complete(methods[method])
    return found


def _complete(operation: dict[str, Any]) -> None:
    """Takes out what is not so, and puts in what `describes` said."""
    responses = operation["responses"]
    if "HTTPValidationError" in json.dumps(responses.get("422", {})):
        del responses["422"]
    for parameter in operation.get("parameters", ()):
        # What is left out is not null: a header or a query has no such thing.
        kinds = parameter["schema"].pop("anyOf", ({}, {"type": "null"}))
        (kind,) = (each for each in kinds if each != {"type": "null"})
        parameter["schema"] = {**kind, **parameter["schema"]}
    public = operation.pop("x-public", False)
    for status in operation.pop("x-problems", () if public else _STATUSES):
        responses.setdefault(str(status), {"$ref": f"#/components/responses/Problem{status}"})
    if not public:
        operation.setdefault("security", [{"bearer": []}])


def _response(status: int) -> dict[str, Any]:
    headers: dict[str, Any] = {}
    if status == 401:
        headers["WWW-Authenticate"] = {"schema": {"type": "string"}}
    if status in (429, 503):
        headers["Retry-After"] = {"schema": {"type": "integer", "minimum": 1}, "description": "Seconds."}
    return {
        "description": _STATUSES[status],
        "content": {problems.MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        **({"headers": headers} if headers else {}),
    }


class Served:
    """The document as it is sent: written once for an application.

    Args:
        app: Whose routes do not change any more.
    """

    def __init__(self, app: FastAPI) -> None:
        self.body = json.dumps(document(app), ensure_ascii=False).encode()
        self.etag = f'"{hashlib.sha256(self.body).hexdigest()[:32]}"'


@router.get("/openapi.json", include_in_schema=False)
async def openapi(request: Request) -> Response:
    """The OpenAPI document."""
    app: FastAPI = request.app
    served: Served | None = getattr(app.state, "openapi", None)
    if served is None:
        served = app.state.openapi = Served(app)
    if same_etag(request, served.etag):
        return Response(status_code=304, headers={"ETag": served.etag})
    return Response(
        served.body, headers={"ETag": served.etag, "Cache-Control": "no-cache"}, media_type="application/json"
    )


def same_etag(request: Request, etag: str) -> bool:
    """Whether the client has what is asked for already (RFC 9110, 13.1.2)."""
    wanted = request.headers.get("if-none-match", "")
    return wanted.strip() == "*" or etag in {each.strip().removeprefix("W/") for each in wanted.split(",")}
