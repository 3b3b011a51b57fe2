"""The shipped notebook with a language model: designed, repaired and run in a kernel, with its attempts in the page."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from PIL import Image

from akatsuki_wasm.config import load_settings
from akatsuki_wasm.notebook.runner import run_notebook

from . import sources
from .conftest import KEY, PlayedModel

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.toolchain


def test_a_language_model_designs_in_the_notebook(model: PlayedModel, tmp_path: Path) -> None:
    broken = next(each for each in sources.BROKEN if each.of is sources.VINTAGE and each.stops == "compile")
    model.script(broken.reply, broken.mend)
    Image.new("RGB", (40, 30), (90, 140, 200)).save(tmp_path / "photo.png")
    settings = load_settings(data_dir=tmp_path / "data")
    given = {
        "prompt": "create a vintage filter",
        "generator": "openai",
        "model": "small",
        "image": str(tmp_path / "photo.png"),
    }
    out = tmp_path / "run.ipynb"
    run = run_notebook("design_to_run", given, out=out, html=True, settings=settings)
    page = run.html.read_text() if run.html else ""
    for shown in ("mismatched types", "0.4f64", "1,200", "before, 40×30", "after, 40×30"):
        assert shown in page
    assert KEY not in page + out.read_text()
    assert {request["body"]["model"] for request in model.requests()} == {"small"}
    asked = len(model.requests())

    # Run again, it takes the remembered answers.
    run_notebook("design_to_run", given, out=tmp_path / "again.ipynb", settings=settings)
    assert len(model.requests()) == asked
