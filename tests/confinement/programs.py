"""A vendored crate whose build script or procedural macro tries everything, and says what worked inside the module."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Literal

from .attack import CARGO_TOML, LIB, lay_out

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from .attack import Scene

Kind = Literal["build script", "procedural macro"]

MUST_WORK = ("run a program", "write inside")
AT_FULL_ALONE = ("see that a file is there", "change the mode of a file")
"""What strong cannot keep from a program that is linked here: its linker changes modes, and no kernel part of that
level governs what is seen by name."""
TRIED = (
    "read a file",
    "write a file",
    "change the times of a file",
    "read another program's environment",
    "signal another program",
    "trace another program",
    "leave the group that is killed at the end",
    "share memory with another program",
    "connect to a server",
    "open an internet socket",
    "open a socket for datagrams",
    "reach an abstract unix socket",
    "make a namespace",
    "make a program without a file",
    "make an io_uring",
)

_TRY = """\
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixStream};
use std::os::linux::net::SocketAddrExt;
extern "C" {
    fn kill(process: i32, signal: i32) -> i32;
    fn ptrace(request: usize, process: usize, address: usize, data: usize) -> i64;
    fn chmod(path: *const u8, mode: u32) -> i32;
    fn utimensat(folder: i32, path: *const u8, times: *const u8, flags: i32) -> i32;
    fn setsid() -> i32;
    fn shmget(key: i32, size: usize, flags: i32) -> i32;
    fn shmctl(id: i32, command: i32, settings: *mut u8) -> i32;
    fn unshare(flags: i32) -> i32;
    fn memfd_create(name: *const u8, flags: u32) -> i32;
    fn syscall(number: i64, entries: u32, parameters: *mut u8) -> i64;
}
fn attempt(inside: &std::path::Path) -> String {
    let mut said = String::new();
    let mut tell = |what: &str, worked: bool| said += &format!("[{what}: {}]", if worked { "yes" } else { "no" });
    let canary = b"@CANARY@\\0".as_ptr();
    tell("read a file", std::fs::read("@CANARY@").is_ok());
    tell("see that a file is there", std::fs::metadata("@CANARY@").is_ok());
    tell("write a file", std::fs::write("@MARK@", "x").is_ok());
    tell("change the mode of a file", unsafe { chmod(canary, 0o644) } == 0);
    tell("change the times of a file", unsafe { utimensat(-100, canary, std::ptr::null(), 0) } == 0);
    tell("read another program's environment", std::fs::read("/proc/@VICTIM@/environ").is_ok());
    tell("signal another program", unsafe { kill(@VICTIM@, 0) } == 0);
    tell("trace another program", unsafe { ptrace(0x4206, @VICTIM@, 0, 0) } == 0);
    tell("leave the group that is killed at the end", unsafe { setsid() } > 0);
    let shared = unsafe { shmget(0, 4096, 0o600) };
    tell("share memory with another program", shared >= 0 && unsafe { shmctl(shared, 0, std::ptr::null_mut()) } == 0);
    tell("connect to a server", std::net::TcpStream::connect("127.0.0.1:@PORT@").is_ok());
    tell("open an internet socket", std::net::UdpSocket::bind("127.0.0.1:0").is_ok());
    tell("open a socket for datagrams", UnixDatagram::pair().is_ok());
    let address = SocketAddr::from_abstract_name("akatsuki-test-@PORT@").unwrap();
    tell("reach an abstract unix socket", UnixStream::connect_addr(&address).is_ok());
    tell("make a namespace", unsafe { unshare(0x0400_0000) } == 0);
    tell("make a program without a file", unsafe { memfd_create(b"x\\0".as_ptr(), 0) } >= 0);
    tell("make an io_uring", unsafe { syscall(425, 1, [0u8; 120].as_mut_ptr()) } >= 0);
    let program = std::process::Command::new("/bin/sh").args(["-c", ":"]).status();
    tell("run a program", program.map_or(false, |status| status.success()));
    tell("write inside", std::fs::write(inside.join("file"), "x").is_ok());
    said
}
"""
_SCRIPT = """\
fn main() {
    let folder = std::path::PathBuf::from(std::env::var_os("OUT_DIR").unwrap());
    let said = attempt(&folder);
    std::fs::write(folder.join("said.txt"), said).unwrap();
}
"""
_MACRO = """\
extern crate proc_macro;
#[proc_macro]
pub fn said(_: proc_macro::TokenStream) -> proc_macro::TokenStream {
    format!("b{:?}", attempt(&std::env::temp_dir())).parse().unwrap()
}
"""


def _crate(kind: Kind, scene: Scene) -> Mapping[str, str]:
    attempt = _TRY
    for name, value in {
        "CANARY": scene.canary, "MARK": scene.mark, "VICTIM": scene.victim, "PORT": scene.port,
    }.items():  # fmt: skip
        attempt = attempt.replace(f"@{name}@", str(value))
    head = '[package]\nname = "trying"\nversion = "1.0.0"\nedition = "2021"\n'
    if kind == "build script":
        said = 'include_bytes!(concat!(env!("OUT_DIR"), "/said.txt"))'
        return {"Cargo.toml": head, "build.rs": attempt + _SCRIPT, "src/lib.rs": f"pub static SAID: &[u8] = {said};\n"}
    return {"Cargo.toml": f"{head}[lib]\nproc-macro = true\n", "src/lib.rs": attempt + _MACRO}


def vendored(kind: Kind, scene: Scene, sources: Path) -> str:
    """Writes the crate into a folder of vendored crates; gives its checksum."""
    files = _crate(kind, scene)
    lay_out(files, sources / "trying")
    checksum = hashlib.sha256(repr(sorted(files.items())).encode()).hexdigest()
    sums = {name: hashlib.sha256(text.encode()).hexdigest() for name, text in files.items()}
    (sources / "trying" / ".cargo-checksum.json").write_text(json.dumps({"files": sums, "package": checksum}))
    return checksum


def guest(kind: Kind, checksum: str) -> dict[str, str]:
    """A module that depends on it and keeps what it said."""
    taken = "trying::SAID" if kind == "build script" else "trying::said!()"
    return {
        "Cargo.toml": f'{CARGO_TOML}[dependencies]\ntrying = {{ version = "=1.0.0", optional = true }}\n',
        "Cargo.lock": (
            'version = 4\n\n[[package]]\nname = "guest"\nversion = "0.0.0"\ndependencies = [\n "trying",\n]\n\n'
            '[[package]]\nname = "trying"\nversion = "1.0.0"\n'
            'source = "registry+https://github.com/rust-lang/crates.io-index"\n'
            f'checksum = "{checksum}"\n'
        ),
        "src/lib.rs": LIB,
        "src/author.rs": (
            f"static SAID: &[u8] = {taken};\npub fn f(a: usize) -> i32 {{ i32::from(SAID[a % SAID.len()]) }}\n"
        ),
    }
