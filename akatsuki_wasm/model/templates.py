"""The prompts' jinja2 templates: ours, and before them those of a user's folder.

A project's folder may be a stranger's. So templates run in jinja2's immutable sandbox, get plain values alone, come
from files of that very folder, and may not grow without end.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment

from akatsuki_wasm.errors import ConfigError
from akatsuki_wasm.resources import data_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from types import TracebackType

    from jinja2.bccache import Bucket

BUILTIN = "builtin/"
"""A user's template reaches ours of the same name by it: ``{% extends "builtin/system.j2" %}``."""
MAX_TEMPLATE = 256 * 1024
"""Characters of one template."""
MAX_RENDERED = 1_000_000
"""Characters of one rendered template: more than any model reads."""


class _Compiled(jinja2.BytecodeCache):
    """Keeps what templates were compiled to while the process lives; jinja2 compares the hash of the text each time."""

    def __init__(self) -> None:
        self._kept: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        """As jinja2 asks of every such cache."""
        if bucket.key in self._kept:
            bucket.bytecode_from_string(self._kept[bucket.key])

    def dump_bytecode(self, bucket: Bucket) -> None:
        """As jinja2 asks of every such cache."""
        self._kept[bucket.key] = bucket.bytecode_to_string()


_COMPILED = _Compiled()


class PromptTemplates:
    """Renders templates and remembers which ones took part.

    It is made anew for every conversation, and so sees a file that was just changed.

    Args:
        folder: Of the user's templates, or None.

    Raises:
        ConfigError: The folder does not exist.
    """

    def __init__(self, folder: Path | None = None) -> None:
        if folder is not None and not folder.is_dir():
            raise ConfigError(
                f"the folder of prompts {folder} does not exist",
                hint="Create it, or unset prompts_dir in the settings.",
            )
        self._loader = _Loader(folder)
        self._environment = ImmutableSandboxedEnvironment(
            loader=self._loader,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            # A prompt is plain text. What is put in is data to jinja2, which never reads it as a template.
            autoescape=False,
            bytecode_cache=_COMPILED,
        )
        self._environment.globals["fence"] = fence

    @property
    def used(self) -> Mapping[str, str]:
        """Hex sha256 of each template's text that took part so far, by its name."""
        return dict(sorted(self._loader.used.items()))

    def render(self, name: str, /, **values: Any) -> str:
        """Renders a template without white space at its ends.

        Raises:
            ConfigError: A user's template is missing, does not parse, or fails; the message names file and line.
        """
        try:
            pieces, length = [], 0
            for piece in self._environment.get_template(name).generate(**values):
                length += len(piece)
                if length > MAX_RENDERED:
                    raise ConfigError(
                        f"the prompt template {self._loader.place(name)} makes more than {MAX_RENDERED:,} characters",
                        hint="Shorten it: a language model reads all of it every time.",
                    )
                pieces.append(piece)
        except ConfigError:
            raise
        except Exception as exc:
            raise self._failure(name, exc) from exc
        return "".join(pieces).strip()

    def _failure(self, name: str, error: Exception) -> ConfigError:
        if isinstance(error, jinja2.TemplateSyntaxError):
            place = f"{error.filename or self._loader.place(error.name or name)}, line {error.lineno}"
        else:
            place = _place(error.__traceback__, self._loader.paths) or str(self._loader.place(name))
        if isinstance(error, jinja2.TemplateNotFound):
            what = f"there is no template {error.name!r}"
        else:
            what = " ".join((str(error) or type(error).__name__).split())
        return ConfigError(
            f"the prompt template {place}: {what}",
            hint="Mend it, or remove it from the folder that prompts_dir names: then the built-in one is used.",
        )


class _Loader(jinja2.BaseLoader):
    """Finds a template in the user's folder and then in ours, and hashes what it reads."""

    def __init__(self, folder: Path | None) -> None:
        self._builtin = data_folder("templates") / "prompts"
        self._folder = folder
        self.used: dict[str, str] = {}
        self.paths: set[str] = set()

    def place(self, name: str) -> Path:
        """Where a template would come from."""
        own = self._folder
        if own is not None and not name.startswith(BUILTIN) and (own / name).is_file():
            return own / name
        return self._builtin / name.removeprefix(BUILTIN)

    def get_source(
        self, environment: jinja2.Environment, template: str
    ) -> tuple[str, str | None, Callable[[], bool] | None]:
        """As jinja2 asks of every loader: text, file name, and whether it is still current."""
        path = self.place(template)
        root = self._builtin if path.is_relative_to(self._builtin) else self._folder
        # A link, or a name such as ../x, must not bring in a file from elsewhere: what is rendered is sent away.
        if root is None or not path.is_file() or not path.resolve().is_relative_to(root.resolve()):
            raise jinja2.TemplateNotFound(template)
        try:
            with path.open(encoding="utf-8") as file:
                text = file.read(MAX_TEMPLATE + 1)
        except (OSError, UnicodeDecodeError) as exc:
            raise ConfigError(f"the prompt template {path} cannot be read: {exc}", hint="Save it as UTF-8.") from exc
        if len(text) > MAX_TEMPLATE:
            raise ConfigError(
                f"the prompt template {path} is longer than {MAX_TEMPLATE:,} characters", hint="Shorten it."
            )
        self.used[template] = hashlib.sha256(text.encode()).hexdigest()
        self.paths.add(str(path))
        return text, str(path), None


def fence(text: str) -> str:
    """A fence of backticks that nothing in a text ends."""
    marks = "```"
    while marks in text:
        marks += "`"
    return marks


def _place(trace: TracebackType | None, paths: set[str]) -> str:
    """File and line of the innermost template in a traceback, which jinja2 rewrites to the templates' own lines."""
    found = ""
    while trace is not None:
        path = trace.tb_frame.f_code.co_filename
        if path in paths:
            found = f"{path}, line {trace.tb_lineno}"
        trace = trace.tb_next
    return found
