"""Installs what is missing for building wasm: rustup's target, or distribution packages and the private sysroot.

One installation runs at a time for a cache folder; a second one waits and then finds the work done. Whatever
interrupts it, the next one starts clean.
"""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

from akatsuki_wasm.errors import BuildError, ToolchainError
from akatsuki_wasm.rust.sysroot import compile_sysroot
from akatsuki_wasm.rust.toolchain import Host, Progress, Toolchain, find_toolchain
from akatsuki_wasm.rust.toolchain_apt import install_packages
from akatsuki_wasm.rust.toolchain_candidates import SYSROOT_MISSING, Candidate, debian_candidate
from akatsuki_wasm.rust.toolchain_facts import FactsCache
from akatsuki_wasm.rust.toolchain_rustup import add_target

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

Method = Literal["rustup", "apt"]
METHODS: tuple[Method, ...] = ("rustup", "apt")

_LOCK_POLL_S = 0.2
_WAIT_MESSAGE_S = 10.0


def install_toolchain(
    cache_dir: Path,
    report: Callable[[Progress], None],
    *,
    host: Host | None = None,
    methods: Sequence[Method] = METHODS,
) -> Toolchain:
    """Makes sure that there is a toolchain, and gives it.

    rustup is tried first, then the distribution's packages; where those are there already, only the sysroot is
    compiled, which takes most of a minute.

    Args:
        cache_dir: The user's cache folder, which gets the private sysroot (80 MB).
        report: Called with each step, in this thread.
        host: Where to look; this machine by default.
        methods: What may be changed on this machine; without any, only the sysroot is compiled.

    Raises:
        ToolchainError: None can be installed; the hint says what to run.
    """
    machine = host or Host.from_environment()
    with _installation_lock(cache_dir, report):
        report(Progress("find", "looking for a Rust toolchain that builds for wasm32"))
        toolchain = _found(cache_dir, machine)
        problems: list[ToolchainError] = []
        for phase, step in (("rustup", _with_rustup), ("apt", _with_packages), ("sysroot", _with_sysroot)):
            if toolchain is not None:
                break
            try:
                step(cache_dir, machine, methods, report)
            except ToolchainError as exc:
                problems.append(exc)
                report(Progress(phase, exc.message))
            toolchain = _found(cache_dir, machine)
        if toolchain is None:
            raise _failure(problems, cache_dir, machine)
    report(Progress("done", toolchain.description, 1.0))
    return toolchain


def _with_rustup(cache_dir: Path, host: Host, methods: Sequence[Method], report: Callable[[Progress], None]) -> None:
    if "rustup" in methods and host.program("rustup") is not None:
        _as_toolchain_error(lambda: add_target(host, FactsCache(cache_dir), report))


def _with_packages(cache_dir: Path, host: Host, methods: Sequence[Method], report: Callable[[Progress], None]) -> None:
    if "apt" not in methods or host.program("apt-get") is None:
        return
    if not _lacks_only_sysroot(debian_candidate(cache_dir, host, FactsCache(cache_dir))):
        _as_toolchain_error(lambda: install_packages(host, report))


def _with_sysroot(cache_dir: Path, host: Host, methods: Sequence[Method], report: Callable[[Progress], None]) -> None:
    candidate = debian_candidate(cache_dir, host, FactsCache(cache_dir))
    if candidate.facts is None or candidate.rustc is None or not _lacks_only_sysroot(candidate):
        return
    cargo = candidate.rustc.with_name("cargo")
    compile_sysroot(cache_dir, candidate.facts, cargo=cargo, rustc=candidate.rustc, report=report)


def _lacks_only_sysroot(candidate: Candidate) -> bool:
    return candidate.missing == (SYSROOT_MISSING,)


def _found(cache_dir: Path, host: Host) -> Toolchain | None:
    try:
        return find_toolchain(cache_dir, host=host)
    except ToolchainError:
        return None


def _as_toolchain_error(work: Callable[[], None]) -> None:
    """A program that cannot be started is a matter of the toolchain here."""
    try:
        work()
    except ToolchainError:
        raise
    except BuildError as exc:
        raise ToolchainError(exc.message, hint=exc.hint) from exc


def _failure(problems: Sequence[ToolchainError], cache_dir: Path, host: Host) -> ToolchainError:
    """One error of several: all reasons, and the hint of the last, which came closest."""
    if problems:
        reasons = "; ".join(problem.message for problem in problems)
        error = ToolchainError(f"no Rust toolchain could be installed: {reasons}", hint=problems[-1].hint)
        error.__cause__ = problems[-1]
        return error
    candidate = debian_candidate(cache_dir, host, FactsCache(cache_dir))
    if candidate.found:
        return ToolchainError(
            f"no Rust toolchain could be installed: {candidate.name} lack {', '.join(candidate.missing)}",
            hint="install rustup (rustup.rs), then run: akatsuki toolchain install",
        )
    return ToolchainError(
        "no Rust toolchain could be installed: expected rustup or apt-get on PATH, found neither",
        hint="install rustup (rustup.rs), then run: akatsuki toolchain install",
    )


@contextmanager
def _installation_lock(cache_dir: Path, report: Callable[[Progress], None]) -> Iterator[None]:
    """Holds the lock of the cache folder; the kernel releases it when the process dies."""
    try:
        cache_dir.mkdir(parents=True, exist_ok=True)
        lock = os.open(cache_dir / "toolchain.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as exc:
        raise ToolchainError(
            f"the cache folder {cache_dir} cannot be written: {exc.strerror}",
            hint="set AKATSUKI_CACHE_DIR to a folder you can write",
        ) from exc
    try:
        told = 0.0
        while not _try_lock(lock):
            if not told or time.monotonic() - told > _WAIT_MESSAGE_S:
                told = time.monotonic()
                report(Progress("wait", "another installation is under way: waiting for it to end"))
            time.sleep(_LOCK_POLL_S)
        yield
    finally:
        os.close(lock)


def _try_lock(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
