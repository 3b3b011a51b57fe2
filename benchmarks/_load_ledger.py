"""What was asked and answered in a load test, and whether the history says the same."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:
    from _load_http import Answer

MOST_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Answered:
    """An execution whose answer arrived: what its row in the history must say."""

    status: str
    module_id: str
    user_id: str
    function: str


class Ledger:
    """Counts answers, keeps what was wrong, and the executions that were answered."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.answers: Counter[tuple[str, int]] = Counter()
        self.wrongs: list[str] = []
        self.seconds: list[float] = []
        self.executions: dict[UUID, Answered] = {}

    def count(self, what: str) -> None:
        """One more of these."""
        self.counts[what] += 1

    def wrong(self, what: str, why: str) -> None:
        """Something was not as it must be."""
        self.count("wrong")
        if len(self.wrongs) < MOST_SHOWN:
            self.wrongs.append(f"{what}: {why}")

    def answered(self, kind: str, answer: Answer, module_id: str, user_id: str, function: str) -> None:
        """An answer arrived; where it names an execution, that must be in the history.

        Args:
            kind: Of the request.
            answer: Its answer.
            module_id: That was called.
            user_id: Who called.
            function: That was called.
        """
        self.answers[kind, answer.status] += 1
        named = answer.headers.get("akatsuki-execution-id")
        if named is None:
            if answer.status in (200, 504):
                self.wrong(kind, f"an answer {answer.status} names no execution")
            return
        status = {200: "success", 504: "timeout"}.get(answer.status, "error")
        execution = UUID(named)
        if execution in self.executions:
            self.wrong(kind, f"two answers name the execution {execution}")
        self.executions[execution] = Answered(status, module_id, user_id, function)

    def compare(self, database_url: str, deleted: set[str]) -> None:
        """Holds the history against the answers.

        Args:
            database_url: Of the registry, for somebody who sees all rows.
            deleted: Modules that were deleted: their rows name none.
        """
        rows = read_history(database_url)
        self.counts["history rows"] = len(rows)
        self.counts["answered executions"] = len(self.executions)
        for execution, answered in self.executions.items():
            row = rows.pop(execution, None)
            if row is None:
                self.count("lost rows")
                self.wrong("history", f"{execution} ({answered}) was answered and is not in it")
            elif row != answered and not (
                row.module_id == "" and answered.module_id in deleted and row == _without_module(answered)
            ):
                self.wrong("history", f"{execution} is {row}, answered was {answered}")
        # What was executed for a client that had gone, or whose connection was cut by a kill.
        self.counts["rows without an answer"] = len(rows)


def _without_module(answered: Answered) -> Answered:
    return Answered(answered.status, "", answered.user_id, answered.function)


def read_history(database_url: str) -> dict[UUID, Answered]:
    """All rows of the history, read past the service."""
    from sqlalchemy import create_engine, select

    from akatsuki_wasm.registry.models import WasmExecution

    engine = create_engine(database_url.replace("postgresql://", "postgresql+psycopg://"))
    columns = (
        WasmExecution.id,
        WasmExecution.status,
        WasmExecution.module_id,
        WasmExecution.executor_id,
        WasmExecution.function_name,
    )
    try:
        with engine.connect() as connection:
            return {
                row.id: Answered(row.status, str(row.module_id or ""), str(row.executor_id), row.function_name)
                for row in connection.execute(select(*columns))
            }
    finally:
        engine.dispose()
