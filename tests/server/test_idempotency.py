"""`Idempotency-Key`: a request that is sent twice is done once, in whichever process; a killed one is done again."""

from __future__ import annotations

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from sqlalchemy import select, update

from akatsuki_wasm.errors import ConflictError, RequestError, UploadError
from akatsuki_wasm.registry.acting import UPKEEP
from akatsuki_wasm.registry.models import now
from akatsuki_wasm.registry.service_models import IdempotencyKey
from akatsuki_wasm.server.idempotency import CLAIM_SECONDS, KEPT, Made, answer_once, prune
from akatsuki_wasm.server.retention import Retention

from .api_kit import adding, parts
from .server_kit import ADA, BOB, EVE, is_problem, running

if TYPE_CHECKING:
    from pathlib import Path

    from akatsuki_wasm.registry import Registry

    from .server_kit import Running


def modules(service: Running) -> int:
    return len(service.service.registry.modules(ADA).list_all())


def test_an_upload_that_is_sent_again_is_stored_once(service: Running) -> None:
    key = {"Idempotency-Key": str(uuid4())}
    with service.client(BOB) as client:
        first = client.post("/api/modules", files=parts(), headers=key)
        assert "idempotent-replay" not in first.headers
        # The form's boundary is another one each time; it is the contents that count.
        again = client.post("/api/modules", files=parts(), headers=key)
        assert first.headers["content-type"] != again.request.headers["content-type"]
        assert (again.status_code, again.json()) == (201, first.json())
        assert again.headers["idempotent-replay"] == "true"
        assert again.headers["location"] == first.headers["location"]
        assert modules(service) == 1
        for other in (parts(adding(2)), parts(description="other"), parts(source="fn main() {}\n")):
            document = is_problem(client.post("/api/modules", files=other, headers=key), 409, "conflict")
            assert "another request" in document["detail"]
        assert modules(service) == 1
        client.post("/api/modules", files=parts(), headers={"Idempotency-Key": str(uuid4())})
        assert modules(service) == 2


def test_keys_are_each_users_own(service: Running) -> None:
    key = {"Idempotency-Key": "the same"}
    with service.client(BOB) as client:
        is_problem(client.post("/api/modules", files=parts(), headers=key), 400, "bad-request")
    key = {"Idempotency-Key": "the-same"}
    for user in (BOB, EVE):
        with service.client(user) as client:
            response = client.post("/api/modules", files=parts(), headers=key)
            assert response.status_code == 201
            assert response.json()["ownerId"] == str(user.id)


@pytest.mark.parametrize("key", ["", "a b", "x" * 256, "é", "tab\there"])
def test_keys_have_a_form(one_service: Running, key: str) -> None:
    with one_service.client(BOB) as client:
        response = client.post("/api/modules", files=parts(), headers=[(b"Idempotency-Key", key.encode())])
        is_problem(response, 400, "bad-request")
    assert modules(one_service) == 0


def test_a_failed_request_gives_its_key_back(service: Running) -> None:
    key = {"Idempotency-Key": "k"}
    with service.client(BOB) as client:
        is_problem(client.post("/api/modules", files=parts(b"\0asm"), headers=key), 422, "invalid-module")
        assert client.post("/api/modules", files=parts(), headers=key).status_code == 201


def test_many_at_once_in_two_processes_make_one(tmp_path: Path) -> None:
    # Two services on one registry, as two processes would have it: all they share is the database.
    with running(data_dir=tmp_path) as one, running(data_dir=tmp_path) as two:
        clients = [each.client(BOB) for each in (one, two, one, two)]
        barrier = threading.Barrier(len(clients))

        def send(number: int) -> tuple[int, str]:
            barrier.wait()
            response = clients[number].post("/api/modules", files=parts(), headers={"Idempotency-Key": "k"})
            return response.status_code, response.headers.get("retry-after", "")

        with ThreadPoolExecutor(len(clients)) as pool:
            found = sorted(pool.map(send, range(len(clients))))
        assert modules(one) == 1
        assert found[0][0] == 201
        # Beside the first: its answer again, a conflict that says when to ask again, or a third upload of one user.
        assert {status for status, _ in found} <= {201, 409, 429}
        assert all(after == "1" for status, after in found if status == 409)
        assert clients[0].post("/api/modules", files=parts(), headers={"Idempotency-Key": "k"}).status_code == 201
        for client in clients:
            client.close()
        assert modules(two) == 1


# ---------------------------------------------------------------- beneath HTTP


@pytest.fixture
def registry(service: Running) -> Registry:
    return service.service.registry


def made(document: object = "made") -> Made:
    return Made(201, document)


def refuse() -> Made:
    raise AssertionError("it was made twice")


def age(registry: Registry, by: timedelta) -> None:
    with registry.database.write(UPKEEP) as session:
        session.execute(update(IdempotencyKey).values(created_at=now() - by))


