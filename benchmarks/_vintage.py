"""The catalogue's vintage filter as each peer would be written: the same look, in float32 where the peer has it.

The author's file is what the offline generator writes for "create a vintage filter"; `grain` and `smoothstep` are the
prelude's. Each port leaves out what its author would see to be the same: the luma after `saturate` is the luma before
it. NumPy and OpenCV work in strips that fit the caches, which is several times faster than whole pictures.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Picture = NDArray[np.uint8]
    Filter = Callable[[Picture, float, float, float], Picture]

SEED = 1977
STRIP = 32
"""Rows; the fastest of 4 to 128 for NumPy and for OpenCV, at 4,000 pixels a row."""
F32 = np.float32
LUMA = (0.2126, 0.7152, 0.0722)
LIFT, FADE, WARM = (26.0, 28.0, 36.0), (0.86, 0.81, 0.70), (6.0, 2.0, -8.0)


def _s_curve() -> NDArray[np.float32]:
    """The curve of each level."""
    t = np.arange(256, dtype=F32) / F32(255)
    return F32(255) * (t * F32(0.55) + t * t * (3 - 2 * t) * F32(0.45))


def _grain(top: int, rows: int, width: int) -> NDArray[np.float32]:
    """The prelude's `grain` for some rows."""
    y = np.arange(top, top + rows, dtype=np.uint32)[:, None] * np.uint32(668_265_263)
    x = np.arange(width, dtype=np.uint32) * np.uint32(374_761_393)
    h = x + (y + np.uint32(SEED * 2_246_822_519 & 0xFFFFFFFF))
    h ^= h >> 13
    h *= np.uint32(1_274_126_177)
    h ^= h >> 16
    pairs = (h & 0x00FF00FF) + (h >> 8 & 0x00FF00FF)
    total = (pairs & 0xFFFF) + (pairs >> 16)
    made = total.astype(F32)
    made -= F32(510)
    made *= F32(1 / 147.801)
    return made


def _corner(top: int, rows: int, height: int, width: int, vignette: float) -> NDArray[np.float32]:
    """How much of the light is left, for some rows."""
    u = (np.arange(width, dtype=F32) + F32(0.5)) * F32(2 / width) - 1
    v = (np.arange(top, top + rows, dtype=F32) + F32(0.5)) * F32(2 / height) - 1
    t = u * u + (v * v - F32(0.25))[:, None]
    t *= F32(1 / 1.95)
    np.clip(t, 0, 1, out=t)
    step = 3 - 2 * t
    step *= t
    step *= t
    step *= F32(-0.55 * vignette)
    step += 1
    return step


def numpy_in_strips(image: Picture, strength: float, vignette: float, grain: float) -> Picture:
    """NumPy: planes of float32, a few rows at a time, in place where that is natural."""
    height, width, _ = image.shape
    out, curve = image.copy(), _s_curve()
    for top in range(0, height, STRIP):
        strip = image[top : top + STRIP]
        rows = len(strip)
        r, g, b = (curve[strip[..., channel]] for channel in range(3))
        grey = LUMA[0] * r + LUMA[1] * g + LUMA[2] * b
        light = grey * F32(1 / 255)
        warm = light * light
        corner = _corner(top, rows, height, width, vignette)
        speck = light - warm
        speck *= F32(2.6)
        speck += F32(0.35)
        speck *= _grain(top, rows, width)
        speck *= F32(11 * grain)
        grey *= F32(0.28)
        for channel, plane in enumerate((r, g, b)):
            made = plane * F32(0.72)
            made += grey
            made *= F32(FADE[channel])
            made += warm * F32(WARM[channel])
            made += F32(LIFT[channel])
            made *= corner
            made += speck
            made *= F32(strength)
            made += strip[..., channel] * F32(1 - strength)
            np.clip(made, 0, 255, out=made)
            out[top : top + rows, :, channel] = np.rint(made, out=made)
    return out


def opencv(cv2: Any, strip_rows: int | None = STRIP) -> Filter:
    """OpenCV: a table, a matrix, and its arithmetic on planes of float32, so many rows at a time (None: all)."""
    curve = _s_curve().reshape(1, 256, 1)
    luma = np.array([LUMA], F32)
    fade = np.array(FADE, F32)[:, None]
    saturate = fade * (0.72 * np.eye(3, dtype=F32) + 0.28 * luma)
    matrix = np.hstack([saturate, np.array(LIFT, F32)[:, None]])

    def run(image: Picture, strength: float, vignette: float, grain: float) -> Picture:
        height, width, _ = image.shape
        out = np.empty_like(image)
        step = strip_rows or height
        for top in range(0, height, step):
            strip = image[top : top + step]
            rows = len(strip)
            rgb = cv2.cvtColor(strip, cv2.COLOR_RGBA2RGB)
            curved = cv2.LUT(rgb, curve)
            light = cv2.transform(curved, luma * F32(1 / 255))
            warm = cv2.multiply(light, light)
            corner = _corner(top, rows, height, width, vignette)
            speck = cv2.addWeighted(light, 2.6, warm, -2.6, 0.35)
            speck = cv2.multiply(speck, _grain(top, rows, width), scale=11 * grain)
            planes = cv2.split(cv2.transform(curved, matrix))
            before = cv2.split(rgb)
            mixed = []
            for plane, warmth, old in zip(planes, WARM, before, strict=True):
                made = cv2.add(cv2.multiply(cv2.scaleAdd(warm, warmth, plane), corner), speck)
                mixed.append(cv2.addWeighted(made, strength, old.astype(F32), 1 - strength, 0, dtype=cv2.CV_8U))
            cv2.merge([*mixed, cv2.extractChannel(strip, 3)], out[top : top + rows])
        return out

    return run


