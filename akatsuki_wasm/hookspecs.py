"""Every hook: what it gets, when it is called, and who wins.

Plugins mark their functions with ``akatsuki_wasm.hookimpl``. Arguments that an implementation does not need may be left
out of its signature. Imports of the host's types are for type checking only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from collections.abc import Sequence

    import click

    from akatsuki_wasm.config import Settings
    from akatsuki_wasm.contracts import (
        Artifact,
        BatchCall,
        BuildOptions,
        Call,
        Control,
        ExecutableModule,
        ExecutionResult,
        Feedback,
        GenerationContext,
        GenerationRequest,
        GuestProject,
        GuestSource,
        Limits,
        Message,
        Stage,
        StoredModule,
        UploadTarget,
    )
    from akatsuki_wasm.errors import AkatsukiError

PROJECT = "akatsuki_wasm"
"""The pluggy project name, and the entry-point group of third-party plugins."""

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def akatsuki_configure(settings: Settings) -> None:
    """Hands the settings to every plugin, once, after all plugins are registered and before any other hook.

    All implementations are called.

    Args:
        settings: Where the user's folders, limits and choices are.
    """


@hookspec(firstresult=True)
def akatsuki_generate(
    request: GenerationRequest, feedback: Feedback | None, context: GenerationContext
) -> GuestSource | None:
    """Turns a prompt into Rust. Called first in a design, and again with `feedback` after a failed attempt.

    The first answer wins; None passes on. Answer when ``request.generator`` is your plugin's name, or is None and you
    serve such prompts.

    Args:
        request: The prompt and the wishes around it.
        feedback: Diagnostics of the attempt before, or None at the first.
        context: Who hears the answer while it comes, and where answers are remembered.

    Returns:
        The source, or None.

    Raises:
        akatsuki_wasm.errors.GenerateError: The plugin was meant and cannot serve.
    """


@hookspec(firstresult=True)
def akatsuki_render_prompt(request: GenerationRequest, feedback: Feedback | None) -> Sequence[Message] | None:
    """Shows what a generator would ask a language model. Called by ``--show-prompt``; nothing is sent.

    The first answer wins; None passes on. Answer under the same condition as in ``akatsuki_generate``.

    Args:
        request: The prompt and the wishes around it.
        feedback: Diagnostics of the attempt before, or None at the first.

    Returns:
        The messages, or None.
    """


@hookspec(firstresult=True)
def akatsuki_build(project: GuestProject, options: BuildOptions) -> Artifact | None:
    """Builds a source to wasm. Called after generate, and by ``akatsuki build``.

    The first answer wins; None passes on.

    Args:
        project: The source and the module's name.
        options: Limits of the build.

    Returns:
        The built module, or None.

    Raises:
        akatsuki_wasm.errors.BuildError: The source is outside the contract, does not compile, or there is no toolchain.
    """


@hookspec(firstresult=True)
def akatsuki_upload(artifact: Artifact, target: UploadTarget) -> StoredModule | None:
    """Stores a checked module. Called last in a design, and by ``akatsuki deploy``.

    The first answer wins; None passes on.

    Args:
        artifact: Bytes, manifest and provenance.
        target: Name, version, owner and the workspace's registry.

    Returns:
        The stored module, or None.

    Raises:
        akatsuki_wasm.errors.UploadError: The module is invalid or cannot be stored.
    """


@hookspec(firstresult=True)
def akatsuki_execute(
    module: ExecutableModule, call: Call | BatchCall, limits: Limits, control: Control
) -> ExecutionResult | None:
    """Executes one function, or one function over whole columns. Called for every execution and by the check stage.

    The first answer wins; None passes on, for instance because the module is of a kind the plugin does not know.

    Args:
        module: Digest, manifest and the way to the bytes.
        call: Function and contract values.
        limits: Time, memory, result size and, where asked for, fuel.
        control: Says when to stop, and hears how far a batch is.

    Returns:
        Value and cost, or None.

    Raises:
        akatsuki_wasm.errors.ExecuteError: The call is wrong, the guest failed or a limit was met.
    """


@hookspec
def akatsuki_before_stage(stage: Stage, name: str, attempt: int) -> None:
    """Says that a stage of the pipeline begins. All implementations are called.

    Args:
        stage: Which.
        name: Module name, or the prompt before there is one.
        attempt: From 1; above 1 when the generator repairs.
    """


@hookspec
def akatsuki_after_stage(stage: Stage, name: str, attempt: int, seconds: float, summary: str) -> None:
    """Says that a stage of the pipeline is done. All implementations are called.

    Args:
        stage: Which.
        name: Module name.
        attempt: From 1.
        seconds: Wall-clock time of the stage.
        summary: One line for people.
    """


@hookspec
def akatsuki_stage_failed(stage: Stage, name: str, attempt: int, seconds: float, error: AkatsukiError) -> None:
    """Says that a stage of the pipeline failed. All implementations are called; the error is raised afterwards.

    Args:
        stage: Which.
        name: Module name, or the prompt before there is one.
        attempt: From 1.
        seconds: Wall-clock time of the stage.
        error: What it failed with.
    """


@hookspec
def akatsuki_stage_note(stage: Stage, name: str, attempt: int, text: str) -> None:
    """Says how far a stage is that takes long. All implementations are called, about once a second.

    Args:
        stage: Which; now ``check``, while a reference in Python works.
        name: Module name.
        attempt: From 1.
        text: One line for people.
    """


@hookspec
def akatsuki_reply_text(text: str, attempt: int) -> None:
    """Hands on a piece of a language model's answer while it comes. All implementations are called.

    Args:
        text: The piece, not empty; together the pieces of an attempt are the answer.
        attempt: From 1.
    """


@hookspec
def akatsuki_register_commands(cli: click.Group) -> None:
    """Adds commands to the command line. All implementations are called when help is listed or a command is unknown.

    Keep what you import at this time small: people wait for it.

    Args:
        cli: The root group.
    """
