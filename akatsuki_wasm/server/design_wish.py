"""What a client may ask of a design: fewer things than a user of the machine may, each within bounds.

There is no Python to compare with, no path and no lock file: these would run code or read files of the service's
machine.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from akatsuki_wasm.contracts import BaseSource, OwnerType
from akatsuki_wasm.errors import ArgumentError, RequestError, RequestTooLargeError, StageUnhandledError
from akatsuki_wasm.examples import parse_example
from akatsuki_wasm.files import check_module_name
from akatsuki_wasm.rust.syntax import MAX_SOURCE_BYTES
from akatsuki_wasm.server.json_bodies import Body
from akatsuki_wasm.values.bind import did_you_mean

if TYPE_CHECKING:
    from akatsuki_wasm.workspace import Workspace

MAX_PROMPT = 16_000
"""Characters of a prompt: it is stored with each question to a model, and every one of them is paid for."""
MAX_EXAMPLES = 100
MAX_EXAMPLE = 2_000
"""Characters of an example."""
_MANUAL = "manual"


class DesignBody(Body):
    """What is asked for."""

    prompt: str = Field(description=f"What the module should do; at most {MAX_PROMPT:,} characters.")
    name: str | None = Field(None, description="Of the module; the generator chooses one where there is none.")
    generator: str | None = Field(None, max_length=64, description="Who writes the Rust; the service's default else.")
    model: str | None = Field(None, max_length=200, description="A language model's name, for generators that ask one.")
    examples: tuple[Annotated[str, Field(max_length=MAX_EXAMPLE)], ...] = Field(
        (), max_length=MAX_EXAMPLES, description="Calls that must hold, such as `f(2, 3) == 5`."
    )
    base: str | None = Field(
        None,
        max_length=200,
        description="A module to start from: NAME, NAME@VERSION or id. It must have a source that the user may read.",
    )
    source: str | None = Field(None, description="Rust to start from, instead of `base`.")
    owner_type: OwnerType = "user"
    is_public: bool = False
    version: str | None = Field(None, max_length=64, description="semver; the next one where there is none.")
    max_repairs: int | None = Field(
        None, ge=0, description="Times the generator is asked again; at most the service's own number."
    )
    fresh: bool = Field(default=False, description="Ask a language model although its answer is known.")


@dataclass(frozen=True)
class Wish:
    """A design that may begin.

    Attributes:
        prompt: Not empty.
        options: As `akatsuki_wasm.workspace.Workspace.design` takes them.
        facts: What was asked for beside the prompt, JSON-able; a source by its digest.
    """

    prompt: str
    options: dict[str, Any]
    facts: dict[str, Any]


def wish_of(body: DesignBody, workspace: Workspace) -> Wish:
    """Checks a wish as its user, as far as that is possible before the work.

    Args:
        body: What was asked for.
        workspace: Of the user who asks.

    Raises:
        RequestError: Something contradicts something else, or goes beyond the service's settings.
        RequestTooLargeError: The prompt or the source is too long.
        NotFoundError: There is no such base, or the user may not read it.
        PermissionDeniedError: The user may not make such a module.
        ConflictError: The name or version is taken.
        AkatsukiError: A name, a version or an example is malformed, or there is no such generator.
    """
    _check_prompt(body.prompt)
    _check_generator(body.generator, workspace)
    settings = workspace.settings
    if body.max_repairs is not None and body.max_repairs > settings.max_repairs:
        raise RequestError(
            f"maxRepairs is {body.max_repairs}: this service allows at most {settings.max_repairs}",
            hint="Ask for fewer, or leave it out.",
        )
    examples = [parse_example(each) for each in body.examples]
    base, is_own = _base(body, workspace)
    name = body.name or (base.name if base is not None and is_own else None)  # the next version of it
    if name is not None:
        check_module_name(name)
        workspace.registry.check_target(name, workspace.user, body.owner_type, body.version)
    workspace.registry.modules(workspace.user).check_create(body.owner_type)
    options = {
        "name": name,
        "generator": body.generator,
        "model": body.model,
        "examples": examples,
        "base": base,
        "owner_type": body.owner_type,
        "public": body.is_public,
        "version": body.version,
        "max_repairs": body.max_repairs,
        "fresh": body.fresh,
        # A lock file is a project's. Where the service is told to make only what one pins, that one is read.
        "lock": False if settings.locked else None,
    }
    facts = body.model_dump(by_alias=True, mode="json", exclude={"prompt", "source"})
    facts["name"] = name
    if body.source is not None:
        facts["sourceSha256"] = hashlib.sha256(body.source.encode()).hexdigest()
    return Wish(body.prompt.strip(), options, facts)


def _check_prompt(prompt: str) -> None:
    if not prompt.strip():
        raise ArgumentError("the prompt is empty", hint="Say what the module should do.")
    if len(prompt) > MAX_PROMPT:
        raise RequestTooLargeError(
            f"the prompt has {len(prompt):,} characters: at most {MAX_PROMPT:,} are allowed",
            hint="Say it in fewer words; a source to start from goes into `source`.",
        )


def _check_generator(name: str | None, workspace: Workspace) -> None:
    names = [each for each in workspace.plugins.implementers("akatsuki_generate") if each != _MANUAL]
    if name is None or name in names:
        return
    if name == _MANUAL:
        raise RequestError(
            f"the generator {_MANUAL} needs a person at the service's own terminal",
            hint=f"The generators are: {', '.join(names) or 'none'}.",
        )
    raise StageUnhandledError(
        f"there is no generator {name!r}{did_you_mean(name, names)}",
        hint=f"The generators are: {', '.join(names) or 'none'}.",
    )


def _base(body: DesignBody, workspace: Workspace) -> tuple[BaseSource | None, bool]:
    """What to start from: a stored module by its reference, or the text that came; never a path.

    Returns:
        It, and whether it is a module of the user's own.
    """
    if body.base is not None and body.source is not None:
        raise RequestError("there are both a base and a source to start from: expected one", hint="Leave one out.")
    if body.base is not None:
        module = workspace.load(body.base)
        return workspace.base(module), module.stored is not None and module.stored.owner_id == workspace.user.id
    if body.source is None:
        return None, False
    size = len(body.source.encode())
    if size > MAX_SOURCE_BYTES:
        raise RequestTooLargeError(
            f"the source has {size:,} bytes: at most {MAX_SOURCE_BYTES:,} are allowed", hint="Start from less."
        )
    if not body.source.strip():
        raise RequestError("the source is empty", hint="Leave it out, or give one Rust file.")
    return BaseSource(body.source, body.name or "module"), False
