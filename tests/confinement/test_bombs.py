"""Sources that exhaust the machine that compiles them: what they do on a plain build, and the limit that ends them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from akatsuki_wasm.errors import BuildError, SourceRejectedError
from akatsuki_wasm.rust.build import build_crate
from akatsuki_wasm.rust.signatures import parse_source
from akatsuki_wasm.rust.syntax import MAX_SOURCE_BYTES

from .attack import CARGO_TOML, LIB, LOCK, Bomb, plain_build
from .bombs import BOMBS

if TYPE_CHECKING:
    from pathlib import Path

    from akatsuki_wasm.confinement.ladder import Confinement
    from akatsuki_wasm.rust.toolchain import Toolchain

pytestmark = pytest.mark.toolchain

by_name = pytest.mark.parametrize("bomb", BOMBS, ids=lambda bomb: bomb.name)


def crate(bomb: Bomb) -> dict[str, str]:
    return {"Cargo.toml": CARGO_TOML, "Cargo.lock": LOCK, "src/lib.rs": bomb.lib, "src/author.rs": bomb.author}


@pytest.mark.slow
@by_name
def test_it_is_excessive_on_a_plain_build(bomb: Bomb, toolchain: Toolchain, tmp_path: Path) -> None:
    plain = plain_build(crate(bomb), toolchain, tmp_path, seconds=bomb.seconds)
    assert bomb.is_excessive(plain), (plain.code, len(plain.module), plain.peak, plain.messages[-1000:])


@pytest.mark.slow
@by_name
def test_a_limit_ends_it_at_each_level(
    bomb: Bomb, confinement: Confinement, toolchain: Toolchain, tmp_path: Path
) -> None:
    with pytest.raises(BuildError) as caught:
        build_crate(crate(bomb), toolchain=toolchain, options=bomb.limits, work_root=tmp_path, confinement=confinement)
    assert str(caught.value) == bomb.refused
    assert list(tmp_path.iterdir()) == []


@by_name
def test_it_comes_as_far_as_the_table_says(bomb: Bomb) -> None:
    attribute = bomb.lib.removesuffix(LIB)  # the author has one file, so it is there that they would put it
    if not bomb.before:
        parse_source(bomb.author.replace("usize) -> i32", "u32) -> i32"))
        return
    with pytest.raises(SourceRejectedError) as caught:
        parse_source(attribute + bomb.author)
    assert ("at most 65536 are allowed" in str(caught.value)) == (bomb.before == "size")


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ('"' * 500_000, "at most 65536 are allowed"),
        ("/" * 500_000, "at most 65536 are allowed"),
        ("é" * (MAX_SOURCE_BYTES // 2 + 1), "at most 65536 are allowed"),
        ('"' * MAX_SOURCE_BYTES, "more than 10000 quotes"),
        ('r#"' * (MAX_SOURCE_BYTES // 3), "raw string"),
        ("[" * MAX_SOURCE_BYTES, "nested"),
    ],
    ids=["500 KB of quotes", "500 KB", "two bytes a letter", "quotes", "raw strings", "brackets"],
)
def test_a_text_that_is_slow_to_parse_is_refused_before_it_is_parsed(
    text: str, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from akatsuki_wasm.rust import syntax

    def parsed(*arguments: object) -> None:
        raise AssertionError("it came to the parser")

    monkeypatch.setattr(syntax.tree_sitter, "Parser", parsed)
    with pytest.raises(SourceRejectedError, match=what):
        parse_source(text)
