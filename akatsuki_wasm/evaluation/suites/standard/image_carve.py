import numpy as np

PROMPT = """
Make a picture one pixel narrower by seam carving, as a function `carve(image)`. The energy of a pixel is, summed over
red, green and blue, |right neighbour - left neighbour| + |neighbour below - neighbour above|, where a missing
neighbour is the pixel itself. Remove the vertical seam with the least total energy: one pixel per row, whose column
changes by at most one from row to row. Add up energies from the top row down; where sums are equal take the leftmost
column, both for the seam's end in the bottom row and for each pixel of the way back up. A picture with fewer than two
columns or without rows gives an error.
"""
KIND = "image"
LEVEL = "hard"
LEVELS = 0
ROWS = 30


def inputs(rng, rows):
    pictures = [rng.integers(0, 256, (*rng.integers(2, 16, 2), 4), np.uint8) for _ in range(rows)]
    return {"image": [picture & 0xF0 if number % 2 else picture for number, picture in enumerate(pictures)]}


def carve(image):
    height, width, _ = image.shape
    if width < 2 or height < 1:
        raise ValueError("there is nothing to carve")
    padded = np.pad(image[..., :3].astype(int), ((1, 1), (1, 1), (0, 0)), mode="edge")
    across, down = padded[1:-1, 2:] - padded[1:-1, :-2], padded[2:, 1:-1] - padded[:-2, 1:-1]
    total = (abs(across) + abs(down)).sum(axis=-1)
    for y in range(1, height):
        above = np.pad(total[y - 1], 1, constant_values=np.iinfo(int).max)
        total[y] += np.minimum(np.minimum(above[:-2], above[1:-1]), above[2:])
    kept = np.ones((height, width), bool)
    x = int(total[-1].argmin())
    for y in range(height - 1, -1, -1):
        kept[y, x] = False
        if y:
            start = max(x - 1, 0)
            x = start + int(total[y - 1, start : x + 2].argmin())
    return image[kept].reshape(height, width - 1, 4)
