"""Where a measurement was made: the processor's model, cores, system and versions; no host's name, no path."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = (
    "wasmtime",
    "numpy",
    "pandas",
    "scipy",
    "pillow",
    "pyarrow",
    "extism",
    "numba",
    "polars",
    "duckdb",
    "opencv-python-headless",
)


def facts() -> dict[str, str]:
    """What to write above a table."""
    return {
        "Processor": f"{_processor()}, {_cores()} of its cores, {_memory()} of memory",
        "System": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        "Rust": _rustc(),
        "Packages": ", ".join(f"{name} {_version(name)}" for name in PACKAGES),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    pairs = [line.partition(":") for line in lines]
    found = {key.strip(): value.strip() for key, _, value in pairs}
    flags = found.get("flags", found.get("Features", "")).split()
    simd = [name for name in ("avx2", "avx512f", "asimd", "sve") if name in flags]
    return f"{found.get('model name', platform.machine())} ({', '.join(simd) or 'no known SIMD'})"


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _memory() -> str:
    return f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / (1 << 30):.0f} GiB"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _rustc() -> str:
    from akatsuki_wasm.config import load_settings
    from akatsuki_wasm.errors import AkatsukiError
    from akatsuki_wasm.rust.toolchain import find_toolchain

    try:
        return find_toolchain(load_settings().cache_dir).version
    except AkatsukiError as exc:
        return f"none ({exc})"
