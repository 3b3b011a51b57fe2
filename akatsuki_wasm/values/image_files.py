"""Photographs on disk: reads any common format upright and in sRGB, writes by suffix, never half a file."""

from __future__ import annotations

import io
import logging
import warnings
from typing import TYPE_CHECKING, Any, BinaryIO

from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from akatsuki_wasm.errors import ArgumentError
from akatsuki_wasm.files import write_atomically

if TYPE_CHECKING:
    from pathlib import Path

log = logging.getLogger(__name__)

MAX_MEGAPIXELS = 150
"""Largest image that is read. As RGBA it takes 600 MB, which is what a guest of 1 GiB can hold at most."""

# A list, because Pillow's other readers include ones that start programs (EPS) or read rare, little-tested formats.
_READ = ("PNG", "JPEG", "MPO", "WEBP", "GIF", "BMP", "TIFF", "PPM", "AVIF", "JPEG2000", "QOI")
_WRITE = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}
_WRITE |= {".tif": "TIFF", ".tiff": "TIFF", ".bmp": "BMP", ".gif": "GIF"}
_OPTIONS: dict[str, dict[str, Any]] = {
    "PNG": {"compress_level": 4},  # 12 megapixels in about 1.5 s; the default takes three times that for 3 % less
    "JPEG": {"quality": 95, "subsampling": 0},
    "WEBP": {"quality": 95},
    "TIFF": {"compression": "tiff_adobe_deflate"},
}
_OPAQUE = ("JPEG", "BMP")

SUFFIXES = tuple(_WRITE)
"""Suffixes that `write_image` understands."""


def read_image(path: Path, name: str) -> Image.Image:
    """Reads an image, turned upright as its EXIF orientation says, and converted to sRGB where it has another profile.

    Args:
        path: Of a PNG, JPEG, WebP, GIF, BMP, TIFF, PPM, AVIF, JPEG 2000 or QOI file.
        name: The parameter's name, for messages.

    Returns:
        A PIL image of any mode; the first frame of an animation.

    Raises:
        ArgumentError: There is no such file, it is no image, it is damaged, or larger than `MAX_MEGAPIXELS`.
    """
    path = path.expanduser()
    what = f"{name} is {str(path)!r}"
    try:
        with path.open("rb") as stream:
            return _read(stream, what, MAX_MEGAPIXELS)
    except FileNotFoundError as exc:
        raise ArgumentError(
            f"{what}: there is no such file", hint="Give the path of an image, such as photo.jpg."
        ) from exc
    except IsADirectoryError as exc:
        raise ArgumentError(
            f"{what}: expected an image, and it is a folder", hint="Give the path of one image in it."
        ) from exc
    except PermissionError as exc:
        raise ArgumentError(
            f"{what}: it may not be read (permission denied)", hint="Make the file readable, or give a copy of it."
        ) from exc
    except OSError as exc:
        raise ArgumentError(f"{what}: it cannot be read ({exc.strerror or exc})", hint="Give another file.") from exc


def read_image_bytes(data: bytes, name: str, max_megapixels: float = MAX_MEGAPIXELS) -> Image.Image:
    """As `read_image`, from the bytes of a file.

    Args:
        data: The whole file.
        name: The parameter's name, for messages.
        max_megapixels: The largest image that is decoded.

    Raises:
        ArgumentError: It is no image, it is damaged, or larger than that.
    """
    return _read(io.BytesIO(data), f"{name} is {len(data):,} bytes", max_megapixels)


