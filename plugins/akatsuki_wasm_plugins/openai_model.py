"""The generator that asks a language model on any OpenAI-compatible server: hosted, Ollama, vLLM, llama.cpp."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from akatsuki_wasm.hookspecs import hookimpl

if TYPE_CHECKING:
    from collections.abc import Sequence

    from akatsuki_wasm.config import Settings
    from akatsuki_wasm.contracts import Feedback, GenerationContext, GenerationRequest, GuestSource, Message

NAME = "openai"


class OpenAiPlugin:
    """Answers where the request, or else the settings, name the generator ``openai``."""

    def __init__(self) -> None:
        self._settings: Settings | None = None

    @hookimpl
    def akatsuki_configure(self, settings: Settings) -> None:
        """Keeps the settings: which generator answers by default, the model, the time limit."""
        self._settings = settings

    @hookimpl(trylast=True)
    def akatsuki_generate(
        self, request: GenerationRequest, feedback: Feedback | None, context: GenerationContext
    ) -> GuestSource | None:
        """Asks the model, or passes where another generator is meant."""
        if not self._is_meant(request):
            return None
        # Imported here because templates and what reads answers take their time, which other generators need not pay.
        from akatsuki_wasm.model.generator import generate

        return generate(request, feedback, context, **self._how(request))

    @hookimpl(trylast=True)
    def akatsuki_render_prompt(self, request: GenerationRequest, feedback: Feedback | None) -> Sequence[Message] | None:
        """What the model would be asked, or None where another generator is meant."""
        if not self._is_meant(request):
            return None
        from akatsuki_wasm.model.generator import conversation

        return conversation(request, feedback, **self._how(request)).messages

    def _how(self, request: GenerationRequest) -> dict[str, Any]:
        """How models are asked, by the settings and the request's model."""
        from akatsuki_wasm.config import load_settings
        from akatsuki_wasm.model.asking import Asking, Parameters
        from akatsuki_wasm.model.server import DEFAULT_MODEL, find_server

        settings = self._settings or load_settings()
        asking = Asking(
            model=request.model or settings.model or DEFAULT_MODEL,
            parameters=Parameters(settings.model_temperature, settings.model_max_tokens, settings.model_effort),
            api=settings.model_api,
            schema=settings.model_schema,
            timeout_s=settings.model_timeout_s,
            cache_dir=settings.cache_dir,
        )
        return {
            "asking": asking,
            "find_server": lambda: find_server(os.environ),
            "prompts_dir": settings.prompts_dir,
        }

    def _is_meant(self, request: GenerationRequest) -> bool:
        default = "" if self._settings is None else self._settings.default_generator
        return (request.generator or default) == NAME
