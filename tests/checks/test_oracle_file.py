"""Oracle files and dotted names: what is read of them, what is refused, and what a model is shown."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest

from akatsuki_wasm.checks import Oracle, load_oracle, oracle_from, oracle_of, specification_text, to_oracle
from akatsuki_wasm.checks.specification import MAX_SPECIFICATION
from akatsuki_wasm.errors import ArgumentError, NotFoundError

if TYPE_CHECKING:
    from pathlib import Path

PRICING = '''\
"""Prices."""

from __future__ import annotations

import math
from dataclasses import dataclass
from math import hypot

RATES = {"a": 0.1}
_TAX = 0.19
RTOL = 1e-6
ATOL = 1e-12
LEVELS = 3
ROWS = 50
SEED = 7
EXAMPLES = ["margin(80, 60) == 0.25"]
PROMPT = "a margin"


@dataclass
class Price:
    net: float


def _gross(net: float) -> float:
    return Price(net).net * (1 + _TAX)


def margin(price, cost):
    """The margin."""
    return (_gross(price) - math.fabs(cost)) / RATES["a"] + hypot(0, 0)


def inputs(rng, rows):
    return {"price": rng.uniform(1, 2, rows)}


def test_margin():
    assert margin(1, 1)
'''


@pytest.fixture
def pricing(tmp_path: Path) -> Path:
    path = tmp_path / "pricing_test.py"
    path.write_text(PRICING, encoding="utf-8")
    return path


def test_a_file_is_read_with_its_constants(pricing: Path) -> None:
    oracle = load_oracle(pricing)
    assert {each.name: each.required for each in oracle.references} == {
        "dataclass": False,
        "hypot": False,
        "margin": True,
        "test_margin": False,
    }
    assert (oracle.rtol, oracle.atol, oracle.levels, oracle.rows, oracle.seed) == (1e-6, 1e-12, 3, 50, 7)
    assert [each.text for each in oracle.examples] == ["margin(80, 60) == 0.25"]
    assert oracle.inputs is not None
    assert oracle.constants["PROMPT"] == "a margin"
    assert "_TAX" not in oracle.constants


def test_a_changed_file_is_read_anew_and_leaves_nothing_beside_it(pricing: Path) -> None:
    for seed in (1, 2):
        pricing.write_text(f"SEED = {seed}\ndef f(x):\n    return {seed}\n", encoding="utf-8")
        oracle = load_oracle(pricing)
        assert (oracle.seed, oracle.references[0].call(0)) == (seed, seed)
        assert f"return {seed}" in specification_text(oracle)
    assert list(pricing.parent.iterdir()) == [pricing]


def test_a_file_may_import_its_neighbours(tmp_path: Path) -> None:
    (tmp_path / "akatsuki_neighbour.py").write_text("def double(x):\n    return 2 * x\n", encoding="utf-8")
    (tmp_path / "double_test.py").write_text(
        "import akatsuki_neighbour\n\ndef double(x):\n    return akatsuki_neighbour.double(x)\n", encoding="utf-8"
    )
    assert load_oracle(tmp_path / "double_test.py").references[0].call(2) == 4


def test_the_function_of_a_dataframe_is_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "frame.py"
    path.write_text("def reference(df):\n    return df['a']\n", encoding="utf-8")
    (reference,) = load_oracle(path).references
    assert reference.frame


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("def f(:\n    pass\n", "FILE is not Python: line 1: invalid syntax"),
        ("x = 1\ny = 1 / 0\n", "FILE cannot be run: line 2: ZeroDivisionError: division by zero"),
        (
            "import akatsuki_nothing\n",
            "FILE cannot be run: line 1: ModuleNotFoundError: No module named 'akatsuki_nothing'",
        ),
        ("X = 1\n", "FILE has no reference: it defines no public function"),
        ("RTOL = -1\ndef f(x): return x\n", "RTOL in FILE is -1: expected a number of at least 0"),
        ("ROWS = 0\ndef f(x): return x\n", "ROWS in FILE is 0: expected a whole number of at least 1"),
        ("SEED = True\ndef f(x): return x\n", "SEED in FILE is True: expected a whole number of at least 0"),
        ("EXAMPLES = 'f(1) == 2'\n", "EXAMPLES in FILE is 'f(1) == 2': expected a list of texts"),
        ("EXAMPLES = ['f(1) = 2']\n", "the example 'f(1) = 2' is not of the form f(2, 3) == 5: it cannot be read"),
    ],
)
def test_wrong_files_are_refused_with_their_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "wrong.py"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ArgumentError) as caught:
        load_oracle(path)
    assert str(caught.value) == message.replace("FILE", str(path))
    assert caught.value.hint


def test_a_missing_file_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"nothing.py does not exist$"):
        load_oracle(tmp_path / "nothing.py")


def test_a_dotted_name_is_imported_from_the_working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    package = tmp_path / "akatsuki_shop"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "prices.py").write_text(
        "def margin(price, cost):\n    return price - cost\n\nclass Shop:\n    @staticmethod\n"
        "    def tax(net):\n        return net * 2\n",
        encoding="utf-8",
    )
    (reference,) = oracle_of("akatsuki_shop.prices.margin").references
    assert (reference.name, reference.any_name, reference.call(3, 1)) == ("margin", True, 2)
    assert oracle_of("akatsuki_shop.prices.Shop.tax").references[0].call(2) == 4
    assert oracle_of("math:sqrt").references[0].call is math.sqrt
    for dotted, message in {
        "margin": "'margin' is not the dotted name of a function",
        "akatsuki_shop.gone.f": "akatsuki_shop has no 'gone'",
        "akatsuki_shop.prices.margins": "akatsuki_shop.prices has no 'margins'; did you mean 'margin'?",
        "akatsuki_shop.prices.Shop": "akatsuki_shop.prices.Shop is no function: it is a type",
        "akatsuki_nowhere.f": "there is no module 'akatsuki_nowhere' for akatsuki_nowhere.f",
    }.items():
        with pytest.raises(ArgumentError) as caught:
            oracle_of(dotted)
        assert str(caught.value) == message
        assert caught.value.hint


def test_a_module_that_cannot_be_imported_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "akatsuki_needy.py").write_text("import akatsuki_nothing\n", encoding="utf-8")
    (tmp_path / "akatsuki_broken.py").write_text("1 / 0\n", encoding="utf-8")
    with pytest.raises(ArgumentError, match=r"^akatsuki_needy cannot be imported: No module named 'akatsuki_nothing'$"):
        oracle_of("akatsuki_needy.f")
    with pytest.raises(
        ArgumentError, match=r"^akatsuki_broken cannot be imported: ZeroDivisionError: division by zero$"
    ):
        oracle_of("akatsuki_broken.f")


def test_functions_become_an_oracle(pricing: Path) -> None:
    assert to_oracle(oracle := Oracle(())) is oracle
    assert to_oracle(str(pricing)).rows == 50
    assert to_oracle(math.hypot).references[0].any_name
    assert [each.any_name for each in to_oracle({"a": abs, "b": abs}).references] == [False, False]
    assert oracle_from(abs, rows=3, examples=["f(1) == 1"]).examples[0].function == "f"
    for nothing in ({}, {"a": 3}):
        with pytest.raises(ArgumentError):
            oracle_from(nothing)  # type: ignore[arg-type]  # refused


def test_a_specification_is_the_references_and_what_they_use(pricing: Path) -> None:
    text = specification_text(load_oracle(pricing))
    assert text.startswith("def margin(price, cost):\n")
    for part in (
        "def _gross(",
        "import math",
        "RATES = {'a': 0.1}",
        "_TAX = 0.19",
        "class Price:\n",
        "from math import hypot",
    ):
        assert text.count(part) == 1, part
    for part in ("EXAMPLES", "PROMPT", "def inputs", "test_margin", "RTOL"):
        assert part not in text


def test_a_specification_without_source_names_the_function() -> None:
    assert specification_text(oracle_of("math.sqrt")) == "# math.sqrt(x, /): Return the square root of x."


def test_a_specification_is_capped(tmp_path: Path) -> None:
    path = tmp_path / "long.py"
    comments = "    # a long comment\n" * 1000
    path.write_text(f"def f(x):\n{comments}    return 1\n", encoding="utf-8")
    text = specification_text(load_oracle(path))
    assert len(text) == MAX_SPECIFICATION
    assert text.endswith("# … the rest is left out")


def test_methods_decorated_functions_and_partials_can_be_references() -> None:
    import functools

    @functools.lru_cache
    def cached(x: float) -> float:
        return x

    text: Any = specification_text(oracle_from({"f": cached, "g": functools.partial(max, 1.0)}))
    assert "def cached(x: float)" in text
    assert "functools" in text
