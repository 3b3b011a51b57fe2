"""``akatsuki design``: from a sentence to a deployed module, and from a module to its next version."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from akatsuki_wasm.cli.design_options import design_options, import_from_here
from akatsuki_wasm.cli.design_output import check_folder, show_module, write_files
from akatsuki_wasm.cli.lazy import examples
from akatsuki_wasm.cli.output import emit, json_option, say
from akatsuki_wasm.cli.session import current
from akatsuki_wasm.errors import RepairError

if TYPE_CHECKING:
    from akatsuki_wasm.module import Module
    from akatsuki_wasm.timeline import Timeline
    from akatsuki_wasm.workspace import Workspace


@click.group(epilog=examples('akatsuki design wasm "Create a vintage photo filter"'))
def design() -> None:
    """Turn a sentence into a deployed module."""


@design.command(
    epilog=examples(
        'akatsuki design wasm "Create a vintage photo filter"',
        "akatsuki design wasm 'a function margin(price, cost) = (price - cost) / price'"
        " --example 'margin(120, 90) == 0.25'",
        "akatsuki design wasm 'ビンテージ風フィルターを作って' --name vintage --out .",
        'akatsuki design wasm "make it work on columns" --from pricing.rs --test pricing_test.py',
    )
)
@click.argument("prompt")
@click.option("--name", metavar="NAME", help="Module name. The generator chooses one otherwise.")
@click.option(
    "--from",
    "base",
    type=click.Path(path_type=Path),
    metavar="FILE.rs",
    help="Rust to start from; PROMPT says what to change in it.",
)
@design_options
@json_option
def wasm(prompt: str, as_json: bool, **options: Any) -> None:
    """Turn PROMPT into Rust, build it to wasm, check it and store it.

    PROMPT is a sentence or a formula, in English or Japanese. Without a language model the offline catalogue answers:
    it picks and composes from its operations and says so when it has none that fit.
    """
    _design(prompt, as_json=as_json, **options)


@design.command(
    epilog=examples(
        'akatsuki design refine vintage-filter "make it warmer, keep the vignette"',
        'akatsuki design refine pricing@1.0.0 "also give the vega" --test pricing_test.py',
    )
)
@click.argument("module")
@click.argument("change")
@design_options
@json_option
def refine(module: str, change: str, as_json: bool, **options: Any) -> None:
    """Make the next version of MODULE from its source: CHANGE says what is to be different.

    It needs a generator that can change a source: a language model, or manual.
    """
    _design(change, as_json=as_json, refined=module, **options)


def _design(
    prompt: str,
    *,
    as_json: bool,
    out: Path | None,
    no_deploy: bool,
    show_prompt: bool,
    reply: Path | None,
    refined: str | None = None,
    **options: Any,
) -> None:
    from akatsuki_wasm.cli.bring import Bringer
    from akatsuki_wasm.cli.progress import StageProgress

    import_from_here(options["like"])
    prompt = _as_typed(prompt)
    if out is not None:
        check_folder(out)
    progress = StageProgress(quiet=as_json or show_prompt)
    workspace = current().workspace(progress)
    if reply is not None and options["generator"] is None:
        options["generator"] = "manual"
    source_before = ""
    if refined is not None:
        base = workspace.base(refined)
        source_before = base.rust
        options |= {"base": base, "name": base.name}
    options |= {"deploy": not no_deploy, "bring": Bringer(reply, progress, to_stderr=as_json)}
    if show_prompt:
        _show_prompt(workspace, prompt, options, as_json=as_json)
        return
    try:
        with progress.live():
            module = workspace.design(prompt, **options)
    except RepairError as exc:
        if not as_json:
            _show_attempts(_timeline_of(exc, prompt, workspace))
        raise
    diff = _diff(source_before, module) if refined is not None else ""
    written = [] if out is None else write_files(module, out)
    if as_json:
        document = {
            **module.to_dict(),
            "deployed": module.stored is not None,
            "notes": list(module.provenance.get("notes", ())),
            "files": [str(path) for path in written],
        }
        emit({**document, "diff": diff} if refined is not None else document)
        return
    _show_attempts(module.timeline)
    if refined is not None:
        _show_diff(diff)
    show_module(module)
    for note in module.provenance.get("notes", ()):
        say(f"note: {note}")
    for own in module.provenance.get("checks", {}).get("own", ()):
        if not own["held"]:
            say(f"note: the generator itself expected {own['text']}, which gave {own['got']}")
    for path in written:
        click.echo(f"wrote     {path}")


def _show_prompt(workspace: Workspace, prompt: str, options: dict[str, Any], *, as_json: bool) -> None:
    from akatsuki_wasm.model.prompts import as_text

    messages = workspace.prompt_of(prompt, **options)
    if as_json:
        emit([{"role": each.role, "content": each.content} for each in messages])
    else:
        click.echo(as_text(messages))


def _timeline_of(error: RepairError, prompt: str, workspace: Workspace) -> Timeline:
    from akatsuki_wasm.contracts import GenerationRequest
    from akatsuki_wasm.timeline import Timeline

    return Timeline.of_attempts(GenerationRequest(prompt), error.attempts, prices=workspace.settings.prices)


def _show_attempts(timeline: Timeline | None) -> None:
    """The timeline, where there was more than one attempt."""
    if timeline is None or len(timeline.attempts) < 2:
        return
    from rich.console import Console

    from akatsuki_wasm.cli.timeline import show_timeline

    show_timeline(Console(stderr=True, highlight=False), timeline)


def _diff(before: str, module: Module) -> str:
    import difflib

    after = module.source or ""
    names = (f"{module.name} (before)", f"{module.name} (now)")
    return "".join(difflib.unified_diff(before.splitlines(keepends=True), after.splitlines(keepends=True), *names))


_COLOURS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("+++", {"bold": True}),
    ("---", {"bold": True}),
    ("@@", {"fg": "cyan"}),
    ("+", {"fg": "green"}),
    ("-", {"fg": "red"}),
)


def _show_diff(diff: str) -> None:
    if not diff:
        say("note: the source did not change")
    for line in diff.splitlines():
        style = next((style for begin, style in _COLOURS if line.startswith(begin)), {})
        shown = "".join(letter if letter.isprintable() or letter == "\t" else "�" for letter in line)
        click.echo(click.style(shown, **style))


def _as_typed(prompt: str) -> str:
    """UTF-8 in a locale that is not: Python keeps such bytes as half surrogate pairs."""
    try:
        return os.fsencode(prompt).decode()
    except UnicodeError:  # neither the locale's encoding nor UTF-8, which the workspace refuses in words
        return prompt
