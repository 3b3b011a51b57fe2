"""The reference of settings, errors and JSON documents is held in step with the code."""

from __future__ import annotations

import inspect
import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner
from pydantic_core import PydanticUndefined

from akatsuki_wasm import errors
from akatsuki_wasm.cli.exits import exit_code
from akatsuki_wasm.cli.root import cli
from akatsuki_wasm.config import Settings

from .conftest import ROOT

if TYPE_CHECKING:
    from pathlib import Path

REFERENCE = ROOT / "docs" / "reference"


def rows(text: str) -> list[list[str]]:
    """Cells of the rows of all tables in a text, without headers and rules."""
    found = re.findall(r"^\| (`.*) \|$", text, flags=re.MULTILINE)
    return [[cell.strip() for cell in row.split(" | ")] for row in found]


def names(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def test_every_setting_is_described_with_its_default() -> None:
    table = (REFERENCE / "settings.md").read_text("utf-8").split("## Other variables")[0]
    described = {names(row[0])[0]: row for row in rows(table)}
    assert list(described) == list(Settings.model_fields)
    for name, field in Settings.model_fields.items():
        _, environment, default, _ = described[name]
        assert environment == f"`AKATSUKI_{name.upper()}`"
        if field.default is PydanticUndefined or field.default == "":  # depends on the machine, in words
            continue
        shown = str(field.default).lower() if isinstance(field.default, bool) else str(field.default)
        assert default == f"`{shown}`", name


def error_classes() -> list[type[errors.AkatsukiError]]:
    classes = [each for each in vars(errors).values() if inspect.isclass(each)]
    return [each for each in classes if issubclass(each, errors.AkatsukiError)]


def test_every_error_is_in_the_table_with_its_code_and_exit_code() -> None:
    table = rows((REFERENCE / "errors.md").read_text("utf-8"))
    assert [row[:3] for row in table] == [
        [f"`{each.__name__}`", f"`{each.code}`", str(exit_code(each.__new__(each)))] for each in error_classes()
    ]
    assert all(row[3] for row in table)


def test_the_tree_of_errors_is_that_of_the_code() -> None:
    page = (REFERENCE / "errors.md").read_text("utf-8")
    tree = page.split("```text\n")[1].split("```")[0].splitlines()
    parents: list[str] = []
    for line in tree:
        depth, name = (len(line) - len(line.lstrip())) // 2, line.split()[0]
        parents[depth:] = [name]
        found: Any = getattr(errors, name)
        assert depth == 0 or found.__bases__[0].__name__ == parents[depth - 1], name
    assert [line.split()[0] for line in tree] == [each.__name__ for each in error_classes()]
    assert "\n".join(f"    {line}" for line in tree) in str(errors.__doc__)


@pytest.mark.toolchain
def test_json_documents_have_the_keys_that_are_described(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    page = (REFERENCE / "json.md").read_text("utf-8")
    sections = dict(re.findall(r"^## (.+)\n((?:(?!## ).*\n)*)", page, flags=re.MULTILINE))
    keys = {title: {key for row in rows(text) for key in names(row[0])} for title, text in sections.items()}
    others = {names(row[0])[0]: names(row[1]) for row in rows(sections["Others"])}

    def run(*words: str) -> Any:
        return json.loads(CliRunner().invoke(cli, [*words, "--json"], prog_name="akatsuki").stdout)

    prompt = "a function margin(price, cost) = (price - cost) / price"
    made = run("design", "wasm", prompt, "--name", "pricing", "--out", ".")
    assert made.keys() == keys["Module"] | {"deployed", "notes", "files"}
    assert made["functions"][0].keys() == keys["Function"]
    assert made["functions"][0]["parameters"][0].keys() == keys["Parameter"] - {"default"}
    assert run("deploy", "pricing.wasm", "--name", "other").keys() == keys["Module"]
    assert run("build", "pricing.rs").keys() == keys["Module"] | {"size", "path", "warnings"}

    assert run("modules", "list")[0].keys() == keys["Stored module"]
    for change in (("share", "pricing", "--public"), ("disable", "pricing"), ("enable", "pricing")):
        assert run("modules", *change).keys() == keys["Stored module"]
    assert run("modules", "show", "pricing").keys() == keys["Stored module"] | {"provenance", "source"}

    done = run("run", "pricing", "margin", "80", "60")
    assert done.keys() == keys["Result"]
    assert done["module"].keys() == keys["Module"] | {"ownerType"}
    (tmp_path / "sales.csv").write_text("price,cost\n80,60\n", encoding="utf-8")
    table = run("run", "pricing", "margin", "--csv", "sales.csv", "-o", "out.csv")
    assert table.keys() == keys["Result"] - {"output"} | {"column", "rows", "errors"}
    assert run("history")[0].keys() == keys["Execution"]
    (generation,) = run("generations", "list")
    assert generation.keys() == keys["Generation"]
    shown = run("generations", "show", generation["id"])
    assert shown.keys() == keys["Generation"] | {"request", "attempts"}
    assert shown["attempts"][0].keys() == keys["Attempt"]
    assert run("modules", "delete", "other", "--yes")["deleted"][0].keys() == keys["Stored module"]

    failed = run("run", "pricing", "margin", "80")
    assert failed.keys() == {"error"}
    assert failed["error"].keys() == keys["Error"]

    for command, described in others.items():
        if command in ("toolchain install", "pipeline run", "crates lock"):  # they change the machine, or take long
            continue
        words = command.split() + {
            "plugins new": ["my-plugin"],
            "history prune": ["--older-than", "90"],
            "verify": ["pricing"],
            "db copy": ["--to", f"sqlite:///{tmp_path / 'copy' / 'registry.db'}"],
        }.get(command, [])
        document = run(*words)
        first = document[0] if isinstance(document, list) else document
        wanted = first.keys() if command != "doctor" else [*first, *first["checks"][0]]
        assert list(wanted) == described, command
