"""What is kept of a generation: each attempt with all that was asked and answered, and what it cost.

An attempt is one JSON object:

* ``number``, ``seconds``; ``source`` (or null) and ``diff``, a unified one to the source before;
* ``failed_stage`` and ``message`` (null and empty where it passed), ``diagnostics``, ``check`` (``case``, ``expected``,
  ``got`` of the first failure) and ``report`` (of the checks that were passed);
* of a language model: ``same`` and ``messages`` (below), ``reply``, ``model``, ``api``, ``parameters``, ``templates``,
  ``key``, ``replayed``, ``tokens_in``, ``tokens_out``, ``model_seconds``, ``price``;
* ``cut``: the full length of each text that was too long to be kept whole, by its name.

A conversation repeats what was said before. ``same`` is the number of messages that are those of the attempt before,
and ``messages`` has the others; `asked` puts them together again. No key of a service is in a message or a parameter.
"""

from __future__ import annotations

import difflib
import logging
import math
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import UUID

from akatsuki_wasm.errors import AkatsukiError, CheckError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from akatsuki_wasm.contracts import Diagnostic, Exchange, GenerationRequest, StoredModule
    from akatsuki_wasm.registry.generations import GenerationRepository
    from akatsuki_wasm.registry.models import Generation
    from akatsuki_wasm.repair_loop import Attempt

log = logging.getLogger(__name__)

MAX_TEXT = 200_000
"""Characters of one text that are kept; a source may have as many bytes."""
MAX_TEXTS = 4_000_000
"""Characters of all texts of one generation."""
MAX_DIAGNOSTICS = 20
"""Diagnostics of one attempt that are kept."""
MAX_ERROR = 4_000
"""Characters of the message of what ended a generation."""
MAX_NAME = 63
"""Characters of a module's name, which a source of a failed attempt may exceed."""
_COMPARED_LINES = 1_500
"""Lines of a source that are compared; what is longer is no answer to a prompt, and could take minutes."""


@dataclass
class _Room:
    """Keeps texts within their limits.

    Attributes:
        left: Characters that may still be kept.
        cut: Full lengths of what was cut since it was last emptied.
    """

    left: int = MAX_TEXTS
    cut: dict[str, int] = field(default_factory=dict)

    def keep(self, name: str, text: str) -> str:
        limit = max(0, min(MAX_TEXT, self.left))
        kept = text[:limit]
        if len(kept) < len(text):
            self.cut[name] = len(text)
        self.left -= len(kept)
        return kept


