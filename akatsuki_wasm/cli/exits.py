"""The one place that decides exit codes and how an error is shown.

==== =============================================================================
code meaning
==== =============================================================================
0    done
1    the user's error: an argument, a name, a permission, a source, a setting
2    usage: an option or command that does not exist, or is not complete
3    a guest's error: the function failed, trapped, or met a limit; a notebook's cell failed
4    the toolchain's error: no Rust that builds for wasm32
70   a defect in akatsuki or in a plugin
130  interrupted
141  the reader of the output went away
==== =============================================================================
"""

from __future__ import annotations

import json
import logging
import os
import sys
import traceback
from typing import TYPE_CHECKING, Any

import click

from akatsuki_wasm import errors

if TYPE_CHECKING:
    from collections.abc import Callable

OK, USER, USAGE, GUEST, TOOLCHAIN, DEFECT, INTERRUPTED, PIPE = 0, 1, 2, 3, 4, 70, 130, 141

log = logging.getLogger(__name__)

_BY_CLASS: tuple[tuple[type[errors.AkatsukiError], int], ...] = (
    (errors.ToolchainError, TOOLCHAIN),
    (errors.GuestError, GUEST),
    (errors.GuestTrap, GUEST),
    (errors.ExecutionTimeout, GUEST),
    (errors.MemoryLimitError, GUEST),
    (errors.ResultTooLargeError, GUEST),
    (errors.NotebookError, GUEST),
)


def exit_code(error: errors.AkatsukiError) -> int:
    """The process's exit code for an error."""
    return next((code for cls, code in _BY_CLASS if isinstance(error, cls)), USER)


def guard(action: Callable[[], Any], *, as_json: bool = False, verbose: bool = False) -> int:
    """Runs a command and turns whatever it raises into messages and an exit code.

    Args:
        action: Runs the command.
        as_json: Errors become one JSON document on stdout.
        verbose: Tracebacks are shown.
    """
    try:
        code = _handled(action, as_json=as_json, verbose=verbose)
        # A reader that went away is noticed here rather than in the interpreter's own last flush.
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        # The interpreter flushes stdout once more when it ends; there must be somewhere for that to go.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE
    except KeyboardInterrupt:
        return INTERRUPTED


def _handled(action: Callable[[], Any], *, as_json: bool, verbose: bool) -> int:
    try:
        action()
    except click.exceptions.Exit as exc:
        return exc.exit_code
    except errors.AkatsukiError as exc:
        _show(exc, as_json=as_json, verbose=verbose)
        return exit_code(exc)
    except click.exceptions.NoArgsIsHelpError as exc:
        exc.show()
        return exc.exit_code
    except click.ClickException as exc:
        _usage(exc, as_json=as_json)
        return exc.exit_code
    except (KeyboardInterrupt, click.Abort):
        if not as_json:
            click.echo("\ninterrupted", err=True)
        return INTERRUPTED
    except BrokenPipeError:
        raise
    except Exception as exc:  # noqa: BLE001 - the last line of defence: a traceback is no message for a user
        if verbose:
            traceback.print_exc()
        message = f"unexpected {type(exc).__name__}: {' '.join(str(exc).split())}"
        report(
            "defect", message, "" if verbose else "Run it again as `akatsuki --verbose …` for the traceback.", as_json
        )
        return DEFECT
    return OK


def report(code: str, message: str, hint: str, as_json: bool, **facts: Any) -> None:
    """Shows one error: two lines on stderr, or one JSON document on stdout."""
    if as_json:
        document = {"error": {"code": code, "message": message, "hint": hint, **facts}}
        click.echo(json.dumps(document, ensure_ascii=False, indent=2, default=str))
        return
    click.echo(f"{click.style('error:', fg='red', bold=True)} {message}", err=True)
    if hint:
        click.echo(f"{click.style('hint:', fg='cyan')} {hint}", err=True)


def _show(error: errors.AkatsukiError, *, as_json: bool, verbose: bool) -> None:
    diagnostics = getattr(error, "diagnostics", None) or getattr(error, "problems", None) or ()
    facts: dict[str, Any] = {
        name: getattr(error, name) for name in ("case", "expected", "got", "kind", "cell") if hasattr(error, name)
    }
    if verbose:
        traceback.print_exception(error)
    if as_json:
        if diagnostics:
            facts["diagnostics"] = [vars(each) for each in diagnostics]
    else:
        _show_diagnostics(diagnostics)
    report(error.code, " ".join(error.message.split()), error.hint, as_json, **facts)


def _show_diagnostics(diagnostics: Any) -> None:
    """The compiler's own text on a terminal; one line each when piped, if there is more than the error itself says."""
    terminal = sys.stderr.isatty()
    shown = [each for each in diagnostics if each.level == "error"]
    if not terminal and len(shown) < 2:
        return
    for each in shown:
        click.echo(each.rendered.rstrip() if terminal and each.rendered else f"{each.level}: {each}", err=True)
    if terminal and shown:
        click.echo("", err=True)


def _usage(error: click.ClickException, *, as_json: bool) -> None:
    context = getattr(error, "ctx", None)
    hint = f"Try '{context.command_path} --help'." if context is not None else ""
    report("usage", error.format_message().rstrip("."), hint, as_json)
