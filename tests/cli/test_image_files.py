"""Photographs in and out: formats, orientation, colour profiles, broken files, whole writes."""

from __future__ import annotations

import io
import struct
import zlib
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image, ImageCms

from akatsuki_wasm.errors import ArgumentError
from akatsuki_wasm.values.image_files import read_image, write_image
from akatsuki_wasm.values.images import to_record

if TYPE_CHECKING:
    from pathlib import Path


def refusal(path: Path) -> str:
    with pytest.raises(ArgumentError) as caught:
        read_image(path, "photo")
    return str(caught.value)


def pixel(path: Path) -> tuple[int, ...]:
    record = to_record(read_image(path, "photo"), "photo")
    return tuple(int(each) for each in record.pixels[:4])


@pytest.mark.parametrize(
    ("mode", "color", "suffix", "expected"),
    [
        ("RGB", (200, 100, 50), ".png", (200, 100, 50, 255)),
        ("RGBA", (200, 100, 50, 128), ".png", (200, 100, 50, 128)),
        ("RGBA", (200, 100, 50, 128), ".tiff", (200, 100, 50, 128)),
        ("L", 77, ".jpg", (77, 77, 77, 255)),
        ("LA", (77, 5), ".png", (77, 77, 77, 5)),
        ("1", 1, ".png", (255, 255, 255, 255)),
        ("I;16", 65535, ".png", (255, 255, 255, 255)),
        ("RGB", (200, 100, 50), ".bmp", (200, 100, 50, 255)),
        ("RGB", (0, 0, 255), ".gif", (0, 0, 255, 255)),
    ],
)
def test_modes(tmp_path: Path, mode: str, color: int | tuple[int, ...], suffix: str, expected: tuple[int, ...]) -> None:
    path = tmp_path / f"photo{suffix}"
    Image.new(mode, (5, 3), color).save(path)
    assert pixel(path) == expected


def test_palette_with_transparency(tmp_path: Path) -> None:
    path = tmp_path / "palette.png"
    image = Image.new("P", (4, 4), 0)
    image.putpalette([10, 20, 30, 40, 50, 60])
    image.save(path, transparency=0)
    assert pixel(path) == (10, 20, 30, 0)


def test_cmyk(tmp_path: Path) -> None:
    path = tmp_path / "print.jpg"
    Image.new("CMYK", (8, 8), (0, 255, 255, 0)).save(path, quality=100)
    red, green, blue, alpha = pixel(path)
    assert (red > 240, green < 15, blue < 15, alpha) == (True, True, True, 255)


def test_lossy_formats(tmp_path: Path) -> None:
    for suffix in (".jpg", ".webp"):
        path = tmp_path / f"photo{suffix}"
        Image.new("RGB", (16, 16), (200, 100, 50)).save(path, quality=95)
        assert np.allclose(pixel(path), (200, 100, 50, 255), atol=4)


def test_orientation_is_applied(tmp_path: Path) -> None:
    path = tmp_path / "phone.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: the stored rows are the picture's columns
    Image.new("RGB", (40, 20), "red").save(path, exif=exif)
    assert read_image(path, "photo").size == (20, 40)


def test_colour_profile_is_converted(tmp_path: Path) -> None:
    path = tmp_path / "wide.png"
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.new("RGB", (4, 4), (200, 100, 50)).save(path, icc_profile=lab)
    assert pixel(path) == (200, 100, 50, 255)
    Image.new("RGB", (4, 4), (200, 100, 50)).save(path, icc_profile=b"no profile at all")
    assert pixel(path) == (200, 100, 50, 255)


def test_no_such_file(tmp_path: Path) -> None:
    path = tmp_path / "missing.jpg"
    assert refusal(path) == f"photo is '{path}': there is no such file"


def test_folder(tmp_path: Path) -> None:
    assert refusal(tmp_path) == f"photo is '{tmp_path}': expected an image, and it is a folder"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"dear diary\n", "it is text"),
        ("日本語のテキスト\n".encode() * 100, "it is text"),
        (b"", "it is empty"),
        (bytes(range(256)), "it is in no format that is known here"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "it is text"),
    ],
)
def test_no_image(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(content)
    assert refusal(path) == f"photo is '{path}': expected an image, and {words}"


def test_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    buffer = io.BytesIO()
    Image.effect_noise((64, 64), 50).save(buffer, "JPEG")
    path.write_bytes(buffer.getvalue()[:400])
    assert refusal(path).startswith(f"photo is '{path}': the image is damaged (")


@pytest.mark.parametrize(("width", "height"), [(20_000, 8_000), (65_000, 65_000)])
def test_too_large(tmp_path: Path, width: int, height: int) -> None:
    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    path = tmp_path / "bomb.png"
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")))
    assert refusal(path) == f"photo is '{path}': it has more than 150 megapixels"


def test_jpeg_sets_transparency_on_white(tmp_path: Path) -> None:
    path = tmp_path / "out.jpg"
    write_image(Image.new("RGBA", (16, 16), (0, 0, 0, 0)), path)
    assert pixel(path) == (255, 255, 255, 255)


@pytest.mark.parametrize("suffix", [".png", ".webp", ".tif", ".gif", ".JPG", ".bmp"])
def test_written_formats(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"out{suffix}"
    write_image(Image.new("RGBA", (3, 2), (200, 100, 50, 255)), path)
    assert read_image(path, "photo").size == (3, 2)
    assert list(tmp_path.iterdir()) == [path]


def test_unknown_suffix(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError) as caught:
        write_image(Image.new("RGB", (1, 1)), tmp_path / "out.xyz")
    assert str(caught.value) == f"output is '{tmp_path}/out.xyz': the suffix '.xyz' is no image format"
    assert caught.value.hint == "Use one of .png .jpg .jpeg .webp .tif .tiff .bmp .gif."


def test_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "out.jpg"
    path.write_bytes(b"before")
    with pytest.raises(ArgumentError, match=r"an image of 70000x1 cannot be written as JPEG"):
        write_image(Image.new("RGB", (70_000, 1)), path)
    assert path.read_bytes() == b"before"


def test_missing_folder(tmp_path: Path) -> None:
    path = tmp_path / "nowhere" / "out.png"
    with pytest.raises(ArgumentError) as caught:
        write_image(Image.new("RGB", (1, 1)), path)
    assert str(caught.value) == f"output is '{path}': it cannot be written (no such file or directory)"
