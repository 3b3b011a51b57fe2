"""What is sent to the model: the contract, the wish, and the last attempt with its faults, from jinja2 templates."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from akatsuki_wasm.contracts import Diagnostic, Message
from akatsuki_wasm.model.advice import advice_for, rendered_of
from akatsuki_wasm.model.kinds import kind_of, worked_examples
from akatsuki_wasm.model.schema import DESIGN_NAME, DESIGN_SCHEMA, REPAIR_NAME, REPAIR_SCHEMA
from akatsuki_wasm.model.templates import PromptTemplates, fence

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from akatsuki_wasm.contracts import Feedback, GenerationRequest, GuestSource

MAX_PROBLEMS = 6
"""Problems that are told at once: rustc's later errors mostly follow from its first ones."""
MAX_LINE = 400
MAX_RUSTC = 2_000
"""Characters of the compiler's own text."""
MAX_REPLY = 4_000
"""Characters of an answer that could not be used."""
_PLACE = re.compile(r"\bline (\d{1,6})\b")
_GOT = re.compile(r"(.*); expected (.*), got (.*)", re.DOTALL)


@dataclass(frozen=True)
class Rendered:
    """A conversation that is ready to be sent.

    Attributes:
        messages: The turns, the system's first.
        templates: Hex sha256 of each template that took part, by its name.
        schema: What the answer is held to where the server can do that.
        schema_name: The schema's name.
    """

    messages: tuple[Message, ...]
    templates: Mapping[str, str]
    schema: Mapping[str, Any]
    schema_name: str


def messages(
    request: GenerationRequest, feedback: Feedback | None, *, folder: Path | None = None, structured: bool = False
) -> list[Message]:
    """The turns of `render` alone."""
    return list(render(request, feedback, folder=folder, structured=structured).messages)


def render(
    request: GenerationRequest,
    feedback: Feedback | None,
    *,
    folder: Path | None = None,
    structured: bool = False,
    edits: bool = True,
) -> Rendered:
    """The conversation for a request: at first contract and wish, later also the last attempt and its faults.

    Args:
        request: The wish.
        feedback: What was wrong with the attempt before, or None.
        folder: Whose templates stand before ours of the same name, or None.
        structured: Whether the answer will be JSON under `Rendered.schema`.
        edits: Whether a repair asks for changes to the last file; else for the whole file, which can be used by one
            who does not know the last.

    Raises:
        ConfigError: A template of the folder cannot be used.
    """
    templates = PromptTemplates(folder)
    found = [
        Message(
            "system",
            templates.render("system.j2", structured=structured, worked_examples=worked_examples(kind_of(request))),
        ),
        Message("user", _wish(templates, request, structured)),
    ]
    source = None if feedback is None else feedback.source
    if feedback is not None:
        found += _repair(templates, feedback, structured=structured, edits=edits)
    schema, name = (DESIGN_SCHEMA, DESIGN_NAME) if source is None else (REPAIR_SCHEMA, REPAIR_NAME)
    return Rendered(tuple(found), templates.used, schema, name)


def as_text(turns: Sequence[Message]) -> str:
    """A conversation as one text, to paste into a chat window that has one field for everything."""
    if len(turns) <= 2:
        return "\n\n".join(each.content for each in turns) + "\n"
    titles = {"system": "Instructions", "user": "I wrote", "assistant": "You answered"}
    parts = [f"=== {titles[each.role]} ===\n\n{each.content}" for each in turns[:-1]]
    return "\n\n".join([*parts, f"=== Now ===\n\n{turns[-1].content}"]) + "\n"


def _wish(templates: PromptTemplates, request: GenerationRequest, structured: bool) -> str:
    base = request.base
    values: dict[str, Any] = {
        "prompt": request.prompt,
        "name": request.name or "",
        "examples": [each.text for each in request.examples],
        "specification": request.specification.strip("\n"),
        "crates": [
            {
                "name": each.name,
                "ident": each.ident,
                "version": each.version,
                "features": list(each.features),
                "default_features": each.default_features,
            }
            for each in request.crates
        ],
        "structured": structured,
    }
    if base is None:
        return templates.render("design.j2", **values)
    shown = {"name": base.name, "prompt": base.prompt, "rust": base.rust.rstrip()}
    return templates.render("refine.j2", base=shown, **values)


def _repair(templates: PromptTemplates, feedback: Feedback, *, structured: bool, edits: bool) -> list[Message]:
    """The last source as the model's own turn, and what was wrong with it or with the answer after it."""
    source = feedback.source
    reply = _capped(feedback.reply.strip(), MAX_REPLY)
    errors = [each for each in feedback.diagnostics if each.level == "error" and each.message != feedback.message]
    if feedback.stage != "generate":
        errors = [each for each in feedback.diagnostics if each.level == "error"]
        errors = errors or [Diagnostic("error", feedback.message)]
    lines = [] if source is None else source.rust.splitlines()
    said = templates.render(
        "repair.j2",
        stage=feedback.stage,
        message=_one_line(feedback.message).rstrip("."),
        reply=reply,
        has_source=source is not None,
        problems=[_problem(each, lines) for each in errors[:MAX_PROBLEMS]],
        more=max(0, len(errors) - MAX_PROBLEMS),
        rendered=_capped(rendered_of(errors[0]), MAX_RUSTC) if errors else "",
        structured=structured,
        edits=edits,
    )
    if source is not None:
        return [Message("assistant", _answer(source)), Message("user", said)]
    # Without any source the unusable answer is the turn before, where there was one.
    return [*([Message("assistant", reply)] if reply else []), Message("user", said)]


def _answer(source: GuestSource) -> str:
    """The last attempt as the model should have written it: without its chatter, whatever fence the source holds."""
    marks = fence(source.rust)
    return f"name: {source.name}\n{marks}rust\n{source.rust.rstrip()}\n{marks}"


def _problem(diagnostic: Diagnostic, lines: Sequence[str]) -> dict[str, Any]:
    code = f" [{diagnostic.code}]" if diagnostic.code.startswith("E") else ""
    number = diagnostic.line
    text = _said_once(str(diagnostic))
    if number is None and (place := _PLACE.search(text)):
        number = int(place[1])
    quote = lines[number - 1].strip() if number is not None and 0 < number <= len(lines) else ""
    return {
        "text": f"{_one_line(text)}{code}",
        "line": number,
        "quote": _one_line(quote),
        "help": _one_line(advice_for(diagnostic)),
    }


def _said_once(text: str) -> str:
    """The message of a failed check without what came, where it says that already."""
    found = _GOT.fullmatch(text)
    return f"{found[1]}; expected {found[2]}" if found and found[3] in found[1] else text


def _one_line(text: str) -> str:
    return _capped(" ".join(text.split()), MAX_LINE)


def _capped(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
