"""Real builds: bytes, determinism, diagnostics on the author's lines, and what the build must not take in."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import wasmtime

from akatsuki_wasm.contracts import Diagnostic
from akatsuki_wasm.errors import BuildError, CompileError
from akatsuki_wasm.rust.build import FLAGS, BuildOutput, build_crate
from akatsuki_wasm.rust.toolchain import Toolchain, find_toolchain

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.toolchain

Crate = Callable[..., dict[str, str]]


@pytest.fixture(scope="module")
def built(toolchain: Toolchain, guest_crate: Crate) -> BuildOutput:
    return build_crate(guest_crate(), toolchain=toolchain)


def call_add(wasm: bytes, a: int, b: int) -> int:
    store = wasmtime.Store()
    instance = wasmtime.Instance(store, wasmtime.Module(store.engine, wasm), [])
    result: int = instance.exports(store)["add"](store, a, b)
    return result


def refused(crate: dict[str, str], toolchain: Toolchain) -> CompileError:
    with pytest.raises(CompileError) as caught:
        build_crate(crate, toolchain=toolchain)
    return caught.value


def test_a_crate_becomes_a_module_that_runs(built: BuildOutput) -> None:
    assert call_add(built.wasm, 2, 3) == 5
    assert built.warnings == ()
    assert 0 < built.seconds < 60
    assert built.flags == FLAGS
    assert FLAGS == (
        "opt-level=3",
        "lto=fat",
        "codegen-units=1",
        "panic=abort",
        "strip=symbols",
        "-C target-feature=+simd128 -C link-arg=-zstack-size=262144 -C llvm-args=-force-vector-interleave=2",
    )


def test_the_same_files_give_the_same_bytes_in_every_folder(
    built: BuildOutput, toolchain: Toolchain, guest_crate: Crate, tmp_path: Path
) -> None:
    roots = tmp_path / "a", tmp_path / "a folder with spaces" / "and a longer name"
    for root in roots:
        assert build_crate(guest_crate(), toolchain=toolchain, work_root=root).wasm == built.wasm


def test_the_same_files_give_the_same_bytes_with_another_cache_folder(
    built: BuildOutput, toolchain: Toolchain, toolchain_cache: Path, guest_crate: Crate, tmp_path: Path
) -> None:
    if toolchain.sysroot is None:
        pytest.skip("this machine's rustc has the target: the cache folder holds no sysroot")
    place = tmp_path / "other cache" / toolchain.sysroot.relative_to(toolchain_cache)
    shutil.copytree(toolchain.sysroot, place, symlinks=True)
    other = find_toolchain(tmp_path / "other cache")
    assert other.sysroot == place
    assert build_crate(guest_crate(), toolchain=other).wasm == built.wasm


def test_no_folder_of_this_machine_is_in_the_module(built: BuildOutput, toolchain: Toolchain) -> None:
    for folder in (b"/tmp", b"/usr/src", b"/usr/lib/rustlib", b"/root", b"/home", str(toolchain.sysroot).encode()):
        assert folder not in built.wasm


def test_a_rendered_lock_file_is_used(toolchain: Toolchain, guest_crate: Crate, built: BuildOutput) -> None:
    lock = 'version = 4\n\n[[package]]\nname = "guest"\nversion = "0.0.0"\n'
    assert build_crate({**guest_crate(), "Cargo.lock": lock}, toolchain=toolchain).wasm == built.wasm


def test_an_error_is_on_the_authors_line(toolchain: Toolchain, guest_crate: Crate) -> None:
    error = refused(guest_crate("// 日本語 comment\npub fn add(a: i32, b: i32) -> i32 { a + c }\n"), toolchain)
    assert str(error) == "line 2: cannot find value `c` in this scope [E0425]"
    assert error.hint == "a local variable with a similar name exists: `a`"
    first = error.diagnostics[0]
    assert (first.level, first.line, first.column, first.code) == ("error", 2, 41, "E0425")
    assert "--> src/author.rs:2:41" in first.rendered


def test_a_column_counts_characters(toolchain: Toolchain, guest_crate: Crate) -> None:
    error = refused(guest_crate('pub fn add(a: i32, b: i32) -> i32 { let _ = "日本"; nope }\n'), toolchain)
    assert error.diagnostics[0].column == 51


def test_a_syntax_error_is_on_its_line(toolchain: Toolchain, guest_crate: Crate) -> None:
    error = refused(guest_crate("pub fn add(a: i32, b: i32) -> i32 {\n    a + b\n"), toolchain)
    assert str(error) == "line 2: this file contains an unclosed delimiter"


def test_an_error_inside_a_macro_is_where_the_author_called_it(toolchain: Toolchain, guest_crate: Crate) -> None:
    source = 'pub fn add(a: i32, b: i32) -> i32 {\n    assert_eq!(a, "x");\n    b\n}\n'
    error = refused(guest_crate(source), toolchain)
    assert error.diagnostics[0].line == 2
    assert error.diagnostics[0].code == "E0308"


def test_errors_come_before_warnings_and_the_authors_before_ours(toolchain: Toolchain, guest_crate: Crate) -> None:
    crate = guest_crate("pub fn add(a: i64, b: i32) -> i32 { let unused = 1; nope }\n")
    levels = [each.level for each in refused(crate, toolchain).diagnostics]
    assert levels == sorted(levels)
    error = refused(
        guest_crate("pub fn add(a: i32) -> i32 { a }\n", lib="mod author;\npub fn f() { author::no(); }"), toolchain
    )
    assert str(error) == (
        "internal, in src/lib.rs line 2: cannot find function `no` in module `author`: not found in `author` [E0425]"
    )
    assert error.diagnostics[0].line is None


def test_an_error_that_shows_only_on_instantiation_is_on_the_authors_line(
    toolchain: Toolchain, guest_crate: Crate
) -> None:
    source = """\
