"""Finds the folders that ship beside the code: templates, notebooks and rust_templates."""

from __future__ import annotations

from functools import cache
from pathlib import Path

_FOLDERS = ("templates", "notebooks", "rust_templates")


@cache
def data_folder(name: str) -> Path:
    """The folder `name`, in a wheel (``akatsuki_wasm/_data/name``), a checkout or an editable install.

    Raises:
        FileNotFoundError: The installation is broken.
    """
    if name not in _FOLDERS:
        raise ValueError(f"{name!r} is not a data folder: expected one of {', '.join(_FOLDERS)}")
    package = Path(__file__).resolve().parent
    for folder in (package / "_data" / name, package.parent / name):
        if folder.is_dir():
            return folder
    raise FileNotFoundError(f"the folder {name!r} is missing from this installation: install akatsuki-wasm again")
