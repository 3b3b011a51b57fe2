"""``akatsuki crates``: the crates that modules may use, and the sources of all that they need."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from akatsuki_wasm.cli.lazy import examples
from akatsuki_wasm.cli.output import emit, json_option, say, table
from akatsuki_wasm.cli.session import current

if TYPE_CHECKING:
    from akatsuki_wasm.contracts import Crate
    from akatsuki_wasm.rust.crates_vendored import VendoredCrates
    from akatsuki_wasm.rust.toolchain import Toolchain

_HINT = 'Permit one in akatsuki.toml, such as: crates.itoa = "1.0.15"'


@click.group(epilog=examples("akatsuki crates list", "akatsuki crates resolve"))
def crates() -> None:
    """List the crates that modules may use, fetch and pin their sources."""


@crates.command("list", epilog=examples("akatsuki crates list", "akatsuki crates list --json"))
@json_option
def list_(as_json: bool) -> None:
    """List the permitted crates and all packages that they bring, with those that run programs while they are built.

    Nothing is fetched: without the sources only the permitted crates themselves are known.
    """
    from akatsuki_wasm.rust.crates_resolve import find_resolved
    from akatsuki_wasm.rust.toolchain import find_toolchain

    settings, found = current().settings(), _permitted()
    toolchain = find_toolchain(settings.cache_dir)
    vendored = find_resolved(found, toolchain, settings.cache_dir, lock=settings.crates_lock) if found else None
    _show(found, vendored, toolchain, as_json=as_json)


@crates.command(epilog=examples("akatsuki crates resolve"))
@json_option
def resolve(as_json: bool) -> None:
    """Fetch the sources of the permitted crates now, such as before going offline.

    cargo fetches them with your own configuration of registries. No code of a crate runs in it. The first build that
    needs a crate does the same.
    """
    from akatsuki_wasm.rust.crates_resolve import resolve as resolve_crates
    from akatsuki_wasm.rust.toolchain import find_toolchain

    settings, found = current().settings(), _permitted()
    toolchain = find_toolchain(settings.cache_dir)
    vendored = (
        resolve_crates(found, toolchain, settings.cache_dir, lock=settings.crates_lock, report=say) if found else None
    )
    _show(found, vendored, toolchain, as_json=as_json)


@crates.command(epilog=examples("akatsuki crates lock", "akatsuki crates lock --update"))
@click.option("--update", is_flag=True, help="Take the newest versions of what the crates need, not those of before.")
@json_option
def lock(update: bool, as_json: bool) -> None:
    """Write the lock file, which pins all that the permitted crates need.

    With it, a module with crates is built from the same sources on every machine and on any day. It is written to
    akatsuki.crates.lock (setting crates_lock); keep it with akatsuki.toml.
    """
    from akatsuki_wasm.errors import ConfigError
    from akatsuki_wasm.rust.crates_lock import read_lock
    from akatsuki_wasm.rust.crates_resolve import relock, write_lock
    from akatsuki_wasm.rust.toolchain import find_toolchain

    settings, found = current().settings(), _permitted()
    if not found:
        raise ConfigError("no crates are permitted, so there is nothing to lock", hint=_HINT)
    path = settings.crates_lock
    text = relock(found, find_toolchain(settings.cache_dir), settings.cache_dir, lock=path, update=update)
    packages = read_lock(text, found, where=str(path))
    changed = write_lock(path, text)
    if as_json:
        emit({"path": str(path), "changed": changed, "packages": [str(each) for each in packages]})
        return
    click.echo(f"{path}  {len(packages)} packages{'' if changed else ', as before'}")


def _permitted() -> tuple[Crate, ...]:
    from akatsuki_wasm.rust.crates import permitted

    return permitted(current().settings().crates)


def _show(found: tuple[Crate, ...], vendored: VendoredCrates | None, toolchain: Toolchain, *, as_json: bool) -> None:
    needed = {each.name: vendored.reached([each], toolchain) if vendored else () for each in found}
    packages: dict[str, dict[str, Any]] = {}
    for name, reached in needed.items():
        for each in reached:
            facts: dict[str, Any] = {"name": each.name, "version": each.version}
            facts |= {"buildScript": each.build_script, "procMacro": each.proc_macro, "for": []}
            packages.setdefault(str(each), facts)["for"].append(name)
    ordered = [packages[each] for each in sorted(packages)]
    if as_json:
        permitted = [
            {
                "name": each.name,
                "version": each.version,
                "features": list(each.features),
                "defaultFeatures": each.default_features,
                "needsStrongSandbox": any(part.runs for part in needed[each.name]) if vendored else None,
            }
            for each in found
        ]
        emit({"resolved": vendored is not None, "crates": permitted, "packages": ordered})
        return
    if not found:
        say(f"no crates are permitted\n{click.style('hint:', fg='cyan')} {_HINT}")
    elif vendored is None:
        table(("PACKAGE", "VERSION", "RUNS", "FOR"), ((each.name, each.version, None, each.name) for each in found))
        say(f"{click.style('hint:', fg='cyan')} What they need is not known yet. Run: akatsuki crates resolve")
    else:
        table(
            ("PACKAGE", "VERSION", "RUNS", "FOR"),
            ((each["name"], each["version"], _runs(each), ", ".join(each["for"])) for each in ordered),
            folding=("FOR",),
        )


def _runs(package: dict[str, Any]) -> str:
    """What of a package runs on this machine while a module is built."""
    kinds = {"build script": package["buildScript"], "procedural macro": package["procMacro"]}
    return ", ".join(kind for kind, has in kinds.items() if has)
