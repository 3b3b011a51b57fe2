"""Settings: defaults < user file < project file < environment ``AKATSUKI_*`` < arguments.

The user file is ``config.toml`` in the platform's configuration folder; the project file is ``akatsuki.toml`` in the
working directory, or the one that ``AKATSUKI_CONFIG`` names. Both hold the attributes of `Settings` at the top level.
"""

from __future__ import annotations

import getpass
import json
import os
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

import platformdirs
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from akatsuki_wasm.contracts import (
    DEFAULT_MEMORY_BYTES,
    DEFAULT_TIMEOUT_MS,
    MAX_TIMEOUT_MS,
    MIB,
    MIN_TIMEOUT_MS,
    OwnerType,
)
from akatsuki_wasm.errors import ConfigError

APP = "akatsuki_wasm"
PROJECT_FILE = Path("akatsuki.toml")
_MODEL_VARIABLES = ("OPENAI_API_KEY", "OPENAI_BASE_URL")
SANDBOX_LEVELS = ("basic", "strong", "full")
_REMOTE = ("server", "token", "allow_http")
"""Where the work goes and for whom it is done: the user's own to say."""
_COMMA_LISTS = ("block_plugins", "cors_origins", "plugin_files", "wasi_grants")


def _login() -> str:
    """The operating system's user name, or ``local`` where there is none, as in some containers."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "local"


class _Files(PydanticBaseSettingsSource):
    """Reads the user file, then the project file over it."""

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:
        """One setting of the files, as pydantic-settings asks of every source: value, key, whether it is still text."""
        return self().get(field_name), field_name, False

    def __call__(self) -> dict[str, Any]:
        values, project = _user_file(), _project_file()
        if "plugin_files" in project and not os.environ.get("AKATSUKI_CONFIG"):
            # Entering a folder that somebody else made must not run their code.
            raise ConfigError(
                f"{PROJECT_FILE} sets plugin_files, which would run code of whatever folder one is in",
                hint="Load them with --plugin FILE.py, or set AKATSUKI_PLUGIN_FILES.",
            )
        remote = next((name for name in _REMOTE if name in project), None)
        if remote is not None and not os.environ.get("AKATSUKI_CONFIG"):
            # Nor send the user's token and work to a server of theirs.
            raise ConfigError(
                f"{PROJECT_FILE} sets {remote}, which would send your work to the server of whatever folder one is in",
                hint=f"Set AKATSUKI_{remote.upper()}, or {remote} in your own settings file.",
            )
        return values | project


class _Requirement(PydanticBaseSettingsSource):
    """What a project file may not lower: the confinement that the user asks for, in the environment or their file."""

    def __init__(self, settings_cls: type[BaseSettings], environment: PydanticBaseSettingsSource) -> None:
        super().__init__(settings_cls)
        self._environment = environment

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:
        """One setting, as `_Files` gives it."""
        return self().get(field_name), field_name, False

    def __call__(self) -> dict[str, Any]:
        user = self._environment().get("require_sandbox", _user_file().get("require_sandbox"))
        project = _project_file().get("require_sandbox")
        if user not in SANDBOX_LEVELS or project not in SANDBOX_LEVELS:
            return {}  # one of them alone, or one that the check of values will refuse
        return {"require_sandbox": max(user, project, key=SANDBOX_LEVELS.index)}


def _user_file() -> dict[str, Any]:
    return _read_toml(Path(platformdirs.user_config_path(APP)) / "config.toml")


def _project_file() -> dict[str, Any]:
    named = os.environ.get("AKATSUKI_CONFIG")
    return _read_toml(Path(named), required=True) if named else _read_toml(PROJECT_FILE)


def _read_toml(path: Path, *, required: bool = False) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        if required:
            raise ConfigError(
                f"AKATSUKI_CONFIG names {path}, which does not exist", hint="Create it, or unset AKATSUKI_CONFIG."
            ) from None
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as exc:
        raise ConfigError(f"{path} cannot be read as TOML: {exc}", hint=f"Mend or remove {path}.") from exc


class Quota(BaseModel):
    """What a service gives to one owner type of modules.

    Attributes:
        stored_bytes: Of all modules of one owner; None for no limit.
        execution_ms: Longest execution, whatever a module's row and the caller ask for.
        cpu_seconds_per_day: That one user may spend on such modules in a UTC day; None for no limit.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    stored_bytes: int | None = Field(default=None, ge=0)
    execution_ms: int = Field(default=MAX_TIMEOUT_MS, ge=MIN_TIMEOUT_MS, le=MAX_TIMEOUT_MS)
    cpu_seconds_per_day: float | None = Field(default=None, ge=0)


