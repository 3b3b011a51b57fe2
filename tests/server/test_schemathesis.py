"""All that the OpenAPI document allows, and much that it does not, is asked: no 500, no answer beside the document.

schemathesis makes the requests; its own pytest plugin is not used, so that each operation is a test and examples have
the modules of a registry that is alive. Nothing is excluded. Generators are blocked: a design begins, and fails at
once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import hypothesis
import pytest
import schemathesis
from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.config import SchemathesisConfig
from schemathesis.config._checks import NegativeDataRejectionConfig, PositiveDataAcceptanceConfig

from akatsuki_wasm.server import openapi
from akatsuki_wasm.server.app import create_app
from akatsuki_wasm.server.executor_api import PATH

from .api_kit import SOURCE, adding, store
from .server_kit import ADA, BOB, EVE, running, token_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from akatsuki_wasm.contracts import User
    from akatsuki_wasm.server.service import Service

    from .server_kit import Running

EXAMPLES = 6
PLUGINS = ("offline", "openai", "manual")


def _no_service() -> Service:
    raise AssertionError("the document is made without a service")


DOCUMENT = openapi.document(create_app(_no_service))
OPERATIONS = [(method, path) for path, methods in DOCUMENT["paths"].items() for method in methods]


@pytest.fixture(scope="module")
def full_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """With modules of everybody, executions and generations, and as many as may be deleted on the way."""
    folder = tmp_path_factory.mktemp("registry")
    with running(data_dir=folder, user_rate=None, block_plugins=PLUGINS) as found:
        registry = found.service.registry
        for number, user in enumerate((ADA, BOB, EVE) * 8):
            stored = store(found, user, f"m-{number}", number, is_public=number % 4 == 0, source=SOURCE)
            registry.executions(user).record(stored, "add", status="success", execution_time_ms=1.0)
            registry.generations(user).record("a prompt", generator="offline", status="success", seconds=1.0)
        yield found


def known(service: Running) -> list[str]:
    """Ids that mean something, and one that means nothing."""
    registry = service.service.registry
    found: list[UUID] = [row.id for row in registry.modules(ADA).list_all()]
    found += [row.id for row in registry.generations(ADA).list()]
    return [*map(str, found), str(uuid4())]


def requests() -> Iterator[Any]:
    for method, path in OPERATIONS:
        operation = DOCUMENT["paths"][path][method]
        for user in (BOB, ADA):
            for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
                wrong = (
                    operation.get("parameters")
                    or "requestBody" in operation
                    or operation.get("security") == [{"bearer": []}]
                )
                if mode is GenerationMode.POSITIVE or wrong:  # else nothing about a request could be wrong
                    yield pytest.param(method, path, user, mode, id=f"{method} {path}-{user.name}-{mode.name.lower()}")


def make_meaningful(case: schemathesis.Case[Any], module: str) -> None:
    """Makes valid what no schema can say: which ids and cursors there are, and what of a request goes together."""
    case.path_parameters = dict.fromkeys(case.path_parameters or {}, module)
    (case.query or {}).pop("cursor", None)
    if case.path == "/api/designs" and isinstance(case.body, dict):
        case.body = {name: value for name, value in case.body.items() if name not in ("maxRepairs", "base", "source")}
    if case.path == PATH and case.media_type != "application/json":
        case.query = {**(case.query or {}), "moduleId": module, "functionName": "add", "args": "[1]"}
        if isinstance(case.body, dict):
            case.body = {"request": case.body["request"]}


schemathesis.openapi.media_type("application/wasm", st.integers(0, 1000).map(adding))
_ACCEPTED = [*PositiveDataAcceptanceConfig().expected_statuses, "422"]  # of a module or arguments, whose schema is none
_REFUSED = [*NegativeDataRejectionConfig().expected_statuses, "413"]  # what is too large, before it is looked at
_CONFIG = SchemathesisConfig.from_dict(
    {
        # NUL is no character of a text in PostgreSQL, and is refused; a pattern cannot say so of every text in JSON.
        "generation": {"allow-x00": False},
        "checks": {
            "positive_data_acceptance": {"expected-statuses": _ACCEPTED},
            "negative_data_rejection": {"expected-statuses": _REFUSED},
        },
    }
)


@pytest.mark.parametrize(("method", "path", "user", "mode"), list(requests()))
def test_operation(full_service: Running, method: str, path: str, user: User, mode: GenerationMode) -> None:
    operation = schemathesis.openapi.from_dict(DOCUMENT, config=_CONFIG)[path][method]
    headers = {"Authorization": f"Bearer {token_of(user)}"}

    @hypothesis.settings(
        max_examples=EXAMPLES, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
    )
    @given(case=operation.as_strategy(generation_mode=mode), module=st.sampled_from(known(full_service)))
    def ask(case: schemathesis.Case[Any], module: str) -> None:
        if mode is GenerationMode.POSITIVE:
            make_meaningful(case, module)
        case.call_and_validate(base_url=full_service.url, headers=headers)

    ask()
