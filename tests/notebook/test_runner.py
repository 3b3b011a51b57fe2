"""Notebooks run in a real kernel through papermill: parameters, failures, reports."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import nbformat
import pytest

from akatsuki_wasm.config import load_settings
from akatsuki_wasm.errors import ArgumentError, NotebookError, NotFoundError
from akatsuki_wasm.notebook.runner import describe_notebook, find_notebook, list_notebooks, run_notebook

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def notebook(tmp_path: Path) -> Path:
    """A notebook that writes down what it was given and fails when it is told to."""
    cells = [
        nbformat.v4.new_markdown_cell("# A small notebook\n\nText."),
        nbformat.v4.new_code_cell(
            'word = "sun"\nnumbers = {}\ncount = 1\nfail = False', metadata={"tags": ["parameters"]}
        ),
        nbformat.v4.new_code_cell("import os\nprint(word, numbers, count, os.environ['AKATSUKI_DATA_DIR'])"),
        nbformat.v4.new_code_cell("if fail:\n    raise ValueError('the cell <b>broke</b>')"),
        nbformat.v4.new_code_cell("print('reached the end')"),
    ]
    path = tmp_path / "small.ipynb"
    node = nbformat.v4.new_notebook(cells=cells)
    node.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(node, path)
    return path


def outputs(path: Path) -> str:
    node = nbformat.read(path, as_version=4)
    return "".join(output.get("text", "") for cell in node.cells for output in cell.get("outputs", []))


def test_parameters_reach_the_kernel_and_the_report_is_self_contained(notebook: Path, tmp_path: Path) -> None:
    out = tmp_path / "deep" / "run.ipynb"
    settings = load_settings(data_dir=tmp_path / "elsewhere")
    given = {"word": "moon 月 \"'\\n", "numbers": '{"a": 1.5}', "count": "3"}
    run = run_notebook(notebook, given, out=out, html=True, settings=settings)
    assert (run.notebook, run.html) == (out, out.with_suffix(".html"))
    assert f"moon 月 \"'\\n {{'a': 1.5}} 3 {tmp_path / 'elsewhere'}" in outputs(out)
    page = out.with_suffix(".html").read_text()
    assert "small ran through in" in page
    assert "reached the end" in page
    assert not re.findall(r"""(?:src|href)=["'](?!data:|#)[^"']+|@import|<script""", page)
    assert sorted(path.name for path in out.parent.iterdir()) == ["run.html", "run.ipynb"]


def test_a_failed_cell_is_named_and_both_files_are_kept(notebook: Path, tmp_path: Path) -> None:
    out = tmp_path / "run.ipynb"
    with pytest.raises(NotebookError) as caught:
        run_notebook(notebook, {"fail": "true"}, out=out, html=True)
    assert str(caught.value) == "small failed in cell 4: ValueError: the cell <b>broke</b>"
    assert caught.value.cell == 4
    assert caught.value.hint == f"The executed notebook is {out}; the failing cell is marked in it."
    assert "reached the end" not in outputs(out)
    page = out.with_suffix(".html").read_text()
    assert 'class="outcome bad">small failed in cell 4: ValueError: the cell &lt;b&gt;broke&lt;/b&gt;' in page


def test_wrong_parameters_are_refused_before_a_kernel_starts(notebook: Path, tmp_path: Path) -> None:
    with pytest.raises(ArgumentError) as caught:
        run_notebook(notebook, {"wrod": "x"}, out=tmp_path / "run.ipynb")
    assert str(caught.value) == "small has no parameter 'wrod'; did you mean 'word'?"
    assert caught.value.hint == "Its parameters are word, numbers, count, fail."
    with pytest.raises(ArgumentError, match=r"^the parameter numbers is 'a=1': expected JSON, as its default is \{\}$"):
        run_notebook(notebook, {"numbers": "a=1"}, out=tmp_path / "run.ipynb")
    assert not (tmp_path / "run.ipynb").exists()


def test_missing_and_broken_notebooks_are_named(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError) as caught:
        find_notebook("design_to_rum")
    assert str(caught.value) == "there is no notebook 'design_to_rum'; did you mean 'design_to_run'?"
    with pytest.raises(NotFoundError, match="does not exist"):
        find_notebook(tmp_path / "none.ipynb")
    for text in ("", "{", json.dumps({"cells": 3}), "\x00\xff"):
        broken = tmp_path / "broken.ipynb"
        broken.write_text(text)
        with pytest.raises(NotebookError, match="is not a notebook"):
            describe_notebook(broken)


def test_a_place_that_cannot_be_written_is_named(notebook: Path, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(NotebookError, match=r"run\.ipynb cannot be written"):
        run_notebook(notebook, {}, out=blocked / "run.ipynb")


def test_shipped_notebooks_are_listed_with_their_parameters() -> None:
    found = {info.name: info for info in list_notebooks()}
    info = found["design_to_run"]
    assert info.title == "From a prompt to a picture"
    assert list(info.parameters) == ["prompt", "image", "params", "function", "name", "generator", "model"]


def test_shipped_notebooks_carry_no_outputs() -> None:
    for info in list_notebooks():
        node = nbformat.read(info.path, as_version=4)
        code = [cell for cell in node.cells if cell.cell_type == "code"]
        assert not any(cell.outputs or cell.execution_count for cell in code)
        assert sum("parameters" in cell.metadata.get("tags", []) for cell in code) == 1
