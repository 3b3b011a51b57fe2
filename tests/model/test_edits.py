"""Search and replace blocks: found in an answer, applied once, tolerant of white space alone."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from akatsuki_wasm.errors import UnusableReplyError
from akatsuki_wasm.model.edits import MAX_EDITS, MAX_SOURCE, Edit, apply_edits, find_edits

from .sources import BROKEN, Broken

SOURCE = """pub fn area(w: u32, h: u32) -> u32 {
    let doubled = w * 2;
    if h == 0 {
        return 0;
    }
    w * h
}

pub fn edge(w: u32, h: u32) -> u32 {
    let doubled = w * 2;
    doubled + h * 2
}
"""


def block(search: str, replace: str) -> str:
    return f"<<<<<<< SEARCH\n{search}=======\n{replace}>>>>>>> REPLACE\n"


def edited(search: str, replace: str) -> str:
    return apply_edits(SOURCE, [Edit.of(search, replace)])


@pytest.mark.parametrize("broken", BROKEN, ids=lambda each: each.what)
def test_edits_make_the_good_file(broken: Broken) -> None:
    assert apply_edits(broken.rust, find_edits(f"Sorry!\n```rust\n{broken.mend}\n```\n")) == broken.of.rust


@pytest.mark.parametrize(
    ("search", "replace", "line"),
    [
        ("    w * h\n", "    w.wrapping_mul(h)\n", "    w.wrapping_mul(h)\n"),
        ("    w * h   \n", "    w.wrapping_mul(h)\n", "    w.wrapping_mul(h)\n"),
        ("w * h\n", "w.wrapping_mul(h)\n", "    w.wrapping_mul(h)\n"),
        ("          w * h", "          w.wrapping_mul(h)", "    w.wrapping_mul(h)\n"),
        ("\n    w * h\n\n", "\n    w.wrapping_mul(h)\n\n", "    w.wrapping_mul(h)\n"),
        ("w * h", "w.wrapping_mul(h)", "    w.wrapping_mul(h)\n"),
        ("if h == 0 {\n    return 0;\n}\nw * h", "w.wrapping_mul(h)", "    w.wrapping_mul(h)\n"),
        ("    w * h\n", "", "    }\n}\n"),
        ("return 0", "return 1", "        return 1;\n"),
    ],
)
def test_a_search_may_differ_in_white_space(search: str, replace: str, line: str) -> None:
    found = edited(search, replace)
    assert line in found
    assert "    w * h\n" not in found or "return 1" in found
    assert found.startswith("pub fn area(w: u32, h: u32) -> u32 {\n    let doubled = w * 2;\n")
    assert found.endswith("    doubled + h * 2\n}\n")


def test_what_stands_instead_is_indented_as_the_file_is() -> None:
    found = edited("if h == 0 {\n    return 0;\n}", "if h == 0 {\n    let none = 0;\n\n    return none;\n}")
    assert "    if h == 0 {\n        let none = 0;\n\n        return none;\n    }\n    w * h\n" in found


@pytest.mark.parametrize(
    ("search", "message"),
    [
        (
            "    let doubled = w * 2;\n",
            "edit 1 of the answer searches for text that is in the file more than once (lines 2 and 10): "
            '"let doubled = w * 2;"',
        ),
        (
            "let doubled = w * 2;\n",
            "edit 1 of the answer searches for text that is in the file more than once (lines 2 and 10): "
            '"let doubled = w * 2;"',
        ),
        (
            "let tripled = w * 3;",
            'edit 1 of the answer searches for text that is not in the file: "let tripled = w * 3;"',
        ),
        ("urn 0", 'edit 1 of the answer searches for text that is not in the file: "urn 0"'),
        (" \n", "edit 1 of the answer searches for nothing"),
        ("", "edit 1 of the answer searches for nothing"),
    ],
)  # fmt: skip
def test_what_is_not_found_once_is_said(search: str, message: str) -> None:
    with pytest.raises(UnusableReplyError) as caught:
        edited(search, "x")
    assert str(caught.value) == message
    assert "whole file" in caught.value.hint


def test_edits_follow_each_other() -> None:
    text = block("    w * h\n", "    w + h\n") + "and then\n" + block("    w + h\n", "    w - h\n")
    assert "    w - h\n" in apply_edits(SOURCE, find_edits(text))
    with pytest.raises(UnusableReplyError, match=r"^edit 2 of the answer searches for text that is not in the file"):
        apply_edits(SOURCE, find_edits(block("    w * h\n", "    w + h\n") * 2))


@pytest.mark.parametrize("text", ["<<<<<<< SEARCH\nx\n", "<<<<<<< SEARCH\nx\n=======\ny\n", block("a\n", "b\n")[:-14]])
def test_a_block_without_an_end_is_said(text: str) -> None:
    with pytest.raises(UnusableReplyError, match=r"^edit 1 of the answer does not end"):
        find_edits(text)


def test_fences_and_spelling_of_the_marks_do_not_matter() -> None:
    wanted = [Edit(("a",), ("b",))]
    assert find_edits(block("a\n", "b\n")) == wanted
    assert find_edits("<<<<<<<search\n```rust\na\n```\n=====\n```rust\nb\n```\n>>>>>>>  REPLACE") == wanted
    assert find_edits("  <<<<<<< SEARCH src/lib.rs\r\n".replace("\r", "") + "a\n=====\nb\n>>>>>>> replace") == wanted
    assert find_edits("<<<<<<< SEARCH\n```rust\na\n```\n=======\n```\nb\n```\n>>>>>>> REPLACE") == wanted


def test_edits_are_counted_and_what_becomes_of_the_file_is_limited() -> None:
    with pytest.raises(UnusableReplyError, match=f"expected at most {MAX_EDITS}"):
        apply_edits(SOURCE, [Edit(("a",), ("b",))] * (MAX_EDITS + 1))
    with pytest.raises(UnusableReplyError, match="is longer than"):
        edited("    w * h\n", "x" * MAX_SOURCE)


LINES = st.lists(st.sampled_from(["a", "b", "  a", "", "c ", "{", "}"]), min_size=1, max_size=8)


@settings(deadline=None)
@given(LINES, LINES, LINES)
def test_an_edit_that_fits_changes_one_place_and_any_other_is_refused(
    source: list[str], search: list[str], replace: list[str]
) -> None:
    text = "\n".join(source)
    try:
        found = apply_edits(text, [Edit(tuple(search), tuple(replace))])
    except UnusableReplyError:
        return
    exact = [at for at in range(len(source)) if source[at : at + len(search)] == search]
    if exact:
        assert len(exact) == 1
        assert found.split("\n") == [*source[: exact[0]], *replace, *source[exact[0] + len(search) :]]
