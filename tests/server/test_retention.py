"""A running service removes executions that are older than they are to be kept."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from akatsuki_wasm.registry.acting import UPKEEP
from akatsuki_wasm.server import retention

from .server_kit import BOB, Running, running

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def record(service: Running, days: int) -> None:
    when = datetime.now(UTC) - timedelta(days=days)
    service.service.registry.executions(BOB).record(
        None, f"f{days}", status="success", execution_time_ms=1, executed_at=when
    )


def names(service: Running) -> list[str]:
    return [row.function_name for row in service.service.registry.executions(UPKEEP).list_recent()]


def test_old_executions_leave_by_themselves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "FIRST_SECONDS", 0.02)
    monkeypatch.setattr(retention, "EVERY_SECONDS", 0.02)
    before = set(threading.enumerate())  # other tests' services may be running in this process
    with running(data_dir=tmp_path, retention_days=30) as service:
        for _ in range(2):  # again and again
            for days in (0, 29, 31, 400):
                record(service, days)
            deadline = time.monotonic() + 20
            while {"f31", "f400"} & set(names(service)):
                assert time.monotonic() < deadline
                time.sleep(0.01)
        assert sorted(names(service)) == ["f0", "f0", "f29", "f29"]
    assert not [each for each in set(threading.enumerate()) - before if each.name == "retention"]


def test_history_is_kept_where_nothing_else_is_said(tmp_path: Path) -> None:
    with running(data_dir=tmp_path) as service:
        record(service, 10_000)
        service.service.retention.remove()
        assert names(service) == ["f10000"]
