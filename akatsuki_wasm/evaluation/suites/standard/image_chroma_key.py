import numpy as np

PROMPT = """
Cut out a green screen, as a function `chroma_key(image, margin)`: a pixel whose green is more than `margin` above its
red and also more than `margin` above its blue becomes transparent black, which is (0, 0, 0, 0). Every other pixel
stays exactly as it is. `margin` is a whole number from 0 to 255.
"""
KIND = "image"
LEVEL = "easy"
LEVELS = 0
ROWS = 30


def inputs(rng, rows):
    pictures = rng.integers(0, 256, (rows, 9, 12, 4), np.uint8)
    pictures[..., 1] |= 64  # greener than chance, with values on both sides of every margin
    return {"image": list(pictures), "margin": [int(each) for each in rng.integers(0, 60, rows)]}


def chroma_key(image, margin):
    red, green, blue, _ = np.moveaxis(image.astype(int), -1, 0)
    cut = image.copy()
    cut[(green - red > margin) & (green - blue > margin)] = 0
    return cut
