"""Executes a function for `run` and shows, saves or prints what came out."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from akatsuki_wasm import wit
from akatsuki_wasm.cli.output import emit, say
from akatsuki_wasm.errors import ArgumentError
from akatsuki_wasm.values.text import contains_image, plain, printable, show

if TYPE_CHECKING:
    from collections.abc import Sequence

    from akatsuki_wasm.contracts import ExecutionResult, Function
    from akatsuki_wasm.module import Module


def execute_and_show(
    module: Module,
    function: Function,
    values: Sequence[Any],
    *,
    inputs: Sequence[Path],
    output: Path | None,
    timeout_ms: int | None,
    as_json: bool,
) -> None:
    """Executes `function` and shows its result.

    Args:
        module: Its module.
        function: What to execute.
        values: Python values, one for each parameter.
        inputs: Files that image arguments came from.
        output: Where the result goes, or None for the default place of images and stdout for the rest.
        timeout_ms: Time limit, or None for the module's.
        as_json: Whether one JSON document is printed instead.

    Raises:
        AkatsukiError: The execution failed or the output cannot be written.
    """
    result = module.execute(function.name, *values, timeout_ms=timeout_ms)
    saver = _Saver(function, inputs, output)
    data = plain(function.result, result.value, saver.save)
    if output is not None and not saver.saved:
        from akatsuki_wasm.values.image_files import write_whole

        write_whole(output, result.value if isinstance(result.value, bytes) else f"{show(data)}\n".encode())
    if as_json:
        emit(
            {
                "result": data,
                "output": [str(path) for path in saver.saved] or (None if output is None else [str(output)]),
                **cost(result),
                "module": {**module.to_dict(), "ownerType": module.stored and module.stored.owner_type},
            }
        )
        return
    if isinstance(result.value, bytes) and not sys.stdout.isatty():
        # What a command wrote, as it wrote it.
        if output is None:
            click.echo(result.value, nl=False)
    elif function.result is not None and (output is None or saver.saved):
        text = show(data)
        click.echo(printable(text) if sys.stdout.isatty() else text)
    if sys.stderr.isatty():
        say(f"{function.name} took {result.execution_time_ms:.1f} ms, {result.memory_used_bytes / 1e6:.1f} MB")


def cost(result: ExecutionResult) -> dict[str, Any]:
    """What an execution cost, as JSON has it."""
    return {
        "executionTimeMs": result.execution_time_ms,
        "instantiationTimeMs": result.instantiation_time_ms,
        "totalTimeMs": result.total_time_ms,
        "memoryUsedBytes": result.memory_used_bytes,
        "fuelUsed": result.fuel_used,
        "cacheHit": result.cache_hit,
    }


def check_output(function: Function, inputs: Sequence[Path], output: Path | None, force: bool) -> None:
    """Refuses an output that could only fail, or would destroy the input, before anything is executed.

    Raises:
        click.UsageError: The suffix is no image format.
        ArgumentError: The folder does not exist, or the output is an input.
    """
    if output is None:
        return
    if contains_image(function.result):
        from akatsuki_wasm.values.image_files import SUFFIXES, write_format

        if write_format(output) is None:
            raise click.BadParameter(
                f"{str(output)!r} has no image suffix: expected one of {' '.join(SUFFIXES)}.", param_hint="'--output'"
            )
    if not output.parent.is_dir():
        raise ArgumentError(
            f"output is {str(output)!r}: the folder {str(output.parent)!r} does not exist",
            hint="Make the folder first.",
        )
    if not force and output.exists() and any(path.exists() and path.samefile(output) for path in inputs):
        raise ArgumentError(
            f"output is {str(output)!r}, which is the input", hint="Choose another name, or replace it with --force."
        )


class _Saver:
    """Saves the images of a result and remembers where: ``out.png``, then ``out-2.png`` and so on."""

    def __init__(self, function: Function, inputs: Sequence[Path], output: Path | None) -> None:
        self._function, self._inputs, self._output = function, inputs, output
        self.saved: list[Path] = []

    def save(self, image: Any) -> str:
        from akatsuki_wasm.values.image_files import write_image

        path = self._free_path(image) if self._output is None else self._numbered(self._output)
        write_image(image, path)
        self.saved.append(path)
        return str(path)

    def _numbered(self, path: Path) -> Path:
        return path if not self.saved else path.with_stem(f"{path.stem}-{len(self.saved) + 1}")

    def _free_path(self, image: Any) -> Path:
        """Beside the first input: ``photo-vintage.jpg``, or the next number where that exists; nothing is replaced."""
        source = self._inputs[0].expanduser() if self._inputs else Path()
        name = wit.kebab(self._function.name)
        stem = f"{source.stem}-{name}" if self._inputs else name
        suffix = source.suffix.lower()
        keeps = suffix == ".webp" or (suffix in (".jpg", ".jpeg") and image.mode == "RGB")
        folder = source.parent if self._inputs else Path()
        path = folder / f"{stem}{source.suffix if keeps else '.png'}"
        number = 2
        while path.exists():
            path = path.with_stem(f"{stem}-{number}")
            number += 1
        return path
