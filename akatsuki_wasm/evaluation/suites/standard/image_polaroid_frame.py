import numpy as np

PROMPT = """
Put a photo into the white frame of an instant picture, as a function `polaroid_frame(image, border)`: `border` pixels
of opaque white on the left, on the right and at the top, and three times as many at the bottom. The photo itself
stays as it is, its transparency included. `border` is a whole number from 0 to 100.
"""
KIND = "image"
LEVEL = "easy"
LEVELS = 0
ROWS = 30


def inputs(rng, rows):
    pictures = [rng.integers(0, 256, (*rng.integers(1, 12, 2), 4), np.uint8) for _ in range(rows)]
    return {"image": pictures, "border": [int(each) for each in rng.integers(0, 9, rows)]}


def polaroid_frame(image, border):
    height, width, _ = image.shape
    framed = np.full((height + 4 * border, width + 2 * border, 4), 255, np.uint8)
    framed[border : border + height, border : border + width] = image
    return framed
