"""The setting ``crates``, and locks of crates as text."""

from __future__ import annotations

from typing import Any

import pytest

from akatsuki_wasm.config import load_settings
from akatsuki_wasm.contracts import Crate
from akatsuki_wasm.errors import ConfigError
from akatsuki_wasm.rust.crates import permitted
from akatsuki_wasm.rust.crates_lock import CRATES_IO, closure, lock_sha256, read_lock

ITOA = Crate("itoa", "1.0.15")


def test_the_setting_is_read_in_order_of_names() -> None:
    assert permitted({}) == ()
    assert permitted(
        {
            "serde_json": "1.0.145",
            "regex": {"version": "1.11.1", "features": ["std", "perf"], "default_features": False},
            "a-b": {"version": "0.1.0-rc.1+build.5"},
        }
    ) == (
        Crate("a-b", "0.1.0-rc.1+build.5"),
        Crate("regex", "1.11.1", ("perf", "std"), default_features=False),
        Crate("serde_json", "1.0.145"),
    )


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"a b": "1.0.0"}, "the setting crates has 'a b': expected a crate's name, of letters, digits, - and _"),
        ({"": "1.0.0"}, "the setting crates has '': expected a crate's name"),
        ({'a"\n[x]': "1.0.0"}, "expected a crate's name"),
        ({"é": "1.0.0"}, "expected a crate's name"),
        ({"a": "1"}, "the setting crates.a is '1': expected an exact version with three numbers, such as 1.0.145"),
        ({"a": "^1.0.0"}, "expected an exact version"),
        ({"a": "=1.0.0"}, "expected an exact version"),
        ({"a": "1.0.0\n"}, "expected an exact version"),
        ({"a": "1.0.٣"}, "expected an exact version"),
        ({"a": "01.0.0"}, "expected an exact version"),
        ({"a": 1}, "the setting crates.a is 1: expected an exact version, or a table with one"),
        ({"a": {}}, "the setting crates.a is {}: expected a table with an exact version"),
        ({"a": {"version": 1}}, "the setting crates.a is 1: expected an exact version"),
        ({"a": {"version": "1.0.0", "git": "x"}}, "crates.a has 'git': expected version, features or default_features"),
        ({"a": {"version": "1.0.0", "path": "/etc"}}, "crates.a has 'path'"),
        ({"a": {"version": "1.0.0", "features": "std"}}, "the setting crates.a.features is 'std': expected a list"),
        ({"a": {"version": "1.0.0", "features": ["dep/std"]}}, "crates.a.features is ['dep/std']: expected a list"),
        ({"a": {"version": "1.0.0", "features": [1]}}, "crates.a.features is [1]: expected a list"),
        ({"a": {"version": "1.0.0", "default_features": 0}}, "crates.a.default_features is 0: expected true or false"),
        ({"std": "1.0.0"}, "the setting crates has 'std', which means something else in a module"),
        ({"akatsuki-guest": "1.0.0"}, "which means something else in a module"),
        ({"a-b": "1.0.0", "a_b": "1.0.0"}, "has 'a-b' and 'a_b', which are one name in Rust: expected one of them"),
    ],
)
def test_what_is_wrong_is_named(setting: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        permitted(setting)
    assert message in str(caught.value)
    assert "crates" in caught.value.hint
    assert caught.value.hint.endswith(".")


def test_the_environment_has_it_as_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AKATSUKI_CRATES", '{"itoa": "1.0.15"}')
    assert permitted(load_settings().crates) == (ITOA,)


def entry(name: str, version: str = "1.0.0", source: str = CRATES_IO, needs: str = "", checksum: str = "0" * 64) -> str:
    return (
        f'[[package]]\nname = "{name}"\nversion = "{version}"\nsource = "{source}"\nchecksum = "{checksum}"\n'
        f"dependencies = [{needs}]\n"
    )


OWN = 'version = 4\n[[package]]\nname = "akatsuki-guest"\nversion = "0.0.0"\ndependencies = ["itoa"]\n'


def test_a_lock_is_closed_over_what_crates_need() -> None:
    text = OWN + entry("itoa", "1.0.15", needs='"b 2.0.0"') + entry("b") + entry("b", "2.0.0", needs='"c"') + entry("c")
    packages = read_lock(text, (ITOA,), where="the lock")
    assert [str(each) for each in packages] == ["itoa 1.0.15", "b 1.0.0", "b 2.0.0", "c 1.0.0"]
    found = closure(packages, (ITOA,))
    assert [str(each) for each in found] == ["b 2.0.0", "c 1.0.0", "itoa 1.0.15"]
    assert lock_sha256(found) != lock_sha256(packages)
    assert closure(packages, ()) == ()
    ring = read_lock(OWN + entry("itoa", "1.0.15", needs='"b"') + entry("b", needs='"itoa"'), (ITOA,), where="the lock")
    assert len(closure(ring, (ITOA,))) == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the lock is no lock of crates: 'package'"),
        ("[[package", "the lock is no lock of crates: "),
        ("package = 1", "the lock is no lock of crates: "),
        ("[[package]]\nversion = 3", "the lock is no lock of crates: 'name'"),
        (entry("itoa", "1.0.15"), "the lock is the lock of another program: it has no package akatsuki-guest"),
        (OWN, "the lock does not fit the setting crates: it lacks itoa 1.0.15"),
        (OWN + entry("itoa", "1.0.16"), "the lock does not fit the setting crates: it lacks itoa 1.0.15"),
        (OWN + entry("itoa", "1.0.15", "git+https://x/y#1"), "takes itoa 1.0.15 from git+https://x/y#1: expected the"),
        (OWN + entry("itoa", "1.0.15", "registry+https://other"), "itoa 1.0.15 from registry+https://other: expected"),
        (OWN + entry("itoa", "1.0.15", checksum="1"), "expected the crate registry, with a checksum"),
        (OWN + '[[package]]\nname = "itoa"\nversion = "1.0.15"\n', "takes itoa 1.0.15 from no source: expected the"),
    ],
)
def test_a_lock_that_is_none_or_takes_from_elsewhere_is_refused(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_lock(text, (ITOA,), where="the lock")
    assert message in str(caught.value)
    assert caught.value.hint.startswith("Run: akatsuki crates lock")
