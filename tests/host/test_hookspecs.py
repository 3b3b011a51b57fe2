"""The hook specifications: documented with their exact signatures, and each used by a plugin that ships."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from akatsuki_wasm import hookspecs
from akatsuki_wasm.cli.progress import StageProgress
from akatsuki_wasm.manager import AkatsukiPluginManager, create_plugin_manager

DOCUMENT = Path(__file__).parents[2] / "docs" / "hooks.md"
FOR_THIRD_PARTIES = "akatsuki_register_commands"
"""The program's own commands stand in a table, so that none is imported early; tests/third_party has a user."""
SPECIFICATIONS = {name: spec for name, spec in vars(hookspecs).items() if name.startswith("akatsuki_")}


def sections() -> dict[str, str]:
    """Heading to text, of every ``###`` section of the document."""
    parts = re.split(r"^### (.+)$", DOCUMENT.read_text("utf-8"), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def heading(name: str) -> str:
    return f"`{name}({', '.join(inspect.signature(SPECIFICATIONS[name]).parameters)})`"


def section(name: str) -> str:
    text = next((text for title, text in sections().items() if title.startswith(f"`{name}(")), "")
    return re.split(r"^## ", text, flags=re.MULTILINE)[0]


def test_the_document_has_a_heading_for_each_hook_and_no_other_in_the_same_order() -> None:
    assert list(sections()) == [heading(name) for name in SPECIFICATIONS]


@pytest.mark.parametrize("name", SPECIFICATIONS)
def test_the_document_shows_the_exact_signature(name: str) -> None:
    signature = inspect.signature(SPECIFICATIONS[name])
    # The annotations are text here, and are shown without the quotes of a repr.
    parameters = ", ".join(f"{each.name}: {each.annotation}" for each in signature.parameters.values())
    shown = re.search(r"```python\n(.*?)```", section(name), flags=re.DOTALL)
    assert shown is not None
    flat = re.sub(r",? \)", ")", re.sub(r"\s+", " ", shown[1]).replace("( ", "(")).strip()
    assert flat == f"def {name}({parameters}) -> {signature.return_annotation}"


@pytest.mark.parametrize("name", SPECIFICATIONS)
def test_the_document_and_the_docstring_say_who_wins(name: str) -> None:
    rule = "The first answer wins" if firstresult(name) else "All implementations are called"
    assert rule in section(name)
    assert rule.lower() in " ".join((inspect.getdoc(SPECIFICATIONS[name]) or "").split()).lower()


def users(name: str) -> list[str]:
    """Names of the plugins that ship and implement the hook: the built-in ones, and what the command line registers."""
    infos = [info for info in create_plugin_manager().describe() if info.origin == "built-in"]
    manager = AkatsukiPluginManager()
    manager.add(StageProgress(quiet=True), "progress", origin="built-in", location="akatsuki_wasm.cli.progress")
    return sorted(info.name for info in (*infos, *manager.describe()) if name in info.hooks)


@pytest.mark.parametrize("name", [name for name in SPECIFICATIONS if name != FOR_THIRD_PARTIES])
def test_a_plugin_that_ships_uses_the_hook_and_the_document_names_it(name: str) -> None:
    assert users(name), f"no plugin that ships implements {name}: a hook exists only with one"
    used_by = re.search(r"^Used by: (.+)\.$", section(name), flags=re.MULTILINE)
    assert used_by is not None
    assert sorted(re.findall(r"`([\w-]+)`", used_by[1])) == users(name)


@pytest.mark.parametrize("name", SPECIFICATIONS)
def test_the_docstring_describes_each_argument(name: str) -> None:
    doc = inspect.getdoc(SPECIFICATIONS[name]) or ""
    described = re.findall(r"^    (\w+): ", doc.partition("Args:")[2].partition("\n\n")[0], flags=re.MULTILINE)
    assert described == list(inspect.signature(SPECIFICATIONS[name]).parameters)


def firstresult(name: str) -> bool:
    return bool(SPECIFICATIONS[name].akatsuki_wasm_spec["firstresult"])
