"""Installing a toolchain: each way, each failure with what to run, interruptions, and two at once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from akatsuki_wasm.errors import ToolchainError
from akatsuki_wasm.rust import toolchain_rustup
from akatsuki_wasm.rust.build import build_crate
from akatsuki_wasm.rust.toolchain import Progress, Toolchain, find_toolchain
from akatsuki_wasm.rust.toolchain_install import install_toolchain

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.rust.conftest import Machine

POLICY = """
case "$1" in
policy) printf 'rustc-web:\\n  Installed: (none)\\n  Candidate: {web}\\n'
        printf 'libstd-rust-dev-wasm32:\\n  Installed: (none)\\n  Candidate: {std}\\n' ;;
depends) printf '%s\\n  Depends: libc6\\n  Depends: llvm-22\\n' "$2" ;;
esac
"""
WEB_PACKAGES = "rustc-web cargo-web rust-web-src rust-web-llvm lld-22"


def install(machine: Machine, user_id: int = 0) -> tuple[Toolchain, list[Progress]]:
    told: list[Progress] = []
    return install_toolchain(machine.cache, told.append, host=machine.host_of(user_id)), told


def refused(machine: Machine, user_id: int = 0) -> ToolchainError:
    with pytest.raises(ToolchainError) as caught:
        install(machine, user_id)
    return caught.value


def add_rustup(machine: Machine, script: str, *, version: str = "1.96.0") -> Path:
    folder = machine.rustup_home / "toolchains" / "stable"
    machine.rust(folder / "bin", version=version)
    machine.program(machine.bin / "rustup", script)
    return folder


def add_apt(machine: Machine, install_script: str, *, web: str = "1.96.0+dfsg1-1", std: str = "1.63.0+dfsg1-2") -> None:
    machine.program(machine.bin / "apt-cache", POLICY.format(web=web, std=std))
    machine.program(machine.bin / "apt-get", install_script)


def packages_on_disk(machine: Machine) -> str:
    """A script that does what installing the packages does: it moves a prepared /usr into place."""
    machine.debian()
    prepared = machine.root / "prepared"
    machine.usr_bin.parent.rename(prepared)
    return f"""
    case "$*" in
    *install*) echo "dlstatus:1:50.0:Retrieving file 1 of 5"
               echo "pmstatus:rustc-web:50.0:Installing rustc-web (amd64)"
               cp -a {prepared} {machine.root}/usr ;;
    esac
    """


def test_nothing_to_install_with(machine: Machine) -> None:
    error = refused(machine)
    assert str(error) == "no Rust toolchain could be installed: expected rustup or apt-get on PATH, found neither"
    assert error.hint == "install rustup (rustup.rs), then run: akatsuki toolchain install"


def test_what_is_there_is_not_installed_again(machine: Machine) -> None:
    machine.rust(machine.bin, target=True)
    add_apt(machine, "exit 1")
    found, told = install(machine)
    assert found.kind == "system"
    assert [each.phase for each in told] == ["find", "done"]
    assert told[-1].fraction == 1.0
    assert machine.calls("apt") == []


def test_rustup_adds_the_target(machine: Machine) -> None:
    folder = add_rustup(machine, "echo 'info: downloading component rust-std' >&2")
    std = machine.root / "std"
    machine.std(std)
    machine.program(machine.bin / "rustup", f"cp -a {std}/lib {folder}/ && echo 'info: downloading rust-std' >&2")
    found, told = install(machine)
    assert (found.kind, found.rustc) == ("rustup", folder / "bin/rustc")
    assert machine.calls("rustup") == ["rustup target add --toolchain stable wasm32-unknown-unknown"]
    assert Progress("rustup", "info: downloading rust-std") in told


def test_rustup_that_has_no_new_toolchain_installs_one(machine: Machine) -> None:
    add_rustup(machine, "echo 'error: could not download' >&2; exit 1", version="1.60.0")
    error = refused(machine)
    command = "rustup toolchain install stable --profile minimal --target wasm32-unknown-unknown --no-self-update"
    assert machine.calls("rustup") == [command]
    assert str(error) == (f"no Rust toolchain could be installed: '{command}' failed: error: could not download")
    assert error.hint == f"check the network, then run: {command}"


def test_rustup_that_cannot_download_gives_way_to_packages(machine: Machine) -> None:
    add_rustup(machine, "echo 'error: could not download file' >&2; exit 1")
    add_apt(machine, packages_on_disk(machine))
    found, told = install(machine)
    assert found.kind == "debian"
    assert [each.phase for each in told if each.fraction is None][:4] == ["find", "rustup", "rustup", "rustup"]
    assert Progress("apt", "Retrieving file 1 of 5", 0.25) in told
    assert Progress("apt", "Installing rustc-web (amd64)", 0.75) in told
    fractions = [each.fraction for each in told if each.phase == "sysroot"]
    assert fractions[0] == 0.0
    assert fractions == sorted(fractions, key=lambda fraction: fraction or 0.0)
    [apt] = machine.calls("apt-get")
    assert apt.startswith("apt-get install -y --no-install-recommends --no-remove ")
    assert apt.endswith(WEB_PACKAGES)


def test_rustup_that_hangs_is_ended(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(toolchain_rustup, "_TARGET_S", 0.5)
    add_rustup(machine, "sleep 60 & sleep 60")
    started = time.monotonic()
    error = refused(machine)
    assert time.monotonic() - started < 10
    assert str(error).endswith(
        "'rustup target add --toolchain stable wasm32-unknown-unknown' failed: it took longer than 0 s"
    )


def test_a_newer_distribution_has_the_library_as_a_package(machine: Machine) -> None:
    machine.rust(machine.usr_bin, target=True)
    prepared = machine.root / "prepared"
    machine.usr_bin.rename(prepared)
    add_apt(machine, f"cp -a {prepared} {machine.usr_bin}", web="(none)", std="1.85.0+dfsg3-1")
    host = machine.host
    host = type(host)(f"{host.path}:{machine.usr_bin}", host.rustup_home, host.debian_bin, 0)
    assert install_toolchain(machine.cache, lambda progress: None, host=host).kind == "system"
    assert machine.calls("apt-get")[0].endswith(" rustc cargo libstd-rust-dev-wasm32 rust-llvm lld-22")


def test_without_root_and_sudo_the_command_is_told(machine: Machine) -> None:
    add_apt(machine, "exit 0")
    error = refused(machine, user_id=1000)
    assert str(error) == (
        "no Rust toolchain could be installed: "
        "installing Rust's packages needs root, which sudo does not give without a password"
    )
    assert error.hint == (
        f"run: sudo apt-get install --no-install-recommends {WEB_PACKAGES} && akatsuki toolchain install"
    )
    assert machine.calls("apt-get") == []


def test_sudo_that_asks_no_password_is_used(machine: Machine) -> None:
    add_apt(machine, packages_on_disk(machine))
    machine.program(machine.bin / "sudo", 'shift; exec "$@"')
    assert install(machine, user_id=1000)[0].kind == "debian"
    assert machine.calls("sudo")[0] == "sudo -n true"
    assert " env DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 " in machine.calls("sudo")[1]


def test_empty_package_lists_are_updated_first(machine: Machine) -> None:
    script = packages_on_disk(machine)
    add_apt(machine, script, web="(none)", std="(none)")
    filled = machine.program(machine.root / "filled", POLICY.format(web="1.96.0-1", std="(none)"))
    machine.program(
        machine.bin / "apt-get", f'case "$*" in update) cp {filled} {machine.bin}/apt-cache ;; esac\n{script}'
    )
    assert install(machine)[0].kind == "debian"
    assert machine.calls("apt-get")[0] == "apt-get update"


def test_no_network_and_no_package_lists(machine: Machine) -> None:
    add_apt(machine, "echo 'W: Failed to fetch: Temporary failure resolving' >&2", web="(none)", std="(none)")
    error = refused(machine)
    assert str(error) == (
        "no Rust toolchain could be installed: the package lists have no Rust of at least 1.85: "
        "W: Failed to fetch: Temporary failure resolving"
    )
    assert error.hint == "check the network, then run: sudo apt-get update && akatsuki toolchain install"


def test_only_old_packages(machine: Machine) -> None:
    add_apt(machine, "exit 0", web="(none)")
    error = refused(machine)
    assert str(error) == (
        "no Rust toolchain could be installed: "
        "the packages of this system have no Rust of at least 1.85: there is libstd-rust-dev-wasm32 1.63.0+dfsg1-2"
    )
    assert error.hint == "install rustup (rustup.rs), then run: akatsuki toolchain install"


def test_stale_lists_are_updated_and_the_failure_is_told(machine: Machine) -> None:
    add_apt(
        machine,
        "case \"$*\" in *install*) echo 'E: Failed to fetch rustc-web.deb  404  Not Found' >&2; exit 100;; esac",
    )
    error = refused(machine)
    assert [call.split()[1] for call in machine.calls("apt-get")] == ["install", "update", "install"]
    assert str(error) == (
        "no Rust toolchain could be installed: "
        "apt-get could not install Rust: E: Failed to fetch rustc-web.deb  404  Not Found"
    )
    assert error.hint == (
        f"run: sudo apt-get install --no-install-recommends {WEB_PACKAGES} && akatsuki toolchain install"
    )


def test_a_package_installation_that_was_interrupted_before_is_completed(machine: Machine) -> None:
    done = machine.root / "configured"
    message = "E: dpkg was interrupted, you must manually run 'sudo dpkg --configure -a'"
    add_apt(machine, f'[ -e {done} ] || {{ echo "{message}" >&2; exit 100; }}\n{packages_on_disk(machine)}')
    machine.program(machine.bin / "dpkg", f"touch {done}")
    assert install(machine)[0].kind == "debian"
    assert machine.calls("dpkg") == ["dpkg --configure -a"]


def test_a_cache_folder_that_cannot_be_made(machine: Machine) -> None:
    machine.debian()
    machine.cache.write_text("a file")
    error = refused(machine)
    assert str(error) == f"the cache folder {machine.cache} cannot be written: File exists"
    assert error.hint == "set AKATSUKI_CACHE_DIR to a folder you can write"


@pytest.mark.skipif(os.geteuid() != 0, reason="changes the user, which only root may")
def test_a_read_only_cache_folder(machine: Machine) -> None:
    machine.cache.mkdir(mode=0o555)
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            os.setuid(65534)
            install(machine)
        except ToolchainError as exc:
            code = 0 if str(exc).endswith("cannot be written: Permission denied") else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def test_a_full_disk_while_compiling_the_library(machine: Machine) -> None:
    machine.debian()
    machine.program(machine.usr_bin / "cargo", "echo 'error: No space left on device (os error 28)' >&2; exit 101")
    error = refused(machine)
    assert str(error) == (
        f"no Rust toolchain could be installed: the disk of {machine.cache}/sysroot is full: "
        "compiling the standard library needs 300 MB"
    )
    assert error.hint == "free some disk space, then run: akatsuki toolchain install"
    assert list((machine.cache / "sysroot").iterdir()) == []


def test_a_cargo_that_fails_while_compiling_the_library(machine: Machine) -> None:
    machine.debian()
    machine.program(machine.usr_bin / "cargo", "echo 'error: no matching package named `foo`' >&2; exit 101")
    error = refused(machine)
    assert str(error) == (
        "no Rust toolchain could be installed: "
        "compiling the standard library failed (exit code 101): error: no matching package named `foo`"
    )
    assert error.hint.startswith("install the packages again: apt-get install --reinstall ")


def start_install(machine: Machine, cache: Path, *, real: bool) -> subprocess.Popen[str]:
    """An installation in a process of its own that prints its progress."""
    host = "None" if real else f"Host({str(machine.bin)!r}, Path('/nowhere'), Path({str(machine.usr_bin)!r}))"
    script = f"""
