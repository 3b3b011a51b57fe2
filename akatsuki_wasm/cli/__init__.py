"""The command line, ``akatsuki``: one file per command group, each imported only when its command is used."""

from __future__ import annotations

__all__ = ["main"]


def main() -> None:
    """Runs the command line with the process's arguments and exits with its code."""
    from akatsuki_wasm.cli.root import cli

    cli.main(prog_name="akatsuki")
