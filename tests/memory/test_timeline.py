"""The timeline: what it says in a terminal, a pipe and a notebook, and that a model's text is harmless there."""

from __future__ import annotations

import io
from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from akatsuki_wasm.cli.timeline import show_timeline
from akatsuki_wasm.contracts import Diagnostic, Exchange, GenerationRequest, GuestSource, Message
from akatsuki_wasm.errors import AkatsukiError, CheckError
from akatsuki_wasm.repair_loop import Attempt
from akatsuki_wasm.timeline import MAX_DIFF_LINES, MAX_RENDERED_LINES, Timeline, shown

BAD = "pub fn f(a: u32) -> u32 {\n    a - 1i64\n}\n"
GOOD = "pub fn f(a: u32) -> u32 {\n    a.wrapping_sub(1)\n}\n"
RENDERED = "error[E0308]: mismatched types\n --> src/author.rs:2:9\n"
REQUEST = GenerationRequest("one less", generator="openai")


def turn(number: int, rust: str, error: AkatsukiError | None = None, *, rendered: str = "", **said: object) -> Attempt:
    exchange = Exchange(
        **{  # type: ignore[arg-type]
            "messages": (Message("user", "one less"),),
            "reply": rust,
            "model": "gpt-5",
            "tokens_in": 1200,
            "tokens_out": 80,
            **said,
        }
    )
    stage = None if error is None else "check" if isinstance(error, CheckError) else "build"
    diagnostics = (Diagnostic("error", str(error), 2, rendered=rendered),) if rendered else ()
    source = GuestSource(rust, "less", "", "openai", exchange=exchange)
    return Attempt(number, source, stage, str(error or ""), diagnostics, 1.25, exchange, error)


ATTEMPTS = [
    turn(1, BAD, AkatsukiError("line 2: mismatched types"), rendered=RENDERED),
    turn(2, GOOD, CheckError("f(1) gave 0", case="f(1)", expected="1", got="0"), tokens_out=None),
    turn(3, GOOD, replayed=True),
]
TIMELINE = Timeline.of_attempts(REQUEST, ATTEMPTS, module="less@1.0.0", prices={"gpt": (1.0, 10.0)})
TEXT = """\
one less
openai · gpt-5 · less@1.0.0 · 3 attempts · 3,600 + ? tokens · 3.75 s

 1  build failed  3 lines · 1,200 + 80 tokens · 1.25 s · price 0.002
    asked    one less
    problem  error[E0308]: mismatched types
              --> src/author.rs:2:9

 2  check failed  3 lines · 1,200 + ? tokens · 1.25 s
    asked    repair: line 2: mismatched types
    changed  @@ -1,3 +1,3 @@
              pub fn f(a: u32) -> u32 {
             -    a - 1i64
             +    a.wrapping_sub(1)
              }
    problem  f(1) gave 0
    case     f(1)
    expected 1
    got      0

 3  passed        3 lines · 1,200 + 80 tokens · 1.25 s · from memory
    asked    repair: f(1) gave 0"""


def printed(timeline: Timeline, only: int | None = None, *, colour: bool = False) -> str:
    stream = io.StringIO()
    show_timeline(
        Console(file=stream, force_terminal=colour, color_system="standard" if colour else None), timeline, only
    )
    return stream.getvalue()


def test_it_says_what_was_asked_what_changed_what_was_wrong_and_what_it_took() -> None:
    assert repr(TIMELINE) == TEXT


def test_a_pipe_gets_the_same_lines_and_a_terminal_colours() -> None:
    assert "\n".join(line.rstrip() for line in printed(TIMELINE).splitlines()) == TEXT
    coloured = printed(TIMELINE, colour=True)
    assert "\x1b[32m+    a.wrapping_sub(1)\x1b[0m" in coloured
    assert "\x1b[31m-    a - 1i64\x1b[0m" in coloured


def test_one_attempt_alone() -> None:
    lines = printed(TIMELINE, 2).splitlines()
    assert lines[:2] == TEXT.splitlines()[:2]
    assert [line for line in lines if "asked" in line] == ["    asked    repair: line 2: mismatched types"]


def test_long_texts_are_capped_and_say_how_much_is_left() -> None:
    many = "".join(f"// {number}\n" for number in range(200))
    rendered = "".join(f"note {number}\n" for number in range(100))
    timeline = Timeline.of_attempts(REQUEST, [turn(1, BAD), turn(2, many, AkatsukiError("x"), rendered=rendered)])
    (_, second) = timeline.attempts
    assert (len(second.diff), second.diff[-1]) == (MAX_DIFF_LINES + 1, "… 164 more lines")
    assert (len(second.problem), second.problem[-1]) == (MAX_RENDERED_LINES + 1, "… 84 more lines")
    assert all(len(line) <= 240 for line in shown("x" * 10_000, 5))


HOSTILE = "<script>alert(1)</script>\x1b[2J\x07\u202e$\\alpha$ [bold]&amp;\r<img src=x onerror=alert(1)>"


class Tags(HTMLParser):
    """Collects what a browser would see as elements and attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}


def check_harmless(timeline: Timeline) -> None:
    page = timeline._repr_html_()
    parser = Tags()
    parser.feed(page)
    assert parser.tags <= {"div", "b", "span", "details", "summary", "pre", "table", "tr", "th", "td", "code"}
    assert parser.attributes <= {"class", "style", "open"}
    assert "mathjax_ignore" in page
    for text in (repr(timeline), printed(timeline), page):
        assert all(each.isprintable() or each == "\n" for each in text)


def test_hostile_text_is_harmless_everywhere() -> None:
    request = GenerationRequest(HOSTILE, generator="openai", model=HOSTILE)
    error = CheckError(HOSTILE, case=HOSTILE, expected=HOSTILE, got=HOSTILE)
    attempts = [
        turn(
            1, f"a\n{HOSTILE}", AkatsukiError(HOSTILE), rendered=f"{HOSTILE}\n{HOSTILE}", model=HOSTILE, reply=HOSTILE
        ),
        turn(2, f"{HOSTILE}\nb", error, model=HOSTILE),
    ]
    timeline = Timeline.of_attempts(request, attempts, module=HOSTILE, error=HOSTILE)
    check_harmless(timeline)
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in timeline._repr_html_()
    assert "[bold]" in printed(timeline)


@given(text=st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_is_harmless_everywhere(text: str) -> None:
    error = CheckError(text, case=text, expected=text, got=text)
    check_harmless(
        Timeline.of_attempts(
            GenerationRequest(text), [turn(1, "a", AkatsukiError(text), rendered=text), turn(2, text, error)]
        )
    )
