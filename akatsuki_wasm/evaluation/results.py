"""What came of an evaluation: per case and turn, stored whole as JSON, and found again."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from akatsuki_wasm.errors import NotFoundError, StorageError
from akatsuki_wasm.files import write_atomically
from akatsuki_wasm.values.bind import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable

FORMAT = 1
Outcome = Literal["first", "repaired", "failed"]
FOLDER = "evaluations"
"""Below the data folder."""

FAILURES = {
    "no-match": "the generator has nothing that fits",
    "refused": "the model refused",
    "unusable": "the answer held no usable source",
    "model": "the model, or the way to it, failed",
    "generate": "the generator failed in another way",
    "lint": "the source is outside the guest contract",
    "compile": "the source does not compile",
    "timeout": "the build ran past its time limit",
    "automatic": "an automatic case failed, by a trap or the like",
    "example": "an example of the prompt did not hold",
    "oracle": "a function is not there, or its results differ from the reference's",
    "case": "the case's own reference failed",
}
"""What an attempt can fail with, in the order of how far it came."""


@dataclass(frozen=True)
class Turn:
    """One attempt at a case.

    Attributes:
        failure: What it failed with, one of `FAILURES`, or None where it passed.
        message: Why, in one line, or empty.
        seconds: Of the whole turn.
        tokens_in: Of the question, or None where the server does not say or none was asked.
        tokens_out: Of the answer, or None.
        replayed: Whether the answer came from memory.
        rust: The source, or empty where the answer held none.
    """

    failure: str | None
    message: str = ""
    seconds: float = 0.0
    tokens_in: int | None = None
    tokens_out: int | None = None
    replayed: bool = False
    rust: str = ""


@dataclass(frozen=True)
class CaseResult:
    """What came of one case.

    Attributes:
        name: Of the case.
        kind: Of the case.
        level: Of the case.
        outcome: ``first`` where the first attempt passed, ``repaired`` where a later one did, or ``failed``.
        failure: What it failed with in the end, one of `FAILURES`, or None. Of several attempts the best one counts.
        message: That failure in one line, or empty.
        seconds: Wall clock of all turns.
        turns: All attempts.
    """

    name: str
    kind: str
    level: str
    outcome: Outcome
    failure: str | None
    message: str
    seconds: float
    turns: tuple[Turn, ...]

    @property
    def passed(self) -> bool:
        """At the first try or after repairs."""
        return self.outcome != "failed"

    @property
    def tokens_in(self) -> int:
        """Of all questions, as far as the server told."""
        return sum(turn.tokens_in or 0 for turn in self.turns)

    @property
    def tokens_out(self) -> int:
        """Of all answers, as far as the server told."""
        return sum(turn.tokens_out or 0 for turn in self.turns)

    @property
    def replayed(self) -> int:
        """Answers that came from memory."""
        return sum(turn.replayed for turn in self.turns)


@dataclass(frozen=True)
class Evaluation:
    """A run of a suite, whole or as far as it came.

    Attributes:
        id: ``<time>-<generator>-<model>``, the stored file's name; empty before it is stored.
        suite: The suite's name.
        generator: Who was asked.
        model: The language model, as the server calls it; empty where none was asked.
        started: UTC, ISO 8601 to the second.
        version: Of akatsuki_wasm.
        max_repairs: Times the generator was asked again at most.
        selected: Cases that were to be run.
        results: Of those that were.
        ended: Why it ended before all were run, or empty.
    """

    id: str
    suite: str
    generator: str
    model: str
    started: str
    version: str
    max_repairs: int
    selected: int
    results: tuple[CaseResult, ...]
    ended: str = ""

    @property
    def passed(self) -> int:
        """Cases that passed, at the first try or after repairs."""
        return sum(each.passed for each in self.results)

    @property
    def share(self) -> float:
        """Share of the selected cases that passed; one that was not run has not."""
        return self.passed / self.selected

    @property
    def seconds(self) -> float:
        """Wall clock of all cases."""
        return sum(each.seconds for each in self.results)

    def facts(self) -> dict[str, Any]:
        """JSON-able, and all there is."""
        facts = asdict(self)
        facts["results"] = [asdict(each) | {"turns": [asdict(turn) for turn in each.turns]} for each in self.results]
        return {"format": FORMAT, **facts}

    @classmethod
    def of(cls, facts: Any) -> Evaluation:
        """From `facts`.

        Raises:
            ValueError: They are of another format, or not whole.
        """
        found = facts.get("format") if isinstance(facts, dict) else None
        if found != FORMAT:
            raise ValueError(f"its format is {found!r}: expected {FORMAT}")
        try:
            results = [
                CaseResult(**{**each, "turns": tuple(Turn(**turn) for turn in each["turns"])})
                for each in facts["results"]
            ]
            known = {field.name: facts[field.name] for field in fields(cls)}
            return cls(**{**known, "results": tuple(results)})
        except (KeyError, TypeError) as exc:
            raise ValueError(f"it is not whole: {exc}") from exc


class ResultStore:
    """The stored evaluations.

    Args:
        data_dir: The settings' data folder.
    """

    def __init__(self, data_dir: Path) -> None:
        self.folder = data_dir / FOLDER

    def _new_id(self, started: str, generator: str, model: str) -> str:
        """A name that is not taken: time, generator and model."""
        moment = started.replace("-", "").replace(":", "")
        words = [moment, *(re.sub(r"[^A-Za-z0-9._]+", "-", each).strip("-.") for each in (generator, model) if each)]
        base = "-".join(words)[:120]
        names = (base, *(f"{base}-{number}" for number in range(2, 1000)))
        return next(name for name in names if not self.path(name).exists())

    def path(self, name: str) -> Path:
        """Where an evaluation of that name is."""
        return self.folder / f"{name}.json"

    def save(self, evaluation: Evaluation) -> Evaluation:
        """Stores it whole or not at all, over an earlier state of the same run; gives it an id where it has none.

        Raises:
            StorageError: The folder cannot be written.
        """
        if not evaluation.id:
            evaluation = replace(
                evaluation, id=self._new_id(evaluation.started, evaluation.generator, evaluation.model)
            )
        text = json.dumps(evaluation.facts(), ensure_ascii=False, indent=1) + "\n"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            write_atomically(self.path(evaluation.id), text.encode("utf-8", "replace"))
        except OSError as exc:
            raise StorageError(
                f"the evaluation cannot be stored in {self.folder}: {(exc.strerror or str(exc)).lower()}",
                hint="Choose another folder with --data-dir.",
            ) from exc
        return evaluation

    def names(self) -> list[str]:
        """The newest first."""
        return sorted((path.stem for path in self.folder.glob("*.json")), reverse=True)

    def all(self) -> Iterable[Evaluation]:
        """The newest first; files that are no evaluations are left out."""
        for name in self.names():
            try:
                yield self._read(self.path(name))
            except NotFoundError:
                continue  # what somebody else put there is no reason to show nothing

    def find(self, name: str) -> Evaluation:
        """One evaluation.

        Args:
            name: Its id or the only one that has this in it, ``last`` for the newest, or a path of a file.

        Raises:
            NotFoundError: There is none, or more than one.
        """
        path = Path(name)
        if path.suffix == ".json" and path.is_file():
            return self._read(path)
        names = self.names()
        if name == "last" and names:
            return self._read(self.path(names[0]))
        fit = [each for each in names if each == name] or [each for each in names if name in each]
        if len(fit) == 1:
            return self._read(self.path(fit[0]))
        some = f"{len(fit)} evaluations have {name!r} in their names" if fit else f"there is no evaluation {name!r}"
        raise NotFoundError(
            f"{some}{did_you_mean(name, names) if not fit else ''}", hint="akatsuki eval --list shows their names."
        )

    def _read(self, path: Path) -> Evaluation:
        try:
            return Evaluation.of(json.loads(path.read_text("utf-8")))
        except (OSError, ValueError) as exc:
            raise NotFoundError(f"{path} cannot be read as an evaluation: {exc}", hint="Run the suite again.") from exc
