"""The table of cases in docs/reference/hostile-suite.md, written from the answers of an executor.

``python -m akatsuki_wasm.testing.hostile --page docs/reference/hostile-suite.md`` writes it anew between its two marks.
"""

from __future__ import annotations

import re
from itertools import groupby
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

BEGIN, END = "<!-- cases: begin -->\n", "<!-- cases: end -->\n"


def rows(facts: Iterable[Mapping[str, Any]]) -> str:
    """The cases and their answers as tables, one for each group."""
    parts = []
    for group, cases in groupby(facts, key=lambda each: each["group"]):
        lines = [
            f"### {group.capitalize()}",
            "",
            "| case | what it does | answer | text |",
            "| --- | --- | --- | --- |",
        ]
        for case in cases:
            name, *kind = case["answer"].split(" ")
            answer = f"`{name}` {' '.join(kind)}".strip() if case["code"] else f"`{case['answer']}`"
            lines.append(f"| {case['case']} | {_cell(case['about'])} | {_cell(answer)} | {_cell(case['text'])} |")
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)


def _cell(text: str) -> str:
    text = re.sub(r"(.)\1{7,}", r"\1\1\1…", text)
    for character in "\\|<*_[":
        text = text if text.startswith("`") else text.replace(character, f"\\{character}")
    clipped = text if len(text) <= 160 else f"{text[:157]}…"
    return clipped.replace("|", "\\|") if text.startswith("`") else clipped


def with_rows(page: str, table: str) -> str:
    """The page with that between its marks."""
    before, rest = page.split(BEGIN)
    return f"{before}{BEGIN}\n{table}\n{END}{rest.split(END)[1]}"


def write(path: Path, facts: Iterable[Mapping[str, Any]]) -> None:
    """Writes the page anew."""
    path.write_text(with_rows(path.read_text(encoding="utf-8"), rows(facts)), encoding="utf-8")
