"""Which toolchain is found, what is said of each, and that a warm search runs nothing."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from akatsuki_wasm.errors import ToolchainError
from akatsuki_wasm.rust.toolchain import Host, Toolchain, find_toolchain
from akatsuki_wasm.rust.toolchain_install import install_toolchain
from akatsuki_wasm.rust.toolchain_status import toolchain_status

if TYPE_CHECKING:
    from pathlib import Path

    from tests.rust.conftest import Machine

VERSION = "rustc 1.96.0 (abcdef012 2026-05-25)"


def add_rustup(
    machine: Machine, name: str, *, default: bool = False, target: bool = True, version: str = "1.96.0"
) -> Path:
    folder = machine.rustup_home / "toolchains" / name
    machine.rust(folder / "bin", target=target, version=version)
    listed = "rust-std-x86_64\nrust-std-wasm32-unknown-unknown\n" if target else "rust-std-x86_64\n"
    (folder / "lib/rustlib/components").write_text(listed)
    if default:
        (machine.rustup_home / "settings.toml").write_text(f'version = "12"\ndefault_toolchain = "{name}"\n')
    return folder


def test_no_rust_at_all_says_what_to_run(machine: Machine) -> None:
    with pytest.raises(ToolchainError) as caught:
        find_toolchain(machine.cache, host=machine.host)
    assert str(caught.value) == "no Rust is installed: expected rustc and cargo with wasm32 support"
    assert caught.value.hint == "run: akatsuki toolchain install"


def test_rustup_with_the_target_wins_and_its_default_comes_first(machine: Machine) -> None:
    add_rustup(machine, "beta")
    stable = add_rustup(machine, "stable", default=True)
    machine.rust(machine.bin, target=True)
    found = find_toolchain(machine.cache, host=machine.host)
    assert (found.kind, found.rustc, found.cargo) == ("rustup", stable / "bin/rustc", stable / "bin/cargo")
    assert found.version == VERSION
    assert found.sysroot is None


def test_any_rustup_toolchain_with_the_target_will_do(machine: Machine) -> None:
    add_rustup(machine, "stable", default=True, target=False)
    nightly = add_rustup(machine, "nightly")
    assert find_toolchain(machine.cache, host=machine.host).rustc == nightly / "bin/rustc"


def test_a_link_to_a_rustup_toolchain_is_listed_once(machine: Machine) -> None:
    stable = add_rustup(machine, "stable", default=True, target=False)
    (stable.parent / "1.96").symlink_to(stable)
    names = [each.name for each in toolchain_status(machine.cache, host=machine.host).candidates]
    assert names == ["rustup's stable", "rustc on PATH", f"the packages in {machine.usr_bin}"]


def test_an_interrupted_rustup_download_does_not_count(machine: Machine) -> None:
    stable = add_rustup(machine, "stable", default=True)
    (stable / "lib/rustlib/components").write_text("rust-std-x86_64\n")
    with pytest.raises(ToolchainError) as caught:
        find_toolchain(machine.cache, host=machine.host)
    assert str(caught.value) == (
        "no Rust toolchain builds for wasm32-unknown-unknown: rustup's stable lacks the target wasm32-unknown-unknown"
    )


def test_a_plain_rustc_with_the_target_comes_after_rustup(machine: Machine) -> None:
    add_rustup(machine, "stable", default=True, target=False)
    machine.rust(machine.bin, target=True)
    found = find_toolchain(machine.cache, host=machine.host)
    assert (found.kind, found.rustc) == ("system", machine.bin / "rustc")


def test_a_rustup_proxy_on_path_is_not_taken_for_a_rustc(machine: Machine) -> None:
    machine.program(machine.bin / "rustup", "exit 1")
    for name in ("rustc", "cargo"):
        (machine.bin / name).symlink_to("rustup")
    status = toolchain_status(machine.cache, host=machine.host)
    assert [each.found for each in status.candidates] == [False, False, False]
    assert machine.calls() == []


def test_debian_needs_the_private_sysroot_and_then_is_found(machine: Machine) -> None:
    add_rustup(machine, "stable", default=True, target=False)
    machine.debian()
    with pytest.raises(ToolchainError, match="lacks the compiled standard library for wasm32"):
        find_toolchain(machine.cache, host=machine.host)
    installed = install_toolchain(machine.cache, lambda progress: None, host=machine.host, methods=())
    found = find_toolchain(machine.cache, host=machine.host)
    assert found == installed
    assert (found.kind, found.rustc) == ("debian", machine.usr_bin / "rustc")
    assert found.sysroot == machine.cache / "sysroot" / "1.96.0-abcdef012345-x86_64-unknown-linux-gnu-r1"
    assert found.rustflags[:2] == ("--sysroot", str(found.sysroot))


def test_the_sysroot_of_another_rustc_does_not_count(machine: Machine) -> None:
    machine.debian()
    install_toolchain(machine.cache, lambda progress: None, host=machine.host, methods=())
    machine.rust(machine.usr_bin, version="1.97.0")
    with pytest.raises(ToolchainError, match="the compiled standard library"):
        find_toolchain(machine.cache, host=machine.host)


def test_a_damaged_sysroot_does_not_count_and_is_made_again(machine: Machine) -> None:
    machine.debian()
    found = install_toolchain(machine.cache, lambda progress: None, host=machine.host, methods=())
    assert found.sysroot is not None
    library = found.sysroot / "lib/rustlib/wasm32-unknown-unknown/lib/libcore-0123.rlib"
    library.chmod(0o644)
    library.write_bytes(b"")
    with pytest.raises(ToolchainError):
        find_toolchain(machine.cache, host=machine.host)
    assert install_toolchain(machine.cache, lambda progress: None, host=machine.host, methods=()) == found
    assert library.read_bytes() == b"!<arch>\n"


def test_cargo_must_be_of_the_same_toolchain(machine: Machine) -> None:
    machine.rust(machine.root / "opt/bin", target=True, cargo=None)
    machine.program(machine.bin / "cargo", "exit 0")
    host = Host(f"{machine.root}/opt/bin:{machine.bin}", machine.rustup_home, machine.usr_bin)
    with pytest.raises(ToolchainError) as caught:
        find_toolchain(machine.cache, host=host)
    rustc = machine.root / "opt/bin/rustc"
    assert str(caught.value) == (
        f"no Rust toolchain builds for wasm32-unknown-unknown: {rustc} lacks cargo beside rustc "
        f"({rustc.with_name('cargo')})"
    )


def test_a_rustc_that_is_too_old_says_so(machine: Machine) -> None:
    machine.rust(machine.bin, target=True, version="1.63.0")
    with pytest.raises(ToolchainError) as caught:
        find_toolchain(machine.cache, host=machine.host)
    assert str(caught.value).endswith(f"{machine.bin}/rustc lacks a rustc of at least 1.85 (it is 1.63.0)")


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("echo boom >&2; exit 5", "does not run: exit code 5, boom"),
        ("echo hello", "does not answer as a rustc does: 'rustc -vV' printed 'hello'"),
    ],
)
def test_a_broken_rustc_is_reported_and_passed_over(machine: Machine, script: str, reason: str) -> None:
    machine.program(machine.bin / "rustc", script)
    machine.debian()
    found = install_toolchain(machine.cache, lambda progress: None, host=machine.host, methods=())
    assert found.kind == "debian"
    broken = toolchain_status(machine.cache, host=machine.host).candidates[1]
    assert broken.missing == (f"{machine.bin}/rustc {reason}",)


def test_a_warm_search_runs_nothing_and_a_new_rustc_is_asked_again(machine: Machine) -> None:
    machine.rust(machine.bin, target=True)
    find_toolchain(machine.cache, host=machine.host)
    cold = machine.calls()
    assert cold == ["rustc -vV", "rustc --print sysroot"]
    find_toolchain(machine.cache, host=machine.host)
    assert machine.calls() == cold
    times = (machine.bin / "rustc").stat()
    machine.rust(machine.bin, target=True, version="1.96.1")
    os.utime(machine.bin / "rustc", ns=(times.st_atime_ns, times.st_mtime_ns))  # as a packager may pin it
    assert find_toolchain(machine.cache, host=machine.host).version == "rustc 1.96.1 (abcdef012 2026-05-25)"


def test_the_choice_is_made_anew_though_the_facts_are_warm(machine: Machine) -> None:
    machine.rust(machine.bin, target=True)
    assert find_toolchain(machine.cache, host=machine.host).kind == "system"
    add_rustup(machine, "stable", default=True)
    assert find_toolchain(machine.cache, host=machine.host).kind == "rustup"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": 1, "rustc": []}', '{"format": 1, "rustc": {"x": 1}}'])
def test_a_damaged_facts_file_is_replaced(machine: Machine, text: str) -> None:
    machine.rust(machine.bin, target=True)
    machine.cache.mkdir()
    (machine.cache / "rustc-facts.json").write_text(text)
    assert find_toolchain(machine.cache, host=machine.host).version == VERSION
    assert str(machine.bin / "rustc") in json.loads((machine.cache / "rustc-facts.json").read_text())["rustc"]


def test_a_cache_folder_that_cannot_be_written_does_not_hinder_the_search(machine: Machine) -> None:
    machine.rust(machine.bin, target=True)
    machine.cache.write_text("a file where the folder should be")
    assert find_toolchain(machine.cache, host=machine.host).kind == "system"


def test_status_is_json_and_says_what_each_lacks(machine: Machine) -> None:
    add_rustup(machine, "stable", default=True, target=False)
    machine.debian()
    status = toolchain_status(machine.cache, host=machine.host)
    told = json.loads(json.dumps(status.as_json()))
    assert told["usable"] is False
    assert told["chosen"] is None
    assert told["hint"] == "run: akatsuki toolchain install"
    assert [(each["kind"], each["found"], each["missing"]) for each in told["candidates"]] == [
        ("rustup", True, ["the target wasm32-unknown-unknown"]),
        ("system", False, ["rustc"]),
        ("debian", True, ["the compiled standard library for wasm32"]),
    ]
    install_toolchain(machine.cache, lambda progress: None, host=machine.host, methods=())
    told = toolchain_status(machine.cache, host=machine.host).as_json()
    assert (told["usable"], told["chosen"]["kind"], told["hint"]) == (True, "debian", "")


@pytest.mark.toolchain
def test_this_machine_has_a_cargo_and_rustc_of_one_toolchain(toolchain: Toolchain, toolchain_cache: Path) -> None:
    assert toolchain.cargo.parent == toolchain.rustc.parent
    assert toolchain.cargo.is_absolute()
    status = toolchain_status(toolchain_cache)
    assert status.chosen == toolchain
    assert {each.kind for each in status.candidates} == {"rustup", "system", "debian"}
