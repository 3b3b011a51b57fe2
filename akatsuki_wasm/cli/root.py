"""The root command: global options, the list of commands, and the way into plugins' commands."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from akatsuki_wasm import __version__
from akatsuki_wasm.cli import exits
from akatsuki_wasm.cli.lazy import LazyGroup, examples
from akatsuki_wasm.cli.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_HERE = "akatsuki_wasm.cli"
COMMANDS = {
    "design": (f"{_HERE}.design:design", "Turn a sentence into a deployed module."),
    "run": (f"{_HERE}.run:run", "Execute a function of a module."),
    "modules": (f"{_HERE}.modules:modules", "List, show, share and delete modules."),
    "history": (f"{_HERE}.history:history", "Show what was executed."),
    "generations": (f"{_HERE}.generations:generations", "Show what became of prompts, and what it took."),
    "build": (f"{_HERE}.build:build", "Build a Rust file to wasm."),
    "verify": (f"{_HERE}.verify:verify", "Rebuild a module from its source and compare."),
    "deploy": (f"{_HERE}.build:deploy", "Store a .wasm file in the registry."),
    "pipeline": (f"{_HERE}.pipeline:pipeline", "Run notebooks from prompt to result."),
    "plugins": (f"{_HERE}.plugins:plugins", "List plugins, start a new one."),
    "eval": (f"{_HERE}.eval:evaluate", "Measure how well a generator turns prompts into right modules."),
    "db": (f"{_HERE}.db:db", "Migrate, inspect and copy the registry's database."),
    "serve": (f"{_HERE}.serve:serve", "Serve the registry over HTTP."),
    "token": (f"{_HERE}.token:token", "Make tokens for the service."),
    "toolchain": (f"{_HERE}.toolchain:toolchain", "Install Rust for wasm32, or see what is there."),
    "crates": (f"{_HERE}.crates:crates", "List the crates that modules may use, fetch and pin their sources."),
    "doctor": (f"{_HERE}.doctor:doctor", "Check that everything works and say what to do."),
}


_HERE_ALONE = ("crates", "db", "doctor", "eval", "plugins", "serve", "token", "toolchain")
"""Commands that ask no server for anything. `build` asks none either, and goes with a `deploy` to one."""


class RootGroup(LazyGroup):
    """The root: it maps errors to exit codes, and asks plugins for commands when a name is not a built-in one."""

    _asked_plugins = False

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> NoReturn:
        """Runs the command line and exits."""
        words = list(sys.argv[1:] if args is None else args)
        name = prog_name or "akatsuki"
        self._main_shell_completion(extra, name, complete_var)
        options = words[: words.index("--")] if "--" in words else words

        def action() -> None:
            with self.make_context(name, words, **extra) as ctx:
                self.invoke(ctx)

        sys.exit(exits.guard(action, as_json="--json" in options, verbose="--verbose" in options))

    def list_commands(self, ctx: click.Context) -> list[str]:
        self._ask_plugins(ctx)
        return super().list_commands(ctx)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.lazy and cmd_name not in self.commands:
            self._ask_plugins(ctx)
        return super().get_command(ctx, cmd_name)

    def _ask_plugins(self, ctx: click.Context) -> None:
        """Lets plugins add commands. Built-in ones add none, so nothing is imported where there are no others."""
        session = ctx.ensure_object(Session)
        if self._asked_plugins or not (_may_have_plugin_files(session) or has_installed_plugins()):
            return
        self._asked_plugins = True
        session.plugin_manager().tell("akatsuki_register_commands", cli=self)


def _may_have_plugin_files(session: Session) -> bool:
    return bool(session.plugin_files or os.environ.get("AKATSUKI_PLUGIN_FILES"))


def has_installed_plugins() -> bool:
    """Whether any installed distribution has an entry point in the group ``akatsuki_wasm``.

    It reads the metadata files by itself: `importlib.metadata` costs more to import than all of this program's start.
    """
    for folder in dict.fromkeys(sys.path):
        try:
            names = os.listdir(folder or ".")  # noqa: PTH208 - names are enough, and a Path for each costs ten times more
        except OSError:
            continue  # a zip file or a folder that does not exist has no plugins that this program starts with
        for name in names:
            if not name.endswith((".dist-info", ".egg-info")):
                continue
            try:
                text = Path(folder, name, "entry_points.txt").read_bytes()
            except OSError:
                continue  # most distributions have no entry points
            if b"[akatsuki_wasm]" in text:
                return True
    return False


def _log_to_stderr(verbose: bool) -> None:
    """Warnings as one line for people; with `verbose` everything, with its origin."""
    text = "%(levelname)s %(name)s: %(message)s" if verbose else "warning: %(message)s"
    logging.basicConfig(stream=sys.stderr, format=text, level=logging.WARNING)
    if verbose:
        logging.getLogger("akatsuki_wasm").setLevel(logging.DEBUG)


def _global(*declarations: str, **attributes: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """An option that goes into the session as soon as it is read: the list of commands in ``--help`` depends on it."""

    def store(ctx: click.Context, param: click.Parameter, value: Any) -> None:
        if param.name is not None and value is not None:
            setattr(ctx.ensure_object(Session), param.name, value)

    return click.option(*declarations, **attributes, is_eager=True, expose_value=False, callback=store)


@click.group(
    cls=RootGroup,
    lazy=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=examples(
        'akatsuki design wasm "Create a vintage photo filter"',
        "akatsuki run vintage-filter vintage photo.jpg --strength 0.7 -o out.png",
        "akatsuki doctor",
    ),
)
@click.version_option(__version__, prog_name="akatsuki", message="%(prog)s %(version)s")
@_global("--as", "user", metavar="USER", help="Act as this user of the registry, without admin rights.")
@_global(
    "--plugin",
    "plugin_files",
    metavar="FILE.py",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Load a local plugin file, or a folder of them. Repeatable.",
)
@_global("--block", metavar="NAME", multiple=True, help="Do not load a plugin, by name. Repeatable.")
@_global("--data-dir", type=click.Path(path_type=Path, file_okay=False), help="Folder of the registry.")
@_global("--server", metavar="URL", help="Work on this server instead of this machine's registry.")
@_global(
    "--token-file",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File with the token for the server. AKATSUKI_TOKEN otherwise.",
)
@_global("--verbose", is_flag=True, help="Show log messages, and tracebacks of errors.")
@click.pass_obj
def cli(session: Session) -> None:
    """Turn a sentence into a deployed, sandboxed WebAssembly function, and run it.

    Exit codes: 0 done, 1 your input, 2 usage, 3 the guest's error, 4 the toolchain's, 70 a defect, 130 interrupted.
    """
    _log_to_stderr(session.verbose)
    context = click.get_current_context()
    if session.server and context.invoked_subcommand in _HERE_ALONE:
        raise click.UsageError(f"{context.invoked_subcommand} is about this machine: leave --server out", ctx=context)
    if session.server and session.user is not None:
        raise click.UsageError("On a server the token says who acts: leave --as out", ctx=context)