def storable(text: str) -> str:
    """A text without NUL and halves of surrogate pairs, which a model may answer and PostgreSQL cannot hold."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def storable_json(value: Any) -> Any:
    """JSON-able facts whose texts can all be stored: a server and a plugin choose names too."""
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, dict):
        return {storable(str(name)): storable_json(each) for name, each in value.items()}
    return [storable_json(each) for each in value] if isinstance(value, list | tuple) else value


def attempts_facts(
    request: GenerationRequest, attempts: Sequence[Attempt], prices: Mapping[str, tuple[float, float]] | None = None
) -> list[dict[str, Any]]:
    """All attempts as JSON-able objects.

    Args:
        request: What was asked for.
        attempts: All turns of the repair loop, in order.
        prices: Of a million tokens, as (in, out), by model.
    """
    room = _Room()
    before = "" if request.base is None else request.base.rust
    said: list[dict[str, str]] = []
    found = []
    for attempt in attempts:
        room.cut = {}
        facts = _attempt(attempt, before, room)
        if attempt.exchange is not None:
            facts |= _exchange(attempt.exchange, said, room)
            facts["price"] = price_of(attempt.exchange, request.model, prices or {})
            said = _messages(attempt.exchange)
        if attempt.source is not None:
            before = attempt.source.rust
        facts["cut"] = room.cut
        found.append(storable_json(facts))
    return found


def _attempt(attempt: Attempt, before: str, room: _Room) -> dict[str, Any]:
    source = None if attempt.source is None else attempt.source.rust
    error = attempt.error
    facts: dict[str, Any] = {
        "number": attempt.number,
        "seconds": round(attempt.seconds, 3),
        "source": None if source is None else room.keep("source", source),
        "diff": "" if source is None or not before else room.keep("diff", unified_diff(before, source)),
        "failed_stage": attempt.failed_stage,
        "message": room.keep("message", attempt.message),
        "diagnostics": [_diagnostic(each, room) for each in attempt.diagnostics[:MAX_DIAGNOSTICS]],
        "check": None,
        "report": None if attempt.report is None else {**attempt.report.facts(), "summary": attempt.report.summary},
    }
    if len(attempt.diagnostics) > MAX_DIAGNOSTICS:
        room.cut["diagnostics"] = len(attempt.diagnostics)
    if isinstance(error, CheckError):
        facts["check"] = {name: room.keep(name, getattr(error, name)) for name in ("case", "expected", "got")}
    return facts


def _diagnostic(diagnostic: Diagnostic, room: _Room) -> dict[str, Any]:
    facts = asdict(diagnostic)
    return {name: room.keep(name, value) if isinstance(value, str) else value for name, value in facts.items()}


def _messages(exchange: Exchange) -> list[dict[str, str]]:
    return [{"role": each.role, "content": each.content} for each in exchange.messages]


def _exchange(exchange: Exchange, before: list[dict[str, str]], room: _Room) -> dict[str, Any]:
    messages = _messages(exchange)
    same = 0
    while same < min(len(before), len(messages)) and before[same] == messages[same]:
        same += 1
    return {
        "same": same,
        "messages": [
            {"role": each["role"], "content": room.keep(f"message {number}", each["content"])}
            for number, each in enumerate(messages[same:], same + 1)
        ],
        "reply": room.keep("reply", exchange.reply),
        "model": exchange.model,
        "api": exchange.api,
        "parameters": dict(exchange.parameters),
        "templates": dict(exchange.templates),
        "key": exchange.key,
        "replayed": exchange.replayed,
        "tokens_in": exchange.tokens_in,
        "tokens_out": exchange.tokens_out,
        "model_seconds": round(exchange.seconds, 3),
    }


def unified_diff(before: str, after: str) -> str:
    """The lines that changed, with three around them; empty where none did, a remark where there are too many."""
    old, new = before.removesuffix("\n").split("\n"), after.removesuffix("\n").split("\n")
    if max(len(old), len(new)) > _COMPARED_LINES:
        return f"@@ {len(old)} and {len(new)} lines are too many to compare @@"
    return "\n".join(list(difflib.unified_diff(old, new, lineterm=""))[2:])


def asked(attempts: Sequence[Mapping[str, Any]], number: int) -> list[dict[str, str]]:
    """The messages of one attempt, all of them.

    Args:
        attempts: A generation's, as they are kept.
        number: Of the attempt, from 1.
    """
    said: list[dict[str, str]] = []
    for place, attempt in enumerate(attempts, 1):
        if "messages" in attempt:
            said = [*said[: attempt["same"]], *attempt["messages"]]
        if place == number:
            return said if "messages" in attempt else []
    return []


# ---------------------------------------------------------------- what it cost


def price_of(exchange: Exchange, asked_for: str | None, prices: Mapping[str, tuple[float, float]]) -> float | None:
    """What one answer cost, or None where its tokens or its model's price are not known.

    The price is that of the longest name in the table that the answering model's name begins with, else the model's
    that was asked for. An answer from memory costs nothing.

    Args:
        exchange: Question and answer.
        asked_for: The model that was asked for, or None.
        prices: Of a million tokens, as (in, out), by model.
    """
    if exchange.replayed:
        return 0.0
    for model in (exchange.model, asked_for or ""):
        names = [name for name in prices if name and model.startswith(name)]
        if names and exchange.tokens_in is not None and exchange.tokens_out is not None:
            per_in, per_out = prices[max(names, key=len)]
            price = (exchange.tokens_in * per_in + exchange.tokens_out * per_out) / 1e6
            return price if math.isfinite(price) else None
    return None


def total(facts: Sequence[Mapping[str, Any]], name: str) -> Any:
    """The sum of a figure over all answers of a language model; None where there are none or one is not known."""
    values = [each[name] for each in facts if "reply" in each]
    return sum(values) if values and all(value is not None for value in values) else None


# ---------------------------------------------------------------- the record


def request_facts(request: GenerationRequest, attempts: Sequence[Attempt], **more: Any) -> dict[str, Any]:
    """What was asked for beside the prompt, JSON-able.

    Args:
        request: What was asked for.
        attempts: All turns.
        more: Such as whether it was locked.
    """
    exchange = next((each.exchange for each in reversed(attempts) if each.exchange is not None), None)
    base = request.base
    facts = {
        "name": request.name,
        "generator": request.generator,
        "model": request.model,
        "examples": [each.text for each in request.examples],
        "parameters": {} if exchange is None else dict(exchange.parameters),
        "base": None if base is None else {"name": base.name, "sha256": base.sha256, "prompt": base.prompt},
        "specification": request.specification[:MAX_TEXT],
        "crates": [asdict(each) for each in request.crates],
        **more,
    }
    cleaned: dict[str, Any] = storable_json(facts)
    return cleaned


def record_generation(
    repository: Callable[[], GenerationRepository],
    request: GenerationRequest,
    attempts: Sequence[Attempt],
    *,
    generation_id: UUID,
    seconds: float,
    generator: str = "",
    stored: StoredModule | None = None,
    digest: str | None = None,
    error: BaseException | None = None,
    prices: Mapping[str, tuple[float, float]] | None = None,
    **more: Any,
) -> Generation | None:
    """Writes what a design did. A registry that refuses it is a warning: it hides neither the module nor its error.

    Args:
        repository: Gives that of the acting user; the registry may have to be opened.
        request: What was asked for.
        attempts: All turns there were, also of a failed or interrupted design.
        generation_id: Chosen beforehand, so that the module's provenance could name it.
        seconds: Wall clock of the whole.
        generator: Who was asked where no source says who wrote it.
        stored: The module that came of it, or None.
        digest: Of a module that was not stored.
        error: What ended it, or None for a success; `KeyboardInterrupt` is kept as ``interrupted``.
        prices: Of a million tokens, as (in, out), by model.
        more: Goes to the request's facts.
    """
    facts = attempts_facts(request, attempts, prices)
    last = next((each.source for each in reversed(attempts) if each.source is not None), None)
    exchange = next((each.exchange for each in reversed(attempts) if each.exchange is not None), None)
    replays = [each["replayed"] for each in facts if "reply" in each]
    try:
        return repository().record(
            storable(request.prompt),
            generation_id=generation_id,
            generator=storable(last.generator if last else request.generator or generator),
            status="success" if error is None else "error",
            seconds=seconds,
            model=storable((exchange.model if exchange else request.model) or "") or None,
            source_name=request.name or (storable(last.name)[:MAX_NAME] if last else None),
            attempts=facts,
            usage=storable_json(dict(last.usage)) if last else None,
            error_message=None if error is None else _reason(error),
            module=stored,
            digest=digest,
            tokens_in=total(facts, "tokens_in"),
            tokens_out=total(facts, "tokens_out"),
            price=total(facts, "price"),
            replayed=bool(replays) and all(replays),
            parent_id=_parent(request),
            request=request_facts(request, attempts, **more),
        )
    except AkatsukiError as exc:
        log.warning("the generation is not recorded: %s", exc)
        return None


def _parent(request: GenerationRequest) -> UUID | None:
    """The generation that wrote the source which this one started from."""
    try:
        return UUID(request.base.generation) if request.base is not None and request.base.generation else None
    except ValueError:  # a source that was not of this registry may name anything
        return None


def _reason(error: BaseException) -> str:
    if isinstance(error, KeyboardInterrupt):
        return "interrupted"
    text = str(error) if isinstance(error, AkatsukiError) else f"{type(error).__name__}: {error}"
    return storable(text[:MAX_ERROR])
