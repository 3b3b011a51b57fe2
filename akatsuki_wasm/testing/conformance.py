"""What a plugin must do to stand beside the others."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from akatsuki_wasm.contracts import MODULE_NAME, Diagnostic, Feedback, GenerationContext, GenerationRequest, GuestSource
from akatsuki_wasm.errors import GenerateError
from akatsuki_wasm.manager import AkatsukiPluginManager

if TYPE_CHECKING:
    from typing import Any

SOMEONE_ELSE = "someone-else"


def check_generator(plugin: Any, *, prompt: str, name: str) -> GuestSource:
    """Checks that a plugin serves a prompt as a generator should, without building what it writes.

    It answers a request that names it with a source that the guest contract allows, and passes on the same prompt when
    another generator is named. An answer to feedback is held to the same; passing, or a `GenerateError`, is fine there.

    Args:
        plugin: A module, an instance or a class with an ``akatsuki_generate`` hook.
        prompt: One that the plugin serves.
        name: The generator's name, by which users ask for it.

    Returns:
        The answer to the first request.

    Raises:
        AssertionError: The plugin does not; the text says which rule and what came instead.
        PluginLoadError: It does not fit the hooks.
        SourceRejectedError: Its source is outside the guest contract.
        GenerateError: The plugin's own, when it cannot serve the prompt.
    """
    manager = AkatsukiPluginManager()
    manager.add(plugin, name, origin="file", location=getattr(plugin, "__name__", type(plugin).__name__))
    request = GenerationRequest(prompt, generator=name)
    source = _check_answer(_ask(manager, request, None), request)

    other = _ask(manager, replace(request, generator=SOMEONE_ELSE), None)
    if other is not None:
        raise AssertionError(f"it answers {prompt!r} for the generator {SOMEONE_ELSE!r}, expected None")

    diagnostic = Diagnostic("error", "mismatched types", line=1, column=1, code="E0308")
    feedback = Feedback(1, "build", "line 1: mismatched types", (diagnostic,), source)
    try:
        again = _ask(manager, request, feedback)
    except GenerateError:
        again = None  # it has nothing better to offer, and says so
    if again is not None:
        _check_answer(again, request)
    return source


def _ask(manager: AkatsukiPluginManager, request: GenerationRequest, feedback: Feedback | None) -> object:
    return manager.hook.akatsuki_generate(request=request, feedback=feedback, context=GenerationContext())


def _check_answer(answer: object, request: GenerationRequest) -> GuestSource:
    from akatsuki_wasm.rust.lint import lint
    from akatsuki_wasm.rust.signatures import parse_source

    if not isinstance(answer, GuestSource):
        raise AssertionError(f"it answers {request.prompt!r} with {answer!r}, expected a GuestSource")
    if not MODULE_NAME.fullmatch(answer.name):
        raise AssertionError(f"it suggests the name {answer.name!r}, expected lower-case letters, digits and hyphens")
    if answer.generator != request.generator:
        raise AssertionError(f"its answer is signed {answer.generator!r}, expected {request.generator!r}")
    if not answer.description or "\n" in answer.description:
        raise AssertionError(f"its description is {answer.description!r}, expected one line")
    lint(answer.rust, answer.crates)
    parse_source(answer.rust, answer.crates)
    return answer
