import numpy as np

PROMPT = """
Turn a picture into pure black and white by Floyd-Steinberg dithering, as a function `dither(image)`, in whole numbers
so that the result is exact. Start from the grey level (299 R + 587 G + 114 B) / 1000, rounded down. Go through the
rows from top to bottom and through each row from left to right: a pixel whose level, with what its neighbours gave
it, is at least 128 becomes 255, any other 0. Its error, which is its level minus the 255 or 0, goes to neighbours:
7/16 of it to the right, 3/16 to below left, 5/16 to below and 1/16 to below right, each share rounded down (towards
minus infinity) for itself; a share that would leave the picture is lost. Red, green and blue become the result; alpha
stays.
"""
KIND = "image"
LEVEL = "hard"
LEVELS = 0
ROWS = 20


def dither(image):
    height, width, _ = image.shape
    level = image[..., :3].astype(int) @ np.array([299, 587, 114]) // 1000
    done = image.copy()
    for y in range(height):
        for x in range(width):
            white = 255 if level[y, x] >= 128 else 0
            done[y, x, :3] = white
            error = level[y, x] - white
            for down, right, share in ((0, 1, 7), (1, -1, 3), (1, 0, 5), (1, 1, 1)):
                if y + down < height and 0 <= x + right < width:
                    level[y + down, x + right] += error * share // 16
    return done
