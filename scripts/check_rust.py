"""Checks the Rust that ships and the Rust that is rendered: rustfmt on the prelude, clippy on a guest crate.

Formatter and linter come from the toolchain that builds modules. clippy looks at a rendered crate (the prelude, the
glue and an example author's file) for wasm32, as it is built, with warnings as errors.
"""

from __future__ import annotations

import difflib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from akatsuki_wasm.config import load_settings
from akatsuki_wasm.errors import AkatsukiError
from akatsuki_wasm.resources import data_folder
from akatsuki_wasm.rust.glue import render_crate
from akatsuki_wasm.rust.signatures import parse_source
from akatsuki_wasm.rust.toolchain import TARGET, Toolchain, find_toolchain
from akatsuki_wasm.rust.toolchain_facts import version_number

ROOT = Path(__file__).parents[1]
EXAMPLE = Path(__file__).with_name("check_rust_example.rs")
NEWEST_CHECKED = (1, 99)
ALLOWED_LINTS = (
    # The list below serves several versions of clippy.
    "unknown_lints",
    "renamed_and_removed_lints",
    # The glue is rendered alike for types that need a dereference and types that do not.
    "clippy::explicit_auto_deref",
    "clippy::borrow_deref_ref",
    # A `static mut` is reached by `&raw mut`; the plain reference that is proposed instead is what rustc warns of.
    "clippy::deref_addrof",
    # A batch frame is a view of memory that the host laid out; its outputs are apart from its inputs.
    "clippy::mut_from_ref",
    # Pixels are packed by shifts that are joined by `|`, as everywhere.
    "clippy::precedence",
    # Lanes: an index over a fixed count is what LLVM vectorises, and an intrinsic with a target feature is no `Fn`.
    "clippy::needless_range_loop",
    "clippy::redundant_closure",
    # `as_chunks` came with Rust 1.88, and 1.85 is the oldest that builds modules.
    "clippy::chunks_exact_to_as_chunks",
    # Coefficients stand as their sources print them.
    "clippy::excessive_precision",
    "clippy::approx_constant",
)


def beside(toolchain: Toolchain, program: str) -> Path:
    """The program of the same toolchain; rustup is asked for it where it is missing.

    Raises:
        SystemExit: It cannot be had.
    """
    path = toolchain.rustc.with_name(program)
    if not path.exists() and toolchain.kind == "rustup":
        name = toolchain.rustc.parent.parent.name
        subprocess.run(["rustup", "component", "add", "--toolchain", name, "rustfmt", "clippy"], check=False)
    if not path.exists():
        sys.exit(f"{program} is not beside {toolchain.rustc}\n  run: rustup component add rustfmt clippy")
    return path


def check_format(toolchain: Toolchain) -> bool:
    """Shows where a Rust file that ships, or the example, is not as rustfmt writes it.

    Each goes in by itself and by standard input: given a path, rustfmt follows ``mod author;`` into a file that only a
    rendered crate has.
    """
    command = [beside(toolchain, "rustfmt"), "--edition", "2021", "--config-path", ROOT / "rustfmt.toml"]
    passed = True
    for path in (EXAMPLE, *sorted(data_folder("rust_templates").rglob("*.rs"))):
        text = path.read_text("utf-8")
        done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
        if done.returncode or done.stdout != text:
            passed = False
            lines, wanted = text.splitlines(keepends=True), done.stdout.splitlines(keepends=True)
            diff = difflib.unified_diff(lines, wanted, str(path.relative_to(ROOT)), "as rustfmt writes it")
            sys.stderr.write(done.stderr or "".join(diff))
    return passed


def check_lints(toolchain: Toolchain) -> bool:
    """Runs clippy on a rendered guest crate."""
    source = EXAMPLE.read_text("utf-8")
    crate = render_crate(source, parse_source(source))
    with tempfile.TemporaryDirectory(prefix="akatsuki-check-") as folder:
        for name, content in crate.files.items():
            path = Path(folder) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, encoding="utf-8")
        environment = {
            **os.environ,
            "PATH": os.pathsep.join([str(toolchain.cargo.parent), os.environ.get("PATH", os.defpath)]),
            "RUSTC": str(toolchain.rustc),
            "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS": " ".join(toolchain.rustflags),
        }
        allowed = [flag for lint in ALLOWED_LINTS for flag in ("-A", lint)]
        command = [beside(toolchain, "cargo-clippy"), "clippy", "--quiet", "--offline", "--target", TARGET]
        deny = () if is_newer(toolchain) else ("-D", "warnings")
        done = subprocess.run([*command, "--", *deny, *allowed], cwd=folder, env=environment, check=False)
        return done.returncode == 0


def is_newer(toolchain: Toolchain) -> bool:
    """Whether it is newer than all that this code was checked with: its new lints are shown and do not fail."""
    return version_number(toolchain.version.removeprefix("rustc ")) > NEWEST_CHECKED


def main() -> int:
    """Runs both, and says what was looked at."""
    try:
        toolchain = find_toolchain(load_settings().cache_dir)
        results = {"rustfmt": check_format(toolchain), "clippy": check_lints(toolchain)}
    except AkatsukiError as error:
        print(f"error: {error}\n  {error.hint}", file=sys.stderr)
        return 4
    for name, passed in results.items():
        print(f"{name}: {'passed' if passed else 'FAILED'} ({toolchain.description})")
    return 0 if all(results.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
