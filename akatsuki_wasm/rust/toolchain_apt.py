"""Installs Rust from the packages of Debian or Ubuntu.

Which packages is asked of the package lists, not assumed: Debian's ``rustc-web`` family follows the newest rustc and
needs the private sysroot; newer releases have a recent ``rustc`` with ``libstd-rust-dev-wasm32`` beside it.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from akatsuki_wasm.errors import ToolchainError
from akatsuki_wasm.rust.build_process import Finished, run
from akatsuki_wasm.rust.toolchain import MINIMUM_RUSTC, Host, Progress
from akatsuki_wasm.rust.toolchain_facts import version_number

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

_FAMILIES = (
    # decides by its version, the packages, and the one that says which LLVM (and so which lld) belongs to it
    ("rustc-web", ("rustc-web", "cargo-web", "rust-web-src", "rust-web-llvm"), "rust-web-llvm"),
    ("libstd-rust-dev-wasm32", ("rustc", "cargo", "libstd-rust-dev-wasm32", "rust-llvm"), "rust-llvm"),
)
_ENVIRONMENT = {"DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
_QUERY_S = 60.0
_UPDATE_S = 300.0
_INSTALL_S = 1800.0
_STALE = re.compile(r"Unable to locate package|has no installation candidate|Failed to fetch|404 +Not Found")
_INTERRUPTED = "dpkg was interrupted"
_STATUS = re.compile(r"(dl|pm)status:[^:]*:([\d.]+):(.*)")


def install_packages(host: Host, report: Callable[[Progress], None]) -> None:
    """Installs the packages, as root or through ``sudo -n``; nothing that is installed is removed for it.

    Raises:
        ToolchainError: There is no apt, no right to use it, no recent Rust among the packages, or apt failed.
    """
    apt, cache = host.program("apt-get"), host.program("apt-cache")
    if apt is None or cache is None:
        raise ToolchainError(
            "there is no apt-get on PATH to install Rust with",
            hint="install rustup (rustup.rs), then run: akatsuki toolchain install",
        )
    packages = plan_packages(host, cache)
    prefix = _privilege(host, packages)
    updated = packages is None
    if packages is None:
        lines = _update(host, [*prefix, apt], report)
        packages = plan_packages(host, cache)
        if packages is None:
            raise _nothing_to_install(host, cache, lines)
    finished = _install(host, [*prefix, apt], packages, report)
    problems = _problems(finished)
    if finished.code != 0 and _INTERRUPTED in problems:
        report(Progress("apt", "an earlier installation was interrupted: completing it"))
        dpkg = host.program("dpkg") or "dpkg"
        _run(host, [*prefix, dpkg, "--configure", "-a"], _INSTALL_S, report)
        finished = _install(host, [*prefix, apt], packages, report)
    elif finished.code != 0 and not updated and _STALE.search(problems):
        _update(host, [*prefix, apt], report)
        finished = _install(host, [*prefix, apt], plan_packages(host, cache) or packages, report)
    if finished.code != 0 or finished.timed_out:
        reason = "it took too long" if finished.timed_out else _problems(finished)[:300]
        raise ToolchainError(
            f"apt-get could not install Rust: {reason}", hint=f"run: {_by_hand(packages)} && akatsuki toolchain install"
        )


def plan_packages(host: Host, apt_cache: Path) -> tuple[str, ...] | None:
    """The packages of the first family that is new enough, or None."""
    versions = _candidates(host, apt_cache)
    for decisive, packages, llvm in _FAMILIES:
        if version_number(versions.get(decisive, "")) >= MINIMUM_RUSTC:
            return (*packages, _linker(host, apt_cache, llvm))
    return None


def _candidates(host: Host, apt_cache: Path) -> Mapping[str, str]:
    """Version that apt would install, by package."""
    versions = {}
    package = ""
    for line in _query(host, [apt_cache, "policy", *(decisive for decisive, _, _ in _FAMILIES)]):
        if match := re.fullmatch(r"(\S+):", line):
            package = match[1]
        elif match := re.fullmatch(r"\s+Candidate: (\S+)", line):
            versions[package] = "" if match[1] == "(none)" else match[1]
    return versions


def _linker(host: Host, apt_cache: Path, llvm: str) -> str:
    """The lld of the LLVM that the compiler is built with: ``rust-lld`` is a link to exactly that one."""
    for line in _query(host, [apt_cache, "depends", llvm]):
        if match := re.fullmatch(r"\s+Depends: llvm-(\d+)", line):
            return f"lld-{match[1]}"
    return "lld"


def _query(host: Host, command: Sequence[str | Path]) -> list[str]:
    lines: list[str] = []
    run(
        command,
        environment=_environment(host),
        timeout_s=_QUERY_S,
        on_line=lambda line: lines.append(line.decode("utf-8", "replace").rstrip()),
    )
    return lines


def _privilege(host: Host, packages: Sequence[str] | None) -> list[str | Path]:
    """What goes before apt-get: nothing for root, else a sudo that asks no password."""
    if host.user_id == 0:
        return []
    sudo = host.program("sudo")
    if sudo is not None:
        finished = run([sudo, "-n", "true"], environment=_environment(host), timeout_s=_QUERY_S)
        if finished.code == 0:
            return [sudo, "-n", "env", *(f"{name}={value}" for name, value in _ENVIRONMENT.items())]
    command = "sudo apt-get update" if packages is None else _by_hand(packages)
    raise ToolchainError(
        "installing Rust's packages needs root, which sudo does not give without a password",
        hint=f"run: {command} && akatsuki toolchain install",
    )


def _by_hand(packages: Sequence[str]) -> str:
    return f"sudo apt-get install --no-install-recommends {' '.join(packages)}"


def _update(host: Host, apt: Sequence[str | Path], report: Callable[[Progress], None]) -> Finished:
    report(Progress("apt", "running: apt-get update"))
    return _run(host, [*apt, "update"], _UPDATE_S, report)


def _install(
    host: Host, apt: Sequence[str | Path], packages: Sequence[str], report: Callable[[Progress], None]
) -> Finished:
    report(Progress("apt", f"installing {', '.join(packages)}", 0.0))
    options = ["APT::Status-Fd=1", "Dpkg::Use-Pty=0", "DPkg::Lock::Timeout=300"]
    settings = [part for option in options for part in ("-o", option)]
    # --no-remove: a Rust that the user installed and that conflicts with these packages must survive.
    command = [*apt, "install", "-y", "--no-install-recommends", "--no-remove", *settings, *packages]
    return _run(host, command, _INSTALL_S, report)


def _run(host: Host, command: Sequence[str | Path], timeout_s: float, report: Callable[[Progress], None]) -> Finished:
    def on_line(line: bytes) -> None:
        text = line.decode("utf-8", "replace").strip()
        if match := _STATUS.fullmatch(text):
            percent, downloading = float(match[2]), match[1] == "dl"
            report(Progress("apt", match[3], min(1.0, percent / 200 + (0 if downloading else 0.5))))
        elif text.startswith(("E:", "W:", "Err:")):
            # The rest, some five hundred lines of names and sizes, tells a person nothing.
            report(Progress("apt", text))

    # Not tied to this process: dpkg that is killed in the middle leaves the system's packages half configured.
    return run(command, environment=_environment(host), timeout_s=timeout_s, on_line=on_line, tied=False)


def _environment(host: Host) -> dict[str, str]:
    return {**os.environ, **_ENVIRONMENT, "PATH": host.path}


def _problems(finished: Finished) -> str:
    """What apt complained of, on one line."""
    lines = [line for line in finished.tail if line.startswith(("E:", "dpkg: error"))] or list(finished.tail[-1:])
    return " ".join(lines) or f"exit code {finished.code}"


def _nothing_to_install(host: Host, apt_cache: Path, update: Finished) -> ToolchainError:
    known = {name: version for name, version in _candidates(host, apt_cache).items() if version}
    minimum = ".".join(map(str, MINIMUM_RUSTC))
    if known:
        shown = ", ".join(f"{name} {version}" for name, version in known.items())
        return ToolchainError(
            f"the packages of this system have no Rust of at least {minimum}: there is {shown}",
            hint="install rustup (rustup.rs), then run: akatsuki toolchain install",
        )
    lines = [line for line in update.tail if line.startswith(("E:", "W:", "Err:"))]
    reason = f": {lines[0][:200]}" if lines else ""
    return ToolchainError(
        f"the package lists have no Rust of at least {minimum}{reason}",
        hint="check the network, then run: sudo apt-get update && akatsuki toolchain install",
    )
