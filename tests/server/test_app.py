"""The application itself: it starts and stops, and every answer that is no success is a problem document."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .server_kit import BOB, is_problem

if TYPE_CHECKING:
    from .server_kit import Running


def test_an_unknown_path_is_a_problem(service: Running) -> None:
    with service.client(BOB) as client:
        document = is_problem(client.get("/nowhere"), 404, "not-found")
    assert document["detail"] == "there is no /nowhere"
