"""``akatsuki plugins``: what is loaded, and a project to start a new one from."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click

from akatsuki_wasm.cli.lazy import examples
from akatsuki_wasm.cli.output import emit, json_option, table
from akatsuki_wasm.cli.session import Session, current

_PLUGIN_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


@click.group(epilog=examples("akatsuki plugins list", "akatsuki plugins new my-generator"))
def plugins() -> None:
    """List plugins, start a new one."""


@plugins.command(
    "list", epilog=examples("akatsuki plugins list", "akatsuki --plugin mine.py --block offline plugins list --json")
)
@json_option
def list_(as_json: bool) -> None:
    """List the plugins: name, version, hooks, where from, and which are blocked."""
    found = _describe(current())
    if as_json:
        emit(found)
        return
    table(
        ("NAME", "VERSION", "FROM", "HOOKS", "WHERE", "BLOCKED"),
        (
            (
                each["name"],
                each["version"],
                each["origin"],
                ", ".join(each["hooks"]),
                each["location"],
                "yes" if each["blocked"] else "",
            )
            for each in found
        ),
        folding=("HOOKS", "WHERE"),
    )


def _describe(session: Session) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [
        {
            "name": info.name,
            "version": info.version,
            "hooks": list(info.hooks),
            "origin": info.origin,
            "location": info.location,
            "blocked": False,
        }
        for info in session.plugin_manager().describe()
    ]
    # A blocked plugin is never imported, so nothing but its name is known.
    blocked = dict.fromkeys((*session.settings().block_plugins, *session.block))
    found += [
        {"name": name, "version": "", "hooks": [], "origin": "", "location": "", "blocked": True} for name in blocked
    ]
    return found


@plugins.command(epilog=examples("akatsuki plugins new my-generator", "akatsuki plugins new my-generator --out ~/src"))
@click.argument("name")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(),
    metavar="DIR",
    help="Where the project's folder is made. Here otherwise.",
)
@json_option
def new(name: str, out: Path, as_json: bool) -> None:
    """Make a plugin project: pyproject.toml, a module with a hook, and a test.

    NAME is what users block or ask for, such as my-generator; the folder gets that name too.
    """
    files = render_project(name)
    folder = _write(out / name, files)
    if as_json:
        emit({"name": name, "path": str(folder), "files": sorted(files)})
        return
    for path in sorted(files):
        click.echo(folder / path)
    click.echo(f"\nTry it:  pip install -e {folder}  &&  python -m pytest {folder}", err=True)


def render_project(name: str) -> dict[str, str]:
    """The text of each file of a new plugin project, by its path in the project.

    Raises:
        ArgumentError: The name does not serve as a plugin's name.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    from akatsuki_wasm import __version__
    from akatsuki_wasm.errors import ArgumentError
    from akatsuki_wasm.resources import data_folder

    if not _PLUGIN_NAME.fullmatch(name) or len(name) > 40:
        raise ArgumentError(
            f"{name!r} is not a plugin name: expected lower-case words with hyphens between them, at most 40 letters",
            hint="Try my-generator.",
        )
    stem = name.removeprefix("akatsuki-")
    facts = {
        "name": stem,
        "distribution": f"akatsuki-{stem}",
        "module": f"akatsuki_{stem.replace('-', '_')}",
        "title": "".join(part.capitalize() for part in stem.split("-")),
        "version": __version__,
    }
    # No autoescape: these are Python and TOML files, and `name` was checked above.
    environment = Environment(  # noqa: S701
        loader=FileSystemLoader(data_folder("templates") / "plugin"),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
    )
    paths = {
        "pyproject.toml": "pyproject.toml.j2",
        "README.md": "README.md.j2",
        f"{facts['module']}.py": "module.py.j2",
        f"tests/test_{facts['module']}.py": "test_plugin.py.j2",
    }
    return {path: environment.get_template(template).render(facts) for path, template in paths.items()}


def _write(folder: Path, files: dict[str, str]) -> Path:
    from akatsuki_wasm.errors import ArgumentError, ConflictError

    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConflictError(f"{folder} exists already", hint="Choose another name, or another place with --out.")
    try:
        for path, text in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text, encoding="utf-8")
    except OSError as exc:
        raise ArgumentError(
            f"{folder} cannot be written: {(exc.strerror or str(exc)).lower()}", hint="Choose another place with --out."
        ) from exc
    return folder
