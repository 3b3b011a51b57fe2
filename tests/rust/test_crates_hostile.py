"""Crates whose programs turn against the machine that builds: what they reach of it where the sandbox is strong.

Each attack is told by the module that comes out: the program writes what it got, or why it got nothing, into it. Each
is also run without confinement, where it succeeds, so that a test that passes says something.
"""

from __future__ import annotations

import json
import os
import re
import socket
import time
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from crates_kit import LocalRegistry, local_registry

from akatsuki_wasm.confinement.ladder import BASIC, Confinement
from akatsuki_wasm.confinement.probe import find_confinement
from akatsuki_wasm.contracts import Crate
from akatsuki_wasm.errors import ToolchainError
from akatsuki_wasm.rust.build import BuildCrates, build_crate
from akatsuki_wasm.rust.crates_build import module_crates, with_crates
from akatsuki_wasm.rust.crates_resolve import resolve
from akatsuki_wasm.rust.glue import render_crate
from akatsuki_wasm.rust.signatures import parse_source
from akatsuki_wasm.rust.toolchain import Toolchain  # noqa: TC001 - a fixture's type, read by people

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.toolchain
__all__ = ["local_registry"]

SECRET = "a-secret-of-the-host-41c7"
HOSTILE = (Crate("hostile", "1.0.0"),)
MODULE = "/// What the program got.\npub fn loot() -> String { hostile::loot() }"

