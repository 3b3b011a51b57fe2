import math

PROMPT = """
How hot the weather feels, by the rules of the US National Weather Service, as a function `heat_index(t, rh)` of the
temperature in degrees Fahrenheit and the relative humidity in per cent. First take the average of t and 0.5 * (t + 61
+ (t - 68) * 1.2 + rh * 0.094); if that is below 80, it is the result. Otherwise the result is -42.379 + 2.04901523 t
+ 10.14333127 rh - 0.22475541 t rh - 0.00683783 t^2 - 0.05481717 rh^2 + 0.00122874 t^2 rh + 0.00085282 t rh^2 -
0.00000199 t^2 rh^2, where for rh below 13 and t from 80 to 112 (13 - rh) / 4 * sqrt((17 - |t - 95|) / 17) is
subtracted, and for rh above 85 and t from 80 to 87 (rh - 85) / 10 * (87 - t) / 5 is added. Nothing is rounded.
"""
KIND = "column"
LEVEL = "medium"


def inputs(rng, rows):
    temperature, humidity = rng.uniform(60, 115, rows), rng.uniform(0, 100, rows)
    temperature[::4], humidity[::4] = rng.uniform(80, 87, rows)[::4], rng.uniform(85, 100, rows)[::4]
    humidity[1::4] = rng.uniform(0, 14, rows)[1::4]
    return {"t": temperature, "rh": humidity}


def heat_index(t, rh):
    simple = (t + 0.5 * (t + 61 + (t - 68) * 1.2 + rh * 0.094)) / 2
    if simple < 80:
        return simple
    full = -42.379 + 2.04901523 * t + 10.14333127 * rh - 0.22475541 * t * rh - 0.00683783 * t * t
    full += -0.05481717 * rh * rh + 0.00122874 * t * t * rh + 0.00085282 * t * rh * rh - 0.00000199 * t * t * rh * rh
    if rh < 13 and 80 <= t <= 112:
        full -= (13 - rh) / 4 * math.sqrt((17 - abs(t - 95)) / 17)
    if rh > 85 and 80 <= t <= 87:
        full += (rh - 85) / 10 * (87 - t) / 5
    return full
