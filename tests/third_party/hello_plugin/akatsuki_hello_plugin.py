"""Answers the prompt "say hello" with a function that greets, and adds a command that says how."""

from __future__ import annotations

import click

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


@hookimpl
def akatsuki_register_commands(cli: click.Group) -> None:
    """Adds ``akatsuki hello``."""

    @cli.command("hello")
    def hello() -> None:
        """Say how to be greeted."""
        click.echo('akatsuki design wasm "say hello"')
