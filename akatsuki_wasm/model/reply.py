"""Reads a model's answer: finds the Rust, a name and a description in whatever text came, and never fails otherwise.

Models put their file into a fenced block, or several; into JSON; between sentences; after their thinking; or write it
plainly. All of that is understood. What holds no Rust function is an `UnusableReplyError`.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from akatsuki_wasm.contracts import MODULE_NAME
from akatsuki_wasm.errors import UnusableReplyError
from akatsuki_wasm.files import to_module_name

MAX_DESCRIPTION = 200
_THINKING = re.compile(r"\s*<(think|thinking|thought|reasoning)>.*?</\1>", re.DOTALL | re.IGNORECASE)
_THOUGHT_END = re.compile(r"^\s*</(?:think|thinking|thought|reasoning)>[ \t]*$", re.MULTILINE | re.IGNORECASE)
_FENCE = re.compile(r"[ \t]{0,3}(`{3,}|~{3,})[ \t]*([\w+#.-]*)[^`]*")
_PUBLIC = re.compile(r"^[ \t]*pub\s+(?:const\s+)?fn\s+(?:r#)?(\w+)", re.MULTILINE)
_ANY = re.compile(r"^[ \t]*(?:pub(?:\([\w: ]*\))?\s+)?(?:const\s+|async\s+|unsafe\s+)*fn\s+\w+\s*[(<]", re.MULTILINE)
_RUST_START = re.compile(
    r"(?://|/\*|#!?\[|(?:pub(?:\(\w+\))?\s+)?(?:use|fn|const|static|struct|enum|impl|trait|type|mod|async|unsafe)\s)"
)
_NAME = re.compile(r"^[\s>*#-]*name[\s*]*[:=][\s*`\"']*([^\n`\"'*,]{1,80})", re.MULTILINE | re.IGNORECASE)
_SHOWN = 80


@dataclass(frozen=True)
class Reply:
    """What a model's answer holds.

    Attributes:
        rust: The file, ending in one line break.
        name: A module name, kebab-case.
        description: One line, or empty where the file has no documentation.
    """

    rust: str
    name: str
    description: str


def read_reply(text: str) -> Reply:
    """Finds the file in an answer.

    Args:
        text: Any text at all.

    Raises:
        UnusableReplyError: It holds no Rust function.
    """
    # Half a surrogate pair, which JSON can smuggle in, is no text: it could not be stored, hashed or compiled.
    whole = text.encode("utf-8", "replace").decode().replace("\r\n", "\n").replace("\r", "\n")
    spoken = _without_thinking(whole)
    answer = _from_json(spoken)
    blocks, around = _blocks(spoken)
    for language, block in blocks:
        if answer is None and language in {"", "json", "json5", "jsonc"}:
            answer = _from_json(block)
    if answer is not None:
        rust, name, description = answer
    else:
        rust, name, description = _choose(blocks) or _plain(spoken), "", ""
        named = _NAME.search(around if blocks else spoken)
        name = named[1] if named else ""
    if not _ANY.search(rust):
        raise _unusable(spoken, whole)
    function = _PUBLIC.search(rust)
    kebab = to_module_name(name)
    if not name.strip() or not MODULE_NAME.fullmatch(kebab) or kebab == "module":
        kebab = to_module_name(function[1]) if function else "module"
    return Reply(f"{rust.strip()}\n", kebab, _one_line(description or _documentation(rust)))


def _without_thinking(text: str) -> str:
    """The answer after the thinking that some models put before it, in tags whose first one a server may have eaten."""
    found = _THINKING.match(text)
    while found:
        text = text[found.end() :]
        found = _THINKING.match(text)
    ends = [each.end() for each in _THOUGHT_END.finditer(text)]
    return text[ends[-1] :] if ends and _ANY.search(text, ends[-1]) else text


def _from_json(text: str) -> tuple[str, str, str] | None:
    """Rust, name and description of a JSON object that has a text ``rust``."""
    stripped = text.strip()
    if not stripped.startswith("{"):
        return None
    try:
        found: Any = json.loads(stripped, strict=False)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or not isinstance(found.get("rust"), str):
        return None
    rust, name, description = (
        str(value).encode("utf-8", "replace").decode() if isinstance(value, str) else ""
        for value in (found["rust"], found.get("name"), found.get("description"))
    )
    blocks, _ = _blocks(rust)
    return _choose(blocks) or rust, name, description


def _blocks(text: str) -> tuple[list[tuple[str, str]], str]:
    """Fenced blocks as (language, content), and the text around them; one that is never closed ends with the text."""
    blocks: list[tuple[str, str]] = []
    around: list[str] = []
    inside: list[str] = []
    fence = language = ""
    for line in text.split("\n"):
        found = _FENCE.fullmatch(line)
        if fence:
            bare = line.strip()
            if found and bare == fence[0] * len(bare) and len(bare) >= len(fence):
                blocks.append((language, "\n".join(inside)))
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
