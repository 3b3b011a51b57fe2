"""The generator that asks a language model on any OpenAI-compatible server: hosted, Ollama, vLLM, llama.cpp."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from akatsuki_wasm.hookspecs import hookimpl

if TYPE_CHECKING:
    from akatsuki_wasm.config import Settings
    from akatsuki_wasm.contracts import Feedback, GenerationRequest, GuestSource

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
    def akatsuki_generate(self, request: GenerationRequest, feedback: Feedback | None) -> GuestSource | None:
        """Asks the model, or passes where another generator is meant."""
        default = "" if self._settings is None else self._settings.generator
        if (request.generator or default) != NAME:
            return None
        # Imported here because the openai package takes half a second.
        from akatsuki_wasm.config import load_settings
        from akatsuki_wasm.model.server import DEFAULT_MODEL, find_server

        settings = self._settings or load_settings()
        server = find_server(os.environ)
        from akatsuki_wasm.model.generator import generate

        model = request.model or settings.model or DEFAULT_MODEL
        return generate(request, feedback, server=server, model=model, timeout_s=settings.model_timeout_s)
