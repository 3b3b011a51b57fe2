import numpy as np

PROMPT = """
Bring out the contrast of a faded picture by histogram equalisation of each colour channel on its own, as a function
`equalize(image)`. With n pixels, let c(v) be how many of them have a value of at most v in the channel, and c0 how
many have its smallest value: v becomes 255 * (c(v) - c0) / (n - c0), rounded to the nearest whole number. A channel
that has one single value stays as it is, and so does alpha.
"""
KIND = "image"
LEVEL = "medium"
LEVELS = 1
ROWS = 30


def inputs(rng, rows):
    faded = [
        rng.integers(90 - spread, 91 + spread, (13, 17, 4)).astype(np.uint8)
        for spread in (0, *rng.integers(3, 60, rows - 1))
    ]
    return {"image": faded}


def equalize(image):
    better = image.copy()
    for channel in range(3):
        values = image[..., channel]
        counts = np.bincount(values.reshape(-1), minlength=256)
        least = counts[counts > 0][0]
        if least < values.size:
            table = 255 * (counts.cumsum() - least) / (values.size - least)
            better[..., channel] = np.rint(table.clip(0)).astype(np.uint8)[values]
    return better
