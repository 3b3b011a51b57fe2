"""Renders the HTML that notebooks and reports show; all is escaped unless a template says not."""

from __future__ import annotations

from functools import cache
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from akatsuki_wasm.resources import data_folder


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(data_folder("templates") / "html"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def render(template: str, **values: Any) -> str:
    """Renders a template of ``templates/html``."""
    return _environment().get_template(template).render(**values)
