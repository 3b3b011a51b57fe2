import numpy as np

PROMPT = """
Give photos a sepia tone, as a function `sepia_tone(image)`: the new red is 0.393 R + 0.769 G + 0.189 B, the new green
0.349 R + 0.686 G + 0.168 B and the new blue 0.272 R + 0.534 G + 0.131 B, each rounded to the nearest whole number and
at most 255. Alpha stays as it is.
"""
KIND = "image"
LEVEL = "easy"
LEVELS = 1

WEIGHTS = np.array([[0.393, 0.769, 0.189], [0.349, 0.686, 0.168], [0.272, 0.534, 0.131]])


def sepia_tone(image):
    toned = image.copy()
    toned[..., :3] = np.clip(np.rint(image[..., :3] @ WEIGHTS.T), 0, 255)
    return toned
