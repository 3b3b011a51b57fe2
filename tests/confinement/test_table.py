"""The documentation says of each attack what the tests say."""

from __future__ import annotations

from .table import PAGE, lines, on_the_page


def test_the_page_has_the_tables_lines() -> None:
    assert on_the_page() == lines(), f"print them for {PAGE.name} with: python -m tests.confinement.table"
