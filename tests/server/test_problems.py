"""Problem documents: statuses of all errors, and nothing of where the service keeps its things."""

from __future__ import annotations

import inspect

import pytest

from akatsuki_wasm import errors
from akatsuki_wasm.server.problems import problem, status_of


@pytest.mark.parametrize(
    ("message", "detail"),
    [
        ("the registry's database /var/lib/app/registry.db failed: the disk is full",) * 2,
        ("the blob sha256/ab/abcd is missing from file:///srv/app/blobs",) * 2,
        ("the registry's database postgresql+psycopg://app:***@db.internal/x?host=/run/pg failed: gone",) * 2,
    ],
)
def test_what_is_wrong_inside_is_told_without_places(message: str, detail: str) -> None:
    document = problem(errors.StorageError(message, hint="Make /srv/app/blobs writable."))
    text = f"{document['detail']} {document['hint']}"
    assert "/srv" not in text
    assert "/var" not in text
    assert "internal" not in text
    assert "app" not in text
    assert document["status"] == 503
    assert document["detail"].startswith(detail[:8])


def test_every_error_has_a_status_of_its_own_choice() -> None:
    known = [each for each in vars(errors).values() if inspect.isclass(each) and issubclass(each, errors.AkatsukiError)]
    roots = {errors.AkatsukiError, errors.LockError, errors.NotebookError}  # never the answer to a request
    assert [each.__name__ for each in known if each not in roots and status_of(each.__new__(each)) == 500] == []
