import math

PROMPT = """
Distance in kilometres between two places on Earth, for tables with millions of rows, as a function
`haversine_km(lat1, lon1, lat2, lon2)` of latitudes and longitudes in degrees: the great circle by the haversine
formula on a sphere of radius 6371 km.
"""
KIND = "column"
LEVEL = "easy"
ATOL = 1e-6


def inputs(rng, rows):
    return {
        "lat1": rng.uniform(-90, 90, rows),
        "lon1": rng.uniform(-180, 180, rows),
        "lat2": rng.uniform(-90, 90, rows),
        "lon2": rng.uniform(-180, 180, rows),
    }


def haversine_km(lat1, lon1, lat2, lon2):
    lat1, lon1, lat2, lon2 = map(math.radians, (lat1, lon1, lat2, lon2))
    part = math.sin((lat2 - lat1) / 2) ** 2 + math.cos(lat1) * math.cos(lat2) * math.sin((lon2 - lon1) / 2) ** 2
    return 2 * 6371 * math.asin(min(1.0, math.sqrt(part)))
