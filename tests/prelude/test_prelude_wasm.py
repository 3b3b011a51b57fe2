"""The prelude as WebAssembly: errors of `Real`, lanes against numbers, pictures against NumPy."""

from __future__ import annotations

import csv
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Callable

    from .conftest import Guest

Floats = NDArray[np.float64]
Pixels = NDArray[np.uint8]

# The largest relative errors promised in docs/reference/prelude.md.
BOUNDS = {
    "exp": 4e-16,
    "exp_m1": 6e-16,
    "ln": 4e-16,
    "ln_1p": 6e-16,
    "log10": 2e-16,
    "log2": 2e-16,
    "sin": 4e-16,
    "cos": 4e-16,
    "tan": 7e-16,
    "asin": 4e-16,
    "acos": 4e-16,
    "atan": 4e-16,
    "atan2": 4e-16,
    "sinh": 7e-16,
    "cosh": 5e-16,
    "tanh": 7e-16,
    "sigmoid": 6e-16,
    "normal_cdf": 1e-15,
    "normal_pdf": 5e-16,
    "erf": 6e-16,
    "erfc": 1e-15,
    "powf": 3e-15,
    "hypot": 4e-16,
}


def vectors() -> dict[str, list[list[float]]]:
    table: dict[str, list[list[float]]] = {}
    with Path(__file__).with_name("real_vectors.csv").open() as file:
        for name, *numbers in csv.reader(file):
            table.setdefault(name, []).append([float.fromhex(number) if number else 0.0 for number in numbers])
    return table


@pytest.mark.parametrize("name", BOUNDS)
def test_errors_are_within_the_promise(guest: Guest, name: str) -> None:
    rows = vectors()[name]
    x, y, _, _ = np.array(rows).T
    worst = (0.0, 0.0, 0.0)
    for (a, b, high, low), got in zip(rows, guest.column(f"{name}_lanes", x, y), strict=True):
        exact = Fraction(high) + Fraction(low)
        # Results below the smallest normal number may become 0.
        if abs(exact) >= 2.3e-308:
            worst = max(worst, (abs(float((Fraction(float(got)) - exact) / exact)), a, b))
    assert worst[0] <= BOUNDS[name], f"{name}: {worst[0]:.2e} at {worst[1]!r}, {worst[2]!r}"


@pytest.mark.parametrize("name", [*BOUNDS, "sqrt", "floor", "ceil", "trunc", "round", "min", "max"])
def test_lanes_and_numbers_agree_bit_for_bit(guest: Guest, name: str) -> None:
    draw = np.random.default_rng(5)
    special = [0.0, -0.0, 1.0, -1.0, 0.5, 2.5, np.inf, -np.inf, np.nan, 5e-324, 1e300, -1e300, 709.79, -745.0, 1e7]
    x = np.concatenate([draw.uniform(-1, 1, 1000), draw.uniform(-50, 50, 1000), draw.normal(0, 1e6, 999), special])
    y = np.concatenate([draw.uniform(-3, 3, 2999), special[::-1]])
    numbers, lanes = guest.column(name, x, y), guest.column(f"{name}_lanes", x, y)
    same = (numbers.view(np.uint64) == lanes.view(np.uint64)) | (np.isnan(numbers) & np.isnan(lanes))
    assert same.all(), (x[~same][:3], y[~same][:3], numbers[~same][:3], lanes[~same][:3])


def picture(width: int = 61, height: int = 47) -> Pixels:
    """Half smooth, half noise, with hard edges; opaque."""
    draw = np.random.default_rng(1)
    pixels = draw.integers(0, 256, (height, width, 4), dtype=np.uint8)
    ramp = np.linspace(0, 255, width // 2).astype(np.uint8)
    pixels[:, : width // 2, :3] = ramp[None, :, None]
    pixels[10:20, 5:25, :3] = [255, 0, 128]
    pixels[..., 3] = 255
    return pixels


def bytes_of(values: Floats) -> Pixels:
    return np.rint(np.clip(values, 0, 255)).astype(np.uint8)


def assert_close(got: Pixels, expected: Floats, levels: float = 1.0) -> None:
    """Colours within `levels` of exact values, alpha as it was."""
    assert got.shape[:2] == expected.shape[:2]
    worst = np.abs(got[..., :3].astype(float) - np.clip(expected, 0, 255)).max()
    assert worst <= levels, f"{worst} levels off"
    assert (got[..., 3] == 255).all()


def weighed(rgb: Floats, kernel: Floats, axis: int) -> Floats:
    reach = len(kernel) // 2
    pad = [(reach, reach) if i == axis else (0, 0) for i in range(3)]
    padded = np.pad(rgb, pad, mode="edge")
    views = [np.take(padded, range(i, i + rgb.shape[axis]), axis=axis) for i in range(len(kernel))]
    return np.tensordot(kernel, np.array(views), axes=1)


def gaussian(rgb: Floats, sigma: float) -> Floats:
    offsets = np.arange(-int(6 * sigma) - 1, int(6 * sigma) + 2)
    kernel = np.exp(-0.5 * (offsets / sigma) ** 2)
    kernel /= kernel.sum()
    return weighed(weighed(rgb, kernel, 0), kernel, 1)


def around(rgb: Floats, kernel: Floats) -> Floats:
    padded = np.pad(rgb, [(1, 1), (1, 1), (0, 0)], mode="edge")
    height, width = rgb.shape[:2]
    return np.array(sum(kernel[i][j] * padded[i : i + height, j : j + width] for i in range(3) for j in range(3)))


LUMA = np.array([0.2126, 0.7152, 0.0722])
RGB = picture()[..., :3].astype(float)


def sobel(rgb: Floats) -> Floats:
    grey = np.repeat((rgb @ LUMA)[..., None], 3, axis=2)
    across = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1.0]])
    return np.hypot(around(grey, across), around(grey, across.T))


