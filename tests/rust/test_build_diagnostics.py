"""Reading cargo's messages: which place is the author's, what is dropped, and lines that are no messages."""

from __future__ import annotations

import json
import time
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from akatsuki_wasm.contracts import Diagnostic
from akatsuki_wasm.rust.diagnostics import MessageReader


def span(file: str, line: int, *, primary: bool = True, **more: Any) -> dict[str, Any]:
    place = {"file_name": file, "line_start": line, "column_start": 5, "is_primary": primary, "expansion": None}
    return {**place, "suggested_replacement": None, **more}


def line_of(message: str, spans: list[dict[str, Any]], *, level: str = "error", **more: Any) -> bytes:
    inner = {"message": message, "level": level, "spans": spans, "code": None, "children": [], "rendered": "", **more}
    return json.dumps({"reason": "compiler-message", "message": inner}, separators=(",", ":")).encode()


def read(*lines: bytes, limit: int = 50) -> MessageReader:
    reader = MessageReader(limit)
    for line in lines:
        reader.feed(line)
    return reader


def test_a_primary_place_in_the_authors_file() -> None:
    [error] = read(line_of("bad", [span("src/lib.rs", 1, primary=False), span("src/author.rs", 7)])).errors
    assert error == Diagnostic("error", "bad", line=7, column=5)


def test_a_place_in_a_macro_is_where_the_author_called_it() -> None:
    called = {"span": span("src/author.rs", 9)}
    inner = {"span": span("library/core/src/macros.rs", 3, expansion=called)}
    [error] = read(line_of("bad", [span("library/std/src/macros.rs", 2, expansion=inner)])).errors
    assert error.line == 9


def test_a_note_may_name_the_authors_line() -> None:
    child = {"level": "note", "message": "while instantiating", "spans": [span("src/author.rs", 4)]}
    [error] = read(line_of("bad", [span("src/prelude/image.rs", 30)], children=[child])).errors
    assert (error.line, error.message) == (4, "bad")


def test_another_file_is_named_as_internal_and_comes_last() -> None:
    reader = read(line_of("ours", [span("src/prelude/image.rs", 30)]), line_of("yours", [span("src/author.rs", 2)]))
    assert [(each.line, each.message) for each in reader.errors] == [
        (2, "yours"),
        (None, "internal, in src/prelude/image.rs line 30: ours"),
    ]


def test_a_message_without_a_place() -> None:
    [error] = read(line_of("linking\nfailed", [])).errors
    assert (error.line, error.column, error.message) == (None, None, "linking failed")


def test_advice_has_the_replacement() -> None:
    child = {
        "level": "help",
        "message": "try",
        "spans": [span("src/author.rs", 2, suggested_replacement=" .into() ")],
    }
    [error] = read(line_of("bad", [span("src/author.rs", 2)], children=[child], code={"code": "E0308"})).errors
    assert (error.help, error.code) == ("try: `.into()`", "E0308")


def test_summaries_notes_and_a_crash_of_the_compiler() -> None:
    reader = read(
        line_of("aborting due to 2 previous errors", []),
        line_of("3 warnings emitted", [], level="warning"),
        line_of("Some errors have detailed explanations", [], level="failure-note"),
        line_of("a note", [], level="note"),
        line_of("boom", [], level="error: internal compiler error"),
    )
    assert [each.message for each in reader.errors] == ["boom"]
    assert reader.warnings == ()


def test_the_artifact_is_the_module() -> None:
    record = {"reason": "compiler-artifact", "filenames": ["/x/libguest.rlib", "/x/guest.wasm"]}
    assert read(json.dumps(record).encode()).artifact == "/x/guest.wasm"
    assert read().artifact is None


def test_long_messages_are_cut() -> None:
    [error] = read(line_of("m" * 5000, [span("src/author.rs", 1)], rendered="r" * 50_000)).errors
    assert (len(error.message), len(error.rendered)) == (1000, 8000)


def test_sixty_thousand_warnings_hide_no_error_and_take_no_time() -> None:
    warning = line_of("unused", [span("src/author.rs", 3)], level="warning", rendered="x" * 500)
    started = time.monotonic()
    reader = read(*[warning] * 60_000, line_of("bad", [span("src/author.rs", 9)]))
    assert time.monotonic() - started < 2
    assert (len(reader.warnings), reader.dropped) == (50, 59_950)
    assert [each.line for each in reader.errors] == [9]


def test_enough_errors() -> None:
    error = line_of("bad", [span("src/author.rs", 1)])
    assert not read(error, limit=2).has_enough
    reader = read(error, error, error, limit=2)
    assert reader.has_enough
    assert (len(reader.errors), reader.dropped) == (2, 1)


@given(
    st.one_of(
        st.binary(max_size=200),
        st.recursive(
            st.none() | st.integers() | st.text(max_size=5),
            lambda inner: (
                st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["reason", "x"]), inner, max_size=3)
            ),
        ).map(lambda value: json.dumps(value).encode()),
    )
)
def test_lines_that_are_no_messages_are_passed_over(line: bytes) -> None:
    reader = read(line)
    assert (reader.errors, reader.warnings, reader.artifact) == ((), (), None)
