"""``akatsuki history``: what was executed, by whom and with what outcome."""

from __future__ import annotations

import click

from akatsuki_wasm.cli.lazy import examples
from akatsuki_wasm.cli.output import emit, json_option, say, table
from akatsuki_wasm.cli.session import current
from akatsuki_wasm.documents import execution_document, moment


@click.command(
    epilog=examples("akatsuki history", "akatsuki history vintage-filter --limit 5", "akatsuki history --json")
)
@click.argument("module", required=False, metavar="[MODULE[@VERSION]]")
@click.option("--limit", type=click.IntRange(1, 100_000), default=50, show_default=True, help="At most so many.")
@json_option
def history(module: str | None, limit: int, as_json: bool) -> None:
    """Show executions, the newest first: yours, or those of MODULE."""
    rows = current().workspace().history(module, limit)
    if as_json:
        emit([execution_document(row) for row in rows])
        return
    if not rows:
        say("Nothing was executed yet.")
        return
    table(
        ("WHEN", "MODULE", "FUNCTION", "STATUS", "MS", "MB", "INPUT", "OUTPUT"),
        (
            (
                moment(row.executed_at),
                f"{row.module_name}@{row.module_version}" if row.module_name else "(deleted)",
                row.function_name,
                row.status,
                f"{row.execution_time_ms:.1f}",
                f"{row.memory_used_bytes / 1e6:.1f}",
                row.input_summary,
                row.error_message or row.output_summary,
            )
            for row in rows
        ),
        folding=("MODULE", "INPUT", "OUTPUT"),
    )
