"""Pictures for notebooks: the user's file, or a test card that is drawn here."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image as PilImage

from akatsuki_wasm import wit
from akatsuki_wasm.values.image_files import read_image

if TYPE_CHECKING:
    from akatsuki_wasm.contracts import Function


def open_picture(path: str | Path) -> PilImage.Image:
    """Opens an image file, or draws the test card where no path is given.

    Raises:
        ArgumentError: The file is missing or is no image.
    """
    return read_image(Path(path), "image") if str(path) else draw_card()


def takes_picture(function: Function) -> bool:
    """Whether a function's first parameter is a picture."""
    return bool(function.params) and function.params[0].type == wit.IMAGE


def draw_card(width: int = 960, height: int = 640) -> PilImage.Image:
    """A card with gradients, hues and edges. It is drawn, not photographed."""
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float64)
    across, down = columns / width, rows / height
    hue = np.stack([np.cos(6.283 * (across - shift / 3)) * 0.5 + 0.5 for shift in range(3)], axis=-1)
    grey = np.repeat(across[..., None], 3, axis=-1)
    checks = np.repeat((((rows // 40) + (columns // 40)) % 2)[..., None], 3, axis=-1)
    card = np.where((down < 0.5)[..., None], hue * (1.2 - down[..., None] * 1.6), grey)
    card = np.where((down > 0.75)[..., None], checks, card)
    return PilImage.fromarray((np.clip(card, 0, 1) * 255 + 0.5).astype(np.uint8))
