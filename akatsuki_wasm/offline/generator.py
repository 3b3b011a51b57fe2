"""The offline generator's way in: a request becomes a source, or an error that says what the catalogue can do."""

from __future__ import annotations

import logging
import re
from dataclasses import replace
from typing import TYPE_CHECKING

from akatsuki_wasm.contracts import MODULE_NAME, GuestSource
from akatsuki_wasm.errors import GenerateError
from akatsuki_wasm.offline.composing import Composition, compose_functions, compose_image
from akatsuki_wasm.offline.definitions import Found, find_definitions
from akatsuki_wasm.offline.formulas import render_formulas
from akatsuki_wasm.offline.reading import Reading, read
from akatsuki_wasm.offline.refusing import no_match

if TYPE_CHECKING:
    from akatsuki_wasm.contracts import Feedback, GenerationRequest
    from akatsuki_wasm.offline.mentions import Choice

NAME = "offline"
MAX_PROMPT = 20_000
"""Characters of a prompt that are read: a longer text is a document, not a wish."""

HONEST = "from the offline catalogue, which is not a language model"
_log = logging.getLogger("akatsuki_wasm.offline")


def generate(request: GenerationRequest, feedback: Feedback | None = None) -> GuestSource:
    """Writes Rust for a prompt.

    Args:
        request: What is asked for; ``request.name`` becomes the module's name.
        feedback: What was wrong with the attempt before, or None.

    Raises:
        NoMatchError: The catalogue has nothing that serves the prompt.
        GenerateError: The prompt cannot be read, a formula is wrong, a source is to be changed, or an attempt failed:
            the catalogue has no second.
    """
    if feedback is not None:
        raise _cannot_repair(feedback)
    if request.base is not None:
        raise GenerateError(
            f"the offline catalogue writes modules anew; it cannot change the source of {request.base.name!r}",
            hint="A language model can: set OPENAI_API_KEY or OPENAI_BASE_URL, or use --generator manual",
        )
    prompt = request.prompt
    if not prompt.strip():
        raise GenerateError("the prompt is empty", hint='Say what to make, such as "create a vintage photo filter".')
    if len(prompt) > MAX_PROMPT:
        raise GenerateError(
            f"the prompt has {len(prompt)} characters; the offline catalogue reads at most {MAX_PROMPT}",
            hint="Say in one sentence what to make.",
        )
    found = find_definitions(prompt)
    source = _from_formulas(found) if found else _from_catalogue(prompt)
    _log.debug("catalogue: %s", source.notes)
    return replace(source, name=_module_name(request.name) or source.name)


def _from_formulas(found: list[Found]) -> GuestSource:
    made, remarks = render_formulas(found)
    shown = "; ".join(each.text for each in found)
    notes = [_sentence(HONEST), f"Understood as formulas: {shown}."]
    rest = [each.rest for each in found if each.rest.strip(" .,、!?")]
    if rest:
        notes.append(f"Not part of a formula, and ignored: {'; '.join(rest)[:200]}.")
    return GuestSource(
        rust=made.rust,
        name=made.name,
        description=made.description,
        generator=NAME,
        notes=(*notes, *(_sentence(remark) for remark in remarks)),
    )


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


def _from_catalogue(prompt: str) -> GuestSource:
    reading = read(prompt)
    if not reading.is_convincing:
        raise no_match(reading, prompt)
    image = [choice for choice in reading.choices if choice.operation.kind == "image"]
    others = [choice for choice in reading.choices if choice.operation.kind != "image"]
    parts = [compose_image(image)] if image else []
    parts += [compose_functions(_without_repetition(others))] if others else []
    made = parts[0] if len(parts) == 1 else _together(parts)
    examples = tuple(example for choice in others for example in choice.operation.examples[:1])
    return GuestSource(
        rust=made.rust,
        name=made.name,
        description=made.description,
        generator=NAME,
        examples=examples,
        notes=_notes(reading),
    )


def _without_repetition(choices: list[Choice]) -> list[Choice]:
    return list({choice.operation.id: choice for choice in choices}.values())


def _together(parts: list[Composition]) -> Composition:
    names = [name for part in parts for name in part.functions]
    return Composition(
        "\n".join(part.rust for part in parts),
        parts[0].name,
        f"Functions: {', '.join(names)}.",
        tuple(names),
        tuple(operation for part in parts for operation in part.operations),
    )


def _notes(reading: Reading) -> tuple[str, ...]:
    notes = [_sentence(HONEST), f"Understood: {', '.join(reading.understood)}."]
    if reading.unknown:
        notes.append(f"Not understood: {', '.join(reading.unknown[:20])}.")
    notes += [_sentence(remark) for remark in reading.remarks]
    return tuple(notes)


def _module_name(wanted: str | None) -> str | None:
    """The wished-for name where it can be one; the host checks names that it was given."""
    if wanted is None:
        return None
    name = re.sub(r"[\s_]+", "-", wanted.strip().lower())
    return name if MODULE_NAME.fullmatch(name) else wanted


def _cannot_repair(feedback: Feedback) -> GenerateError:
    reason = str(feedback.diagnostics[0]) if feedback.diagnostics else feedback.message
    return GenerateError(
        f"the offline catalogue's source failed in {feedback.stage} and it has no other to offer: {reason}",
        hint="This is a fault of the catalogue: please report the prompt and this line; or use --generator openai.",
    )
