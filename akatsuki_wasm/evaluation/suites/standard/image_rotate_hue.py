import colorsys

import numpy as np

PROMPT = """
Turn all the colours of a picture around the colour wheel, as a function `rotate_hue(image, degrees)`: convert each
pixel from RGB to HSV, add `degrees` to its hue (any number, negative ones as well), keep saturation, value and alpha,
and convert back, with red, green and blue rounded to the nearest whole number.
"""
KIND = "image"
LEVEL = "medium"
LEVELS = 2
ROWS = 20


def inputs(rng, rows):
    pictures = rng.integers(0, 256, (rows, 6, 7, 4), np.uint8)
    return {"image": list(pictures), "degrees": [float(each) for each in rng.uniform(-400, 400, rows)]}


def rotate_hue(image, degrees):
    turned = image.copy()
    for place in np.ndindex(image.shape[:2]):
        hue, saturation, value = colorsys.rgb_to_hsv(*(int(each) / 255 for each in image[place][:3]))
        rgb = colorsys.hsv_to_rgb((hue + degrees / 360) % 1.0, saturation, value)
        turned[place][:3] = [round(255 * each) for each in rgb]
    return turned
