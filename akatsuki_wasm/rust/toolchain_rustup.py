"""Adds the wasm32 target to a toolchain of rustup, which downloads it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from akatsuki_wasm.errors import ToolchainError
from akatsuki_wasm.rust.build_process import run
from akatsuki_wasm.rust.toolchain import MINIMUM_RUSTC, TARGET, Host, Progress
from akatsuki_wasm.rust.toolchain_candidates import rustup_toolchains

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from akatsuki_wasm.rust.toolchain_facts import FactsCache

_TARGET_S = 120.0
"""The library is a download of 20 MB. Without a network rustup fails within seconds; with a dead one it would hang."""
_TOOLCHAIN_S = 600.0


def add_target(host: Host, facts: FactsCache, report: Callable[[Progress], None]) -> None:
    """Adds the target to the first toolchain that is new enough, or installs a stable toolchain where none is.

    Raises:
        ToolchainError: rustup is missing, cannot download, or takes too long.
    """
    rustup = host.program("rustup")
    if rustup is None:
        raise ToolchainError("rustup is not on PATH", hint="install rustup (rustup.rs)")
    toolchain = _first_new_enough(host, facts)
    if toolchain is None:
        arguments = ["toolchain", "install", "stable", "--profile", "minimal", "--target", TARGET, "--no-self-update"]
        limit = _TOOLCHAIN_S
    else:
        arguments = ["target", "add", "--toolchain", toolchain.name, TARGET]
        limit = _TARGET_S
    shown = "rustup " + " ".join(arguments)
    report(Progress("rustup", f"running: {shown}"))
    finished = run(
        [rustup, *arguments],
        environment={
            **os.environ,  # proxies and mirrors are the user's business
            "PATH": host.path,
            "RUSTUP_HOME": str(host.rustup_home),
            "RUSTUP_MAX_RETRIES": "1",
            "RUSTUP_TERM_COLOR": "never",
            "RUST_BACKTRACE": "0",  # what failed is told in a line; where in rustup is nobody's business here
        },
        timeout_s=limit,
        on_error_line=lambda line: report(Progress("rustup", line)) if line else None,
    )
    if finished.code == 0 and not finished.timed_out:
        return
    if finished.timed_out:
        reason = f"it took longer than {limit:.0f} s"
    else:
        errors = [line for line in finished.tail if line.startswith("error")] or list(finished.tail[-1:])
        reason = (errors or [f"exit code {finished.code}"])[0][:300]
    raise ToolchainError(f"'{shown}' failed: {reason}", hint=f"check the network, then run: {shown}")


def _first_new_enough(host: Host, facts: FactsCache) -> Path | None:
    for folder in rustup_toolchains(host):
        try:
            if facts.read(folder / "bin" / "rustc").number >= MINIMUM_RUSTC:
                return folder
        except ToolchainError:  # a broken toolchain: the next one may do
            continue
    return None
