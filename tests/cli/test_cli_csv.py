"""`run --csv`: a function over the columns of a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

TABLE = "Price,cost,name\n120,90,7\n80,,x\n"


@pytest.fixture
def sales(akatsuki: Any, sales_wasm: Path, tmp_path: Path) -> str:
    """The module ``sales``, and the table ``in.csv`` in the working folder."""
    assert akatsuki("deploy", sales_wasm).code == 0
    (tmp_path / "in.csv").write_text(TABLE)
    return "sales"


def test_columns(akatsuki: Any, sales: str, tmp_path: Path) -> None:
    done = akatsuki("run", sales, "margin", "--csv", "in.csv")
    assert (done.code, done.out, done.err) == (0, "Price,cost,name,margin\n120,90.0,7,0.25\n80,,x,\n", "")
    done = akatsuki("run", sales, "margin", "--csv", "in.csv", "--cost", "60", "-o", "out.csv")
    assert (done.code, done.out, done.err) == (0, "out.csv\n", "2 rows, new column margin\n")
    assert (tmp_path / "out.csv").read_text() == "Price,cost,name,margin\n120,90.0,7,0.5\n80,,x,0.25\n"
    done = akatsuki("run", sales, "label", "--csv", "in.csv", "--column", "text=name", "--times", "2")
    assert done.out == "Price,cost,name,label\n120,90.0,7,77\n80,,x,xx\n"
    found = akatsuki("run", sales, "margin", "--csv", "in.csv", "-o", "out.csv", "--json").json
    assert (found["result"], found["column"], found["rows"]) == ("out.csv", "margin", 2)


@pytest.mark.parametrize(
    ("words", "code", "line"),
    [
        ("label --csv in.csv", 1, "error: in.csv has no column 'text'"),
        ("label --csv in.csv --column text=nam", 1, "error: in.csv has no column 'nam'; did you mean 'name'?"),
        (
            "label --csv in.csv --column txt=name",
            1,
            "error: label has no parameter 'txt'; did you mean 'text'?",
        ),
        (
            "label --csv in.csv --column text",
            2,
            "error: Invalid value for '--column': 'text' is not PARAMETER=COLUMN",
        ),
        ("margin --csv no.csv", 1, "error: csv is 'no.csv', which cannot be read: no such file or directory"),
        (
            "margin --csv empty.csv",
            1,
            "error: csv is 'empty.csv', which is no table: No columns to parse from file",
        ),
        ("margin 1 2 --csv in.csv", 1, "error: no parameter of margin is a column of in.csv"),
        ("margin 1 2 3 --csv in.csv", 1, "error: margin takes at most 2 arguments, got 3"),
        ("margin --csv in.csv --json", 2, None),
        ("label --csv bad.csv", 3, "error: row 1: a bad text"),
    ],
)
def test_refusals(akatsuki: Any, sales: str, tmp_path: Path, words: str, code: int, line: str | None) -> None:
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "bad.csv").write_text("text\nfine\nbad\n")
    done = akatsuki("run", sales, *words.split())
    assert done.code == code
    if line is not None:
        assert done.err.splitlines()[0] == line


def test_rows_that_fail_may_stay_empty(akatsuki: Any, sales: str, tmp_path: Path) -> None:
    (tmp_path / "texts.csv").write_text("text\nfine\nbad\n")
    done = akatsuki("run", sales, "label", "--csv", "texts.csv", "--on-error", "null")
    assert (done.code, done.out) == (0, "text,label\nfine,fine\nbad,\n")
    assert done.err == "1 row failed and stayed empty; the first is row 1: a bad text\n"
    done = akatsuki("run", sales, "label", "--csv", "texts.csv", "--on-error", "null", "-o", "out.csv", "--json")
    assert done.json["errors"] == [{"row": 1, "message": "a bad text"}]
    assert akatsuki("run", sales, "label", "--csv", "texts.csv", "--on-error", "skip").code == 2