from pathlib import Path
from akatsuki_wasm.rust.toolchain import Host
from akatsuki_wasm.rust.toolchain_install import install_toolchain
show = lambda progress: print(progress.phase, progress.text, flush=True)
print("installed", install_toolchain(Path({str(cache)!r}), show, host={host}, methods=()).sysroot, flush=True)
"""
    return subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]
    )


def read_until(process: subprocess.Popen[str], start: str) -> str:
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith(start):
            return line
    raise AssertionError(f"the installation ended before it said {start!r}")


def processes_of(folder: Path) -> list[str]:
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = entry.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
        except OSError:
            continue
        if str(folder) in command and int(entry.parent.name) != os.getpid():
            found.append(command)
    return found


def wait_for_none(folder: Path) -> list[str]:
    deadline = time.monotonic() + 5
    while (left := processes_of(folder)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return left


@pytest.mark.parametrize("moment", ["find", "sysroot compiling", "sysroot compiled alloc", "sysroot compiled mkstd"])
def test_an_installation_that_is_killed_leaves_nothing_that_hinders_the_next(machine: Machine, moment: str) -> None:
    machine.debian(cargo_delay_s=0.1)
    process = start_install(machine, machine.cache, real=False)
    with process:
        read_until(process, moment)
        process.send_signal(signal.SIGKILL)
    assert wait_for_none(machine.cache) == []
    found, _ = install(machine)
    assert found == find_toolchain(machine.cache, host=machine.host)
    assert [each.name for each in (machine.cache / "sysroot").iterdir()] == [
        found.sysroot.name if found.sysroot else ""
    ]


def test_two_installations_at_once_do_the_work_once(machine: Machine) -> None:
    machine.debian(cargo_delay_s=0.4)
    with start_install(machine, machine.cache, real=False) as first:
        read_until(first, "sysroot")
        with start_install(machine, machine.cache, real=False) as second:
            waiting = read_until(second, "wait")
            assert waiting == "wait another installation is under way: waiting for it to end\n"
            assert read_until(first, "installed") == read_until(second, "installed")
    assert len(machine.calls("cargo")) == 1


@pytest.mark.slow
@pytest.mark.toolchain
def test_the_real_library_after_a_kill_and_twice_at_once_gives_the_same_modules(
    toolchain: Toolchain, machine: Machine, tmp_path: Path, guest_crate: Callable[..., dict[str, str]]
) -> None:
    """The one real compile of the suite: killed early, then raced, in a folder whose name has a space."""
    if toolchain.kind != "debian":
        pytest.skip("this machine's rustc has the target: no private sysroot is compiled")
    cache = tmp_path / "an other cache"
    with start_install(machine, cache, real=True) as killed:
        read_until(killed, "sysroot compiled")
        killed.send_signal(signal.SIGKILL)
    assert wait_for_none(cache) == []
    with start_install(machine, cache, real=True) as first, start_install(machine, cache, real=True) as second:
        assert read_until(first, "installed") == read_until(second, "installed")
    assert len(list((cache / "sysroot").iterdir())) == 1
    other = find_toolchain(cache)
    assert other.sysroot != toolchain.sysroot
    crate = guest_crate()
    assert build_crate(crate, toolchain=other).wasm == build_crate(crate, toolchain=toolchain).wasm
