"""What a notebook shows beside modules themselves: sources, pictures side by side, tables of facts."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING, Any

from PIL import Image as PilImage

from akatsuki_wasm.html import render

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from akatsuki_wasm.module import Module

PREVIEW_PIXELS = 900
"""Longest side of a picture in a notebook: large enough to judge it, small enough to keep the file light."""


class Html:
    """HTML that a notebook shows and that prints as its plain text."""

    def __init__(self, html: str, text: str) -> None:
        self.html = html
        self.text = text

    def _repr_html_(self) -> str:
        return self.html

    def __repr__(self) -> str:
        return self.text


def is_picture(value: object) -> bool:
    """Whether a result is a picture that can be shown."""
    return isinstance(value, PilImage.Image)


def show_source(module: Module) -> Html:
    """The author's Rust, highlighted; a plain remark for a module that was not built here."""
    source = module.source
    if source is None:
        remark = f"{module.name} was not built here: there is no source"
        return Html(render("remark.html.j2", text=remark), remark)
    from pygments import highlight
    from pygments.formatters import HtmlFormatter
    from pygments.lexers import RustLexer

    return Html(highlight(source, RustLexer(), HtmlFormatter(noclasses=True, style="friendly")), source)


def side_by_side(pictures: Mapping[str, PilImage.Image]) -> Html:
    """Pictures beside each other under their titles, scaled down to `PREVIEW_PIXELS`."""
    shown = [(title, _data_url(_preview(picture)), picture.size) for title, picture in pictures.items()]
    text = " | ".join(f"{title} {width}x{height}" for title, _, (width, height) in shown)
    return Html(render("side_by_side.html.j2", pictures=shown), text)


def facts(rows: Mapping[str, Any] | Sequence[tuple[str, Any]]) -> Html:
    """A table of names and values; mappings and lists inside are written out line by line."""
    pairs = [(name, _lines(value)) for name, value in (rows.items() if hasattr(rows, "items") else rows)]
    text = "\n".join(f"{name}: {'; '.join(lines)}" for name, lines in pairs)
    return Html(render("facts.html.j2", rows=pairs), text)


def _lines(value: Any) -> list[str]:
    if hasattr(value, "items"):
        return [f"{name}: {each}" for name, each in value.items()]
    if isinstance(value, list | tuple):
        return [str(each) for each in value]
    return [str(value)]


def contact_sheet(pictures: Mapping[str, PilImage.Image], gap: int = 16) -> PilImage.Image:
    """Pictures of one height beside each other on white, as one picture to save.

    Args:
        pictures: By title; titles are not drawn.
        gap: Pixels between and around them.
    """
    height = min(max(picture.height for picture in pictures.values()), PREVIEW_PIXELS)
    scaled = [
        picture.convert("RGB").resize((max(1, round(picture.width * height / picture.height)), height))
        for picture in pictures.values()
    ]
    width = sum(picture.width for picture in scaled) + gap * (len(scaled) + 1)
    sheet = PilImage.new("RGB", (width, height + 2 * gap), "white")
    left = gap
    for picture in scaled:
        sheet.paste(picture, (left, gap))
        left += picture.width + gap
    return sheet


def _preview(picture: PilImage.Image) -> PilImage.Image:
    small = picture.copy()
    small.thumbnail((PREVIEW_PIXELS, PREVIEW_PIXELS))
    return small


def _data_url(picture: PilImage.Image) -> str:
    """A JPEG where the picture is opaque, else a PNG: a report with photographs stays small."""
    buffer = io.BytesIO()
    if picture.mode in ("RGB", "L"):
        picture.save(buffer, "JPEG", quality=90)
        kind = "jpeg"
    else:
        picture.save(buffer, "PNG")
        kind = "png"
    return f"data:image/{kind};base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"