READ_ALL = "let mut text = String::new(); std::fs::File::open({})?.read_to_string(&mut text)?; Ok(text)"
ATTACKS = {
    "read a file": READ_ALL.format('"CANARY"'),
    "read the environment of the host": READ_ALL.format('"/proc/HOST/environ"'),
    "list a folder": 'Ok(format!("{:?}", std::fs::read_dir("OUTSIDE")?.next()))',
    "write a file": 'std::fs::File::create("OUTSIDE/written")?.write_all(b"x")?; Ok("written".into())',
    "open a socket": 'std::net::TcpStream::connect("ADDRESS")?; Ok("connected".into())',
    "listen on a socket": 'std::net::TcpListener::bind("127.0.0.1:0")?; Ok("listening".into())',
    "run a program of the host": 'Ok(format!("{:?}", std::process::Command::new("OUTSIDE/program").output()?))',
    "change a vendored crate": 'std::fs::remove_file(concat!(env!("CARGO_MANIFEST_DIR"), "/README"))?; Ok("".into())',
}
PROGRAM = """
use std::io::{Read, Write};
fn tried(name: &str, attack: fn() -> Result<String, Box<dyn std::error::Error>>) -> String {
    let said = match attack() { Ok(got) => format!("GOT {got}"), Err(error) => format!("DENIED {error}") };
    format!("<{name}: {}>", said.replace(['\\n', '\\0', '<', '>'], " "))
}
fn outcome() -> String { [ATTACKS].concat() }
"""
BUILD_SCRIPT = 'fn main() { println!("cargo:rustc-env=LOOT={}", outcome()); let _ = std::io::stdout().flush(); }'
BUILD_LIB = 'pub fn loot() -> String { env!("LOOT").to_string() }'
PROC_MACRO = """
#[proc_macro]
pub fn loot(_: proc_macro::TokenStream) -> proc_macro::TokenStream { format!("{:?}", outcome()).parse().unwrap() }
"""


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """A host with something to lose: the words in the attacks, by what they stand for."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "canary").write_text(SECRET)
    program = outside / "program"
    program.write_text(f"#!/bin/sh\necho {SECRET}\n")
    program.chmod(0o755)
    monkeypatch.setenv("A_KEY", SECRET)
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        port = server.getsockname()[1]
        yield {"CANARY": str(outside / "canary"), "OUTSIDE": str(outside), "ADDRESS": f"127.0.0.1:{port}",
               "HOST": str(os.getpid())}  # fmt: skip


def publish(registry: LocalRegistry, host: dict[str, str], kind: str) -> None:
    attacks = ", ".join(f"tried({json.dumps(name)}, || {{ {code} }})" for name, code in ATTACKS.items())
    for word, value in host.items():
        attacks = attacks.replace(word, value)
    program = PROGRAM.replace("ATTACKS", attacks)
    if kind == "build script":
        registry.crate("hostile", {"build.rs": program + BUILD_SCRIPT, "src/lib.rs": BUILD_LIB, "README": ""})
        return
    registry.crate("hostile-macro", {"src/lib.rs": program + PROC_MACRO, "README": ""}, "[lib]\nproc-macro = true\n")
    registry.crate(
        "hostile",
        {"src/lib.rs": "pub fn loot() -> String { hostile_macro::loot!().to_string() }"},
        '[dependencies]\nhostile-macro = "1"\n',
    )


def built(toolchain: Toolchain, tmp_path: Path, confinement: Confinement) -> bytes:
    """The module that uses the hostile crate, built as `cargo.py` does; the level is taken as it comes."""
    vendored = resolve(HOSTILE, toolchain, tmp_path / "cache")
    crate = render_crate(MODULE, parse_source(MODULE, HOSTILE))
    runs = confinement != BASIC
    used = BuildCrates(vendored.sources, ("hostile",), runs_programs=runs)
    files = with_crates(crate.files, vendored)
    return build_crate(files, toolchain=toolchain, crates=used, confinement=confinement, work_root=tmp_path).wasm


@pytest.fixture(params=["strong", "full"])
def confinement(request: pytest.FixtureRequest) -> Confinement:
    """The levels at which programs of crates may run, those that this machine has."""
    request.getfixturevalue("strong_sandbox")
    best = find_confinement()
    if not best.at_least(request.param):  # full alone may be lacking: containers often forbid user namespaces
        pytest.skip(f"this machine has no {request.param} sandbox: {best.lacking[request.param]}")
    return best.lowered(request.param)


def outcomes(wasm: bytes) -> dict[str, str]:
    """What the program wrote into the module: by attack, GOT or DENIED."""
    found = re.findall(rb"<([a-z ]+): (GOT|DENIED) ", wasm)
    return {name.decode(): outcome.decode() for name, outcome in found}


@pytest.mark.parametrize("kind", ["build script", "procedural macro"])
def test_a_program_of_a_crate_is_held(
    kind: str,
    confinement: Confinement,
    toolchain: Toolchain,
    tmp_path: Path,
    host: dict[str, str],
    local_registry: LocalRegistry,
) -> None:
    publish(local_registry, host, kind)
    wasm = built(toolchain, tmp_path, confinement)
    assert outcomes(wasm) == dict.fromkeys(ATTACKS, "DENIED")
    assert SECRET.encode() not in wasm
    assert not (tmp_path / "outside" / "written").exists()


def test_all_of_it_works_where_nothing_holds_it(
    toolchain: Toolchain, tmp_path: Path, host: dict[str, str], local_registry: LocalRegistry
) -> None:
    publish(local_registry, host, "build script")
    wasm = built(toolchain, tmp_path, BASIC)
    assert outcomes(wasm) == dict.fromkeys(ATTACKS, "GOT")
    assert SECRET.encode() in wasm


def test_below_strong_the_programs_of_crates_are_named_and_do_not_run(
    toolchain: Toolchain, toolchain_cache: Path, tmp_path: Path, local_registry: LocalRegistry
) -> None:
    local_registry.crate("inner", {"build.rs": "fn main() {}", "src/lib.rs": "pub const A: u8 = 1;"})
    local_registry.crate("a-macro", {"src/lib.rs": ""}, "[lib]\nproc-macro = true\n")
    local_registry.crate("hostile", {"src/lib.rs": ""}, '[dependencies]\ninner = "1"\na-macro = "1"\n')
    vendored = resolve(HOSTILE, toolchain, tmp_path / "cache")
    with pytest.raises(ToolchainError) as caught:
        module_crates(vendored, HOSTILE, toolchain, confinement=BASIC, cache_dir=toolchain_cache)
    assert str(caught.value) == (
        "the crate hostile would run programs on this machine while the module is built (build scripts of inner 1.0.0; "
        "procedural macros of a-macro 1.0.0): that needs the build sandbox strong, and this machine has basic"
    )


def test_a_program_that_a_build_script_leaves_behind_ends_with_the_build(
    confinement: Confinement, toolchain: Toolchain, tmp_path: Path, local_registry: LocalRegistry
) -> None:
    script = """
    use std::process::Stdio;
    fn main() {
        let path = format!("{}/../../../../../beat", std::env::var("OUT_DIR").unwrap());
        let program = format!("while :; do echo x >> {path}; sleep 0.1; done");
        for arguments in [&["setsid", "/bin/sh", "-c", &program][..], &["/bin/sh", "-c", &program]] {
            let mut command = std::process::Command::new(arguments[0]);
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            command.args(&arguments[1..]).spawn().unwrap();
        }
    }
    """
    local_registry.crate("hostile", {"build.rs": script, "src/lib.rs": 'pub fn loot() -> String { "x".into() }'})
    before = sleepers()
    built(toolchain, tmp_path, confinement)
    deadline = time.monotonic() + 10
    while sleepers() - before and time.monotonic() < deadline:
        time.sleep(0.05)
    assert sleepers() - before == set()


def sleepers() -> set[str]:
    """Processes that run the loop of the program that is left behind."""
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if b"while :; do echo x" in (folder / "cmdline").read_bytes():
                found.add(folder.name)
    return found
