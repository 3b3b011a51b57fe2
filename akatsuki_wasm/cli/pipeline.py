"""``akatsuki pipeline``: notebooks that drive the whole path, run with parameters."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from akatsuki_wasm.cli.lazy import examples
from akatsuki_wasm.cli.output import emit, json_option, say, table
from akatsuki_wasm.cli.session import current


@click.group(epilog=examples("akatsuki pipeline list", 'akatsuki pipeline run design_to_run -p prompt "sepia" --html'))
def pipeline() -> None:
    """Run notebooks from prompt to result."""


@pipeline.command("list", epilog=examples("akatsuki pipeline list", "akatsuki pipeline list --json"))
@json_option
def list_(as_json: bool) -> None:
    """List the notebooks that ship with akatsuki, and their parameters."""
    from akatsuki_wasm.notebook.runner import list_notebooks

    found = list_notebooks()
    if as_json:
        emit(
            [
                {"name": info.name, "title": info.title, "path": str(info.path), "parameters": dict(info.parameters)}
                for info in found
            ]
        )
        return
    table(
        ("NAME", "TITLE", "PARAMETERS"),
        (
            (info.name, info.title, ", ".join(f"{key}={value}" for key, value in info.parameters.items()))
            for info in found
        ),
        folding=("TITLE", "PARAMETERS"),
    )


@pipeline.command(
    epilog=examples(
        'akatsuki pipeline run design_to_run -p prompt "create a vintage filter" -p image photo.jpg --html',
        "akatsuki pipeline run my.ipynb -p params '{\"strength\": 0.7}' --out run.ipynb",
    )
)
@click.argument("name", metavar="NAME|FILE.ipynb")
@click.option(
    "-p",
    "--parameter",
    "parameters",
    nargs=2,
    multiple=True,
    metavar="KEY VALUE",
    help="A parameter of the notebook; JSON where its default is no text. Repeatable.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE.ipynb",
    help="Where the executed notebook goes. NAME-run.ipynb in this folder otherwise.",
)
@click.option("--html", is_flag=True, help="Write a self-contained HTML report beside it.")
@json_option
def run(name: str, parameters: tuple[tuple[str, str], ...], out: Path | None, html: bool, as_json: bool) -> None:
    """Run a notebook with parameters, and keep what it showed.

    Where a cell fails, the executed notebook and the report are kept, the error names the cell, and the exit code is 3.
    """
    from akatsuki_wasm.notebook.runner import run_notebook

    terminal = sys.stderr.isatty()
    done = run_notebook(
        name,
        dict(parameters),
        out=out,
        html=html,
        settings=current().notebook_settings(),
        progress=terminal and not as_json,
    )
    if as_json:
        emit(
            {
                "notebook": str(done.notebook),
                "html": None if done.html is None else str(done.html),
                "seconds": round(done.seconds, 3),
            }
        )
        return
    for path in (done.notebook, done.html):
        if path is not None:
            click.echo(path)
    if terminal:
        say(f"took {done.seconds:.1f} s")