def _read(stream: BinaryIO, what: str, max_megapixels: float) -> Image.Image:
    """Reads an image from a file that is open; `what` says what was given."""
    try:
        with warnings.catch_warnings():
            # Pillow warns about sizes that are ours to judge, and about harmless slips in metadata.
            warnings.simplefilter("ignore")
            Image.init()
            with Image.open(stream, formats=[each for each in _READ if each in Image.OPEN]) as image:
                if image.width * image.height > max_megapixels * 1_000_000:
                    raise _too_large(what, max_megapixels)
                image.load()
                return _srgb(ImageOps.exif_transpose(image))
    except UnidentifiedImageError as exc:
        raise ArgumentError(
            f"{what}: expected an image, and {_content(stream)}",
            hint="Give a PNG, JPEG, WebP, GIF, BMP, TIFF or AVIF file.",
        ) from exc
    except Image.DecompressionBombError as exc:
        raise _too_large(what, max_megapixels) from exc
    except (OSError, SyntaxError, ValueError, EOFError, IndexError, ZeroDivisionError) as exc:
        # What Pillow's readers raise for files that begin well and then are cut off or damaged.
        raise ArgumentError(
            f"{what}: the image is damaged ({' '.join(str(exc).split()) or type(exc).__name__})",
            hint="Get the file again, or open it in an image program and save it anew.",
        ) from exc


def _too_large(what: str, max_megapixels: float) -> ArgumentError:
    return ArgumentError(f"{what}: it has more than {max_megapixels:g} megapixels", hint="Make it smaller first.")


def _content(stream: BinaryIO) -> str:
    """What a file that is no image holds, in words."""
    stream.seek(0)
    head = stream.read(512)
    if not head:
        return "it is empty"
    try:
        text = head.decode("utf-8", errors="strict" if len(head) < 512 else "ignore")
    except UnicodeDecodeError:
        return "it is in no format that is known here"
    is_text = all(each.isprintable() or each in "\n\r\t" for each in text)
    return "it is text" if is_text else "it is in no format that is known here"


def _srgb(image: Image.Image) -> Image.Image:
    """Converts from the embedded colour profile, as phones write Display P3 and scanners CMYK."""
    profile = image.info.get("icc_profile")
    if not profile or image.mode not in ("RGB", "RGBA", "CMYK", "L"):
        return image
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if "srgb" in ImageCms.getProfileDescription(source).lower():
            return image
        mode = "RGBA" if image.mode == "RGBA" else "RGB"
        converted = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode=mode)
    except (ImageCms.PyCMSError, OSError, ValueError) as exc:
        log.info("the colour profile is not usable, so colours are taken as sRGB: %s", exc)
        return image
    return converted if converted is not None else image


def write_format(path: Path) -> str | None:
    """Pillow's name of the format that a path's suffix asks for, or None for an unknown suffix."""
    return _WRITE.get(path.suffix.lower())


def write_image(image: Image.Image, path: Path) -> None:
    """Writes an image in the format of its suffix, whole or not at all: beside the target first, then renamed onto it.

    JPEG and BMP hold no transparency: such an image is set on white. JPEG keeps quality 95.

    Raises:
        ArgumentError: The suffix is unknown, or the file cannot be written.
    """
    format_ = write_format(path)
    if format_ is None:
        raise ArgumentError(
            f"output is {str(path)!r}: the suffix {path.suffix!r} is no image format",
            hint=f"Use one of {' '.join(SUFFIXES)}.",
        )
    if format_ in _OPAQUE and image.mode != "RGB":
        rgba = image.convert("RGBA")
        image = Image.new("RGB", rgba.size, "white")
        image.paste(rgba, mask=rgba.getchannel("A"))
    buffer = io.BytesIO()
    try:
        image.save(buffer, format_, **_OPTIONS.get(format_, {}))
    except (OSError, ValueError, SystemError) as exc:
        size = f"{image.width}x{image.height}"
        raise ArgumentError(
            f"output is {str(path)!r}: an image of {size} cannot be written as {format_} ({exc})",
            hint="Write a .png instead.",
        ) from exc
    write_whole(path, buffer.getvalue())


def write_whole(path: Path, content: bytes) -> None:
    """Writes a file whole or not at all.

    Raises:
        ArgumentError: It cannot be written.
    """
    try:
        write_atomically(path, content)
    except OSError as exc:
        reason = (exc.strerror or str(exc)).lower()
        raise ArgumentError(
            f"output is {str(path)!r}: it cannot be written ({reason})", hint="Choose another place with --output."
        ) from exc
