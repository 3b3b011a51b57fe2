"""Reads a model's answer: finds the Rust, a name and the rest in whatever text came, and never fails otherwise.

Models put their file into a fenced block, or several; into JSON; between sentences; after their thinking; or write it
plainly. Where they were shown their last file, they may answer with changes to it. All of that is understood. What
holds no Rust function is an `UnusableReplyError`. Time is linear in the text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from akatsuki_wasm.contracts import MODULE_NAME
from akatsuki_wasm.errors import ArgumentError, UnusableReplyError
from akatsuki_wasm.examples import parse_example
from akatsuki_wasm.files import to_module_name
from akatsuki_wasm.model.edits import Edit, apply_edits, find_edits, has_edits
from akatsuki_wasm.model.loose_json import read_object
from akatsuki_wasm.model.schema import MAX_EXAMPLES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from akatsuki_wasm.contracts import Example

MAX_READ = 512 * 1024
"""Characters of an answer that are read: eight times the largest file, for the thinking before it."""
MAX_DESCRIPTION = 200
MAX_NOTES = 8
_MAX_EXAMPLE = 500
_MAX_FENCE = 200
"""Characters of a line that may be a fence, with what models write behind it."""
_THINKING = re.compile(r"\s*<(think|thinking|thought|reasoning)>.*?</\1>", re.DOTALL | re.IGNORECASE)
_THOUGHT_END = re.compile(
    r"^[ \t]{0,8}</(?:think|thinking|thought|reasoning)>[ \t]{0,8}$", re.MULTILINE | re.IGNORECASE
)
_ENDS_CODE = re.compile(r"[};][ \t]*\Z")
_FENCE = re.compile(r"[ \t]{0,3}(`{3,}|~{3,})[ \t]*([\w+#.-]*)[^`]*")
# White space is bounded and never a line break, so that no text is looked at again and again.
_GAP = r"[ \t]{1,20}"
_PUBLIC = re.compile(rf"^[ \t]*pub{_GAP}(?:const{_GAP})?fn{_GAP}(?:r#)?(\w+)", re.MULTILINE)
_ANY = re.compile(
    rf"^[ \t]*(?:pub(?:\([\w: ]{{1,80}}\))?{_GAP})?(?:(?:const|async|unsafe){_GAP}){{0,3}}"
    rf"fn{_GAP}\w{{1,200}}[ \t]{{0,20}}[(<]",
    re.MULTILINE,
)
_RUST_START = re.compile(
    r"(?://|/\*|#!?\[|(?:pub(?:\(\w+\))?\s+)?(?:use|fn|const|static|struct|enum|impl|trait|type|mod|async|unsafe)\s)"
)
_NAME = re.compile(
    r"^[ \t>*#-]{0,20}name[ \t*]{0,20}[:=][ \t*`\"']{0,20}([^\n`\"'*,]{1,80})", re.MULTILINE | re.IGNORECASE
)
_EXAMPLE = re.compile(r"^[ \t>*-]{0,20}example[ \t*]{0,20}:[ \t*`]{0,20}([^\n]{1,500})", re.MULTILINE | re.IGNORECASE)
_OBJECT = re.compile(r"\{\s{0,200}\"(?:name|description|rust|code|source|edits|examples|notes)\"")
_RUST_KEYS = ("rust", "code", "source")
_SHOWN = 80


@dataclass(frozen=True)
class Reply:
    """What a model's answer holds.

    Attributes:
        rust: The file, ending in one line break.
        name: A module name, kebab-case.
        description: One line, or empty where the file has no documentation.
        examples: Calls that the model itself expects to hold, of functions that the file has.
        notes: What a user should know, one line each.
    """

    rust: str
    name: str
    description: str
    examples: tuple[Example, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Parts:
    """What was found before it is put in order."""

    rust: str
    name: str = ""
    description: str = ""
    examples: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def read_reply(text: str, last_source: str | None = None) -> Reply:
    """Finds the file in an answer.

    Args:
        text: Any text at all. Of one that is longer than `MAX_READ` the beginning is read, and a note says so.
        last_source: The file that the answer may change by edits, or None.

    Raises:
        UnusableReplyError: It holds no Rust function, or its edits do not fit `last_source`.
    """
    # Half a surrogate pair, which JSON can smuggle in, is no text: it could not be stored, hashed or compiled.
    whole = _clean(text[:MAX_READ]).replace("\r\n", "\n").replace("\r", "\n")
    spoken = _without_thinking(whole)
    found = _structured(spoken, last_source) or _written(spoken, last_source)
    if not _ANY.search(found.rust):
        raise _unusable(spoken, whole)
    functions = _PUBLIC.findall(found.rust)
    kebab = to_module_name(found.name)
    if not found.name.strip() or not MODULE_NAME.fullmatch(kebab) or kebab == "module":
        kebab = to_module_name(functions[0]) if functions else "module"
    examples, dropped = _examples(found.examples, functions)
    notes = [_one_line(each) for each in found.notes if each.strip()][:MAX_NOTES] + dropped
    if len(text) > MAX_READ:
        notes.append(f"of the model's answer only the first {MAX_READ:,} characters were read")
    rust = f"{found.rust.strip()}\n"
    return Reply(rust, kebab, _one_line(found.description or _documentation(rust)), examples, tuple(notes))


# ---------------------------------------------------------------- JSON


def _structured(spoken: str, last_source: str | None) -> _Parts | None:
    """What a JSON object holds that has Rust or edits; None where there is no such object."""
    found = _object_of(spoken)
    if found is None:
        return None
    name, description = (_text(found.get(key)) for key in ("name", "description"))
    examples, notes = (tuple(_texts(found.get(key))) for key in ("examples", "notes"))
    rust = next((_text(found[key]) for key in _RUST_KEYS if _text(found.get(key)).strip()), "")
    blocks, _ = _blocks(rust)
    rust = _choose(blocks) or rust
    edits = _edits_of(found.get("edits"))
    if edits and not _ANY.search(rust):
        rust = _edited(edits, last_source)
    return _Parts(rust, name, description, examples, notes)


def _object_of(spoken: str) -> dict[str, Any] | None:
    """The first object with Rust or edits: the whole answer, a fenced block, or after some chatter."""
    start = spoken.lstrip()
    candidates = [start] if start.startswith("{") else []
    blocks, around = _blocks(spoken)
    candidates += [block for language, block in blocks if language in {"", "json", "json5", "jsonc"}]
    candidates.append(around)
    for each in candidates:
        begin = _OBJECT.search(each)
        found = None if begin is None else read_object(each, begin.start())
        if found is not None and (any(_text(found.get(key)) for key in _RUST_KEYS) or _edits_of(found.get("edits"))):
            return found
    return None


def _edits_of(value: Any) -> list[Edit]:
    pairs = [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []
    return [Edit.of(_text(each.get("search")), _text(each.get("replace"))) for each in pairs]


def _text(value: Any) -> str:
    return _clean(value).replace("\r\n", "\n") if isinstance(value, str) else ""


def _texts(value: Any) -> list[str]:
    return [_text(each) for each in value if isinstance(each, str)] if isinstance(value, list) else []


# ---------------------------------------------------------------- text


def _written(spoken: str, last_source: str | None) -> _Parts:
    """What an answer in words and blocks holds; its Rust is empty where there is none."""
    blocks, around = _blocks(spoken)
    changes = has_edits(spoken)
    rust = _choose([each for each in blocks if not has_edits(each[1])] if changes else blocks)
    if changes:
        try:
            rust = _edited(find_edits(spoken), last_source)
        except UnusableReplyError:
            # A whole file beside changes that do not fit is the answer that a model is asked for next.
            if not rust:
                raise
    around = around if blocks else spoken
    named = _NAME.search(around)
    examples = tuple(each[1].rstrip("` *") for each in _EXAMPLE.finditer(around))
    if not rust and not changes:
        rust = _plain(spoken)
    return _Parts(rust, named[1] if named else "", examples=examples[: 2 * MAX_EXAMPLES])


def _edited(edits: list[Edit], last_source: str | None) -> str:
    if last_source is None:
        raise UnusableReplyError(
            "the language model answered with changes to a file, but there is none yet: expected the whole file",
            hint="Try another model: --model NAME",
        )
    return apply_edits(last_source.replace("\r\n", "\n"), edits)


def _without_thinking(text: str) -> str:
    """The answer after the thinking that some models put before it, in tags whose first one a server may have eaten."""
    at = 0
    while found := _THINKING.match(text, at):
        at = found.end()
    text = text[at:]
    ends = [each.end() for each in _THOUGHT_END.finditer(text)]
    return text[ends[-1] :] if ends and (_ANY.search(text, ends[-1]) or has_edits(text[ends[-1] :])) else text


def _blocks(text: str) -> tuple[list[tuple[str, str]], str]:
    """Fenced blocks as (language, content), and the text around them; one that is never closed ends with the text."""
    blocks: list[tuple[str, str]] = []
    around: list[str] = []
    inside: list[str] = []
    fence = language = ""
    for line in text.split("\n"):
        found = _FENCE.fullmatch(line) if len(line) <= _MAX_FENCE else None
        if fence:
            bare = line.strip()
            code = bare.rstrip(fence[0])
            marks = len(bare) - len(code)
            ends = _ENDS_CODE.search(code) and not code.startswith("//") if code else found
            if ends and marks >= len(fence):
                # Some models close the block on the code's own last line.
                blocks.append((language, "\n".join([*inside, code] if code else inside)))
                fence = ""
            else:
                inside.append(line)
        elif found:
            fence, language, inside = found[1], found[2].lower(), []
        else:
            around.append(line)
    if fence:
        blocks.append((language, "\n".join(inside)))
    return blocks, "\n".join(around)


def _choose(blocks: list[tuple[str, str]]) -> str:
    """The longest block with a public function, else the longest with any; blocks that say they are Rust come first."""
    ranked = [
        (bool(_PUBLIC.search(block)), language in {"rust", "rs"}, len(block), block)
        for language, block in blocks
        if _ANY.search(block)
    ]
    return max(ranked)[-1] if ranked else ""


def _plain(text: str) -> str:
    """Rust without fences: from the first line that begins an item or a comment to the last that ends one."""
    lines = text.split("\n")
    first = next((at for at, line in enumerate(lines) if _RUST_START.match(line)), None)
    if first is None:
        return ""
    ends = [at for at, line in enumerate(lines) if at >= first and line.rstrip().endswith(("}", ";"))]
    return "\n".join(lines[first : ends[-1] + 1]) if ends else ""


# ---------------------------------------------------------------- the rest


def _examples(texts: Iterable[str], functions: list[str]) -> tuple[tuple[Example, ...], list[str]]:
    """The examples that can be read and are about functions of the file, and a note for each other one."""
    found: list[Example] = []
    dropped: list[str] = []
    for text in [each for each in texts if each.strip()][:MAX_EXAMPLES]:
        try:
            example = parse_example(text[:_MAX_EXAMPLE])
        except ArgumentError:
            dropped.append(f"the model's own example {_one_line(text)!r} cannot be read and is left out")
            continue
        if example.function in functions:
            found.append(example)
        else:
            dropped.append(f"the model's own example {_one_line(text)!r} is of a function that its file does not have")
    return tuple(found), dropped


def _documentation(rust: str) -> str:
    """The first line of the file's documentation, or else of its first public function's."""
    lines = [line.strip() for line in rust.split("\n")]
    inner = next((line[3:].strip() for line in lines if line.startswith("//!") and line[3:].strip()), "")
    if inner:
        return inner
    at = next((number for number, line in enumerate(lines) if _PUBLIC.match(line)), 0)
    above: list[str] = []
    while at > 0 and lines[at - 1].startswith(("///", "#[")):
        at -= 1
        above.append(lines[at])
    return next((line[3:].strip() for line in reversed(above) if line.startswith("///") and line[3:].strip()), "")


def _clean(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def _one_line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= MAX_DESCRIPTION else f"{line[: MAX_DESCRIPTION - 1]}…"


def _unusable(spoken: str, whole: str) -> UnusableReplyError:
    hint = "Say in the prompt what the function takes and gives, or try another model: --model NAME"
    begin = " ".join(spoken.split())
    if not begin:
        what = "only with its thinking" if whole.strip() else "with nothing"
        return UnusableReplyError(f"the language model answered {what}: expected a file of Rust", hint=hint)
    begin = "".join(letter if letter.isprintable() else "�" for letter in begin)
    shown = begin if len(begin) <= _SHOWN else f"{begin[: _SHOWN - 1]}…"
    return UnusableReplyError(f'the language model answered without a Rust function: "{shown}"', hint=hint)
