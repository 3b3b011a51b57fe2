"""A self-contained HTML report of an executed notebook: no script, no font and no style from elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

import nbformat
from nbconvert import HTMLExporter
from pygments.formatters import HtmlFormatter

from akatsuki_wasm.files import write_atomically
from akatsuki_wasm.html import render

if TYPE_CHECKING:
    from pathlib import Path


def write_report(notebook: Path, html: Path, *, title: str, outcome: str = "", failure: str = "") -> None:
    """Writes the report beside its notebook; a reader sees the old file or the new one, never half.

    Args:
        notebook: The executed notebook.
        html: Where to write.
        title: Of the page.
        outcome: One line above a good run.
        failure: One line above a failed run, or empty.
    """
    node = nbformat.read(notebook, as_version=4)  # type: ignore[no-untyped-call]  # nbformat has no types
    exporter = HTMLExporter(  # type: ignore[no-untyped-call]  # nbconvert has no types
        template_name="basic", exclude_input_prompt=True, exclude_output_prompt=True
    )
    body, _ = exporter.from_notebook_node(node)
    css = HtmlFormatter(style="friendly").get_style_defs(".highlight")
    page = render("report.html.j2", title=title, body=body, highlight_css=css, outcome=outcome, failure=failure)
    write_atomically(html, page.encode())
