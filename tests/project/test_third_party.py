"""A plugin distribution of someone else's, installed by the ordinary means, is found and answers."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from .conftest import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Environment

pytestmark = pytest.mark.xdist_group("guest-environment")

ASK = """
from akatsuki_wasm.contracts import GenerationContext, GenerationRequest
from akatsuki_wasm.manager import create_plugin_manager

request, context = GenerationRequest("Say hello"), GenerationContext()
answer = create_plugin_manager().ask("akatsuki_generate", request=request, feedback=None, context=context)
print(answer.generator, answer.name, "Hello, {name}!" in answer.rust)
"""


@pytest.fixture(scope="module")
def environment(guest_environment: Environment) -> Environment:
    guest_environment.install("--no-deps", "--no-build-isolation", ROOT / "tests" / "third_party" / "hello_plugin")
    return guest_environment


def test_it_is_listed_with_version_hooks_and_where_it_comes_from(environment: Environment, tmp_path: Path) -> None:
    listed = json.loads(environment.run("-m", "akatsuki_wasm.cli", "plugins", "list", "--json", cwd=tmp_path))
    (hello,) = [plugin for plugin in listed if plugin["name"] == "hello"]
    assert hello == {
        "name": "hello",
        "version": "3.1.4",
        "hooks": ["akatsuki_generate", "akatsuki_register_commands"],
        "origin": "installed",
        "location": "akatsuki-hello-plugin: akatsuki_hello_plugin",
        "blocked": False,
    }


def test_it_answers_before_the_built_in_generator(environment: Environment, tmp_path: Path) -> None:
    assert environment.run("-c", ASK, cwd=tmp_path) == "hello hello True\n"


def test_it_is_not_imported_when_it_is_blocked(environment: Environment, tmp_path: Path) -> None:
    code = (
        "import sys\nfrom akatsuki_wasm.manager import create_plugin_manager\n"
        "names = [info.name for info in create_plugin_manager(block=['hello']).describe()]\n"
        "print('hello' in names, 'akatsuki_hello_plugin' in sys.modules)"
    )
    assert environment.run("-c", code, cwd=tmp_path) == "False False\n"


def test_its_command_is_one_of_the_programs(environment: Environment, tmp_path: Path) -> None:
    assert environment.run("-m", "akatsuki_wasm.cli", "hello", cwd=tmp_path) == 'akatsuki design wasm "say hello"\n'
    assert re.search(
        r"^  hello +Say how to be greeted\.$",
        environment.run("-m", "akatsuki_wasm.cli", "--help", cwd=tmp_path),
        flags=re.MULTILINE,
    )
