"""Answers the prompt "say hello" with a function that greets."""

from __future__ import annotations

from akatsuki_wasm import hookimpl
from akatsuki_wasm.contracts import GenerationRequest, GuestSource

RUST = """\
/// Greets someone.
///
/// * `name`: Who is greeted.
pub fn greet(name: &str) -> String {
    format!("Hello, {name}!")
}
"""


@hookimpl
def akatsuki_generate(request: GenerationRequest) -> GuestSource | None:
    """Serves "say hello", and whoever asks for the generator ``hello`` by name."""
    if request.generator not in (None, "hello") or request.prompt.lower() != "say hello":
        return None
    return GuestSource(RUST, "hello", "Greets someone.", "hello")
