"""A folder's templates stand before ours, and a stranger's folder can do no harm."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from akatsuki_wasm.contracts import BaseSource, Feedback, GenerationRequest, GuestSource
from akatsuki_wasm.errors import ConfigError
from akatsuki_wasm.model.prompts import messages, render
from akatsuki_wasm.model.templates import MAX_TEMPLATE, PromptTemplates, fence
from akatsuki_wasm.resources import data_folder

if TYPE_CHECKING:
    from pathlib import Path

REQUEST = GenerationRequest("sepia photo")
BUILTIN = data_folder("templates") / "prompts"


def write(folder: Path, **texts: str) -> Path:
    folder.mkdir(exist_ok=True)
    for name, text in texts.items():
        (folder / f"{name}.j2").write_text(text, encoding="utf-8")
    return folder


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def test_a_template_of_the_same_name_stands_before_ours(tmp_path: Path) -> None:
    folder = write(tmp_path / "prompts", design="Please: {{ prompt }}!")
    found = render(REQUEST, None, folder=folder)
    assert found.messages[1].content == "Please: sepia photo!"
    assert found.messages[0] == render(REQUEST, None).messages[0]
    assert found.templates["design.j2"] == sha256("Please: {{ prompt }}!")
    assert found.templates["system.j2"] == sha256((BUILTIN / "system.j2").read_text("utf-8"))


def test_a_part_is_replaced_wherever_it_is_included(tmp_path: Path) -> None:
    folder = write(tmp_path / "prompts", name="a name of one Latin word")
    assert "A line `name:` with a name of one Latin word; then" in messages(REQUEST, None, folder=folder)[0].content


def test_a_template_may_extend_and_include_ours(tmp_path: Path) -> None:
    mine = (
        '{% extends "builtin/system.j2" %}\n{% block project %}\nAmounts are whole yen.\n{% endblock %}\n'
        '{% block examples %}\n{% include "builtin/examples/text_1.j2" %}\n{% endblock %}\n'
    )
    folder = write(tmp_path / "prompts", system=mine)
    found = render(REQUEST, None, folder=folder)
    system = found.messages[0].content
    assert "# Not allowed" in system
    assert "\n\nAmounts are whole yen.\n\n" in system
    assert system.count("\nname: ") == 1
    assert "name: read-amount" in system
    assert found.templates["system.j2"] == sha256(mine)
    assert found.templates["builtin/system.j2"] == sha256((BUILTIN / "system.j2").read_text("utf-8"))
    assert "builtin/examples/text_1.j2" in found.templates


def test_what_took_part_is_told_and_nothing_else() -> None:
    first = render(REQUEST, None).templates
    assert {*first} == {
        "answer.j2", "contract.j2", "design.j2", "examples/image_1.j2", "examples/image_2.j2", "name.j2", "prelude.j2",
        "system.j2", "wish.j2",
    }  # fmt: skip
    based = render(GenerationRequest("warmer", base=BaseSource("pub fn f() {}\n", "f")), None).templates
    assert {*based} - {*first} == {"refine.j2", "examples/general_1.j2", "examples/general_2.j2"}
    source = GuestSource("pub fn f() {}\n", "f", "", "openai")
    repaired = render(REQUEST, Feedback(1, "build", "no", (), source)).templates
    assert {*repaired} - {*first} == {"repair.j2", "edits.j2"}
    unusable = render(REQUEST, Feedback(1, "generate", "no", (), source)).templates
    assert {*unusable} - {*repaired} == {"unusable.j2"}
    everything = {*first, *based, *repaired, *unusable}
    there = {path.relative_to(BUILTIN).as_posix() for path in BUILTIN.rglob("*.j2")}
    assert {each for each in there - everything if not each.startswith("examples/")} == set()


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("One\n{{ nothing_of_that_name }}", 2, "'nothing_of_that_name' is undefined"),
        ("One\n\n{% if %}", 3, "Expected an expression, got 'end of statement block'"),
        ("{{ prompt", 1, "unexpected end of template, expected 'end of print statement'."),
        ("{{ 1 / 0 }}", 1, "division by zero"),
        ("{% for a in prompt %}\n{{ a + 1 }}\n{% endfor %}", 2, 'can only concatenate str (not "int") to str'),
        ("\n{{ prompt.__class__.__mro__ }}", 2, "access to attribute '__class__' of 'str' object is unsafe."),
        ("{{ fence.__globals__ }}", 1, "access to attribute '__globals__' of 'function' object is unsafe."),
        ("{{ examples.append(1) }}", 1, "access to attribute 'append' of 'list' object is unsafe."),
        ("{% for i in range(1000000) %}x{% endfor %}", 1,
         "Range too big. The sandbox blocks ranges larger than MAX_RANGE (100000)."),
        ('{% include "missing.j2" %}', 1, "there is no template 'missing.j2'"),
    ],
)  # fmt: skip
def test_a_fault_in_a_template_is_one_line_with_its_place(tmp_path: Path, text: str, line: int, says: str) -> None:
    folder = write(tmp_path / "prompts", design=text)
    with pytest.raises(ConfigError) as caught:
        messages(REQUEST, None, folder=folder)
    assert str(caught.value) == f"the prompt template {folder / 'design.j2'}, line {line}: {says}"
    assert "\n" not in str(caught.value)
    assert caught.value.hint.startswith("Mend it, or remove it")


def test_a_fault_in_a_part_names_the_part(tmp_path: Path) -> None:
    folder = write(tmp_path / "prompts", name="\n\n{{ oh }}", contract="{% block x %}")
    with pytest.raises(ConfigError, match=rf"^the prompt template {folder / 'contract.j2'}, line 1: "):
        messages(REQUEST, None, folder=folder)
    (folder / "contract.j2").unlink()
    with pytest.raises(ConfigError, match=rf"^the prompt template {folder / 'name.j2'}, line 3: 'oh' is undefined$"):
        messages(REQUEST, None, folder=folder)


def test_files_from_elsewhere_are_not_read(tmp_path: Path) -> None:
    secret = tmp_path / "secret.j2"
    secret.write_text("the secret", encoding="utf-8")
    folder = write(tmp_path / "prompts", design='{% include "../secret.j2" %}')
    with pytest.raises(ConfigError, match="there is no template"):
        messages(REQUEST, None, folder=folder)
    write(folder, design=f'{{% include "{secret}" %}}')
    with pytest.raises(ConfigError, match="there is no template"):
        messages(REQUEST, None, folder=folder)
    (folder / "design.j2").unlink()
    (folder / "design.j2").symlink_to(secret)
    with pytest.raises(ConfigError, match=r"there is no template 'design\.j2'$"):
        messages(REQUEST, None, folder=folder)


def test_the_folder_itself_may_be_a_link(tmp_path: Path) -> None:
    folder = write(tmp_path / "prompts", design="Hello")
    (tmp_path / "link").symlink_to(folder)
    assert messages(REQUEST, None, folder=tmp_path / "link")[1].content == "Hello"


def test_sizes_are_limited(tmp_path: Path) -> None:
    folder = write(tmp_path / "prompts", design="x" * (MAX_TEMPLATE + 1))
    with pytest.raises(ConfigError, match=r"design\.j2 is longer than 262,144 characters$"):
        messages(REQUEST, None, folder=folder)
    many = "{% for i in range(99999) %}{{ prompt }}{% endfor %}"
    write(folder, design=many)
    with pytest.raises(ConfigError, match=r"design\.j2 makes more than 1,000,000 characters$"):
        messages(REQUEST, None, folder=folder)
    (folder / "design.j2").write_bytes(b"\xff")
    with pytest.raises(ConfigError, match=r"design\.j2 cannot be read: "):
        messages(REQUEST, None, folder=folder)


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"the folder of prompts .*prompts does not exist$"):
        messages(REQUEST, None, folder=tmp_path / "prompts")


def test_a_changed_file_is_seen_at_once(tmp_path: Path) -> None:
    folder = write(tmp_path / "prompts", design="Old")
    assert messages(REQUEST, None, folder=folder)[1].content == "Old"
    write(folder, design="New")
    assert messages(REQUEST, None, folder=folder)[1].content == "New"


def test_a_wish_is_no_template() -> None:
    said = messages(GenerationRequest("{% for x in y %}{{ 7 * 7 }}", specification="{{ 1 }}"), None)[1].content
    assert "{% for x in y %}{{ 7 * 7 }}" in said
    assert "{{ 1 }}" in said


def test_a_fence_is_longer_than_what_it_is_around() -> None:
    assert [fence(text) for text in ("", "``", "```", "a ````` b")] == ["```", "```", "````", "``````"]


def test_nothing_is_used_before_something_is_rendered() -> None:
    assert PromptTemplates().used == {}
