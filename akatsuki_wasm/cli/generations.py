"""``akatsuki generations``: every prompt with its attempts, what was asked and answered, and what it took."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from akatsuki_wasm.cli.lazy import examples
from akatsuki_wasm.cli.output import emit, json_option, say, table
from akatsuki_wasm.cli.session import current
from akatsuki_wasm.documents import attempt_document, generation_document, moment

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from akatsuki_wasm.registry.models import Generation, GenerationStatus

SHORT_ID = 8
"""Characters of an id in a list: a handful of generations are told apart by as few, and `show` takes them."""
_PROMPT = 60


@click.group(epilog=examples("akatsuki generations list", "akatsuki generations search vintage"))
def generations() -> None:
    """Show what became of prompts, and what it took."""


def _listing(function: Callable[..., Any]) -> Callable[..., Any]:
    for option in (
        json_option,
        click.option("--status", type=click.Choice(["success", "error"]), help="Only these."),
        click.option(
            "--limit", type=click.IntRange(1, 100_000), default=50, show_default=True, help="At most so many."
        ),
    ):
        function = option(function)
    return function


@generations.command(
    "list",
    epilog=examples("akatsuki generations list", "akatsuki generations list --status error --limit 5 --json"),
)
@_listing
def list_(limit: int, status: GenerationStatus | None, as_json: bool) -> None:
    """List prompts, the newest first, with what came of each."""
    rows = current().workspace().generations(limit=limit, status=status)
    _print(rows, as_json, "Nothing was designed yet." if status is None else f"No design has the status {status}.")


@generations.command(
    epilog=examples(
        "akatsuki generations search vintage", "akatsuki generations search 'mismatched types' --status error"
    )
)
@click.argument("text")
@_listing
def search(text: str, limit: int, status: GenerationStatus | None, as_json: bool) -> None:
    """List those that have TEXT somewhere, the newest first.

    Prompts, module names, models, error messages, answers, sources and diagnostics are searched. Upper and lower case
    are the same.
    """
    rows = current().workspace().generations(text, limit, status=status)
    _print(rows, as_json, f"No design has {text!r} in it.")


@generations.command(
    epilog=examples(
        "akatsuki generations show 1f3a9c02",
        "akatsuki generations show 1f3a9c02 --attempt 2 --messages",
        "akatsuki generations show 1f3a9c02 --source > module.rs",
    )
)
@click.argument("generation_id", metavar="ID")
@click.option("--attempt", type=click.IntRange(1), metavar="N", help="Of which attempt. The last one otherwise.")
@click.option("--messages", "part", flag_value="messages", help="Print exactly what the language model was asked.")
@click.option("--reply", "part", flag_value="reply", help="Print exactly what it answered.")
@click.option("--source", "part", flag_value="source", help="Print the Rust of that attempt.")
@json_option
def show(generation_id: str, attempt: int | None, part: str | None, as_json: bool) -> None:
    """Show one design: its timeline, or what one attempt asked and answered.

    ID is the id of the list, or its first characters.
    """
    from akatsuki_wasm.timeline import Timeline

    found = current().workspace().generation(generation_id)
    numbers = range(1, len(found.attempts) + 1) if attempt is None else [attempt]
    chosen = [_attempt(found, number) for number in numbers]
    if part is not None:
        _print_part(found, _attempt(found, attempt), part, as_json)
        return
    if as_json:
        emit(
            {
                **generation_document(found),
                "request": found.request,
                "attempts": [attempt_document(found, each) for each in chosen],
            }
        )
        return
    from rich.console import Console

    from akatsuki_wasm.cli.timeline import show_timeline

    click.echo(f"{found.id}  {moment(found.created_at)}  {found.status}")
    show_timeline(Console(), Timeline.of(found), attempt)


def _attempt(generation: Generation, number: int | None) -> Mapping[str, Any]:
    """One attempt, the last one where no number is given.

    Raises:
        NotFoundError: There is none.
    """
    from akatsuki_wasm.errors import NotFoundError

    count = len(generation.attempts)
    if not count:
        raise NotFoundError(
            f"the generation {str(generation.id)[:SHORT_ID]} has no attempt: {generation.error_message}",
            hint="It ended before a generator answered.",
        )
    if number is None or number <= count:
        return {"number": number or count, **generation.attempts[(number or count) - 1]}
    raise NotFoundError(
        f"the generation {str(generation.id)[:SHORT_ID]} has no attempt {number}", hint=f"It has 1 to {count}."
    )


def _print_part(generation: Generation, attempt: Mapping[str, Any], part: str, as_json: bool) -> None:
    from akatsuki_wasm.errors import NotFoundError
    from akatsuki_wasm.generation_facts import asked

    value = asked(generation.attempts, attempt["number"]) if part == "messages" else attempt.get(part)
    if value is None or (part == "messages" and not value):
        reason = "held no usable source" if part == "source" else "asked no language model"
        raise NotFoundError(f"attempt {attempt['number']} {reason}", hint="Leave the option out to see what it did.")
    if as_json:
        emit(value)
        return
    cut = attempt.get("cut", {})
    if cut:
        parts = ", ".join(f"{name} ({length:,} characters)" for name, length in cut.items())
        say(f"note: too long to be kept whole: {parts}")
    if isinstance(value, str):
        _raw(value)
        return
    for number, message in enumerate(value):
        click.echo(f"{'' if number == 0 else chr(10)}[{message['role']}]")
        _raw(message["content"])


def _raw(text: str) -> None:
    """A model's text as it is into a pipe; on a terminal without what could move the cursor."""
    import sys

    if sys.stdout.isatty():
        text = "".join(each if each.isprintable() or each in "\n\t" else "\N{REPLACEMENT CHARACTER}" for each in text)
    # click takes escape sequences out for a pipe unless it is told that they are wanted.
    click.echo(text, nl=not text.endswith("\n"), color=True)


def _print(rows: Sequence[Generation], as_json: bool, nothing: str) -> None:
    if as_json:
        emit([generation_document(row) for row in rows])
        return
    if not rows:
        say(nothing)
        return
    table(
        ("WHEN", "ID", "PROMPT", "MODULE", "MODEL", "ATTEMPTS", "TOKENS", "PRICE", "SECONDS", "STATUS"),
        (
            (
                moment(row.created_at),
                str(row.id)[:SHORT_ID],
                _short(row.prompt),
                _module_name(row),
                _short(row.model or row.generator),
                len(row.attempts),
                "" if row.tokens_in is None else f"{row.tokens_in + (row.tokens_out or 0):,}",
                "" if row.price is None else f"{row.price:.4g}",
                f"{row.seconds:.1f}",
                f"{row.status}, from memory" if row.replayed else row.status,
            )
            for row in rows
        ),
        folding=("PROMPT", "MODULE", "MODEL", "STATUS"),
    )


def _short(text: str) -> str:
    from akatsuki_wasm.errors import one_line

    line = one_line(text)
    return line if len(line) <= _PROMPT else f"{line[: _PROMPT - 1]}…"


def _module_name(row: Generation) -> str:
    if row.status != "success" or not row.source_name:
        return ""
    return f"{row.source_name}@{row.module_version}" if row.module_version else row.source_name
