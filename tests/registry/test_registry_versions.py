"""Semantic versions: what is one, their order, and the next one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from akatsuki_wasm.registry.versions import FIRST, Version

NUMBERS = st.integers(0, 999_999_999)
IDENTIFIERS = st.from_regex(r"(0|[1-9][0-9]{0,5}|[0-9]{0,2}[a-zA-Z-][0-9a-zA-Z-]{0,5})", fullmatch=True)
VERSIONS = st.builds(
    Version,
    NUMBERS,
    NUMBERS,
    NUMBERS,
    st.lists(IDENTIFIERS, max_size=3).map(tuple),
    st.one_of(st.just(""), st.from_regex(r"[0-9A-Za-z-]{1,6}", fullmatch=True)),
)


@given(VERSIONS)
def test_a_version_survives_its_text(version: Version) -> None:
    if len(str(version)) <= 64:
        assert Version.parse(str(version)) == version


@given(st.lists(VERSIONS, min_size=3, max_size=3))
def test_versions_are_in_a_total_order(versions: list[Version]) -> None:
    a, b, c = sorted(versions)
    assert a <= b <= c
    assert a <= c
    assert (a == b) == (not a < b)
    assert (a == b) <= (hash(a) == hash(b))


@given(VERSIONS)
def test_the_next_version_is_a_later_release(version: Version) -> None:
    assert version.next() > version
    assert not version.next().pre


def test_the_order_is_the_one_of_the_specification() -> None:
    # Section 11.4 of https://semver.org
    texts = "1.0.0-alpha 1.0.0-alpha.1 1.0.0-alpha.beta 1.0.0-beta 1.0.0-beta.2 1.0.0-beta.11 1.0.0-rc.1 1.0.0 2.0.0"
    versions = [Version.parse(text) for text in texts.split()]
    assert sorted([versions[-1], *versions[:-1]]) == versions


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1",
        "1.0",
        "v1.0.0",
        "01.0.0",
        "1.0.0-",
        "1.0.0-01",
        "1.0.0+",
        " 1.0.0",
        "1.0.0\n",
        "１.0.0",
        "1.0.0-" + "a" * 60,
    ],
)
def test_what_is_no_version_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a version such as") as caught:
        Version.parse(text)
    assert str(caught.value) == f"{text[:80]!r} is not a version such as 1.0.0"


def test_the_next_version_is_the_next_minor_or_the_release_of_a_pre_release() -> None:
    assert str(FIRST) == "1.0.0"
    assert str(Version.parse("1.4.2").next()) == "1.5.0"
    assert str(Version.parse("2.0.0-rc.1").next()) == "2.0.0"
