PROMPT = """
The geohash of a place, as a function `geohash(lat, lon, length)` that gives a text of `length` characters, a whole
number from 1 to 12. Halve the range of longitudes -180..180 and that of latitudes -90..90 in turn, beginning with
longitude: a value in the upper half (its lower end included) gives a bit 1 and keeps that half, any other gives 0 and
keeps the lower one. Every five bits, the first the highest, are one digit of 0123456789bcdefghjkmnpqrstuvwxyz. A
latitude outside -90..90, a longitude outside -180..180 or a length outside 1..12 is an error.
"""
KIND = "column"
LEVEL = "medium"
EXAMPLES = ['geohash(57.64911, 10.40744, 11) == "u4pruydqqvj"']

DIGITS = "0123456789bcdefghjkmnpqrstuvwxyz"


def inputs(rng, rows):
    lat, lon = rng.uniform(-90, 90, rows), rng.uniform(-180, 180, rows)
    lat[::19], lon[7::19] = 90.5, -181.0
    return {"lat": lat, "lon": lon, "length": [int(each) for each in rng.integers(1, 13, rows)]}


def geohash(lat, lon, length):
    if not (-90 <= lat <= 90 and -180 <= lon <= 180 and 1 <= length <= 12):
        raise ValueError("there is no such place or length")
    ranges, value = [[-180.0, 180.0], [-90.0, 90.0]], [lon, lat]
    bits = 0
    for number in range(5 * length):
        axis = number % 2
        low, high = ranges[axis]
        middle = (low + high) / 2
        upper = value[axis] >= middle
        ranges[axis] = [middle, high] if upper else [low, middle]
        bits = bits * 2 + upper
    return "".join(DIGITS[bits >> 5 * place & 31] for place in reversed(range(length)))