def pillow() -> Filter:
    """Pillow: its tables, matrices and channel operations, 8 bits between them; grain and shade come from NumPy."""
    from PIL import Image, ImageChops

    curve = [round(each) for each in _s_curve().tolist()]
    rows = [[FADE[i] * (0.28 * LUMA[j] + (0.72 if i == j else 0.0)) for j in range(3)] for i in range(3)]
    matrix = [value for row, lift in zip(rows, LIFT, strict=True) for value in (*row, lift)]
    toning = [[WARM[channel] * (level / 255) ** 2 for level in range(256)] for channel in range(3)]

    def run(image: Picture, strength: float, vignette: float, grain: float) -> Picture:
        height, width, _ = image.shape
        picture = Image.fromarray(image)
        alpha, rgb = picture.getchannel("A"), picture.convert("RGB")
        curved = rgb.point(curve * 3)
        grey = curved.convert("L", (*LUMA, 0))
        strong = [11 * grain * (0.35 + 2.6 * level / 255 * (1 - level / 255)) for level in range(256)]
        shade, specks = np.empty((height, width), np.uint8), np.empty((height, width), np.uint8)
        levels, weight = np.asarray(grey), np.array(strong, F32)
        for top in range(0, height, STRIP):
            part = slice(top, top + STRIP)
            count = len(levels[part])
            corner = _corner(top, count, height, width, vignette)
            corner *= 255
            corner += F32(0.5)
            shade[part] = corner
            speck = _grain(top, count, width)
            speck *= weight[levels[part]]
            speck += F32(128.5)
            specks[part] = speck
        faded = curved.convert("RGB", matrix)
        corner_image, speck_image = Image.fromarray(shade), Image.fromarray(specks)
        bands = []
        for band, tone in zip(faded.split(), toning, strict=True):
            toned = ImageChops.add(band, grey.point([round(value) + 128 for value in tone]), 1, -128)
            bands.append(ImageChops.add(ImageChops.multiply(toned, corner_image), speck_image, 1, -128))
        mixed = Image.blend(rgb, Image.merge("RGB", bands), strength)
        mixed.putalpha(alpha)
        return np.asarray(mixed)

    return run


def numba_loops(numba: Any, *, fastmath: bool) -> Filter:
    """numba: the author's loop over pixels, in float32 and uint32 throughout."""
    curve = _s_curve()
    one, two, three, half = F32(1), F32(2), F32(3), F32(0.5)

    @numba.njit(fastmath=fastmath)
    def run(image, strength, vignette, grain):  # type: ignore[no-untyped-def]  # numba has types of its own
        height, width, _ = image.shape
        out = np.empty_like(image)
        across, down = two / F32(width), two / F32(height)
        keep, dark, amount = one - strength, F32(0.55) * vignette, F32(11) * grain
        for y in range(height):
            v = (F32(y) + half) * down - one
            row = np.uint32(np.uint32(y) * np.uint32(668_265_263) + np.uint32(SEED * 2_246_822_519 & 0xFFFFFFFF))
            for x in range(width):
                u = (F32(x) + half) * across - one
                r, g, b = curve[image[y, x, 0]], curve[image[y, x, 1]], curve[image[y, x, 2]]
                grey = F32(LUMA[0]) * r + F32(LUMA[1]) * g + F32(LUMA[2]) * b
                light = grey * F32(1 / 255)
                warm = light * light
                t = min(max((u * u + v * v - F32(0.25)) * F32(1 / 1.95), F32(0)), one)
                corner = one - dark * (t * t * (three - two * t))
                h = np.uint32(np.uint32(x) * np.uint32(374_761_393) + row)
                h = np.uint32((h ^ (h >> np.uint32(13))) * np.uint32(1_274_126_177))
                h = np.uint32(h ^ (h >> np.uint32(16)))
                pairs = np.uint32((h & np.uint32(0x00FF00FF)) + ((h >> np.uint32(8)) & np.uint32(0x00FF00FF)))
                total = np.int32((pairs & np.uint32(0xFFFF)) + (pairs >> np.uint32(16)))
                noise = (F32(total) - F32(510)) * F32(1 / 147.801)
                speck = amount * (F32(0.35) + F32(2.6) * light * (one - light)) * noise
                grey *= F32(0.28)
                r = F32(LIFT[0]) + F32(FADE[0]) * (grey + F32(0.72) * r) + F32(WARM[0]) * warm
                g = F32(LIFT[1]) + F32(FADE[1]) * (grey + F32(0.72) * g) + F32(WARM[1]) * warm
                b = F32(LIFT[2]) + F32(FADE[2]) * (grey + F32(0.72) * b) + F32(WARM[2]) * warm
                r = F32(image[y, x, 0]) * keep + (r * corner + speck) * strength
                g = F32(image[y, x, 1]) * keep + (g * corner + speck) * strength
                b = F32(image[y, x, 2]) * keep + (b * corner + speck) * strength
                out[y, x, 0] = np.uint8(min(max(r + half, F32(0)), F32(255)))
                out[y, x, 1] = np.uint8(min(max(g + half, F32(0)), F32(255)))
                out[y, x, 2] = np.uint8(min(max(b + half, F32(0)), F32(255)))
                out[y, x, 3] = image[y, x, 3]
        return out

    def call(image: Picture, strength: float, vignette: float, grain: float) -> Picture:
        return run(image, F32(strength), F32(vignette), F32(grain))

    return call