def area(rgb: Floats, width: int, height: int) -> Floats:
    def means(n: int, m: int) -> Floats:
        edges = np.arange(m + 1) * n / m
        cover = np.minimum(edges[1:, None], np.arange(1, n + 1)) - np.maximum(edges[:-1, None], np.arange(n))
        return np.asarray(np.clip(cover, 0, None) * m / n)

    return np.asarray(np.einsum("yh,hwc,xw->yxc", means(rgb.shape[0], height), rgb, means(rgb.shape[1], width)))


def corners(rgb: Floats) -> Floats:
    v, u = ((np.arange(n) + 0.5) / n * 2 - 1 for n in rgb.shape[:2])
    return np.asarray(u[None, :, None] ** 2 + v[:, None, None] ** 2)


@pytest.mark.parametrize(
    ("method", "arguments", "reference"),
    [
        ("contrasted", (1.3, 0.1), lambda c: (c - 127.5) * 1.3 + 127.5 + 25.5),
        ("saturated", (1.4,), lambda c: (g := (c @ LUMA)[..., None]) + (c - g) * 1.4),
        ("vignette", (0.4,), lambda c: c * (1 - 0.4 * corners(c))),
        ("grey", (), lambda c: np.repeat((c @ LUMA)[..., None], 3, axis=2)),
        ("gamma_table", (1.8,), lambda c: (c / 255) ** (1 / 1.8) * 255),
        ("gaussian", (0.7,), lambda c: gaussian(c, 0.7)),
        ("gaussian", (3.0,), lambda c: gaussian(c, 3.0)),
        ("gaussian", (7.9,), lambda c: gaussian(c, 7.9)),
        ("gaussian", (8.5,), lambda c: gaussian(c, 8.5)),
        ("gaussian", (25.0,), lambda c: gaussian(c, 25.0)),
        ("boxed", (4,), lambda c: weighed(weighed(c, np.full(9, 1 / 9), 0), np.full(9, 1 / 9), 1)),
        ("edges", (), sobel),
        ("embossed", (128.0,), lambda c: around(c, np.array([[-2, -1, 0], [-1, 0, 1], [0, 1, 2.0]])) + 128),
        ("sharpened", (1.5, 0.8), lambda c: c + 0.8 * (c - bytes_of(gaussian(c, 1.5)))),
        ("resized", (20, 13), lambda c: area(c, 20, 13)),
        ("resized", (60, 46), lambda c: area(c, 60, 46)),
        ("nearest", (122, 94), lambda c: c.repeat(2, axis=0).repeat(2, axis=1)),
        ("turned", (90.0,), lambda c: np.rot90(c, -1)),
    ],
)
def test_pictures_agree_with_numpy(
    guest: Guest, method: str, arguments: tuple[float, ...], reference: Callable[[Floats], Floats]
) -> None:
    # An unsharp mask multiplies the last rounding of its blur by the amount.
    assert_close(guest.picture(picture(), method, *arguments), reference(RGB), 1.81 if method == "sharpened" else 1.0)


def test_enlarging_agrees_with_catmull_rom(guest: Guest) -> None:
    def taps(n: int, m: int) -> Floats:
        matrix = np.zeros((m, n))
        for i in range(m):
            at = (i + 0.5) * n / m - 0.5
            for j in range(int(np.floor(at)) - 1, int(np.floor(at)) + 3):
                d = abs(at - j)
                near, far = 1.5 * d**3 - 2.5 * d**2 + 1, -0.5 * d**3 + 2.5 * d**2 - 4 * d + 2
                matrix[i, min(max(j, 0), n - 1)] += near if d <= 1 else far
        return matrix

    expected = np.einsum("yh,hwc,xw->yxc", taps(47, 100), RGB, taps(61, 150))
    assert_close(guest.picture(picture(), "resized", 150, 100), expected)


def test_pixelate_takes_means(guest: Guest) -> None:
    expected = RGB.copy()
    for y in range(0, 47, 8):
        for x in range(0, 61, 8):
            expected[y : y + 8, x : x + 8] = RGB[y : y + 8, x : x + 8].mean(axis=(0, 1))
    assert_close(guest.picture(picture(), "pixelated", 8), expected, 0.51)


def test_thirty_megapixels_fit_in_a_gigabyte(guest: Guest) -> None:
    pixels = np.full((5000, 6000, 4), 200, dtype=np.uint8)
    for method, a in (("gaussian", 12.0), ("boxed", 20), ("sharpened", 1.0), ("edges", 0.0), ("vignette", 0.5)):
        guest.picture(pixels, method, a, 0.5)
    size = guest.memory_bytes()
    assert size < 1 << 30, f"{size / 2**20:.0f} MiB"
