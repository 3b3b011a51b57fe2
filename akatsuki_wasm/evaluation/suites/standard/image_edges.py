import numpy as np

PROMPT = """
Show the edges in a picture, as a function `edges(image)`. The brightness of a pixel is 0.299 R + 0.587 G + 0.114 B,
not rounded. Take the horizontal Sobel gradient of the brightness (kernel rows -1 0 1, -2 0 2, -1 0 1) and the
vertical one (the same kernel transposed), with the border pixels repeated beyond the edges. The result is a grey,
opaque picture of the same size whose level is sqrt(gx * gx + gy * gy), rounded to the nearest whole number and at
most 255.
"""
KIND = "image"
LEVEL = "medium"
LEVELS = 2
ROWS = 30


def inputs(rng, rows):
    # Soft pictures: in noise of full contrast nearly every edge is 255.
    return {
        "image": [rng.integers(100, 100 + width, (11, 14, 4)).astype(np.uint8) for width in rng.integers(9, 90, rows)]
    }


def edges(image):
    grey = image[..., :3] @ np.array([0.299, 0.587, 0.114])
    around = np.lib.stride_tricks.sliding_window_view(np.pad(grey, 1, mode="edge"), (3, 3))
    kernel = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
    across, down = (around * kernel).sum((-2, -1)), (around * kernel.T).sum((-2, -1))
    drawn = np.full_like(image, 255)
    drawn[..., :3] = np.rint(np.hypot(across, down)).clip(0, 255)[..., None]
    return drawn
