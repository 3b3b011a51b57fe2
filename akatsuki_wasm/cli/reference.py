"""Writes the reference of the command line from the commands themselves.

``python -m akatsuki_wasm.cli.reference`` prints it; ``docs/reference/cli.md`` holds it, and a test keeps them in step.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from akatsuki_wasm.cli.lazy import LazyGroup

if TYPE_CHECKING:
    from collections.abc import Iterator

WIDTH = 100

_INTRODUCTION = """\
# Command line

Written from the commands themselves: `python -m akatsuki_wasm.cli.reference > docs/reference/cli.md`.

Global options stand before the command: `akatsuki --as alice run …`. Every command has `--json`: one JSON document on
stdout and nothing else there. Messages and progress go to stderr. Dates are ISO 8601 in UTC. Tables are drawn on a
terminal; when piped they are a header and lines of tab-separated cells.

An error is one line `error: …` and one line `hint: …` on stderr; with `--json` it is a document
`{"error": {"code": …, "message": …, "hint": …}}` on stdout. The exit code is the same.

| exit code | meaning |
| --- | --- |
| 0 | done |
| 1 | your input: an argument, a name, a permission, a source, a setting |
| 2 | usage: an option or command that does not exist, or is not complete |
| 3 | the guest's error: the function failed, trapped or met a limit; a notebook's cell failed |
| 4 | the toolchain's error: no Rust that builds for wasm32 |
| 70 | a defect in akatsuki or in a plugin; `akatsuki --verbose …` shows the traceback |
| 130 | interrupted |
| 141 | the reader of the output went away |

Shell completion is click's: `eval "$(_AKATSUKI_COMPLETE=bash_source akatsuki)"` (or `zsh_source`, `fish_source`).
"""


def reference() -> str:
    """The whole page as Markdown."""
    from akatsuki_wasm.cli.root import cli

    return "\n".join([_INTRODUCTION, *_sections(cli, None, "akatsuki")])


def _sections(command: click.Command, parent: click.Context | None, name: str) -> Iterator[str]:
    """One section for a command, then those of its subcommands. Commands of plugins are left out."""
    context = click.Context(command, info_name=name, parent=parent, terminal_width=WIDTH, max_content_width=WIDTH)
    yield f"## {context.command_path}\n\n```text\n{_help(command, context)}\n```\n"
    if isinstance(command, click.Group):
        for each in command.lazy if isinstance(command, LazyGroup) else command.list_commands(context):
            found = command.get_command(context, each)
            if found is not None and not found.hidden:
                yield from _sections(found, context, each)


def _help(command: click.Command, context: click.Context) -> str:
    context.help_option_names = ["-h", "--help"]
    formatter = context.make_formatter()
    command.format_usage(context, formatter)
    command.format_help_text(context, formatter)
    click.Command.format_options(command, context, formatter)
    if isinstance(command, LazyGroup):
        # Only the lazy commands are built in: which others there are depends on the machine.
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in command.lazy.items()])
    elif isinstance(command, click.Group):
        command.format_commands(context, formatter)
    command.format_epilog(context, formatter)
    return formatter.getvalue().rstrip()


if __name__ == "__main__":
    click.echo(reference(), nl=False)