const fn bad(n: usize) -> usize { [1, 2][n] }
pub fn add(a: i32, b: i32) -> i32 {
    const X: usize = bad(9);
    a + b + X as i32
}
"""
    error = refused(guest_crate(source), toolchain)
    assert (error.diagnostics[0].code, error.diagnostics[0].line) == ("E0080", 3)


def test_warnings_come_with_the_module(toolchain: Toolchain, guest_crate: Crate) -> None:
    source = "pub fn add(a: i32, b: i32) -> i32 {\n    let unused = 7;\n    a + b\n}\n"
    [warning] = build_crate(guest_crate(source), toolchain=toolchain).warnings
    assert replace(warning, rendered="") == Diagnostic(
        level="warning",
        message="unused variable: `unused`",
        line=2,
        column=9,
        code="unused_variables",
        help="if this is intentional, prefix it with an underscore: `_unused`",
    )


def test_a_flood_of_warnings_is_cut(toolchain: Toolchain, guest_crate: Crate) -> None:
    lines = "\n".join(f"    let v{number} = {number};" for number in range(3000))
    output = build_crate(
        guest_crate(f"pub fn add(a: i32, b: i32) -> i32 {{\n{lines}\n    a + b\n}}\n"), toolchain=toolchain
    )
    assert len(output.warnings) == 50


def test_a_flood_of_errors_is_cut(toolchain: Toolchain, guest_crate: Crate) -> None:
    lines = "\n".join(f"    let _ = v{number};" for number in range(3000))
    error = refused(guest_crate(f"pub fn add(a: i32, b: i32) -> i32 {{\n{lines}\n    a + b\n}}\n"), toolchain)
    assert str(error).startswith("line 2: cannot find value `v0` in this scope")
    assert len(error.diagnostics) == 50


def test_the_users_environment_does_not_reach_the_compiler(
    toolchain: Toolchain, guest_crate: Crate, built: BuildOutput, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    (home / ".cargo").mkdir(parents=True)
    (home / ".cargo" / "config.toml").write_text('[build]\nrustc-wrapper = "/bin/false"\n')
    for name, value in {
        "HOME": str(home),
        "CARGO_HOME": str(home / ".cargo"),
        "RUSTFLAGS": "--cfg broken -Copt-level=0",
        "CARGO_BUILD_RUSTC_WRAPPER": "/bin/false",
        "RUSTC_WRAPPER": "/bin/false",
        "RUSTC_BOOTSTRAP": "1",
        "CARGO_PROFILE_RELEASE_OPT_LEVEL": "0",
        "PATH": "/nonexistent",
    }.items():
        monkeypatch.setenv(name, value)
    assert build_crate(guest_crate(), toolchain=toolchain).wasm == built.wasm


def test_a_secret_of_the_environment_cannot_be_compiled_in(
    toolchain: Toolchain, guest_crate: Crate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AKATSUKI_SECRET", "hunter2")
    error = refused(
        guest_crate('pub fn add(a: i32, b: i32) -> i32 { a + b + env!("AKATSUKI_SECRET").len() as i32 }\n'), toolchain
    )
    assert str(error) == "line 1: environment variable `AKATSUKI_SECRET` not defined at compile time"


def test_unstable_features_stay_locked(
    toolchain: Toolchain, guest_crate: Crate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUSTC_BOOTSTRAP", "1")
    lib = "#![feature(core_intrinsics)]\nmod author;\npub use author::add;\n"
    assert "[E0554]" in str(refused(guest_crate(lib=lib), toolchain))


@pytest.mark.parametrize("name", ["config.toml", "config"])
def test_cargo_configuration_of_a_parent_folder_is_not_read(
    toolchain: Toolchain, guest_crate: Crate, built: BuildOutput, tmp_path: Path, name: str
) -> None:
    (tmp_path / ".cargo").mkdir()
    (tmp_path / ".cargo" / name).write_text('[build]\nrustc-wrapper = "/bin/false"\n[unknown]\nx = 1\n')
    root = tmp_path / "inner" / "work"
    assert build_crate(guest_crate(), toolchain=toolchain, work_root=root).wasm == built.wasm
    assert list(root.iterdir()) == []
    # The same configuration stops a cargo that is started below it, so that the line above proves something.
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(root), "RUSTC": str(toolchain.rustc)}
    for path, text in guest_crate().items():
        (root / "plain" / path).parent.mkdir(parents=True, exist_ok=True)
        (root / "plain" / path).write_text(text)
    command = [str(toolchain.cargo), "build", "--offline"]
    plain = subprocess.run(command, cwd=root / "plain", env=environment, capture_output=True, text=True)
    assert plain.returncode != 0
    assert "/bin/false" in plain.stderr


def test_a_workspace_of_a_parent_folder_is_not_joined(
    toolchain: Toolchain, guest_crate: Crate, built: BuildOutput, tmp_path: Path
) -> None:
    (tmp_path / "Cargo.toml").write_text('[workspace]\nmembers = ["nothing"]\n[profile.release]\nopt-level = 0\n')
    assert build_crate(guest_crate(), toolchain=toolchain, work_root=tmp_path).wasm == built.wasm


def test_the_profile_is_ours_whatever_the_crate_says(
    toolchain: Toolchain, guest_crate: Crate, built: BuildOutput
) -> None:
    toml = guest_crate()["Cargo.toml"] + '[profile.release]\nopt-level = 0\nlto = false\nstrip = "none"\n'
    assert build_crate(guest_crate(toml=toml), toolchain=toolchain).wasm == built.wasm


@pytest.mark.parametrize(
    "name",
    [".cargo/config.toml", "build.rs", "rust-toolchain.toml", "../x.rs", "/etc/x", "src/../../x", "", "target/x"],
)
def test_a_file_that_cargo_would_obey_or_that_leaves_the_crate_is_refused(
    toolchain: Toolchain, guest_crate: Crate, name: str
) -> None:
    with pytest.raises(BuildError) as caught:
        build_crate({**guest_crate(), name: ""}, toolchain=toolchain)
    assert str(caught.value) == f"a crate may not have the file {name!r}"


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        ("= 1", "the crate's Cargo.toml is not TOML"),
        ('[package]\nname = "guest"\nversion = "0.0.0"\n', "the crate's Cargo.toml has no [workspace]"),
        ("[workspace]\n", "the crate's Cargo.toml has no [package] with a name and a version"),
        (
            '[workspace]\n[package]\nname = "guest"\nversion = "0.0.0"\nbuild = "src/b.rs"\n',
            "the crate's Cargo.toml names a build script, which would run on this machine",
        ),
    ],
)
def test_a_manifest_that_is_not_ours_is_refused(
    toolchain: Toolchain, guest_crate: Crate, toml: str, message: str
) -> None:
    with pytest.raises(BuildError) as caught:
        build_crate(guest_crate(toml=toml), toolchain=toolchain)
    assert str(caught.value).startswith(message)


def test_no_manifest(toolchain: Toolchain) -> None:
    with pytest.raises(BuildError, match=r"the crate has no Cargo\.toml"):
        build_crate({"src/lib.rs": ""}, toolchain=toolchain)


def test_a_crate_that_makes_no_module(toolchain: Toolchain, guest_crate: Crate) -> None:
    toml = guest_crate()["Cargo.toml"].replace('"cdylib"', '"rlib"')
    with pytest.raises(BuildError) as caught:
        build_crate(guest_crate(toml=toml), toolchain=toolchain)
    assert str(caught.value) == "cargo built no module: expected a [lib] with crate-type cdylib in Cargo.toml"


def test_a_dependency_cannot_be_fetched(toolchain: Toolchain, guest_crate: Crate) -> None:
    toml = guest_crate()["Cargo.toml"] + '[dependencies]\nserde = "1"\n'
    with pytest.raises(BuildError) as caught:
        build_crate(guest_crate(toml=toml), toolchain=toolchain)
    assert str(caught.value).startswith("cargo failed with exit code 101 (")


def test_a_toolchain_that_vanished(toolchain: Toolchain, guest_crate: Crate, tmp_path: Path) -> None:
    gone = replace(toolchain, cargo=tmp_path / "cargo", rustc=tmp_path / "rustc")
    with pytest.raises(BuildError) as caught:
        build_crate(guest_crate(), toolchain=gone)
    assert "No such file or directory" in str(caught.value)
    assert caught.value.hint == "run: akatsuki toolchain install"


def test_a_work_folder_that_cannot_be_made(toolchain: Toolchain, guest_crate: Crate, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BuildError) as caught:
        build_crate(guest_crate(), toolchain=toolchain, work_root=tmp_path / "file" / "work")
    assert str(caught.value) == "the build's folder cannot be written: Not a directory"
    assert caught.value.hint == "set TMPDIR to a folder that you can write"
