"""Settings: where they come from, which wins, and what is wrong with the others."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from akatsuki_wasm.config import Settings, load_settings
from akatsuki_wasm.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def user_file(text: str) -> None:
    import platformdirs

    path = platformdirs.user_config_path("akatsuki_wasm") / "config.toml"
    path.parent.mkdir(parents=True)
    path.write_text(text)


def test_each_source_wins_over_the_one_before(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_settings().timeout_ms == 5000
    user_file("timeout_ms = 1000\nmax_repairs = 1")
    assert load_settings().timeout_ms == 1000
    (elsewhere / "akatsuki.toml").write_text("timeout_ms = 2000")
    assert (load_settings().timeout_ms, load_settings().max_repairs) == (2000, 1)
    monkeypatch.setenv("AKATSUKI_TIMEOUT_MS", "3000")
    assert load_settings().timeout_ms == 3000
    assert load_settings(timeout_ms=4000).timeout_ms == 4000
    assert load_settings(timeout_ms=None).timeout_ms == 3000


@pytest.mark.parametrize(
    ("user", "environment", "project", "expected"),
    [
        (None, None, "strong", "strong"),
        ("strong", None, "basic", "strong"),
        (None, "full", "strong", "full"),
        (None, "strong", "full", "full"),
        ("full", "strong", None, "strong"),
        ("full", "strong", "basic", "strong"),
        ("strong", None, "full", "full"),
    ],
)
def test_a_project_may_ask_for_a_stronger_sandbox_but_not_for_a_weaker_one(
    user: str | None,
    environment: str | None,
    project: str | None,
    expected: str,
    elsewhere: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if user:
        user_file(f'require_sandbox = "{user}"')
    if environment:
        monkeypatch.setenv("AKATSUKI_REQUIRE_SANDBOX", environment)
    if project:
        (elsewhere / "akatsuki.toml").write_text(f'require_sandbox = "{project}"')
    assert load_settings().require_sandbox == expected


def test_a_level_of_the_sandbox_that_does_not_exist(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AKATSUKI_REQUIRE_SANDBOX", "strong")
    (elsewhere / "akatsuki.toml").write_text('require_sandbox = "none"')
    assert load_settings().require_sandbox == "strong"
    monkeypatch.delenv("AKATSUKI_REQUIRE_SANDBOX")
    with pytest.raises(ConfigError, match="the setting require_sandbox is 'none'"):
        load_settings()


def test_lists_are_split(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AKATSUKI_BLOCK_PLUGINS", "a, b,")
    monkeypatch.setenv("AKATSUKI_PLUGIN_FILES", os.pathsep.join(["x.py", "y"]))
    settings = load_settings()
    assert settings.block_plugins == ("a", "b")
    assert [str(path) for path in settings.plugin_files] == ["x.py", "y"]


def test_the_environment_carries_settings_to_another_process(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load_settings(
        data_dir=elsewhere / "a b", block_plugins=("x", "y"), plugin_files=(elsewhere / "p.py",), user_is_admin=False
    )
    for name, value in settings.environment().items():
        monkeypatch.setenv(name, value)
    assert load_settings() == settings


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"timeot_ms": 5}, "'timeot_ms' is not a setting"),
        ({"timeout_ms": 5}, "the setting timeout_ms is 5: input should be greater than or equal to 100"),
        ({"max_repairs": "x"}, "the setting max_repairs is 'x': input should be a valid integer"),
    ],
)
def test_a_wrong_setting_is_named(values: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings(**values)
    assert str(caught.value).startswith(message)
    assert caught.value.hint


def test_a_broken_file_is_named(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (elsewhere / "akatsuki.toml").write_text("timeout_ms = = 3")
    with pytest.raises(ConfigError, match=r"^akatsuki.toml cannot be read as TOML: "):
        load_settings()
    monkeypatch.setenv("AKATSUKI_CONFIG", "other.toml")
    with pytest.raises(ConfigError, match=r"^AKATSUKI_CONFIG names other.toml, which does not exist$"):
        load_settings()


def test_a_folder_cannot_load_plugins_by_itself(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (elsewhere / "akatsuki.toml").write_text('plugin_files = ["evil.py"]')
    with pytest.raises(ConfigError, match=r"^akatsuki.toml sets plugin_files, which would run code"):
        load_settings()
    monkeypatch.setenv("AKATSUKI_CONFIG", str(elsewhere / "akatsuki.toml"))
    assert len(load_settings().plugin_files) == 1


@pytest.mark.parametrize("line", ['server = "https://evil.example"', 'token = "x"', "allow_http = true"])
def test_a_folder_cannot_send_the_work_elsewhere(line: str, elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (elsewhere / "akatsuki.toml").write_text(line)
    with pytest.raises(ConfigError, match=r"^akatsuki.toml sets \w+, which would send your work to the server of"):
        load_settings()
    monkeypatch.setenv("AKATSUKI_CONFIG", str(elsewhere / "akatsuki.toml"))
    load_settings()


def test_settings_are_frozen_and_documented() -> None:
    settings = load_settings()
    with pytest.raises(ValueError, match="frozen"):
        settings.timeout_ms = 1  # type: ignore[misc]  # that it is refused is the test
    assert Settings.__doc__ is not None
    for name in Settings.model_fields:
        assert f"        {name}: " in Settings.__doc__
