"""The smallest photograph and one of 30 megapixels, through three designed modules."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from PIL import Image

if TYPE_CHECKING:
    from pathlib import Path

    from tests.bad_input.conftest import Shell

pytestmark = [pytest.mark.toolchain, pytest.mark.usefixtures("designed")]

RUNS = {"vintage-filter": (6000, 5000), "blur-filter": (6000, 5000), "resize-filter": (800, 600)}


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("large") / "large.jpg"
    Image.effect_noise((1500, 1250), 60).resize((6000, 5000)).convert("RGB").save(path, quality=85)
    return path


@pytest.mark.parametrize("module", RUNS)
def test_thirty_megapixels(shell: Shell, tmp_path: Path, large: Path, module: str) -> None:
    done = shell("run", module, large, "-o", tmp_path / "out.jpg", "--timeout-ms", "30000")
    assert (done.code, done.out, done.err) == (0, f"{tmp_path / 'out.jpg'}\n", "")
    with Image.open(tmp_path / "out.jpg") as image:
        assert image.size == RUNS[module]


def test_one_pixel(shell: Shell, tmp_path: Path) -> None:
    Image.new("RGB", (1, 1), "red").save(tmp_path / "one.png")
    for module in RUNS:
        done = shell("run", module, tmp_path / "one.png", "-o", tmp_path / f"{module}.png")
        assert (done.code, done.err) == (0, "")


def test_what_the_guest_refuses(shell: Shell, tmp_path: Path) -> None:
    done = shell("run", "resize-filter", "resize", "photo.jpg", "20000", "20000", "-o", tmp_path / "out.png")
    assert (done.code, done.out) == (3, "")
    assert done.said == (
        "an image of 20000x20000 pixels is too large: at most 100000000 pixels are allowed",
        "The function itself refused: change its arguments.",
    )
    assert list(tmp_path.iterdir()) == []


def test_odd_paths(shell: Shell, tmp_path: Path) -> None:
    folder = tmp_path / "my ビン" / "-o"
    folder.mkdir(parents=True)
    Image.new("RGB", (3, 2), "red").save(folder / "写 真.png")
    plain_c = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    for environment in ({}, plain_c):
        done = shell("run", "blur-filter", folder / "写 真.png", environment=environment)
        assert (done.code, done.err) == (0, "")
    names = sorted(path.name for path in folder.iterdir())
    assert names == ["写 真-blur-2.png", "写 真-blur.png", "写 真.png"]
