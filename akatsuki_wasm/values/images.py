"""Images: PIL images and numpy arrays to the contract's RGBA record and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image as PilImage

from akatsuki_wasm import wit
from akatsuki_wasm.errors import ArgumentError

if TYPE_CHECKING:
    from numpy.typing import NDArray

ImageRecord = wit.record_class(wit.IMAGE)
_EXPECTED = "a PIL image or a uint8 array of shape (H, W), (H, W, 3) or (H, W, 4)"


def is_image(value: object) -> bool:
    """Whether a value is a PIL image or an array that has an image's number of dimensions."""
    return isinstance(value, PilImage.Image) or (isinstance(value, np.ndarray) and value.ndim in (2, 3))


def to_record(value: object, name: str) -> Any:
    """Turns an image into the contract's record: RGBA, 8 bits, row-major, straight alpha.

    Args:
        value: A PIL image of any mode (palette, grey, CMYK, 16-bit: all converted), a uint8 array of shape (H, W),
            (H, W, 3) or (H, W, 4), or the record itself.
        name: The parameter's name, for the message.

    Raises:
        ArgumentError: It is none of these.
    """
    if isinstance(value, ImageRecord):
        return value
    if isinstance(value, PilImage.Image):
        return _from_array(np.asarray(to_rgba(value)))
    if not isinstance(value, np.ndarray):
        raise ArgumentError(f"{name} is {type(value).__name__}: expected {_EXPECTED}")
    if value.dtype != np.uint8:
        raise ArgumentError(
            f"{name} is an array of {value.dtype}: expected {_EXPECTED}",
            hint="Scale it to 0..255 and convert it with .astype('uint8').",
        )
    if value.ndim == 2:
        value = np.repeat(value[:, :, None], 3, axis=2)
    if value.ndim != 3 or value.shape[2] not in (3, 4):
        raise ArgumentError(f"{name} is an array of shape {value.shape}: expected {_EXPECTED}")
    if value.shape[2] == 3:
        rgba = np.empty((*value.shape[:2], 4), np.uint8)
        rgba[..., :3] = value
        rgba[..., 3] = 255
        value = rgba
    return _from_array(value)


def to_rgba(image: PilImage.Image) -> PilImage.Image:
    """The image in mode RGBA. 16-bit grey is scaled to 8 bits, which PIL's own conversion would clip."""
    if image.mode == "RGBA":
        return image
    if image.mode.startswith("I;16") or image.mode in ("I", "F"):
        grey = np.asarray(image).astype(np.float64)
        top = 65535.0 if image.mode.startswith("I") and grey.max(initial=0) > 255 else 255.0
        image = PilImage.fromarray(np.clip(grey * (255.0 / top) + 0.5, 0, 255).astype(np.uint8))
    return image.convert("RGBA")


def _from_array(array: NDArray[np.uint8]) -> Any:
    height, width = array.shape[:2]
    return ImageRecord(width, height, np.ascontiguousarray(array).reshape(-1))


def to_array(record: Any) -> NDArray[np.uint8]:
    """The record as a uint8 array of shape (H, W, 4).

    Raises:
        ArgumentError: The record's pixels are not ``width * height * 4`` bytes.
    """
    pixels = np.asarray(record.pixels, np.uint8)
    if pixels.size != record.width * record.height * 4:
        raise ArgumentError(
            f"the image of {record.width}x{record.height} has {pixels.size} bytes: "
            f"expected {record.width * record.height * 4}",
            hint="The module made a broken image; look at its source with `akatsuki modules show`.",
        )
    return pixels.reshape(record.height, record.width, 4)


def to_pil(record: Any) -> PilImage.Image:
    """The record as a PIL image of mode RGBA; of mode RGB where every pixel is opaque, as photographs are."""
    array = to_array(record)
    image = PilImage.fromarray(array)
    return image if array.size and int(array[..., 3].min()) < 255 else image.convert("RGB")
