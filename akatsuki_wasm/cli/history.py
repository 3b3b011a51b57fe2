"""``akatsuki history``: what was executed, by whom and with what outcome, and how long that is kept."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import click

from akatsuki_wasm.cli.lazy import examples
from akatsuki_wasm.cli.output import emit, json_option, say, table
from akatsuki_wasm.cli.session import current
from akatsuki_wasm.documents import execution_document, moment


class _ShowGroup(click.Group):
    """A group that does `show` where its first word is no command: ``akatsuki history MODULE``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or not (args[0] in self.commands or args[0] in ctx.help_option_names):
            args = ["show", *args]
        return super().parse_args(ctx, args)


@click.group(
    cls=_ShowGroup,
    epilog=examples(
        "akatsuki history",
        "akatsuki history vintage-filter --limit 5",
        "akatsuki history --json",
        "akatsuki history prune --older-than 90 --dry-run",
    ),
)
def history() -> None:
    """Show what was executed, or remove what is old.

    Without a command it is `show`: `akatsuki history [MODULE[@VERSION]]`.
    """


@history.command(
    epilog=examples("akatsuki history", "akatsuki history vintage-filter --limit 5", "akatsuki history --json")
)
@click.argument("module", required=False, metavar="[MODULE[@VERSION]]")
@click.option("--limit", type=click.IntRange(1, 100_000), default=50, show_default=True, help="At most so many.")
@json_option
def show(module: str | None, limit: int, as_json: bool) -> None:
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


@history.command(
    epilog=examples("akatsuki history prune --older-than 90 --dry-run", "akatsuki history prune --older-than 90")
)
@click.option(
    "--older-than",
    "days",
    type=click.IntRange(0, 36_500),
    metavar="DAYS",
    help="Age in days; the setting retention_days by default.",
)
@click.option("--dry-run", is_flag=True, help="Count them and remove nothing.")
@json_option
def prune(days: int | None, dry_run: bool, as_json: bool) -> None:
    """Remove old executions by all users from the history. For admins."""
    from akatsuki_wasm.errors import ConfigError
    from akatsuki_wasm.registry import retention

    session = current()
    days = session.settings().retention_days if days is None else days
    if days is None:
        raise ConfigError(
            "nothing says how old executions may be", hint="Give --older-than DAYS, or set AKATSUKI_RETENTION_DAYS."
        )
    workspace = session.workspace()
    before = datetime.now(UTC) - timedelta(days=days)
    work = retention.old_executions if dry_run else retention.prune
    count = work(workspace.registry, workspace.user, before)
    if as_json:
        emit({"executions": count, "before": moment(before), "removed": not dry_run})
        return
    verb = "would be removed" if dry_run else "removed"
    click.echo(f"{count:,} executions from before {moment(before)} {verb}")
