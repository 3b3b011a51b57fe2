"""The private folder of a build: nobody sweeps it away while its owner lives."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from akatsuki_wasm.rust.build_folder import private_folder

if TYPE_CHECKING:
    from pathlib import Path


def test_builds_that_begin_together_do_not_sweep_each_other(tmp_path: Path) -> None:
    lost = []

    def begin() -> None:
        for _ in range(400):
            with private_folder(tmp_path) as folder:
                (folder / "file").write_text("here")
                if not (folder / "file").exists() or not (folder / "alive.lock").exists():
                    lost.append(folder)

    threads = [threading.Thread(target=begin) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert lost == []
    assert list(tmp_path.iterdir()) == []


def test_the_folder_is_private_and_goes(tmp_path: Path) -> None:
    with private_folder(tmp_path) as folder:
        assert folder.stat().st_mode & 0o777 == 0o700
    assert not folder.exists()
