"""The pluggy host: registers the built-in plugins, third-party ones and local files, and asks them.

A built-in plugin is named here by its dotted name and nowhere else. Nothing is created at import time.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pluggy

from akatsuki_wasm import hookspecs
from akatsuki_wasm.errors import AkatsukiError, PluginError, PluginLoadError, StageUnhandledError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from akatsuki_wasm.config import Settings

Origin = Literal["built-in", "installed", "file", "object"]

BUILTIN_PLUGINS = {
    "offline": "akatsuki_wasm_plugins.offline:OfflinePlugin",
    "openai": "akatsuki_wasm_plugins.openai_model:OpenAiPlugin",
    "manual": "akatsuki_wasm_plugins.manual:ManualPlugin",
    "cargo": "akatsuki_wasm_plugins.cargo:CargoPlugin",
    "server": "akatsuki_wasm_plugins.server_upload:ServerUploadPlugin",
    "registry": "akatsuki_wasm_plugins.registry_upload:RegistryUploadPlugin",
    "wasmtime": "akatsuki_wasm_plugins.wasmtime_exec:WasmtimePlugin",
    "component": "akatsuki_wasm_plugins.component_exec:ComponentPlugin",
    "wasi": "akatsuki_wasm_plugins.wasi_command:WasiPlugin",
}
LOCAL_FOLDER = "akatsuki_plugins"
"""A folder of local plugins by convention; it is loaded only when it is asked for as a plugin file."""


@dataclass(frozen=True)
class PluginInfo:
    """What ``akatsuki plugins list`` says of one plugin.

    Attributes:
        name: By which it is blocked and, for a generator, asked for.
        version: Of its distribution, or empty for a local file.
        hooks: Names of the hooks it implements.
        origin: Where it comes from.
        location: Dotted name, distribution or path.
    """

    name: str
    version: str
    hooks: tuple[str, ...]
    origin: Origin
    location: str


class AkatsukiPluginManager(pluggy.PluginManager):
    """A `pluggy.PluginManager` that knows where each plugin came from and how to ask for one answer."""

    def __init__(self) -> None:
        super().__init__(hookspecs.PROJECT)
        self.add_hookspecs(hookspecs)
        self._origins: dict[str, tuple[Origin, str, str]] = {}

    def add(self, plugin: object, name: str, *, origin: Origin, location: str, version: str = "") -> None:
        """Registers a plugin object; a class is instantiated first.

        Raises:
            PluginLoadError: The class cannot be made, the name is taken, or a hook is misspelt or has wrong arguments.
        """
        if self.has_plugin(name):
            raise PluginLoadError(
                f"two plugins are named {name!r}: {self._origins[name][1]} and {location}",
                hint="Rename one of them, or ask for only one.",
            )
        try:
            instance = plugin() if isinstance(plugin, type) else plugin
            self.register(instance, name)
            self._reject_unknown_hooks(instance, name)
        except pluggy.PluginValidationError as exc:
            raise PluginLoadError(
                f"the plugin {name!r} ({location}) does not fit the hooks: {' '.join(str(exc).split())}",
                hint="Compare its hook functions with the documented signatures.",
            ) from exc
        except AkatsukiError:
            raise
        except Exception as exc:
            raise _load_error(name, location, exc) from exc
        self._origins[name] = (origin, location, version)

    def _reject_unknown_hooks(self, plugin: object, name: str) -> None:
        known = {spec for spec in vars(hookspecs) if spec.startswith("akatsuki_")}
        marker = f"{self.project_name}_impl"
        for attribute in dir(plugin):
            if attribute not in known and getattr(getattr(plugin, attribute, None), marker, None) is not None:
                self.unregister(plugin)
                raise pluggy.PluginValidationError(plugin, f"unknown hook {attribute!r}")

    def load_builtin(self, name: str, target: str) -> None:
        """Imports and registers a built-in plugin unless it is blocked."""
        if self.is_blocked(name):
            return
        from akatsuki_wasm import __version__

        module, _, attribute = target.partition(":")
        self.add(
            getattr(importlib.import_module(module), attribute),
            name,
            origin="built-in",
            location=target,
            version=__version__,
        )

    def load_installed(self) -> None:
        """Imports and registers the plugins of installed distributions, except blocked ones.

        Raises:
            PluginLoadError: One of them cannot be imported.
        """
        for entry in importlib.metadata.entry_points(group=hookspecs.PROJECT):
            if self.is_blocked(entry.name) or self.has_plugin(entry.name):
                continue
            dist = entry.dist
            location = f"{dist.name}: {entry.value}" if dist else entry.value
            try:
                plugin = entry.load()
            except Exception as exc:
                raise _load_error(entry.name, location, exc) from exc
            self.add(plugin, entry.name, origin="installed", location=location, version=dist.version if dist else "")

    def load_file(self, path: Path) -> None:
        """Imports and registers one local file, or every ``*.py`` of a folder; the file's stem is the plugin's name.

        Raises:
            PluginLoadError: The file is missing or cannot be imported.
        """
        if path.is_dir():
            for each in sorted(path.glob("*.py")):
                self.load_file(each)
            return
        name = path.stem
        if self.is_blocked(name):
            return
        if not path.is_file():
            raise PluginLoadError(f"the plugin file {path} does not exist", hint="Give the path of a Python file.")
        spec = importlib.util.spec_from_file_location(f"akatsuki_plugin_{name}", path)
        if spec is None or spec.loader is None:
            raise PluginLoadError(f"{path} is not a Python file", hint="Give the path of a file that ends in .py.")
        module = importlib.util.module_from_spec(spec)
        # Dataclasses and pickling look a module up by its name while it is being executed.
        sys.modules[spec.name] = module
        try:
            spec.loader.exec_module(module)
        except Exception as exc:
            del sys.modules[spec.name]
            raise _load_error(name, str(path), exc) from exc
        self.add(module, name, origin="file", location=str(path))

    def describe(self) -> list[PluginInfo]:
        """All registered plugins: built-in ones first, then by name."""
        infos = []
        for name, plugin in self.list_name_plugin():
            if plugin is None:
                continue
            origin, location, version = self._origins.get(name, ("object", type(plugin).__name__, ""))
            hooks = tuple(sorted(caller.name for caller in self.get_hookcallers(plugin) or ()))
            infos.append(PluginInfo(name, version, hooks, origin, location))
        return sorted(infos, key=lambda info: (info.origin != "built-in", info.name))

    def implementers(self, hook: str) -> list[str]:
        """Names of the plugins that implement a hook."""
        return sorted(impl.plugin_name for impl in getattr(self.hook, hook).get_hookimpls())

    def ask(self, hook: str, /, **arguments: Any) -> Any:
        """Calls a first-answer hook.

        Raises:
            StageUnhandledError: All passed; the error names who was asked.
            PluginError: A plugin failed with something else than an `AkatsukiError`.
        """
        answer = self._call(hook, arguments)
        if answer is None:
            asked = ", ".join(self.implementers(hook)) or "nobody"
            raise StageUnhandledError(
                f"no plugin answered {hook} (asked: {asked})",
                hint="See `akatsuki plugins list`; install or unblock a plugin that serves this.",
            )
        return answer

    def tell(self, hook: str, /, **arguments: Any) -> None:
        """Calls a hook that all plugins may hear.

        Raises:
            PluginError: A plugin failed with something else than an `AkatsukiError`.
        """
        self._call(hook, arguments)

    def _call(self, hook: str, arguments: dict[str, Any]) -> Any:
        try:
            return getattr(self.hook, hook)(**arguments)
        except AkatsukiError:
            raise
        except Exception as exc:
            raise PluginError(
                f"a plugin failed in {hook}: {type(exc).__name__}: {exc}",
                hint="Run again with --verbose for the traceback, or block the plugin with --block NAME.",
            ) from exc


def _load_error(name: str, location: str, exc: Exception) -> PluginLoadError:
    return PluginLoadError(
        f"the plugin {name!r} ({location}) cannot be loaded: {type(exc).__name__}: {exc}",
        hint=f"Mend it, or block it: --block {name}",
    )


def create_plugin_manager(
    settings: Settings | None = None,
    *,
    plugin_files: Iterable[Path] = (),
    block: Iterable[str] = (),
    plugins: Iterable[object] = (),
) -> AkatsukiPluginManager:
    """Makes a manager with the built-in, installed and asked-for local plugins, and configures them.

    Args:
        settings: Handed to ``akatsuki_configure``; also says which plugins are blocked and which files to load. None
            reads the settings of the environment.
        plugin_files: More local files or folders to load.
        block: More plugins not to load, by name. They are not imported.
        plugins: Plugin objects or classes, such as one defined in a notebook; an attribute ``name`` names one.

    Raises:
        PluginLoadError: A plugin cannot be imported or does not fit the hooks.
    """
    if settings is None:
        from akatsuki_wasm.config import load_settings

        settings = load_settings()
    manager = AkatsukiPluginManager()
    for name in (*settings.block_plugins, *block):
        manager.set_blocked(name)
    for name, target in BUILTIN_PLUGINS.items():
        manager.load_builtin(name, target)
    manager.load_installed()
    for path in (*settings.plugin_files, *plugin_files):
        manager.load_file(Path(path))
    for plugin in plugins:
        kind = plugin.__name__ if isinstance(plugin, type) else type(plugin).__name__
        manager.add(plugin, str(getattr(plugin, "name", kind)), origin="object", location=kind)
    manager.tell("akatsuki_configure", settings=settings)
    return manager
