"""The plugin host: where plugins come from, how they are blocked, what a broken one is told, who is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from akatsuki_wasm.contracts import GenerationContext, GenerationRequest, GuestSource
from akatsuki_wasm.errors import NoMatchError, PluginError, PluginLoadError, StageUnhandledError
from akatsuki_wasm.manager import (
    BUILTIN_PLUGINS,
    LOCAL_FOLDER,
    AkatsukiPluginManager,
    PluginInfo,
    create_plugin_manager,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Create = Callable[..., AkatsukiPluginManager]
    Write = Callable[..., Path]

REQUEST = GenerationRequest("say hello")
ANSWER = """
from akatsuki_wasm.contracts import GuestSource

@hookimpl
def akatsuki_generate(request):
    return GuestSource("pub fn f() {}", NAME, "", NAME)
"""


def ask(manager: AkatsukiPluginManager) -> GuestSource:
    answer = manager.ask("akatsuki_generate", request=REQUEST, feedback=None, context=GenerationContext())
    assert isinstance(answer, GuestSource)
    return answer


def test_a_manager_has_the_built_in_plugins_and_says_where_from() -> None:
    infos = [info for info in create_plugin_manager().describe() if info.origin == "built-in"]
    assert {info.name: info.location for info in infos} == BUILTIN_PLUGINS
    assert all(info.hooks and info.version for info in infos)


def test_managers_do_not_share_plugins(bare_manager: Create, plugin_file: Write) -> None:
    path = plugin_file(ANSWER.replace("NAME", "'local'"))
    assert [info.name for info in bare_manager(plugin_files=[path]).describe()] == ["local"]
    assert bare_manager().describe() == []


def test_a_plugin_file_is_loaded_and_described(bare_manager: Create, plugin_file: Write) -> None:
    path = plugin_file(ANSWER.replace("NAME", "'local'"))
    manager = bare_manager(plugin_files=[path])
    assert manager.describe() == [PluginInfo("local", "", ("akatsuki_generate",), "file", str(path))]
    assert ask(manager).generator == "local"


def test_a_plugin_file_may_hold_dataclasses(bare_manager: Create, plugin_file: Write) -> None:
    path = plugin_file("")
    path.write_text(
        "from __future__ import annotations\nfrom dataclasses import dataclass, KW_ONLY\n\n"
        "@dataclass\nclass Greeting:\n    _: KW_ONLY\n    text: str = 'hello'\n",
        encoding="utf-8",
    )
    assert [info.name for info in bare_manager(plugin_files=[path]).describe()] == ["local"]


def test_a_folder_of_plugins_is_loaded_in_order_of_names(bare_manager: Create, plugin_file: Write) -> None:
    for name in ("b.py", "a.py"):
        path = plugin_file(ANSWER.replace("NAME", f"'{name}'"), f"{LOCAL_FOLDER}/{name}")
    manager = bare_manager(plugin_files=[path.parent])
    assert [info.name for info in manager.describe()] == ["a", "b"]
    # The one that was registered last is asked first.
    assert ask(manager).generator == "b.py"


def test_the_local_folder_is_never_loaded_without_being_asked_for(
    bare_manager: Create, plugin_file: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = plugin_file("raise SystemExit('it was imported')", f"{LOCAL_FOLDER}/surprise.py")
    monkeypatch.chdir(path.parents[1])
    assert bare_manager().describe() == []


def test_plugin_files_of_the_environment_are_loaded(
    bare_manager: Create, plugin_file: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = plugin_file(ANSWER.replace("NAME", "'local'"))
    monkeypatch.setenv("AKATSUKI_PLUGIN_FILES", str(path))
    assert [info.name for info in bare_manager().describe()] == ["local"]


@pytest.mark.parametrize("how", ["argument", "environment"])
def test_a_blocked_plugin_is_never_imported(
    how: str,
    bare_manager: Create,
    plugin_file: Write,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = plugin_file("print('imported')", "noisy.py")
    assert [info.name for info in bare_manager(plugin_files=[path]).describe()] == ["noisy"]
    assert capsys.readouterr().out == "imported\n"
    if how == "environment":
        monkeypatch.setenv("AKATSUKI_BLOCK_PLUGINS", "noisy, other")
        manager = bare_manager(plugin_files=[path])
    else:
        manager = bare_manager(plugin_files=[path], block=("noisy",))
    assert manager.describe() == []
    assert capsys.readouterr().out == ""


def test_third_parties_are_asked_before_the_built_in_plugins(plugin_file: Write) -> None:
    path = plugin_file(ANSWER.replace("NAME", "'local'"))
    manager = create_plugin_manager(plugin_files=[path])
    asked_last_to_first = [impl.plugin_name for impl in manager.hook.akatsuki_generate.get_hookimpls()]
    assert asked_last_to_first[-1] == "local"
    assert ask(manager).generator == "local"


def test_every_built_in_stage_is_trylast_so_that_order_of_registration_cannot_matter() -> None:
    manager = create_plugin_manager()
    for hook in ("generate", "build", "upload", "execute"):
        for impl in getattr(manager.hook, f"akatsuki_{hook}").get_hookimpls():
            assert impl.trylast, f"{impl.plugin_name} is not trylast in {hook}"


def test_a_misspelt_hook_fails_by_name(bare_manager: Create, plugin_file: Write) -> None:
    path = plugin_file("@hookimpl\ndef akatsuki_genrate(request):\n    return None\n")
    with pytest.raises(PluginLoadError) as caught:
        bare_manager(plugin_files=[path])
    assert str(caught.value) == f"the plugin 'local' ({path}) does not fit the hooks: unknown hook 'akatsuki_genrate'"
    assert caught.value.hint == "Compare its hook functions with the documented signatures."


def test_a_hook_with_a_wrong_argument_fails_by_name(bare_manager: Create, plugin_file: Write) -> None:
    path = plugin_file("@hookimpl\ndef akatsuki_generate(request, promt):\n    return None\n")
    with pytest.raises(PluginLoadError, match=r"^the plugin 'local' .* does not fit the hooks: .*promt.*$") as caught:
        bare_manager(plugin_files=[path])
    assert "\n" not in str(caught.value)


def test_a_plugin_that_raises_at_import_is_one_line(bare_manager: Create, plugin_file: Write) -> None:
    path = plugin_file("1 / 0")
    with pytest.raises(PluginLoadError) as caught:
        bare_manager(plugin_files=[path])
    assert str(caught.value) == f"the plugin 'local' ({path}) cannot be loaded: ZeroDivisionError: division by zero"
    assert caught.value.hint == "Mend it, or block it: --block local"
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_a_plugin_with_a_syntax_error_is_one_line(bare_manager: Create, plugin_file: Write) -> None:
    path = plugin_file("def broken(:\n")
    with pytest.raises(PluginLoadError, match=r"^the plugin 'local' .* cannot be loaded: SyntaxError: ") as caught:
        bare_manager(plugin_files=[path])
    assert "\n" not in str(caught.value)


def test_a_missing_plugin_file_is_one_line(bare_manager: Create, tmp_path: Path) -> None:
    with pytest.raises(PluginLoadError) as caught:
        bare_manager(plugin_files=[tmp_path / "nowhere.py"])
    assert str(caught.value) == f"the plugin file {tmp_path / 'nowhere.py'} does not exist"


def test_a_file_that_is_no_python_file_is_one_line(bare_manager: Create, plugin_file: Write) -> None:
    path = plugin_file("", "plugin.txt")
    with pytest.raises(PluginLoadError) as caught:
        bare_manager(plugin_files=[path])
    assert str(caught.value) == f"{path} is not a Python file"


def test_two_plugins_of_one_name_are_told(bare_manager: Create, plugin_file: Write) -> None:
    paths = [plugin_file("", f"{folder}/local.py") for folder in ("a", "b")]
    with pytest.raises(PluginLoadError) as caught:
        bare_manager(plugin_files=paths)
    assert str(caught.value) == f"two plugins are named 'local': {paths[0]} and {paths[1]}"
    assert caught.value.hint == "Rename one of them, or ask for only one."


def test_all_passing_names_who_was_asked(bare_manager: Create, plugin_file: Write) -> None:
    with pytest.raises(StageUnhandledError) as caught:
        ask(bare_manager())
    assert str(caught.value) == "no plugin answered akatsuki_generate (asked: nobody)"
    passing = "@hookimpl\ndef akatsuki_generate(request):\n    return None\n"
    paths = [plugin_file(passing, name) for name in ("second.py", "first.py")]
    with pytest.raises(StageUnhandledError) as caught:
        ask(bare_manager(plugin_files=paths))
    assert str(caught.value) == "no plugin answered akatsuki_generate (asked: first, second)"
    assert caught.value.hint == "See `akatsuki plugins list`; install or unblock a plugin that serves this."


def test_an_error_of_the_tree_comes_through_and_another_becomes_one(bare_manager: Create, plugin_file: Write) -> None:
    ours = plugin_file(
        "from akatsuki_wasm.errors import NoMatchError\n"
        "@hookimpl\ndef akatsuki_generate(request):\n    raise NoMatchError('only hellos')\n"
    )
    with pytest.raises(NoMatchError, match=r"^only hellos$"):
        ask(bare_manager(plugin_files=[ours]))
    other = plugin_file("@hookimpl\ndef akatsuki_generate(request):\n    raise KeyError('x')\n", "other.py")
    with pytest.raises(PluginError) as caught:
        ask(bare_manager(plugin_files=[other]))
    assert str(caught.value) == "a plugin failed in akatsuki_generate: KeyError: 'x'"
    assert isinstance(caught.value.__cause__, KeyError)


def test_all_hear_what_is_told(bare_manager: Create, plugin_file: Write) -> None:
    text = "heard = []\n@hookimpl\ndef akatsuki_before_stage(stage, name):\n    heard.append((stage, name))\n"
    manager = bare_manager(plugin_files=[plugin_file(text, name) for name in ("a.py", "b.py")])
    manager.tell("akatsuki_before_stage", stage="build", name="grey", attempt=1)
    heard = [vars(manager.get_plugin(name))["heard"] for name in ("a", "b")]
    assert heard == [[("build", "grey")], [("build", "grey")]]


def test_plugins_are_configured_once_with_the_settings(bare_manager: Create, plugin_file: Write) -> None:
    path = plugin_file("seen = []\n@hookimpl\ndef akatsuki_configure(settings):\n    seen.append(settings.user)\n")
    manager = bare_manager(plugin_files=[path])
    assert len(vars(manager.get_plugin("local"))["seen"]) == 1
