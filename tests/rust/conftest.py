"""A real toolchain for the tests of the Rust side, and fake programs for the failures that no real one gives."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import pytest

from akatsuki_wasm.rust.toolchain import Host

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TARGET = "wasm32-unknown-unknown"

CARGO_TOML = """\
[package]
name = "guest"
version = "0.0.0"
edition = "2021"
[lib]
crate-type = ["cdylib"]
path = "src/lib.rs"
[workspace]
"""
LIB = """\
mod author;
#[no_mangle]
pub extern "C" fn add(a: i32, b: i32) -> i32 {
    author::add(a, b)
}
"""
AUTHOR = """\
pub fn add(a: i32, b: i32) -> i32 {
    let words: Vec<String> = (0..a.min(9)).map(|n| format!("{n:?}")).collect();
    if words.concat().len() == 77 {
        panic!("never {b}")
    }
    a.wrapping_add(b)
}
"""


class Machine:
    """A machine of its own for one test: a PATH with nothing but what the test puts there."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.bin = root / "bin"
        self.usr_bin = root / "usr" / "bin"
        self.rustup_home = root / "rustup"
        self.cache = root / "cache"
        self.log = root / "calls.log"
        for folder in (self.bin, self.usr_bin):
            folder.mkdir(parents=True)

    @property
    def host(self) -> Host:
        return self.host_of(0)

    def host_of(self, user_id: int) -> Host:
        return Host(path=str(self.bin), rustup_home=self.rustup_home, debian_bin=self.usr_bin, user_id=user_id)

    def program(self, path: Path, script: str) -> Path:
        """A shell script that notes each of its calls; PATH holds the real tools that the script needs."""
        path.parent.mkdir(parents=True, exist_ok=True)
        head = f'#!/bin/sh\nPATH=/usr/bin:/bin\necho "{path.name} $*" >> {self.log}\n'
        path.unlink(missing_ok=True)
        path.write_text(head + textwrap.dedent(script))
        path.chmod(0o755)
        return path

    def calls(self, name: str = "") -> list[str]:
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        return [line for line in lines if line.startswith(name)]

    def rust(
        self, folder: Path, *, version: str = "1.96.0", cargo: str | None = "exit 0", target: bool = False
    ) -> Path:
        """A rustc with its sysroot in `folder`, a cargo and a linker beside it."""
        sysroot = folder.parent
        self.program(
            folder / "rustc",
            f"""
            case "$*" in
            -vV) echo "rustc {version} (abcdef012 2026-05-25)"; echo "binary: rustc"
                 echo "commit-hash: abcdef0123456789abcdef0123456789abcdef01"; echo "host: x86_64-unknown-linux-gnu"
                 echo "release: {version}" ;;
            "--print sysroot") echo "{sysroot}" ;;
            *) exit 3 ;;
            esac
            """,
        )
        if cargo is not None:
            self.program(folder / "cargo", cargo)
        self.program(folder / "rust-lld", "exit 0")
        (sysroot / "lib/rustlib/x86_64-unknown-linux-gnu").mkdir(parents=True, exist_ok=True)
        if target:
            self.std(sysroot)
        return folder / "rustc"

    def std(self, sysroot: Path) -> None:
        """The standard library for wasm32, as files."""
        libraries = sysroot / "lib/rustlib" / TARGET / "lib"
        libraries.mkdir(parents=True, exist_ok=True)
        for crate in ("core", "alloc", "std"):
            (libraries / f"lib{crate}-0123.rlib").write_bytes(b"!<arch>\n")

    def debian(self, *, cargo_delay_s: float = 0.0) -> None:
        """The distribution's packages, with a cargo that makes a standard library of empty files."""
        self.rust(self.usr_bin, cargo=fake_std_build(cargo_delay_s))
        library = self.usr_bin.parent / "lib/rustlib/src/rust/library"
        (library / "std/src").mkdir(parents=True)
        (library / "std/src/lib.rs").write_text("")
        (library / "vendor").mkdir()


def fake_std_build(delay_s: float) -> str:
    """A cargo that takes its time and makes what ``-Zbuild-std`` would make."""
    return f"""
    while [ $# -gt 0 ]; do [ "$1" = --manifest-path ] && manifest=$2; shift; done
    deps=$(dirname "$manifest")/target/{TARGET}/release/deps
    mkdir -p "$deps"
    for crate in core alloc std mkstd; do
        sleep {delay_s}
        echo '!<arch>' > "$deps/lib$crate-0123.rlib"
        echo '{{"reason":"compiler-artifact","target":{{"name":"'$crate'"}},"filenames":[]}}'
    done
    """


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A machine of its own, without Rust."""
    return Machine(tmp_path)


@pytest.fixture(scope="session")
def guest_crate() -> Callable[..., dict[str, str]]:
    """Makes the files of a small crate: ``guest_crate(author=…, lib=…, toml=…)``."""

    def files(author: str = AUTHOR, lib: str = LIB, toml: str = CARGO_TOML) -> dict[str, str]:
        return {"Cargo.toml": toml, "src/lib.rs": lib, "src/author.rs": author}

    return files
