import numpy as np

PROMPT = """
Make glitch art by sorting pixels, as a function `sort_pixels(image, low, high)`. The brightness of a pixel is R + G +
B, so 0 to 765. In every row, each unbroken run of pixels whose brightness is from `low` to `high`, both included, is
sorted by brightness with the darkest first; pixels of equal brightness keep their order. Whole pixels move, with
their alpha; all others stay where they are. `low` and `high` are whole numbers.
"""
KIND = "image"
LEVEL = "hard"
LEVELS = 0
ROWS = 30


def inputs(rng, rows):
    pictures = rng.integers(0, 256, (rows, 8, 20, 4), np.uint8)
    pictures[..., :3] &= 0xE0  # coarse, so that many pixels are equally bright
    return {
        "image": list(pictures),
        "low": [int(each) for each in rng.integers(50, 350, rows)],
        "high": [int(each) for each in rng.integers(350, 765, rows)],
    }


def sort_pixels(image, low, high):
    done = image.copy()
    for row in done:
        brightness = row[:, :3].astype(int).sum(axis=1)
        inside = (brightness >= low) & (brightness <= high)
        edges = np.flatnonzero(np.diff(np.concatenate(([False], inside, [False]))))
        for start, end in zip(edges[::2], edges[1::2], strict=True):
            row[start:end] = row[start:end][np.argsort(brightness[start:end], kind="stable")]
    return done
