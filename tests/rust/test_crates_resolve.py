"""Permitted crates are resolved once, whole or not at all, with the user's own configuration of cargo."""

from __future__ import annotations

import dataclasses
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from crates_kit import LocalRegistry, crates_io, local_registry

from akatsuki_wasm.contracts import Crate
from akatsuki_wasm.errors import BuildError, ConfigError
from akatsuki_wasm.rust.crates_resolve import find_resolved, relock, resolve, write_lock
from akatsuki_wasm.rust.toolchain import Toolchain  # noqa: TC001 - a fixture's type, read by people

pytestmark = pytest.mark.toolchain
__all__ = ["crates_io", "local_registry"]

OUTER = (Crate("outer", "1.0.0"),)
CALL = """
import sys
from pathlib import Path
from akatsuki_wasm.contracts import Crate
from akatsuki_wasm.rust.crates_resolve import resolve
from akatsuki_wasm.rust.toolchain import Toolchain
cargo, rustc, cache = map(Path, sys.argv[1:4])
toolchain = Toolchain("system", cargo, rustc, sys.argv[4], None, (), "")
print(resolve((Crate("outer", "1.0.0"),), toolchain, cache).folder)
"""


@pytest.fixture
def outer(local_registry: LocalRegistry) -> LocalRegistry:
    """A registry with a crate that needs another one."""
    local_registry.crate("inner", {"src/lib.rs": "pub const A: u8 = 1;"})
    local_registry.crate("outer", {"src/lib.rs": ""}, '[dependencies]\ninner = "1"\n')
    return local_registry


