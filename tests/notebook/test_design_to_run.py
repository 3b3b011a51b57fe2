"""The shipped notebook: from a prompt to a picture on a real photograph, and its failures."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import nbformat
import pytest

import akatsuki_wasm as ak
from akatsuki_wasm.config import load_settings
from akatsuki_wasm.errors import NotebookError
from akatsuki_wasm.notebook.runner import run_notebook

pytestmark = pytest.mark.toolchain


def photograph() -> Path:
    spec = importlib.util.find_spec("sklearn")
    assert spec is not None
    assert spec.submodule_search_locations
    return Path(spec.submodule_search_locations[0]) / "datasets" / "images" / "flower.jpg"


def test_a_japanese_prompt_becomes_a_picture(tmp_path: Path) -> None:
    settings = load_settings(data_dir=tmp_path / "data")
    out = tmp_path / "run.ipynb"
    given = {"prompt": "ビンテージ風フィルターを作って", "image": str(photograph()), "params": '{"strength": 0.9}'}
    run = run_notebook("design_to_run", given, out=out, html=True, settings=settings)
    page = run.html.read_text() if run.html else ""
    for shown in ("before, 640×427", "after, 640×427", "guest function", "source_sha256", "How much film grain"):
        assert shown in page
    assert page.count("data:image/jpeg;base64,") == 2
    assert "ビンテージ風フィルターを作って" in out.read_text()
    assert "http" not in page.replace("http-equiv", "")
    assert out.stat().st_mode & 0o777 == 0o644
    with ak.open(data_dir=tmp_path / "data") as workspace:
        (row,) = workspace.history()
        assert row.input_summary == "image=image 640x427, strength=0.9, vignette=0.5, grain=0.5"
    node = nbformat.read(out, as_version=4)
    assert all(cell.execution_count for cell in node.cells if cell.cell_type == "code")


def test_a_formula_needs_no_picture(tmp_path: Path) -> None:
    settings = load_settings(data_dir=tmp_path / "data")
    given = {"prompt": "a function margin(price, cost) = (price - cost) / price", "params": '{"price": 20, "cost": 15}'}
    run = run_notebook("design_to_run", given, out=tmp_path / "run.ipynb", settings=settings)
    node = nbformat.read(run.notebook, as_version=4)
    assert "result: 0.25" in "".join(str(cell.get("outputs", "")) for cell in node.cells)


def test_a_missing_photograph_names_its_cell(tmp_path: Path) -> None:
    settings = load_settings(data_dir=tmp_path / "data")
    with pytest.raises(NotebookError) as caught:
        run_notebook("design_to_run", {"image": "none.jpg"}, out=tmp_path / "run.ipynb", settings=settings)
    assert str(caught.value) == (
        "design_to_run failed in cell 7: ArgumentError: image is 'none.jpg': there is no such file"
    )
