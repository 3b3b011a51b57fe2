"""The OpenAPI document is valid, complete and true, and the reference page is in step with it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema_rs
import pytest
from fastapi.routing import APIRoute
from openapi_spec_validator import OpenAPIV31SpecValidator

from akatsuki_wasm.server.executor_api import PATH

from .api_kit import SOURCE, parts, upload
from .server_kit import ADA, BOB

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .server_kit import Running

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "http-api.md"
HIDDEN = {"/", "/openapi.json"}
"""The page of a browser, and the document itself."""


@pytest.fixture(scope="module")
def document(one_service: Running) -> dict[str, Any]:
    with one_service.client() as client:
        found: dict[str, Any] = client.get("/openapi.json").json()
    return found


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def check(document: dict[str, Any], schema: dict[str, Any], value: Any) -> None:
    """Holds a value against a schema of the document; what is wrong is one line."""
    whole = {**schema, "components": document["components"]}
    errors = jsonschema_rs.Draft202012Validator(whole, validate_formats=True).iter_errors(value)
    assert [f"{each.instance_path}: {each.message[:300]}" for each in errors] == []


def test_it_is_valid(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    OpenAPIV31SpecValidator(document).validate()


def test_it_has_every_endpoint(one_service: Running, document: dict[str, Any]) -> None:
    from akatsuki_wasm.server.app import create_app

    app = create_app(lambda: one_service.service)
    routes = {
        (method, route.path)
        for route in _routes(app.routes)
        for method in (route.methods or set()) - {"HEAD"}
        if route.path not in HIDDEN
    }
    assert routes == {(method, path) for method, path, _ in operations(document)}
    assert len(routes) > 20


def _routes(routes: list[Any]) -> Iterator[APIRoute]:
    for route in routes:
        if isinstance(route, APIRoute):
            yield route
        else:
            yield from _routes(getattr(getattr(route, "original_router", None), "routes", []))


def test_every_operation_says_what_it_does_and_how_it_fails(document: dict[str, Any]) -> None:
    names = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(set(names)) == len(names)
    tags = {tag["name"] for tag in document["tags"]}
    for method, path, operation in operations(document):
        where = f"{method} {path}"
        assert operation["summary"], where
        assert operation["description"], where
        assert set(operation["tags"]) <= tags, where
        assert re.fullmatch("[a-zA-Z]+", operation["operationId"]), where
        assert not any(key.startswith("x-") for key in operation), where
        for status, response in operation["responses"].items():
            if int(status) >= 400:
                assert response == {"$ref": f"#/components/responses/Problem{status}"}, where
        if operation.get("security"):
            assert {"401", "503"} <= operation["responses"].keys(), where
    for name, response in document["components"]["responses"].items():
        assert response["description"]
        assert list(response["content"]) == ["application/problem+json"], name


def test_only_health_and_signing_in_need_no_token(document: dict[str, Any]) -> None:
    public = {path for _, path, operation in operations(document) if not operation.get("security")}
    assert public == {"/healthz", "/readyz", "/api/session"}


def test_examples_are_what_they_are_examples_of(document: dict[str, Any]) -> None:
    count = 0
    for schema in document["components"]["schemas"].values():
        for example in schema.get("examples", ()):
            check(document, schema, example)
            assert example.keys() <= schema["properties"].keys()
            count += 1
    for _, _, operation in operations(document):
        for media in operation.get("requestBody", {}).get("content", {}).values():
            for example in [
                *([media["example"]] if "example" in media else []),
                *(each["value"] for each in media.get("examples", {}).values()),
            ]:
                check(document, media["schema"], example)
                count += 1
        for parameter in operation.get("parameters", ()):
            for example in parameter["schema"].get("examples", ()):
                check(document, parameter["schema"], example)
    assert count >= 9


def test_answers_are_as_described_with_nothing_beside(service: Running, document: dict[str, Any]) -> None:
    service.service.registry.generations(BOB).record("a prompt", generator="offline", status="error", seconds=1.0)
    with service.client(BOB) as client, service.client(ADA) as admin:
        module = upload(client, metadata={"a": 1})["id"]
        client.post(PATH, json={"moduleId": module, "functionName": "add", "args": [1]})
        generation = client.get("/api/generations").json()["items"][0]["id"]
        answers = {
            "uploadModule": client.post("/api/modules", files=parts(source=SOURCE)),
            "listModules": client.get("/api/modules"),
            "getModule": client.get(f"/api/modules/{module}"),
            "getModuleStats": client.get(f"/api/modules/{module}/stats"),
            "listExecutions": client.get("/api/executions"),
            "listGenerations": client.get("/api/generations"),
            "getGeneration": client.get(f"/api/generations/{generation}"),
            "getCache": admin.get("/api/cache"),
            "health": client.get("/healthz"),
        }
    found = {operation["operationId"]: operation for _, _, operation in operations(document)}
    for name, response in answers.items():
        schema = found[name]["responses"][str(response.status_code)]["content"]["application/json"]["schema"]
        check(document, _closed(schema, document), response.json())


def _closed(schema: dict[str, Any], document: dict[str, Any]) -> dict[str, Any]:
    """The schema with nothing allowed that it does not name, references written out."""
    if "$ref" in schema:
        return _closed(document["components"]["schemas"][schema["$ref"].rpartition("/")[2]], document)
    found = dict(schema)
    if "properties" in found:
        found["properties"] = {name: _closed(each, document) for name, each in found["properties"].items()}
        found.setdefault("additionalProperties", False)
    if "items" in found:
        found["items"] = _closed(found["items"], document)
    return found


def test_it_is_sent_once(one_service: Running) -> None:
    with one_service.client() as client:
        first = client.get("/openapi.json")
        again = client.get("/openapi.json", headers={"If-None-Match": first.headers["etag"]})
        assert first.content == client.get("/openapi.json").content
    assert first.headers["content-type"] == "application/json"
    assert (again.status_code, again.content) == (304, b"")


def test_the_reference_page_has_every_endpoint(document: dict[str, Any]) -> None:
    rows = re.findall(r"^\| `([A-Z]+) (/\S*)` \| (.+?) \|", PAGE.read_text("utf-8"), flags=re.MULTILINE)
    assert {(method, path): text for method, path, text in rows} == {
        (method, path): operation["summary"] for method, path, operation in operations(document)
    }


def test_the_reference_page_has_every_problem(document: dict[str, Any]) -> None:
    statuses = set(re.findall(r"^\| (\d{3}) \|", PAGE.read_text("utf-8"), flags=re.MULTILINE))
    assert statuses == {name.removeprefix("Problem") for name in document["components"]["responses"]} | {"500"}
    assert json.dumps(document)