def test_while_the_first_works_the_second_waits_for_its_turn(registry: Registry) -> None:
    seen = []

    def work() -> Made:
        busy = answer_once(registry, BOB, "k", ["r"], refuse)
        seen.append((busy.status_code, busy.headers["retry-after"]))
        with pytest.raises(ConflictError, match="another request"):
            answer_once(registry, BOB, "k", ["s"], refuse)
        return made()

    assert answer_once(registry, BOB, "k", ["r"], work).body == b'"made"'
    assert seen == [(409, "1")]
    assert answer_once(registry, BOB, "k", ["r"], refuse).body == b'"made"'


_DIE = """
import os, sys
from uuid import UUID
from akatsuki_wasm.contracts import User
from akatsuki_wasm.registry import Registry
from akatsuki_wasm.server.idempotency import answer_once
registry = Registry.open(sys.argv[1], sys.argv[2])
answer_once(registry, User(UUID(sys.argv[3]), "bob"), "k", ["r"], lambda: os.kill(os.getpid(), 9))
"""


def test_a_killed_request_is_taken_over_in_time(registry: Registry) -> None:
    folder = registry.blobs.folder
    assert folder is not None
    arguments = [str(registry.database.url), folder.as_uri(), str(BOB.id)]
    assert subprocess.run([sys.executable, "-c", _DIE, *arguments], check=False).returncode == -9
    assert answer_once(registry, BOB, "k", ["r"], refuse).status_code == 409
    age(registry, timedelta(seconds=CLAIM_SECONDS + 1))
    with pytest.raises(ConflictError):  # as an answered one, it is only for the same request
        answer_once(registry, BOB, "k", ["other"], refuse)
    assert answer_once(registry, BOB, "k", ["r"], lambda: made("anew")).body == b'"anew"'
    assert answer_once(registry, BOB, "k", ["r"], refuse).body == b'"anew"'


def test_who_was_only_slow_does_not_overwrite_who_took_over(registry: Registry) -> None:
    def slow() -> Made:
        age(registry, timedelta(seconds=CLAIM_SECONDS + 1))
        assert answer_once(registry, BOB, "k", ["r"], lambda: made("second")).body == b'"second"'
        return made("first")

    assert answer_once(registry, BOB, "k", ["r"], slow).body == b'"first"'
    assert answer_once(registry, BOB, "k", ["r"], refuse).body == b'"second"'


def test_a_slow_failure_does_not_release_the_key_of_who_took_over(registry: Registry) -> None:
    def slow() -> Made:
        age(registry, timedelta(seconds=CLAIM_SECONDS + 1))
        answer_once(registry, BOB, "k", ["r"], lambda: made("second"))
        raise UploadError("too late")

    with pytest.raises(UploadError):
        answer_once(registry, BOB, "k", ["r"], slow)
    assert answer_once(registry, BOB, "k", ["r"], refuse).body == b'"second"'


def test_any_failure_gives_the_key_back(registry: Registry) -> None:
    for error in (UploadError("no"), ValueError("defect"), KeyboardInterrupt()):

        def fail(error: BaseException = error) -> Made:
            raise error

        with pytest.raises(type(error)):
            answer_once(registry, BOB, "k", ["r"], fail)
    assert answer_once(registry, BOB, "k", ["r"], made).status_code == 201


def test_keys_are_forgotten_after_a_day(registry: Registry) -> None:
    answer_once(registry, BOB, "k", ["r"], made)
    age(registry, KEPT + timedelta(seconds=1))
    assert answer_once(registry, BOB, "k", ["other"], lambda: made("other")).body == b'"other"'
    answer_once(registry, BOB, "l", ["r"], made)
    assert prune(registry, UPKEEP) == 0
    age(registry, KEPT + timedelta(seconds=1))
    assert prune(registry, UPKEEP) == 2
    answer_once(registry, BOB, "m", ["r"], made)
    age(registry, KEPT + timedelta(seconds=1))
    Retention(registry, None).remove()
    with registry.database.read(UPKEEP) as session:
        assert session.scalars(select(IdempotencyKey)).all() == []


def test_parts_of_a_request_are_not_run_together(registry: Registry) -> None:
    answer_once(registry, BOB, "k", ["ab", "c"], made)
    with pytest.raises(ConflictError):
        answer_once(registry, BOB, "k", ["a", "bc"], refuse)
    assert answer_once(registry, BOB, "k", [b"ab", b"c"], refuse).status_code == 201


def test_without_a_key_nothing_is_kept(registry: Registry) -> None:
    for _ in range(2):
        assert answer_once(registry, BOB, None, ["r"], made).status_code == 201
    with registry.database.read(UPKEEP) as session:
        assert session.scalars(select(IdempotencyKey)).all() == []
    with pytest.raises(RequestError):
        answer_once(registry, BOB, "", ["r"], refuse)
