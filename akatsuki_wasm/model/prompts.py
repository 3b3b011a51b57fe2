"""What is sent to the model: the contract, the wish and the last attempt's faults, from jinja2 templates."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import jinja2

from akatsuki_wasm.contracts import Diagnostic, Message
from akatsuki_wasm.resources import data_folder

if TYPE_CHECKING:
    from akatsuki_wasm.contracts import Feedback, GenerationRequest, GuestSource

MAX_PROBLEMS = 6
"""Problems that are told at once: rustc's later errors mostly follow from its first ones."""
MAX_LINE = 400
MAX_RENDERED = 2_000
"""Characters of the compiler's own text."""


def messages(request: GenerationRequest, feedback: Feedback | None) -> list[Message]:
    """The conversation for a request: at first contract and wish, later also the last attempt and its faults."""
    wish = _render("design.j2", prompt=request.prompt, name=request.name, examples=[e.text for e in request.examples])
    found = [Message("system", _render("system.j2")), Message("user", wish)]
    if feedback is not None and feedback.source is not None:
        found += [Message("assistant", _answer(feedback.source)), Message("user", _repair(feedback, feedback.source))]
    return found


def _answer(source: GuestSource) -> str:
    """The last attempt as the model should have written it: without its chatter, whatever fence the source holds."""
    fence = "```"
    while fence in source.rust:
        fence += "`"
    return f"name: {source.name}\n{fence}rust\n{source.rust.rstrip()}\n{fence}"


def _repair(feedback: Feedback, source: GuestSource) -> str:
    errors = [each for each in feedback.diagnostics if each.level == "error"] or [Diagnostic("error", feedback.message)]
    lines = source.rust.splitlines()
    problems = [_problem(each, lines) for each in errors[:MAX_PROBLEMS]]
    return _render(
        "repair.j2",
        stage=feedback.stage,
        problems=problems,
        more=max(0, len(errors) - MAX_PROBLEMS),
        rendered=_capped(errors[0].rendered.strip(), MAX_RENDERED),
    )


def _problem(diagnostic: Diagnostic, lines: list[str]) -> dict[str, Any]:
    code = f" [{diagnostic.code}]" if diagnostic.code.startswith("E") else ""
    number = diagnostic.line
    quote = lines[number - 1].strip() if number is not None and 0 < number <= len(lines) else ""
    return {
        "text": f"{_one_line(str(diagnostic))}{code}",
        "line": number,
        "quote": _one_line(quote),
        "help": _one_line(diagnostic.help),
    }


def _one_line(text: str) -> str:
    return _capped(" ".join(text.split()), MAX_LINE)


def _capped(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


@cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(data_folder("templates") / "prompts"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        # A prompt is plain text. What is put in is data to jinja2, which never reads it as a template.
        autoescape=False,  # noqa: S701 - see above
    )


def _render(template: str, **values: Any) -> str:
    return _environment().get_template(template).render(**values).strip()
