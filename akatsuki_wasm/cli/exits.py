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

import errno
import json
import logging
import os
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from akatsuki_wasm import errors

if TYPE_CHECKING:
    from collections.abc import Callable

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)

OK, USER, USAGE, GUEST, TOOLCHAIN, DEFECT, INTERRUPTED, PIPE = 0, 1, 2, 3, 4, 70, 130, 141

log = logging.getLogger(__name__)

_BY_CLASS: tuple[tuple[type[errors.AkatsukiError], int], ...] = (
    (errors.ToolchainError, TOOLCHAIN),
    (errors.GuestError, GUEST),
    (errors.GuestTrap, GUEST),
    (errors.ExecutionTimeout, GUEST),
    (errors.ExecutionCancelled, GUEST),
    (errors.FuelLimitError, GUEST),
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
    _open_closed_streams()
    try:
        code = _handled(action, as_json=as_json, verbose=verbose)
        # A reader that went away, or a full disk, is noticed here rather than in the interpreter's own last flush.
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        _abandon_stdout()
        return PIPE
    except OSError as exc:
        _abandon_stdout()
        report(
            "output",
            f"the output cannot be written: {(exc.strerror or str(exc)).lower()}",
            "Free some space there, or send the output elsewhere.",
            False,
        )
        return USER
    except KeyboardInterrupt:
        return INTERRUPTED


def _open_closed_streams() -> None:
    """Gives the standard streams that the caller closed (``>&-``) somewhere to go.

    Their descriptors must not stay free: the next file that is opened, such as the registry, would become "stdout".
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # it takes the lowest free number, which is this one
    if sys.stdout is None:
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - it lives as long as the process
    if sys.stderr is None:
        sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - it lives as long as the process


def _abandon_stdout() -> None:
    """The interpreter flushes stdout once more when it ends; there must be somewhere for that to go."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


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
    except OSError as exc:
        # A write to a stream names no file, and those to files are errors of ours by now.
        if exc.errno in _FULL and exc.filename is None:
            raise
        return _defect(exc, as_json=as_json, verbose=verbose)
    except Exception as exc:  # noqa: BLE001 - the last line of defence: a traceback is no message for a user
        return _defect(exc, as_json=as_json, verbose=verbose)
    return OK


def _defect(error: Exception, *, as_json: bool, verbose: bool) -> int:
    if verbose:
        traceback.print_exception(error)
    message = f"unexpected {type(error).__name__}: {' '.join(str(error).split())}"
    hint = "" if verbose else "Run it again as `akatsuki --verbose …` for the traceback."
    report("defect", message, hint, as_json)
    return DEFECT


def report(code: str, message: str, hint: str, as_json: bool, **facts: Any) -> None:
    """Shows one error: two lines on stderr, or one JSON document on stdout."""
    hint = hint[:1].upper() + hint[1:]
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
    if len(shown) < 2 and not (terminal and any(each.rendered for each in shown)):
        return
    for each in shown:
        # Only the one line that sums up begins with "error:", which is what people and programs look for.
        click.echo(each.rendered.rstrip() if terminal and each.rendered else f"  {each}", err=True)
    if terminal:
        click.echo("", err=True)


def _usage(error: click.ClickException, *, as_json: bool) -> None:
    context = getattr(error, "ctx", None)
    hint = f"Try '{context.command_path} --help'." if context is not None else ""
    if isinstance(error, click.NoSuchOption) and context is not None:
        root = context.find_root().command
        if any(error.option_name in each.opts for each in root.params):
            hint = f"It stands before the command: akatsuki {error.option_name} … {context.info_name}"
    report("usage", error.format_message().rstrip("."), hint, as_json)
