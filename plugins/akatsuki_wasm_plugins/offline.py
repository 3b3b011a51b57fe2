"""The generator that needs no key and no network: the embedded catalogue."""

from __future__ import annotations

from typing import TYPE_CHECKING

from akatsuki_wasm.hookspecs import hookimpl

if TYPE_CHECKING:
    from akatsuki_wasm.config import Settings
    from akatsuki_wasm.contracts import Feedback, GenerationRequest, GuestSource

NAME = "offline"


class OfflinePlugin:
    """Answers where the request, or else the settings, name the generator ``offline``."""

    def __init__(self) -> None:
        self._default = NAME

    @hookimpl
    def akatsuki_configure(self, settings: Settings) -> None:
        """Remembers which generator answers by default."""
        self._default = settings.default_generator

    @hookimpl(trylast=True)
    def akatsuki_generate(self, request: GenerationRequest, feedback: Feedback | None) -> GuestSource | None:
        """Writes Rust from the catalogue, or passes where another generator is meant."""
        if (request.generator or self._default) != NAME:
            return None
        from akatsuki_wasm.offline.generator import generate

        return generate(request, feedback)