def started(toolchain: Toolchain, cargo: Path, cache: Path) -> subprocess.Popen[str]:
    """Another process that resolves."""
    words = [sys.executable, "-c", CALL, str(cargo), str(toolchain.rustc), str(cache), toolchain.version]
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_crates_are_fetched_once_and_for_good(outer: LocalRegistry, toolchain: Toolchain, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    said: list[str] = []
    assert find_resolved(OUTER, toolchain, cache) is None
    first = resolve(OUTER, toolchain, cache, report=said.append)
    assert said == ["fetching outer from the crate registry"]
    assert [str(each) for each in first.packages] == ["inner 1.0.0", "outer 1.0.0"]
    assert sorted(path.name for path in first.sources.iterdir()) == ["inner-1.0.0", "outer-1.0.0"]
    assert not any(path.stat().st_mode & 0o222 for path in first.sources.rglob("*") if path.is_file())
    assert [path.name for path in (cache / "crates").iterdir()] == [first.folder.name]
    outer.crate("inner", {"src/lib.rs": "pub const A: u8 = 2;"}, version="1.1.0")
    no_cargo = dataclasses.replace(toolchain, cargo=Path("/nonexistent"))
    assert resolve(OUTER, no_cargo, cache, report=said.append) == first
    assert find_resolved(OUTER, no_cargo, cache) == first
    assert len(said) == 1
    others = (Crate("outer", "1.0.0", default_features=False),), (*OUTER, Crate("inner", "1.0.0"))
    assert len({resolve(each, toolchain, cache).folder for each in (OUTER, *others)}) == 3


def test_no_code_of_a_crate_runs_while_it_is_resolved(
    local_registry: LocalRegistry, toolchain: Toolchain, tmp_path: Path
) -> None:
    trace = tmp_path / "trace"
    local_registry.crate(
        "outer",
        {
            "src/lib.rs": "",
            "build.rs": f'fn main() {{ std::fs::write({str(trace)!r}, "").unwrap(); }}'.replace("'", '"'),
        },
    )
    (crate,) = resolve(OUTER, toolchain, tmp_path / "cache").reached(OUTER, toolchain)
    assert crate.build_script
    assert not trace.exists()


def test_what_a_build_reaches_depends_on_what_it_names(
    local_registry: LocalRegistry, toolchain: Toolchain, tmp_path: Path
) -> None:
    plain = {"src/lib.rs": ""}
    local_registry.crate("script", {**plain, "make.rs": "fn main() {}"}, 'build = "make.rs"\n')
    local_registry.crate("found-script", {**plain, "build.rs": "fn main() {}"})
    local_registry.crate("no-script", {**plain, "build.rs": "fn main() {}"}, "build = false\n")
    local_registry.crate("macros", plain, '[lib]\nproc-macro = true\n[dependencies]\nscript = "1"\n')
    local_registry.crate("for-windows", plain)
    local_registry.crate("for-this-machine", plain)
    local_registry.crate(
        "outer",
        plain,
        '[features]\nmore = ["dep:macros"]\n[dependencies]\nmacros = { version = "1", optional = true }\n'
        'no-script = "1"\n[build-dependencies]\nfor-its-script = "1"\n[target."cfg(windows)".dependencies]\n'
        'for-windows = "1"\n[target."cfg(unix)".dependencies]\nfor-this-machine = "1"\n',
    )
    local_registry.crate("for-its-script", plain)
    local_registry.crate("other", plain, '[dependencies]\nouter = { version = "1", features = ["more"] }\n')
    crates = (Crate("found-script", "1.0.0"), Crate("other", "1.0.0"), Crate("outer", "1.0.0"))
    vendored = resolve(crates, toolchain, tmp_path / "cache")

    def reached(*used: Crate) -> dict[str, bool]:
        return {each.name: each.runs for each in vendored.reached(used, toolchain)}

    assert reached(crates[0]) == {"found-script": True}
    assert reached(crates[2]) == {"for-its-script": False, "no-script": False, "outer": False}
    assert reached(crates[1]) == {**reached(crates[2]), "macros": True, "other": False, "script": True}
    assert reached(*crates).keys() == {*reached(crates[0]), *reached(crates[1])}
    no_cargo = dataclasses.replace(toolchain, cargo=Path("/nonexistent"))
    assert vendored.reached(crates[:1], no_cargo) == vendored.reached(crates[:1], toolchain)
    assert vendored.facts(crates[2:])["crates"] == {"outer": "1.0.0"}
    assert vendored.facts(crates[:1])["crates_sha256"] != vendored.facts(crates[2:])["crates_sha256"]


def test_a_lock_decides_the_versions(outer: LocalRegistry, toolchain: Toolchain, tmp_path: Path) -> None:
    lock = tmp_path / "akatsuki.crates.lock"

    def versions(cache: str) -> list[str]:
        return [str(each) for each in resolve(OUTER, toolchain, tmp_path / cache, lock=lock).packages]

    assert versions("first") == ["inner 1.0.0", "outer 1.0.0"]
    assert write_lock(lock, relock(OUTER, toolchain, tmp_path / "first", lock=lock, update=False))
    assert [path.name for path in (tmp_path / "first" / "crates").iterdir()] == [
        resolve(OUTER, toolchain, tmp_path / "first", lock=lock).folder.name
    ], "what was resolved freely serves the lock that says the same"
    outer.crate("inner", {"src/lib.rs": "pub const A: u8 = 2;"}, version="1.1.0")
    assert versions("second") == ["inner 1.0.0", "outer 1.0.0"]
    assert not write_lock(lock, relock(OUTER, toolchain, tmp_path / "third", lock=lock, update=False))
    assert write_lock(lock, relock(OUTER, toolchain, tmp_path / "third", lock=lock, update=True))
    assert versions("third") == versions("second") == ["inner 1.1.0", "outer 1.0.0"]
    assert len(list((tmp_path / "second" / "crates").iterdir())) == 2


def test_a_lock_of_other_crates_is_refused_and_made_anew(
    outer: LocalRegistry, toolchain: Toolchain, tmp_path: Path
) -> None:
    lock = tmp_path / "akatsuki.crates.lock"
    write_lock(lock, relock(OUTER, toolchain, tmp_path / "cache", lock=lock, update=False))
    outer.crate("outer", {"src/lib.rs": ""}, version="2.0.0")
    newer = (Crate("outer", "2.0.0"),)
    with pytest.raises(
        ConfigError, match=r"akatsuki.crates.lock does not fit the setting crates: it lacks outer 2.0.0$"
    ):
        resolve(newer, toolchain, tmp_path / "cache", lock=lock)
    write_lock(lock, relock(newer, toolchain, tmp_path / "cache", lock=lock, update=False))
    assert [str(each) for each in resolve(newer, toolchain, tmp_path / "cache", lock=lock).packages] == ["outer 2.0.0"]
    with pytest.raises(ConfigError, match=r"it lacks outer 1.0.0$"):
        resolve(OUTER, toolchain, tmp_path / "cache", lock=lock)
    lock.write_text(lock.read_text().replace("2.0.0", "1.0.0"))
    with pytest.raises((ConfigError, BuildError)) as caught:
        resolve(OUTER, toolchain, tmp_path / "cache", lock=lock)
    assert "\n" not in str(caught.value)
    lock.write_text("no lock")
    with pytest.raises(ConfigError, match="is no lock of crates"):
        resolve(newer, toolchain, tmp_path / "cache", lock=lock)
    with pytest.raises(ConfigError, match="the lock of the crates is no lock file") as caught:
        relock(newer, toolchain, tmp_path / "cache", lock=lock, update=False)
    assert caught.value.hint == "Run: akatsuki crates lock --update"
    assert "outer" in relock(newer, toolchain, tmp_path / "cache", lock=lock, update=True)
    lock.unlink()
    lock.mkdir()
    for attempt in (
        lambda: resolve(newer, toolchain, tmp_path / "cache", lock=lock),
        lambda: write_lock(lock, "text"),
    ):
        with pytest.raises(ConfigError, match=r"cannot be (read|written)"):
            attempt()


def test_two_processes_may_resolve_at_once(outer: LocalRegistry, toolchain: Toolchain, tmp_path: Path) -> None:
    running = [started(toolchain, toolchain.cargo, tmp_path / "cache") for _ in range(2)]
    said = [each.communicate(timeout=120) for each in running]
    assert [each.returncode for each in running] == [0, 0], said
    (place,) = {out.strip() for out, _ in said}
    assert [str(path) for path in (tmp_path / "cache" / "crates").iterdir()] == [place]


def test_a_process_that_is_killed_leaves_nothing_half_written(
    outer: LocalRegistry, toolchain: Toolchain, tmp_path: Path
) -> None:
    slow = tmp_path / "cargo"
    slow.write_text(f'#!/bin/sh\n{toolchain.cargo} "$@"\nexec sleep 60\n')
    slow.chmod(0o755)
    cache = tmp_path / "cache"
    running = started(toolchain, slow, cache)
    deadline = time.monotonic() + 60
    while not list(cache.glob("crates/akatsuki-build-*/made/vendor/outer-1.0.0")) and time.monotonic() < deadline:
        time.sleep(0.01)
    running.send_signal(signal.SIGKILL)
    running.communicate(timeout=60)
    (left,) = (cache / "crates").iterdir()
    assert left.name.startswith("akatsuki-build-")
    assert find_resolved(OUTER, toolchain, cache) is None
    made = resolve(OUTER, toolchain, cache)
    assert list((cache / "crates").iterdir()) == [made.folder]


@pytest.mark.parametrize(
    ("crate", "message", "hint"),
    [
        (Crate("no-such-crate", "1.0.0"), "the registry has no crate 'no-such-crate', which the",
         "Correct its name, or remove it."),
        (Crate("outer", "9.9.9"), "the registry has no version 9.9.9 of the crate 'outer', which the setting crates",
         "There are 1.0.0."),
        (Crate("outer", "1.0.0", ("nope",)), "the crate 'outer' has no feature 'nope', which the setting crates names",
         ""),
    ],
)  # fmt: skip
def test_a_crate_that_the_registry_lacks_is_named(
    crate: Crate, message: str, hint: str, outer: LocalRegistry, toolchain: Toolchain, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError) as caught:
        resolve((crate,), toolchain, tmp_path / "cache")
    assert str(caught.value).startswith(message)
    assert hint in caught.value.hint
    assert list((tmp_path / "cache" / "crates").iterdir()) == []


@pytest.mark.usefixtures("crates_io")
@pytest.mark.parametrize(
    ("crate", "message"),
    [
        (Crate("itoa", "9.9.9"), "the registry has no version 9.9.9 of the crate 'itoa', which the setting crates"),
        (Crate("futures-util", "0.3.9"), "the crate futures-util 0.3.9 was yanked by its authors: expected a version"),
        (Crate("itoa", "1.0.15", ("nope",)), "the crate 'itoa' has no feature 'nope', which the setting crates names"),
    ],
)
def test_the_public_registry_answers_alike(crate: Crate, message: str, toolchain: Toolchain, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        resolve((crate,), toolchain, tmp_path / "cache")
    assert str(caught.value).startswith(message)
    assert caught.value.hint


def test_without_the_network_the_error_says_what_to_do(
    toolchain: Toolchain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CARGO_HOME", str(tmp_path / "cargo-home"))
    monkeypatch.setenv("CARGO_NET_RETRY", "0")
    hint = "With the network and the registry at hand, run once: akatsuki crates resolve"
    monkeypatch.setenv("CARGO_NET_OFFLINE", "true")
    with pytest.raises(BuildError) as caught:
        resolve((Crate("itoa", "1.0.15"),), toolchain, tmp_path / "cache")
    assert str(caught.value) == "not all permitted crates are on this machine, and cargo is offline"
    assert caught.value.hint == hint
    monkeypatch.setenv("CARGO_NET_OFFLINE", "false")
    monkeypatch.setenv("CARGO_HTTP_PROXY", "http://127.0.0.1:9")
    with pytest.raises(BuildError, match=r"^cargo could not fetch the permitted crates: .*[Cc]onnect") as caught:
        resolve((Crate("itoa", "1.0.15"),), toolchain, tmp_path / "cache")
    assert caught.value.hint == hint
    assert "\n" not in str(caught.value)


def test_a_cache_that_cannot_be_written_is_named(outer: LocalRegistry, toolchain: Toolchain, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("")
    with pytest.raises(
        BuildError, match=r"^the permitted crates cannot be stored in .*cache/crates: Not a dir"
    ) as caught:
        resolve(OUTER, toolchain, tmp_path / "cache")
    assert caught.value.hint == "Set AKATSUKI_CACHE_DIR to a folder that you can write."


def test_the_users_own_settings_of_builds_do_not_matter(
    outer: LocalRegistry, toolchain: Toolchain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUSTC_WRAPPER", "/nonexistent")
    monkeypatch.setenv("RUSTFLAGS", "--nonsense")
    monkeypatch.setenv("CARGO_BUILD_TARGET", "nonsense")
    monkeypatch.setenv("CARGO_TARGET_DIR", str(tmp_path / "target"))
    stranger = tmp_path / "project" / ".cargo"
    stranger.mkdir(parents=True)
    (stranger / "config.toml").write_text('[source.crates-io]\nreplace-with = "x"\n[source.x]\ndirectory = "/x"\n')
    monkeypatch.chdir(stranger.parent)
    assert len(resolve(OUTER, toolchain, tmp_path / "cache").packages) == 2
    assert not (tmp_path / "target").exists()
