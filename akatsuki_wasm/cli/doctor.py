"""``akatsuki doctor``: what works on this machine, and what to do about the rest."""

from __future__ import annotations

import os
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from akatsuki_wasm.cli import exits
from akatsuki_wasm.cli.lazy import examples
from akatsuki_wasm.cli.output import emit, json_option
from akatsuki_wasm.cli.session import Session, current
from akatsuki_wasm.errors import AkatsukiError, MissingKeyError

if TYPE_CHECKING:
    from collections.abc import Callable

    from akatsuki_wasm.config import Settings

State = Literal["ok", "warn", "fail"]
_COLOURS = {"ok": "green", "warn": "yellow", "fail": "red"}


@dataclass(frozen=True)
class Finding:
    """What one check found.

    Attributes:
        name: Of the part.
        state: ``ok``, ``warn`` (works, but not as well as it could) or ``fail``.
        detail: One line.
        hint: What to do, or empty.
    """

    name: str
    state: State
    detail: str
    hint: str = ""


@click.command(epilog=examples("akatsuki doctor", "akatsuki doctor --json"))
@json_option
def doctor(as_json: bool) -> None:
    """Check that everything works and say what to do.

    Exit code 0 where all parts work (warnings included), 4 where the toolchain fails, 1 where another part does.
    """
    session = current()
    settings = session.settings()
    findings = [_guarded(name, check, session, settings) for name, check in CHECKS.items()]
    if as_json:
        ok = all(finding.state != "fail" for finding in findings)
        emit({"ok": ok, "checks": [asdict(finding) for finding in findings]})
    else:
        for finding in findings:
            mark = click.style(f"{finding.state:<5}", fg=_COLOURS[finding.state])
            click.echo(f"{mark} {finding.name:<15} {finding.detail}")
            if finding.hint:
                click.echo(f"{'':<21} -> {finding.hint}")
    failed = {finding.name for finding in findings if finding.state == "fail"}
    if failed:
        raise click.exceptions.Exit(exits.TOOLCHAIN if "toolchain" in failed else exits.USER)


def _guarded(
    name: str, check: Callable[[Session, Settings], tuple[State, str, str]], session: Session, settings: Settings
) -> Finding:
    try:
        return Finding(name, *check(session, settings))
    except AkatsukiError as exc:
        return Finding(name, "fail", exc.message, exc.hint)
    except (ImportError, OSError) as exc:
        return Finding(name, "fail", f"{type(exc).__name__}: {exc}", "Install akatsuki-wasm again.")


def _toolchain(session: Session, settings: Settings) -> tuple[State, str, str]:
    from akatsuki_wasm.rust.toolchain_status import toolchain_status

    found = toolchain_status(settings.cache_dir)
    if found.chosen is None:
        missing = [f"{each.name} lacks {', '.join(each.missing)}" for each in found.candidates if each.found]
        return "fail", "; ".join(missing) or "no Rust is installed", found.hint
    return "ok", found.chosen.description, ""


def _build_sandbox(session: Session, settings: Settings) -> tuple[State, str, str]:
    from akatsuki_wasm.confinement.ladder import LEVELS
    from akatsuki_wasm.confinement.probe import find_confinement, forget

    forget(settings.cache_dir)  # whoever asks may just have changed something
    found = find_confinement(settings.cache_dir)
    found.require(settings.require_sandbox)
    if found.level == "basic":
        detail = f"{found}; the compiler could read your files if the lint has a hole"
    else:
        detail = f"{found}; tried now: a program inside reads no file outside, opens no socket, reaches no process"
    if found.level == LEVELS[-1]:
        return "ok", detail, ""
    higher = LEVELS[LEVELS.index(found.level) + 1]
    hint = f"For {higher}: {found.hints[higher]} ({found.lacking[higher]})."
    return "ok" if found.at_least("strong") else "warn", detail, hint


def _sandbox(session: Session, settings: Settings) -> tuple[State, str, str]:
    from importlib.metadata import version

    from akatsuki_wasm.sandbox.engine import process_engine

    detail = f"wasmtime {version('wasmtime')}, {settings.timeout_ms} ms and {settings.memory_bytes >> 20} MiB"
    if process_engine().memory == "pool":
        return "ok", f"{detail}, pooling allocator", ""
    return "warn", f"{detail}, no pooling allocator", "Executions start slower; lift the limit of `ulimit -v`."


def _registry(session: Session, settings: Settings) -> tuple[State, str, str]:
    from akatsuki_wasm.registry.status import registry_status

    found = registry_status(settings.resolved_database_url, settings.resolved_blob_url)
    detail = f"{found.database_url}, {found.modules} modules, {found.executions} executions"
    if found.database_bytes is not None and not _can_write(settings.data_dir):
        return "fail", f"{settings.data_dir} cannot be written", "Set AKATSUKI_DATA_DIR to a folder you can write."
    if found.pending and found.revision is not None:
        return "warn", f"{detail}, {len(found.pending)} migrations pending", "Run akatsuki db push."
    return "ok", detail, ""


def _cache(session: Session, settings: Settings) -> tuple[State, str, str]:
    if _can_write(settings.cache_dir):
        return "ok", str(settings.cache_dir), ""
    hint = "Set AKATSUKI_CACHE_DIR to a folder you can write; until then modules are compiled anew each time."
    return "warn", f"{settings.cache_dir} cannot be written", hint


def _language_model(session: Session, settings: Settings) -> tuple[State, str, str]:
    from akatsuki_wasm.model.server import DEFAULT_MODEL, KEY_VARIABLE, find_server

    default = f"the default generator is {settings.default_generator}"
    try:
        server = find_server(os.environ)
    except MissingKeyError as exc:
        if settings.default_generator == "openai":
            return "fail", f"{exc}; {default}", exc.hint
        hint = f"Optional: set {KEY_VARIABLE} for prompts that the offline catalogue cannot serve."
        return "warn", f"no key is set; {default}", hint
    # Only whether there is a key is told; a key never leaves the environment.
    key = f"{KEY_VARIABLE} is set" if server.key else "no key is set"
    detail = f"{key}; {settings.model or DEFAULT_MODEL} at {server.shown}, not asked now; {default}"
    return "ok", detail, ""


def _plugins(session: Session, settings: Settings) -> tuple[State, str, str]:
    names = [info.name for info in session.plugin_manager().describe()]
    return "ok", f"{len(names)} loaded: {', '.join(names)}", ""


def _can_write(folder: Path) -> bool:
    """Whether a folder, or the nearest parent that exists, can really be written: permissions do not say it all."""
    nearest = next((each for each in (folder, *folder.parents) if each.exists()), Path("/"))
    try:
        with tempfile.TemporaryDirectory(prefix=".akatsuki-", dir=nearest):
            return True
    except OSError:
        return False


CHECKS: dict[str, Callable[[Session, Settings], tuple[State, str, str]]] = {
    "toolchain": _toolchain,
    "build sandbox": _build_sandbox,
    "sandbox": _sandbox,
    "registry": _registry,
    "cache": _cache,
    "plugins": _plugins,
    "language model": _language_model,
}
