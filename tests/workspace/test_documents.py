"""The documents of modules: all of a module goes there and back, and what is not for everybody is not shown to all."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from akatsuki_wasm import wit
from akatsuki_wasm.contracts import OWNER_TYPES, Function, Manifest, Parameter, StoredModule, User
from akatsuki_wasm.documents import module_document, module_from_document, moment, parse_moment
from akatsuki_wasm.errors import ServerUnreachableError
from akatsuki_wasm.registry import policy
from akatsuki_wasm.registry.policy import OPERATIONS

MANIFEST = Manifest(
    (
        Function(
            "margin",
            (Parameter("price", wit.F64, "What is paid.", 0.0, 10.0, 1.5), Parameter("label", wit.Option(wit.STRING))),
            wit.Result(wit.Record("point", (("x", wit.F64), ("y", wit.List(wit.U8))))),
            "The margin.",
            "margin",
            "akatsuki:batch/margin",
        ),
    ),
    "Margins.",
    build={"rustc": "1.96", "flags": ["-O"]},
)
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
objects = st.dictionaries(st.text(), json_values, max_size=3)
times = st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=9))]))
users = st.builds(User, st.uuids(), st.just("somebody"), st.booleans())
modules = st.builds(
    StoredModule,
    id=st.uuids(),
    name=st.from_regex(r"[a-z0-9][a-z0-9-]{0,62}", fullmatch=True),
    version=st.sampled_from(["1.0.0", "2.1.0-rc.1+build"]),
    digest=st.from_regex("[0-9a-f]{64}", fullmatch=True),
    owner_id=st.uuids(),
    owner_type=st.sampled_from(OWNER_TYPES),
    status=st.sampled_from(["uploading", "active", "disabled", "error"]),
    description=st.text(),
    manifest=st.just(MANIFEST),
    provenance=objects,
    size=st.integers(1, 2**40),
    is_public=st.booleans(),
    allowed_users=st.lists(st.uuids(), max_size=3, unique=True).map(tuple),
    timeout_ms=st.integers(100, 30_000),
    max_execution_time_ms=st.integers(100, 30_000),
    max_memory_pages=st.integers(0, 65_536),
    created_at=times,
    updated_at=times,
    metadata=objects,
)


@given(modules)
def test_a_full_document_has_all_of_a_module(stored: StoredModule) -> None:
    sent = json.dumps(module_document(stored, full=True), allow_nan=False)
    assert module_from_document(json.loads(sent)) == stored


@given(modules, users, st.booleans(), st.booleans())
def test_who_reads_it_is_told_what_he_may_know(stored: StoredModule, viewer: User, own: bool, shared: bool) -> None:
    if own:
        stored = replace(stored, owner_id=viewer.id)
    if shared:
        stored = replace(stored, allowed_users=(*stored.allowed_users, viewer.id))
    shown = module_from_document(module_document(stored, full=True, viewer=viewer))
    told = own or viewer.is_admin
    assert shown.allowed_users == (stored.allowed_users if told else (viewer.id,) if shared else ())
    assert replace(shown, allowed_users=stored.allowed_users) == stored
    for operation in OPERATIONS:  # whatever is left out, he can still tell what he may do
        assert policy.allows(viewer, operation, shown) == policy.allows(viewer, operation, stored)


@given(modules)
def test_a_short_document_is_what_json_prints(stored: StoredModule) -> None:
    short, full = module_document(stored), module_document(stored, full=True)
    assert full.keys() - short.keys() == {
        "isPublic",
        "maxExecutionTimeMs",
        "maxMemoryPages",
        "manifest",
        "provenance",
        "metadata",
    }
    assert short.keys() - full.keys() == {"public"}
    assert len(short["createdAt"]) == len("2026-01-31T12:00:00Z")


@given(st.datetimes() | times)
def test_times_go_there_and_back(when: datetime) -> None:
    aware = when if when.tzinfo else when.replace(tzinfo=UTC)
    assert parse_moment(moment(when, exact=True)) == aware
    assert timedelta() <= aware - parse_moment(moment(when)) < timedelta(seconds=1)


def one() -> dict[str, Any]:
    now = datetime.now(UTC)
    user = uuid4()
    stored = StoredModule(
        user, "m", "1.0.0", "0" * 64, user, "user", "active", "", MANIFEST, {}, 1, False, (), 100, 100, 1, now, now
    )
    return module_document(stored, full=True)


@pytest.mark.parametrize(
    "change",
    [
        {"id": "x"},
        {"id": 3},
        {"manifest": {}},
        {"manifest": None},
        {"allowedUsers": ["x"]},
        {"allowedUsers": None},
        {"createdAt": "yesterday"},
        {"createdAt": None},
        {"size": "much"},
        {"metadata": 3},
        {"provenance": [1]},
    ],
)
def test_what_is_no_module_is_one_error(change: dict[str, Any]) -> None:
    with pytest.raises(ServerUnreachableError) as caught:
        module_from_document({**one(), **change})
    assert "\n" not in str(caught.value)
    for name in change:
        with pytest.raises(ServerUnreachableError):
            module_from_document({key: value for key, value in one().items() if key != name})
