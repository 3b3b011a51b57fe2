"""The generator that needs no server: a person carries the prompt to any chat window, and brings back the answer."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from akatsuki_wasm.hookspecs import hookimpl

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from akatsuki_wasm.config import Settings
    from akatsuki_wasm.contracts import Feedback, GenerationContext, GenerationRequest, GuestSource, Message

NAME = "manual"


class ManualPlugin:
    """Answers where the request, or else the settings, name the generator ``manual``."""

    def __init__(self) -> None:
        self._settings: Settings | None = None

    @hookimpl
    def akatsuki_configure(self, settings: Settings) -> None:
        """Keeps the settings: which generator answers by default, and the folder of prompts."""
        self._settings = settings

    @hookimpl(trylast=True)
    def akatsuki_generate(
        self, request: GenerationRequest, feedback: Feedback | None, context: GenerationContext
    ) -> GuestSource | None:
        """Has the answer brought, or passes where another generator is meant.

        Where there is nobody to bring one, or nothing may be asked, an answer that was brought before is taken. Repairs
        ask for whole files: one that is brought to a later run must do without the file before it.
        """
        if not self._is_meant(request):
            return None
        # Imported here because templates and what reads answers take their time, which other generators need not pay.
        from akatsuki_wasm.contracts import Exchange
        from akatsuki_wasm.errors import GenerateError
        from akatsuki_wasm.model.answers import source_of
        from akatsuki_wasm.model.asking import Asking
        from akatsuki_wasm.model.prompts import render
        from akatsuki_wasm.model.replay import recall, remember, reply_key

        rendered = render(request, feedback, folder=self._folder, edits=False)
        asking = Asking(request.model or NAME)
        key = reply_key(rendered.messages, asking)
        exchange = None
        if context.bring is None or context.replay_only:
            exchange = recall(key, rendered.messages, asking, context)
        if exchange is None:
            if context.bring is None:
                raise GenerateError(
                    "the generator manual has nobody who brings the answer to its prompt",
                    hint="Save the answer and give it: --reply FILE; from Python, design(…, bring=a_function).",
                )
            started = time.perf_counter()
            reply = context.bring(rendered.messages)
            exchange = Exchange(
                messages=rendered.messages,
                reply=reply,
                model=request.model or "",
                api=NAME,
                key=key,
                seconds=time.perf_counter() - started,
                templates=rendered.templates,
            )
            remember(exchange, context)
        return source_of(exchange, request, feedback, generator=NAME)

    @hookimpl(trylast=True)
    def akatsuki_render_prompt(self, request: GenerationRequest, feedback: Feedback | None) -> Sequence[Message] | None:
        """What is to be carried to the chat window, or None where another generator is meant."""
        if not self._is_meant(request):
            return None
        from akatsuki_wasm.model.prompts import render

        return render(request, feedback, folder=self._folder, edits=False).messages

    @property
    def _folder(self) -> Path | None:
        return None if self._settings is None else self._settings.prompts_dir

    def _is_meant(self, request: GenerationRequest) -> bool:
        default = "" if self._settings is None else self._settings.default_generator
        return (request.generator or default) == NAME
