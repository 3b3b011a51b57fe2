"""One S3 server for all tests of a process, and a bucket for each test."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

import pytest

from .s3_kit import S3Server, s3_server

if TYPE_CHECKING:
    from collections.abc import Iterator

_numbers = count(1)


@pytest.fixture(scope="session")
def shared_s3() -> Iterator[S3Server]:
    with s3_server() as server:
        yield server


@pytest.fixture
def s3(shared_s3: S3Server) -> Iterator[S3Server]:
    """A running S3 server; the environment has its endpoint and credentials."""
    with shared_s3.environment():
        yield shared_s3


@pytest.fixture
def own_s3() -> Iterator[S3Server]:
    """A server that the test may stop and kill."""
    with s3_server() as server, server.environment():
        yield server


@pytest.fixture
def bucket() -> str:
    return f"bucket-{next(_numbers)}"