DEFAULT_QUOTAS: dict[OwnerType, Quota] = {
    "user": Quota(stored_bytes=50_000_000, execution_ms=10_000, cpu_seconds_per_day=3_600),
    "system": Quota(stored_bytes=100_000_000),
    "admin": Quota(stored_bytes=500_000_000),
}


class Settings(BaseSettings):
    """Where things are and what the limits are.

    Attributes:
        data_dir: Folder of the embedded registry.
        cache_dir: Folder of what can be made again: toolchain sysroot, compiled modules.
        database_url: SQLAlchemy URL; a SQLite file in `data_dir` where empty.
        blob_url: obstore URL; a folder in `data_dir` where empty.
        user: Name of the local user; the login name by default.
        user_is_admin: Whether that user is an admin of the embedded registry.
        generator: The generator that serves when the request names none; ``auto`` is ``openai`` where the environment
            has ``OPENAI_API_KEY`` or ``OPENAI_BASE_URL``, else ``offline``.
        model: The language model that is asked where the request names none; the generator's own choice where empty.
        model_timeout_s: Wall clock of one answer of a language model, seconds; waiting between retries counts.
        model_api: Which of OpenAI's interfaces is spoken: ``responses``, ``chat``, or ``auto`` for what the server has.
        model_schema: Whether answers are asked for as JSON under a strict schema: ``on``, ``off``, or ``auto`` for what
            the server can.
        model_temperature: Sampling temperature, 0 to 2; the model's own where None.
        model_max_tokens: Most tokens of one answer; the server's own limit where None.
        model_effort: How long a model that thinks may think, such as ``low``; its own choice where empty.
        prices: Price of a million tokens by model, as (in, out), for the record of what a design cost.
        prompts_dir: Folder whose templates stand before the built-in prompts of the same name.
        replies_dir: Folder of remembered answers of language models; a folder in `data_dir` where None.
        lock_file: The file that pins prompts to digests.
        locked: Whether designs must be those of the lock file, from memory alone.
        token_budget: Tokens, in and out, that one design may use over all its attempts; None for no limit.
        max_repairs: Times the generator is asked again after a failed attempt.
        timeout_ms: Default time limit of an execution, milliseconds.
        memory_bytes: Linear memory limit of an execution.
        result_bytes: Largest result that is copied out of a guest.
        fuel: Units of work that an execution may do, about one for each WebAssembly instruction; None for no such
            limit. Counting costs time.
        module_cache_size: Compiled modules kept in memory.
        build_timeout_s: Wall clock of one build, seconds.
        require_sandbox: Least confinement of the compiler, ``full``, ``strong`` or ``basic``: where the machine cannot
            give it, nothing is built.
        crates: Crates that modules may use, by name, each with its exact version, such as ``"1.0.145"`` or
            ``{version = "1.0.145", features = ["std"]}``.
        crates_lock: The file that pins the versions of all that those crates need, where it exists.
        wasi_grants: What WASI commands get beyond their streams: ``clock``, ``random``. In the environment, a comma
            list.
        block_plugins: Plugins that are not loaded, by name. In the environment, a comma list.
        plugin_files: Local plugin files (or folders of them) to load. In the environment, separated as PATH is.
        server: URL of the service that the command line and `akatsuki_wasm.open` work on; this machine's own registry
            where empty.
        token: The bearer token for `server`.
        allow_http: Whether the token may go over a network unencrypted.
        jwt_secret: Secret of the HS256 tokens that the service accepts.
        jwt_jwks_url: Where the service finds the public keys of the tokens that it accepts (a JSON Web Key Set).
        jwt_audience: The ``aud`` that a token must have; not looked at where empty.
        jwt_issuer: The ``iss`` that a token must have; not looked at where empty.
        jwt_leeway_s: How far the clocks of the service and of who issues tokens may be apart, seconds.
        cors_origins: Origins of pages that may call the service from a browser, such as ``https://app.example.com``.
            In the environment, a comma list.
        max_body_bytes: Largest body of a request that the service reads.
        execution_slots: Executions that a process of the service does at once; four for each processor core where None.
        user_slots: How many of them one user may have; half of them where None.
        queue_size: Executions that may wait for a slot, of all users together.
        queue_seconds: How long one may wait.
        user_rate: Requests that one user may make in a second, on average; None for no limit.
        quotas: Stored bytes, longest execution and CPU seconds of a day, by owner type; what is left out keeps its
            default.
        retention_days: Executions older than this leave the history; None keeps them all.
        fresh_ms: How old what the service knows of a module may be: a disabled or deleted one stops executing within
            this time on every machine.
        stop_seconds: How long executions under way may go on when the service is to stop.
        hang_seconds: How long a worker process of the service may be silent before another one takes its place.
        design_slots: Designs that a process of the service works on at once.
    """

    model_config = SettingsConfigDict(env_prefix="AKATSUKI_", extra="forbid", frozen=True)

    data_dir: Path = Field(default_factory=lambda: platformdirs.user_data_path(APP))
    cache_dir: Path = Field(default_factory=lambda: platformdirs.user_cache_path(APP))
    database_url: str = ""
    blob_url: str = ""
    user: str = Field(default_factory=_login, min_length=1, max_length=64)
    user_is_admin: bool = True
    generator: str = "auto"
    model: str = ""
    model_timeout_s: float = Field(default=120.0, gt=0, le=3600)
    model_api: Literal["auto", "responses", "chat"] = "auto"
    model_schema: Literal["auto", "on", "off"] = "auto"
    model_temperature: float | None = Field(default=None, ge=0, le=2)
    model_max_tokens: int | None = Field(default=None, ge=16, le=1_000_000)
    model_effort: str = Field(default="", max_length=20)
    prices: dict[str, tuple[float, float]] = Field(default_factory=dict)
    prompts_dir: Path | None = None
    replies_dir: Path | None = None
    lock_file: Path = Path("akatsuki.lock")
    locked: bool = False
    token_budget: int | None = Field(default=200_000, ge=1, le=100_000_000)
    max_repairs: int = Field(default=3, ge=0, le=20)
    timeout_ms: int = Field(default=DEFAULT_TIMEOUT_MS, ge=MIN_TIMEOUT_MS, le=MAX_TIMEOUT_MS)
    memory_bytes: int = Field(default=DEFAULT_MEMORY_BYTES, ge=MIB, le=4096 * MIB)
    result_bytes: int = Field(default=512 * MIB, ge=1, le=4096 * MIB)
    fuel: int | None = Field(default=None, ge=1, le=2**63 - 1)
    module_cache_size: int = Field(default=20, ge=1, le=10_000)
    build_timeout_s: float = Field(default=60.0, gt=0, le=3600)
    require_sandbox: Literal["full", "strong", "basic"] = "basic"
    crates: dict[str, str | dict[str, Any]] = Field(default_factory=dict)
    crates_lock: Path = Path("akatsuki.crates.lock")
    wasi_grants: Annotated[tuple[Literal["clock", "random"], ...], NoDecode] = ()
    block_plugins: Annotated[tuple[str, ...], NoDecode] = ()
    plugin_files: Annotated[tuple[Path, ...], NoDecode] = ()
    server: str = ""
    token: SecretStr | None = None
    allow_http: bool = False
    jwt_secret: SecretStr | None = None
    jwt_jwks_url: str = ""
    jwt_audience: str = "authenticated"
    jwt_issuer: str = ""
    jwt_leeway_s: float = Field(default=30.0, ge=0, le=600)
    cors_origins: Annotated[tuple[str, ...], NoDecode] = ()
    max_body_bytes: int = Field(default=64 * MIB, ge=1024, le=4096 * MIB)
    execution_slots: int | None = Field(default=None, ge=1, le=1024)
    user_slots: int | None = Field(default=None, ge=1, le=1024)
    queue_size: int = Field(default=256, ge=0, le=100_000)
    queue_seconds: float = Field(default=10.0, ge=0, le=600)
    user_rate: float | None = Field(default=200.0, gt=0)
    quotas: dict[OwnerType, Quota] = Field(default_factory=dict)
    retention_days: int | None = Field(default=None, ge=1)
    fresh_ms: int = Field(default=500, ge=0, le=1000)
    stop_seconds: float = Field(default=10.0, ge=0, le=600)
    hang_seconds: float = Field(default=30.0, ge=2, le=600)
    design_slots: int = Field(default=2, ge=1, le=64)

    @field_validator(*_COMMA_LISTS, mode="before")
    @classmethod
    def _split(cls, value: Any, info: Any) -> Any:
        if not isinstance(value, str):
            return value
        separator = os.pathsep if info.field_name == "plugin_files" else ","
        return tuple(part.strip() for part in value.split(separator) if part.strip())

    @field_validator("quotas", mode="after")
    @classmethod
    def _complete(cls, value: dict[OwnerType, Quota]) -> dict[OwnerType, Quota]:
        """Who sets one limit of an owner type does not take off the others: that needs a null."""
        return {
            owner_type: DEFAULT_QUOTAS[owner_type].model_copy(update=quota.model_dump(exclude_unset=True))
            for owner_type, quota in value.items()
        }

    @field_validator("data_dir", "cache_dir", mode="after")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return value.expanduser().absolute()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Puts the files below the environment and the environment below arguments."""
        return init_settings, _Requirement(settings_cls, env_settings), env_settings, _Files(settings_cls)

    @property
    def resolved_database_url(self) -> str:
        """`database_url`, or the SQLite file in `data_dir`."""
        return self.database_url or f"sqlite:///{self.data_dir / 'registry.db'}"

    @property
    def resolved_blob_url(self) -> str:
        """`blob_url`, or the folder in `data_dir`."""
        return self.blob_url or (self.data_dir / "blobs").as_uri()

    @property
    def default_generator(self) -> str:
        """`generator`, with ``auto`` decided."""
        if self.generator != "auto":
            return self.generator
        named = any(os.environ.get(name, "").strip() for name in _MODEL_VARIABLES)
        return "openai" if named else "offline"

    @property
    def resolved_replies_dir(self) -> Path:
        """`replies_dir`, or the folder in `data_dir`."""
        return self.replies_dir or self.data_dir / "replies"

    def quota(self, owner_type: OwnerType) -> Quota:
        """`quotas` of an owner type, or its default."""
        return self.quotas.get(owner_type, DEFAULT_QUOTAS[owner_type])

    def environment(self) -> dict[str, str]:
        """The environment variables that give another process these very settings."""
        found = {}
        for name in type(self).model_fields:
            value = getattr(self, name)
            if value is None:
                continue
            if isinstance(value, SecretStr):
                value = value.get_secret_value()
            elif isinstance(value, dict):
                value = json.dumps(self.model_dump(mode="json", include={name})[name])
            elif isinstance(value, tuple):
                value = (os.pathsep if name == "plugin_files" else ",").join(str(each) for each in value)
            found[f"AKATSUKI_{name.upper()}"] = str(value)
        return found


_SECRETS = ("token", "jwt_secret")


def _shown(name: str, value: Any) -> str:
    return "not usable" if name in _SECRETS else repr(value)


def load_settings(**overrides: Any) -> Settings:
    """Reads the settings.

    Args:
        overrides: Attributes of `Settings`; None values are left out, so an option that was not given changes nothing.

    Raises:
        ConfigError: A setting is unknown or out of its range.
    """
    try:
        return Settings(**{name: value for name, value in overrides.items() if value is not None})
    except ValidationError as exc:
        first = exc.errors()[0]
        name = ".".join(str(part) for part in first["loc"]) or "settings"
        known = ", ".join(sorted(Settings.model_fields))
        if first["type"] == "extra_forbidden":
            raise ConfigError(f"{name!r} is not a setting", hint=f"The settings are: {known}.") from exc
        raise ConfigError(
            f"the setting {name} is {_shown(name, first['input'])}: {first['msg'][0].lower()}{first['msg'][1:]}",
            hint=f"Set AKATSUKI_{name.upper()}, or {name} in akatsuki.toml, to such a value.",
        ) from exc
