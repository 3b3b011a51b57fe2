"""The JSON that a language model is held to where its server can do that.

The rules of strict schemas (OpenAI's "Structured Outputs"): every object says ``additionalProperties: false`` and
requires all its properties, and what may be missing is a union with null. The properties are in the order in which the
model writes them: it names and describes what it is about to write before it writes it.
"""

from __future__ import annotations

from typing import Any

MAX_EXAMPLES = 8
"""Of the model's own that are read; a schema in strict mode cannot say it to every server, so the prompt does."""


def _object(**properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _texts(description: str) -> dict[str, Any]:
    return {"type": "array", "items": {"type": "string"}, "description": description}


_NOTES = _texts("What a user should know, one sentence each; empty where there is nothing")
_EDIT = _object(
    search={"type": "string", "description": "Whole lines of the last file, exactly as they are there, found once"},
    replace={"type": "string", "description": "The lines that stand there instead"},
)

DESIGN_SCHEMA: dict[str, Any] = _object(
    name={"type": "string", "description": "The module's name in kebab-case"},
    description={"type": "string", "description": "One line that says what it does"},
    rust={"type": "string", "description": "The whole file"},
    examples=_texts("Calls with exact results, such as f(2, 3) == 5; empty for images"),
    notes=_NOTES,
)
"""Of the answer to a wish, and of a changed module."""

REPAIR_SCHEMA: dict[str, Any] = _object(
    edits={"type": ["array", "null"], "items": _EDIT, "description": "The changes to the last file, or null"},
    rust={"type": ["string", "null"], "description": "The whole file where edits is null, else null"},
    notes=_NOTES,
)
"""Of the answer to a fault: changes to the last file, or the whole file."""

DESIGN_NAME = "wasm_module"
REPAIR_NAME = "wasm_module_repair"
