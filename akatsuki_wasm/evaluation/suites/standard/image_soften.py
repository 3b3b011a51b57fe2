import numpy as np

PROMPT = """
Blur an opaque picture with a square box, as a function `soften(image, radius)`: each of red, green and blue becomes
the plain average over the square of 2 * radius + 1 by 2 * radius + 1 pixels around the pixel, rounded to the nearest
whole number. Beyond the picture's edges its border pixels are repeated. `radius` is a whole number from 0 to 20.
"""
KIND = "image"
LEVEL = "medium"
LEVELS = 1
ROWS = 30


def inputs(rng, rows):
    pictures = [rng.integers(0, 256, (*rng.integers(3, 24, 2), 4), np.uint8) for _ in range(rows)]
    for picture in pictures:
        picture[..., 3] = 255
    return {"image": pictures, "radius": [number % 5 for number in range(rows)]}


def soften(image, radius):
    side = 2 * radius + 1
    padded = np.pad(image.astype(float), ((radius, radius), (radius, radius), (0, 0)), mode="edge")
    squares = np.lib.stride_tricks.sliding_window_view(padded, (side, side), axis=(0, 1))
    return np.rint(squares.mean(axis=(-2, -1))).astype(np.uint8)
