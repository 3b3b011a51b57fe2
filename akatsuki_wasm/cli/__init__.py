"""The command line, ``akatsuki``: one file per command group, each imported only when its command is used."""

from __future__ import annotations

import atexit
import os
import sys
from contextlib import suppress

__all__ = ["main"]


def main() -> None:
    """Runs the command line with the process's arguments and exits with its code."""
    from akatsuki_wasm.cli.root import cli

    end = _QuickEnd()
    try:
        cli.main(prog_name="akatsuki")
    except SystemExit as exc:
        end.code = exc.code if isinstance(exc.code, int) else int(exc.code is not None)
        raise


class _QuickEnd:
    """Ends the process when all else is done, without taking the interpreter apart.

    That frees one by one what the system frees at once, which takes a third of a second where openai and sqlalchemy
    were imported. What is registered first runs last: threads have ended and all other exit handlers have run by then.
    """

    def __init__(self) -> None:
        self.code = 1
        atexit.register(self)

    def __call__(self) -> None:
        for stream in (sys.stdout, sys.stderr):
            with suppress(Exception):  # closed, or nobody reads: what could be said of it was said
                stream.flush()
        os._exit(self.code)
