"""The timeline of a design: what was asked in each attempt, what changed, what was wrong, and what it took.

It is made from the attempts of a design that just ended, or from a generation of the registry, and reads the same. Text
that a model wrote is hostile: nothing of it can move a terminal's cursor or reorder a line, and HTML is escaped.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from akatsuki_wasm.errors import one_line
from akatsuki_wasm.generation_facts import attempts_facts, total

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from akatsuki_wasm.contracts import GenerationRequest
    from akatsuki_wasm.registry.models import Generation
    from akatsuki_wasm.repair_loop import Attempt

MAX_DIFF_LINES = 40
"""Lines of a difference that are shown."""
MAX_RENDERED_LINES = 16
"""Lines of a diagnostic that are shown."""
_MAX_LINE = 240

Span = tuple[str, str]
"""A piece of a line, and what kind of text it is: empty, or one of ``title good bad dim added removed place``."""


def shown(text: str, most: int) -> tuple[str, ...]:
    """The lines of somebody else's text, at most so many, without what could move a terminal's cursor."""
    lines = text.replace("\r\n", "\n").replace("\t", "    ").rstrip("\n").split("\n", most)
    kept = [_printable(line) for line in lines[:most]]
    rest = lines[most].count("\n") + 1 if len(lines) > most else 0
    return (*kept, f"… {rest} more line{'s' * (rest != 1)}") if rest else tuple(kept)


def _printable(line: str) -> str:
    clipped = line if len(line) <= _MAX_LINE else f"{line[: _MAX_LINE - 1]}…"
    if clipped.isprintable():
        return clipped
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in clipped)


@dataclass(frozen=True)
class TimelineAttempt:
    """One attempt as it is shown; all text is clean and short.

    Attributes:
        number: From 1.
        asked: What for: the wish, or the first problem that was to be repaired.
        failed_stage: Where it failed, or None where it passed.
        problem: The first problem, as lines; empty where it passed.
        check: ``case``, ``expected`` and ``got`` of a check that did not hold, or empty.
        report: What was checked where it passed, or empty.
        diff: To the source before, as lines; empty for a first source.
        lines: Of the source; 0 where the answer held none.
        seconds: Of the whole turn.
        model: That answered, or empty.
        tokens_in: Or None.
        tokens_out: Or None.
        price: Or None.
        replayed: Whether the answer came from memory.
    """

    number: int
    asked: str
    failed_stage: str | None
    problem: tuple[str, ...]
    check: Mapping[str, str]
    report: str
    diff: tuple[str, ...]
    lines: int
    seconds: float
    model: str = ""
    tokens_in: int | None = None
    tokens_out: int | None = None
    price: float | None = None
    replayed: bool = False

    @property
    def passed(self) -> bool:
        return self.failed_stage is None

    @property
    def outcome(self) -> str:
        """Such as ``build failed``."""
        return "passed" if self.failed_stage is None else f"{self.failed_stage} failed"

    @property
    def figures(self) -> tuple[str, ...]:
        """Lines, tokens, seconds, price and memory, as far as they are known."""
        return tuple(
            each
            for each in (
                f"{self.lines} line{'s' * (self.lines != 1)}" if self.lines else "",
                _tokens(self.tokens_in, self.tokens_out),
                f"{self.seconds:.2f} s",
                "from memory" if self.replayed else _price(self.price),
            )
            if each
        )


@dataclass(frozen=True)
class Timeline:
    """All attempts of a design, and what came of them.

    Attributes:
        prompt: On one line.
        generator: Who wrote the sources.
        model: The language model, or empty.
        module: Such as ``vintage-filter@1.0.0``, or empty where there is none.
        error: What ended it, or empty for a success.
        seconds: Of the whole.
        tokens_in: Over all answers, or None.
        tokens_out: Over all answers, or None.
        price: Over all answers, or None.
        attempts: In order.
    """

    prompt: str
    generator: str
    model: str
    module: str
    error: str
    seconds: float
    tokens_in: int | None
    tokens_out: int | None
    price: float | None
    attempts: tuple[TimelineAttempt, ...] = field(repr=False)

    @classmethod
    def of(cls, generation: Generation) -> Timeline:
        """From a generation of the registry."""
        version = f"@{generation.module_version}" if generation.module_version else ""
        made = generation.status == "success" and generation.source_name
        return cls(
            prompt=one_line(generation.prompt),
            generator=one_line(generation.generator),
            model=one_line(generation.model or ""),
            module=one_line(f"{generation.source_name}{version}") if made else "",
            error=one_line(generation.error_message or ""),
            seconds=generation.seconds,
            tokens_in=generation.tokens_in,
            tokens_out=generation.tokens_out,
            price=generation.price,
            attempts=_attempts(generation.prompt, generation.attempts),
        )

    @classmethod
    def of_attempts(
        cls,
        request: GenerationRequest,
        attempts: Sequence[Attempt],
        *,
        module: str = "",
        error: str = "",
        seconds: float | None = None,
        prices: Mapping[str, tuple[float, float]] | None = None,
    ) -> Timeline:
        """From the attempts of a design.

        Args:
            request: What was asked for.
            attempts: All turns of the repair loop.
            module: Name of what came of it, with its version where it has one.
            error: What ended it.
            seconds: Of the whole; the attempts' sum where None.
            prices: Of a million tokens, as (in, out), by model.
        """
        facts = attempts_facts(request, attempts, prices)
        sources = [each.source.generator for each in attempts if each.source is not None]
        models = [each["model"] for each in facts if each.get("model")]
        return cls(
            prompt=one_line(request.prompt),
            generator=one_line(sources[-1] if sources else request.generator or ""),
            model=one_line(models[-1] if models else request.model or ""),
            module=one_line(module),
            error=one_line(error),
            seconds=sum(each.seconds for each in attempts) if seconds is None else seconds,
            tokens_in=total(facts, "tokens_in"),
            tokens_out=total(facts, "tokens_out"),
            price=total(facts, "price"),
            attempts=_attempts(request.prompt, facts),
        )

    @property
    def figures(self) -> tuple[str, ...]:
        """Generator, model, module, attempts, tokens, seconds and price, as far as they are known."""
        count = len(self.attempts)
        return tuple(
            each
            for each in (
                self.generator,
                self.model,
                self.module,
                f"{count} attempt{'s' * (count != 1)}",
                _tokens(self.tokens_in, self.tokens_out),
                f"{self.seconds:.2f} s",
                _price(self.price),
            )
            if each
        )

    def lines(self, only: int | None = None) -> Iterator[list[Span]]:
        """What a terminal shows, line by line.

        Args:
            only: The number of the attempt that is meant; all where None.
        """
        yield [(self.prompt, "title")]
        yield [(" · ".join(self.figures), "dim")]
        for attempt in self.attempts:
            if only not in (None, attempt.number):
                continue
            yield []
            yield from _lines(attempt)
        if self.error:
            yield []
            yield [("failed   ", "bad"), (self.error, "")]

    def __repr__(self) -> str:
        return "\n".join("".join(text for text, _ in line).rstrip() for line in self.lines())

    def _repr_html_(self) -> str:
        from akatsuki_wasm.html import render  # jinja2, for notebooks alone

        return render("timeline.html.j2", timeline=self, kind=diff_kind)


def diff_kind(line: str) -> str:
    """The kind of text that a line of a difference is."""
    return {"+": "added", "-": "removed", "@": "place"}.get(line[:1], "")


def _lines(attempt: TimelineAttempt) -> Iterator[list[Span]]:
    outcome = (f"{attempt.outcome:<14}", "good" if attempt.passed else "bad")
    yield [(f"{attempt.number:>2}  ", "title"), outcome, (" · ".join(attempt.figures), "dim")]
    yield [("    asked    ", "dim"), (attempt.asked, "")]
    for name, text, kind in (
        *_labelled("changed", [(line, diff_kind(line)) for line in attempt.diff]),
        *_labelled("problem", [(line, "") for line in attempt.problem]),
        *((name, attempt.check[name], "") for name in ("case", "expected", "got") if name in attempt.check),
        *_labelled("checked", [(attempt.report, "")] if attempt.report else []),
    ):
        yield [(f"    {name:<9}", "dim"), (text, kind)]


def _labelled(name: str, lines: Sequence[Span]) -> list[tuple[str, str, str]]:
    return [(name if number == 0 else "", text, kind) for number, (text, kind) in enumerate(lines)]


def _attempts(prompt: str, facts: Sequence[Mapping[str, Any]]) -> tuple[TimelineAttempt, ...]:
    """Reads attempts as they are kept; what an older registry did not keep is left out."""
    asked, found = one_line(prompt), []
    for number, each in enumerate(facts, 1):
        problem = _problem(each)
        found.append(
            TimelineAttempt(
                number=each.get("number", number),
                asked=_printable(asked),
                failed_stage=each.get("failed_stage"),
                problem=problem,
                check={name: one_line(str(text))[:_MAX_LINE] for name, text in (each.get("check") or {}).items()},
                report=one_line((each.get("report") or {}).get("summary", "")),
                diff=shown(each["diff"], MAX_DIFF_LINES) if each.get("diff") else (),
                lines=(each.get("source") or "").rstrip("\n").count("\n") + 1 if each.get("source") else 0,
                seconds=each.get("seconds", 0.0),
                model=one_line(each.get("model") or ""),
                tokens_in=each.get("tokens_in"),
                tokens_out=each.get("tokens_out"),
                price=each.get("price"),
                replayed=bool(each.get("replayed")),
            )
        )
        asked = f"repair: {one_line(each.get('message') or '')}"
    return tuple(found)


def _problem(facts: Mapping[str, Any]) -> tuple[str, ...]:
    """The first error as the compiler shows it, or else the one line."""
    if facts.get("failed_stage") is None:
        return ()
    for each in facts.get("diagnostics") or ():
        if isinstance(each, dict) and each.get("level") == "error" and each.get("rendered"):
            return shown(each["rendered"], MAX_RENDERED_LINES)
    return shown(facts.get("message") or "", MAX_RENDERED_LINES)


def _tokens(tokens_in: int | None, tokens_out: int | None) -> str:
    if tokens_in is None and tokens_out is None:
        return ""
    return (
        f"{'?' if tokens_in is None else f'{tokens_in:,}'} + {'?' if tokens_out is None else f'{tokens_out:,}'} tokens"
    )


def _price(price: float | None) -> str:
    return "" if price is None else f"price {price:.4g}"
