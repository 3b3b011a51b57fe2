"""Runs notebooks through papermill: parameters in, executed notebook and report out, also on failure."""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from akatsuki_wasm.errors import ArgumentError, NotebookError, NotFoundError
from akatsuki_wasm.files import new_file_beside
from akatsuki_wasm.resources import data_folder
from akatsuki_wasm.values.bind import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping

    from akatsuki_wasm.config import Settings


@dataclass(frozen=True)
class NotebookInfo:
    """A notebook that can be run.

    Attributes:
        name: The file's stem.
        path: Where it is.
        title: Its first heading.
        parameters: Default value of each parameter, as Python text.
    """

    name: str
    path: Path
    title: str
    parameters: Mapping[str, str]


@dataclass(frozen=True)
class NotebookRun:
    """A run that went through.

    Attributes:
        notebook: The executed notebook.
        html: The report, or None where none was asked for.
        seconds: Wall-clock time.
    """

    notebook: Path
    html: Path | None
    seconds: float


def list_notebooks() -> list[NotebookInfo]:
    """The notebooks that ship with the package, by name."""
    return [describe_notebook(path) for path in sorted(data_folder("notebooks").glob("*.ipynb"))]


def find_notebook(name: str | Path) -> Path:
    """The notebook of that name among the shipped ones, or the file.

    Raises:
        NotFoundError: There is neither.
    """
    path = Path(name)
    if path.suffix == ".ipynb":
        if path.is_file():
            return path
        raise NotFoundError(f"the notebook {path} does not exist", hint="Give the path of an .ipynb file.")
    shipped = {each.stem: each for each in data_folder("notebooks").glob("*.ipynb")}
    if str(name) in shipped:
        return shipped[str(name)]
    raise NotFoundError(
        f"there is no notebook {str(name)!r}{did_you_mean(str(name), shipped)}",
        hint=f"The notebooks are {', '.join(sorted(shipped))}; or give the path of an .ipynb file.",
    )


def describe_notebook(path: Path) -> NotebookInfo:
    """Title and parameters of a notebook.

    Raises:
        NotebookError: The file is not a notebook.
    """
    import nbformat
    from papermill import inspect_notebook

    try:
        node = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]  # nbformat has no types
        found = inspect_notebook(str(path))
    except Exception as exc:  # nbformat lets every kind of error through on a malformed file
        reason = (str(exc).splitlines() or [type(exc).__name__])[0][:120]
        raise NotebookError(f"{path} is not a notebook: {reason}", hint="Save it from Jupyter as .ipynb.") from exc
    first = next((cell.source for cell in node.cells if cell.cell_type == "markdown"), "")
    title = next((line.lstrip("# ") for line in first.splitlines() if line.strip()), path.stem)
    return NotebookInfo(path.stem, path, title, {name: info["default"] for name, info in found.items()})


def run_notebook(
    name: str | Path,
    parameters: Mapping[str, Any],
    *,
    out: Path | None = None,
    html: bool = False,
    settings: Settings | None = None,
    progress: bool = False,
) -> NotebookRun:
    """Runs a notebook with parameters.

    Args:
        name: A shipped notebook's name or a path.
        parameters: By name. A text for a parameter whose default is no text is read as JSON.
        out: Where the executed notebook goes; ``NAME-run.ipynb`` in the working directory where None.
        html: Whether to write a report beside it, with the suffix ``.html``.
        settings: What the notebook's own workspace opens with.
        progress: Whether papermill's progress bar is shown on stderr.

    Raises:
        ArgumentError: A parameter is unknown or cannot be read.
        NotebookError: A cell failed; the executed notebook and the report are kept and named.
        NotFoundError: There is no such notebook.
    """
    import papermill

    from akatsuki_wasm.notebook import engine
    from akatsuki_wasm.notebook.report import write_report

    info = describe_notebook(find_notebook(name))
    values = _parameters(info, parameters)
    target = out or Path(f"{info.name}-run.ipynb")
    report = target.with_suffix(".html") if html else None
    started = time.perf_counter()
    # Papermill writes its output cell by cell; it works on a file beside the target, which is moved when it is whole.
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = new_file_beside(target)
        os.close(handle)
    except OSError as exc:
        raise NotebookError(
            f"{target} cannot be written: {exc.strerror}", hint="Give another place: --out FILE.ipynb"
        ) from exc
    failure: NotebookError | None = None
    try:
        papermill.execute_notebook(
            str(info.path),
            str(temporary),
            parameters=values,
            engine_name=engine.NAME,
            kernel_name="python3",
            progress_bar=progress,
            cwd=str(Path.cwd()),
            environment=_environment(settings),
        )
    except papermill.PapermillExecutionError as exc:
        failure = _failure(info, exc, target)
        failure.__cause__ = exc
    finally:
        if temporary.stat().st_size:
            temporary.replace(target)
        else:
            temporary.unlink()
    seconds = time.perf_counter() - started
    if report is not None:
        write_report(
            target,
            report,
            title=info.title,
            outcome=f"{info.name} ran through in {seconds:.1f} s.",
            failure=str(failure) if failure else "",
        )
    if failure is not None:
        raise failure
    return NotebookRun(target, report, seconds)


def _parameters(info: NotebookInfo, given: Mapping[str, Any]) -> dict[str, Any]:
    """Reads texts by the kind of each parameter's default."""
    values: dict[str, Any] = {}
    for name, value in given.items():
        if name not in info.parameters:
            raise ArgumentError(
                f"{info.name} has no parameter {name!r}{did_you_mean(name, info.parameters)}",
                hint=f"Its parameters are {', '.join(info.parameters) or 'none'}.",
            )
        default = info.parameters[name].strip()
        values[name] = value
        if isinstance(value, str) and default[:1] not in ('"', "'") and default != "None":
            try:
                values[name] = json.loads(value)
            except ValueError as exc:
                raise ArgumentError(
                    f"the parameter {name} is {value!r}: expected JSON, as its default is {default}",
                    hint=f"For example: -p {name} '{{\"strength\": 0.7}}'" if default == "{}" else "",
                ) from exc
    return values


def _environment(settings: Settings | None) -> dict[str, str]:
    """The kernel's environment: this one's, with the settings over it."""
    return {**os.environ, **({} if settings is None else settings.environment())}


def _failure(info: NotebookInfo, exc: Any, target: Path) -> NotebookError:
    message = str(exc.evalue).strip().splitlines()
    return NotebookError(
        f"{info.name} failed in cell {exc.exec_count}: {exc.ename}: {message[0] if message else ''}",
        cell=exc.exec_count,
        hint=f"The executed notebook is {target}; the failing cell is marked in it.",
    )
