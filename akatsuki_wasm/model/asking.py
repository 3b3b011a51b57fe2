"""A question to a language model: how it is asked, and what is said. Nothing here needs the client."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from akatsuki_wasm.contracts import Message

Api = Literal["responses", "chat"]


@dataclass(frozen=True)
class Parameters:
    """What is asked for beside the messages; what is not set is left to the server.

    Attributes:
        temperature: Of sampling.
        max_tokens: Most tokens of the answer.
        effort: How long a model that thinks may think.
    """

    temperature: float | None = None
    max_tokens: int | None = None
    effort: str = ""

    def given(self) -> dict[str, Any]:
        """Those that are set, by their names."""
        all_of_them = {"temperature": self.temperature, "max_tokens": self.max_tokens, "effort": self.effort or None}
        return {name: value for name, value in all_of_them.items() if value is not None}


@dataclass(frozen=True)
class Asking:
    """How models are asked: what the settings say.

    Attributes:
        model: The model's name at the server.
        parameters: What is asked for beside the messages.
        api: The interface that is spoken, or ``auto``.
        schema: Whether answers are asked for as JSON under a strict schema, or ``auto``.
        timeout_s: For one answer, waiting between retries included, in seconds.
        cache_dir: Where what servers turned out not to have is remembered, or None.
    """

    model: str
    parameters: Parameters = field(default_factory=Parameters)
    api: Literal["auto", "responses", "chat"] = "auto"
    schema: Literal["auto", "on", "off"] = "auto"
    timeout_s: float = 120.0
    cache_dir: Path | None = None


@dataclass(frozen=True)
class Question:
    """What is said to the model, in both ways of saying it.

    Attributes:
        plain: The conversation where the answer is free text.
        strict: The conversation where the answer is held to the schema.
        schema: JSON schema of the answer.
        schema_name: Letters, digits and underscores.
    """

    plain: Sequence[Message]
    strict: Sequence[Message]
    schema: Mapping[str, Any]
    schema_name: str

    def wording(self, *, schema: bool) -> Sequence[Message]:
        """The conversation that goes with a schema, or without."""
        return self.strict if schema else self.plain
