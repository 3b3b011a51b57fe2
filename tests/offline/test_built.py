"""The catalogue as it runs: every operation built by the real toolchain and compared with a reference in Python."""

from __future__ import annotations

import math
import random
import re
from statistics import NormalDist
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings

from akatsuki_wasm.contracts import GenerationRequest
from akatsuki_wasm.offline.composing import compose_image
from akatsuki_wasm.offline.definitions import Found
from akatsuki_wasm.offline.evaluation import evaluate
from akatsuki_wasm.offline.expression import Definition
from akatsuki_wasm.offline.formulas import render_formulas
from akatsuki_wasm.offline.generator import generate
from akatsuki_wasm.offline.operations import load_catalogue
from akatsuki_wasm.offline.reading import read

from .expressions import expressions
from .guest import Guest, all_operations
from .test_reading import TABLE

pytestmark = [pytest.mark.toolchain, pytest.mark.slow]

OPERATIONS = load_catalogue().operations
LUMA = np.array([0.2126, 0.7152, 0.0722])


@pytest.fixture(scope="module")
def guest() -> Guest:
    return Guest(all_operations())


def gradient(width: int = 31, height: int = 17) -> np.ndarray:
    """Smooth colours with a noisy corner and varying alpha, (height, width, 4) of uint8."""
    y, x = np.mgrid[0:height, 0:width]
    pixels = np.stack([x * 8, y * 15, 255 - x * 4 - y * 3, 255 - y], axis=-1).astype(np.uint8)
    corner = pixels[:5, :5, :3]
    corner[:] = np.random.default_rng(7).integers(0, 256, corner.shape)
    return pixels


def mixed(pixels: np.ndarray, other: np.ndarray, amount: float) -> np.ndarray:
    rgb = pixels[..., :3].astype(float)
    return rgb + (other - rgb) * amount


def luma(pixels: np.ndarray) -> np.ndarray:
    return (pixels[..., :3].astype(float) @ LUMA)[..., None]


def smoothstep(low: float, high: float, v: np.ndarray) -> np.ndarray:
    t = np.clip((v - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def radius2(pixels: np.ndarray) -> np.ndarray:
    height, width, _ = pixels.shape
    u = (np.arange(width) + 0.5) * 2 / width - 1
    v = (np.arange(height) + 0.5) * 2 / height - 1
    return (v[:, None] ** 2 + u[None, :] ** 2)[..., None]


def bias(t: np.ndarray, b: float) -> np.ndarray:
    """Schlick's bias: b at one half, 0 and 1 stay."""
    return t / ((1 / b - 2) * (1 - t) + 1)


def brown(t: np.ndarray) -> np.ndarray:
    return 255 * t * ([1.22, 0.98, 0.70] + np.array([-0.22, -0.02, 0.16]) * t)


def coloured(light: np.ndarray, colour: np.ndarray) -> np.ndarray:
    own = colour @ LUMA / 255
    above = np.maximum((light - own) / (1 - own), 0)
    return colour * np.minimum(light / own, 1) * (1 - above) + 255 * above


def pixelwise(pixels: np.ndarray) -> dict[str, tuple[tuple[float, ...], np.ndarray]]:
    """Arguments and expected colours (before clamping) of the operations on single pixels."""
    rgb = pixels[..., :3].astype(float)
    grey = luma(pixels)
    return {
        "brightness": ((0.3,), 255 * bias(rgb / 255, 0.5 + 0.45 * 0.3)),
        "exposure": ((0.5,), rgb * 2 ** (0.5 / 2.2)),
        "contrast": ((0.3,), 127.5 + 127.5 * (t := rgb / 127.5 - 1) * 1.3 / (1 + 0.3 * np.abs(t))),
        "gamma": ((1.8,), (rgb / 255) ** (1 / 1.8) * 255),
        "fade": ((0.5,), mixed(pixels, 38 + rgb * 0.8, 0.5)),
        "soft_curve": ((0.5,), mixed(pixels, 255 * smoothstep(0, 255, rgb), 0.5)),
        "solarize": ((128.0,), np.where(rgb > 128, 255 - rgb, rgb)),
        "invert": ((1.0,), 255 - rgb),
        "sepia": ((0.6,), mixed(pixels, brown(grey / 255), 0.6)),
        "grayscale": ((1.0,), np.repeat(grey, 3, axis=2)),
        "saturation": ((-0.4,), grey + (rgb - grey) * 0.6),
        "temperature": ((0.5,), rgb * [1.08, 0.9875, 0.88]),
        "tint": ((0.4, 255.0, 180.0, 110.0), mixed(pixels, coloured(grey / 255, np.array([255, 180, 110])), 0.4)),
        "duotone": ((1.0,), np.array([28, 24, 84]) + (np.array([255, 226, 180]) - [28, 24, 84]) * grey / 255),
        "split_tone": ((0.6,), rgb + (grey * 2 / 255 - 1) * 0.6 * [24, 2, -24]),
        "posterize": ((4,), np.floor(rgb * 3 / 255 + 0.5) * 85),
        "threshold": ((100.0,), np.where(grey >= 100, 255.0, 0.0).repeat(3, axis=2)),
        "vignette": ((0.5,), rgb * (1 - 0.5 * smoothstep(0.3, 2.2, radius2(pixels)))),
    }


@pytest.mark.parametrize("name", sorted(pixelwise(gradient())))
def test_pixel_operations_agree_with_numpy(guest: Guest, name: str) -> None:
    pixels = gradient()
    arguments, expected = pixelwise(pixels)[name]
    result = guest.image(name, pixels, *arguments)
    assert np.array_equal(result[..., 3], pixels[..., 3])
    difference = np.abs(result[..., :3].astype(float) - np.clip(expected, 0, 255))
    # A threshold or level may fall to the other side of a rounding error in one pixel.
    assert np.quantile(difference, 0.99) <= 1.01
    assert name in {"threshold", "posterize", "solarize"} or difference.max() <= 1.01


# These three have no value that leaves the picture as it is.
NEUTRAL = [
    each
    for each in OPERATIONS.values()
    if each.kind == "image" and each.main_knob and each.id not in {"sketch", "pixelate", "emboss"}
]


@pytest.mark.parametrize("operation", NEUTRAL, ids=lambda operation: operation.id)
def test_the_neutral_value_changes_nothing(guest: Guest, operation: Any) -> None:
    pixels = gradient()
    values = [knob.neutral if knob is operation.main_knob else knob.default for knob in operation.knobs]
    result = guest.image(operation.id, pixels, *values)
    assert np.abs(result.astype(int) - pixels.astype(int)).max() <= (1 if operation.id in {"gamma", "hue"} else 0)


def test_geometry(guest: Guest) -> None:
    pixels = gradient(31, 17)
    assert np.array_equal(guest.image("flip_horizontal", pixels), pixels[:, ::-1])
    assert np.array_equal(guest.image("flip_vertical", pixels), pixels[::-1])
    assert np.array_equal(guest.image("rotate", pixels, 90.0), np.rot90(pixels, -1))
    assert np.array_equal(guest.image("rotate", pixels, -90.0), np.rot90(pixels, 1))
    assert np.array_equal(guest.image("rotate", pixels, 180.0), pixels[::-1, ::-1])
    assert np.array_equal(guest.image("crop", pixels, 11, 7), pixels[5:12, 10:21])
    assert np.array_equal(guest.image("square", pixels), pixels[:, 7:24])
    assert guest.image("resize", pixels, 62, 0).shape == (34, 62, 4)
    assert guest.image("resize", pixels, 0, 34).shape == (34, 62, 4)
    assert guest.image("resize", pixels, 8, 9).shape == (9, 8, 4)
    assert guest.image("scale", pixels, 0.5).shape == (9, 16, 4)
    assert np.array_equal(guest.image("crop_ratio", pixels, 1.0, 1.0), pixels[:, 7:24])
    assert guest.image("crop_ratio", pixels, 31.0, 10.0).shape == (10, 31, 4)
    assert guest.image("crop_ratio", pixels, 0.1, 100.0).shape == (17, 1, 4)


def test_neighbourhoods(guest: Guest) -> None:
    flat = np.full((12, 12, 4), 90, np.uint8)
    for name, values in (("blur", (3.0,)), ("sharpen", (0.8,)), ("pixelate", (5,)), ("glow", (0.0,))):
        assert np.abs(guest.image(name, flat, *values).astype(int) - 90).max() <= 1, name
    assert guest.image("edge", flat)[..., :3].max() == 0
    assert guest.image("sketch", flat, 1.0)[..., :3].min() == 255
    assert set(np.unique(guest.image("emboss", flat, 1.0)[..., :3])) <= {127, 128}
    pixels = gradient()
    blurred = guest.image("blur", pixels, 2.0)[..., :3].astype(float)
    assert blurred.std() < pixels[..., :3].std()
    assert guest.image("sharpen", pixels, 1.0)[..., :3].astype(float).std() > pixels[..., :3].std()
    framed = guest.image("frame", gradient(40, 40), 0.1, 255.0)[..., :3]
    assert framed[:4].min() == 255
    assert np.array_equal(framed[4:-4, 4:-4], gradient(40, 40)[4:-4, 4:-4, :3])
    assert guest.image("frame", gradient(40, 40), 0.1, 0.0)[:4, :, :3].max() == 0


def test_grain_is_grey_and_has_no_bias(guest: Guest) -> None:
    flat = np.full((200, 200, 4), 128, np.uint8)
    result = guest.image("grain", flat, 0.5)[..., :3].astype(float)
    assert np.ptp(result, axis=2).max() == 0
    assert abs(result.mean() - 128) < 0.5
    assert 12.5 < result.std() < 15.5


def test_vintage_is_a_warm_faded_darker_cornered_print(guest: Guest) -> None:
    pixels = np.zeros((120, 160, 4), np.uint8)
    pixels[..., 3] = 255
    pixels[:, 80:, :3] = 255
    result = guest.image("vintage", pixels, 1.0, 0.5, 0.0)[..., :3].astype(int)
    black, white = result[60, 70], result[60, 90]
    assert 15 < black.min() <= black.max() < 45, "blacks are lifted"
    assert black[2] > black[0], "shadows are cool"
    assert white[0] > white[1] > white[2] > 190, "highlights are warm, not yellow"
    assert result[2, 157].sum() < white.sum() * 0.85, "corners are darker"
    assert np.array_equal(guest.image("vintage", pixels, 0.0, 0.5, 0.5), pixels)


@pytest.mark.parametrize(
    "operation", [each for each in OPERATIONS.values() if each.kind == "image"], ids=lambda o: o.id
)
@pytest.mark.parametrize("size", [(1, 1), (7, 5)])
def test_small_pictures(guest: Guest, operation: Any, size: tuple[int, int]) -> None:
    result = guest.image(operation.id, gradient(*size), *(knob.default for knob in operation.knobs))
    assert result.shape[2] == 4
    assert result.size


NORMAL = NormalDist()


def call_price(s: float, k: float, r: float, v: float, t: float) -> float:
    d1 = (math.log(s / k) + (r + v * v / 2) * t) / (v * math.sqrt(t))
    return s * NORMAL.cdf(d1) - k * math.exp(-r * t) * NORMAL.cdf(d1 - v * math.sqrt(t))


def great_circle(lat1: float, lon1: float, lat2: float, lon2: float) -> float:
    p, q = math.radians(lat1), math.radians(lat2)
    a = math.sin((q - p) / 2) ** 2 + math.cos(p) * math.cos(q) * math.sin(math.radians(lon2 - lon1) / 2) ** 2
    return 2 * 6371.0088 * math.atan2(math.sqrt(a), math.sqrt(1 - a))


COLUMNS: dict[str, tuple[Any, list[tuple[float, float]]]] = {
    "z_score": (lambda x, m, d: (x - m) / d, [(-9, 9), (-5, 5), (0.5, 4)]),
    "t_score": (lambda x, m, d: 50 + 10 * (x - m) / d, [(0, 100), (30, 70), (5, 20)]),
    "min_max_scale": (lambda x, a, b: (x - a) / (b - a), [(-9, 9), (-9, -1), (1, 9)]),
    "clamp": (lambda x, a, b: min(max(x, a), b), [(-9, 9), (-5, -1), (1, 5)]),
    "logistic": (lambda x, k, m: 1 / (1 + math.exp(-k * (x - m))), [(-9, 9), (0.5, 3), (-2, 2)]),
    "relu": (lambda x: max(x, 0.0), [(-9, 9)]),
    "log1p": (math.log1p, [(-0.9, 1e6)]),
    "normal_cdf": (lambda x, m, d: NORMAL.cdf((x - m) / d), [(-5, 5), (-1, 1), (0.5, 3)]),
    "percentage_change": (lambda a, b: (b - a) / a * 100, [(1, 9), (1, 9)]),
    "black_scholes_call": (call_price, [(80, 120), (80, 120), (0, 0.1), (0.1, 0.5), (0.2, 3)]),
    "black_scholes_put": (
        lambda s, k, r, v, t: call_price(s, k, r, v, t) - s + k * math.exp(-r * t),
        [(80, 120), (80, 120), (0, 0.1), (0.1, 0.5), (0.2, 3)],
    ),
    "compound_interest": (lambda p, r, y, n: p * (1 + r / n) ** (n * y), [(1, 1e5), (0, 0.2), (0, 30), (1, 12)]),
    "loan_payment": (
        lambda p, r, y: p * (r / 12) / (1 - (1 + r / 12) ** (-12 * y)),
        [(1e3, 1e6), (0.01, 0.2), (1, 40)],
    ),
    "present_value": (lambda a, r, y: a / (1 + r) ** y, [(1, 1e5), (0, 0.2), (0, 30)]),
    "add_tax": (lambda p, r: p * (1 + r), [(1, 1e5), (0, 0.3)]),
    "bmi": (lambda m, h: m / h**2, [(40, 150), (1, 2.2)]),
    "haversine": (great_circle, [(-90, 90), (-180, 180), (-90, 90), (-180, 180)]),
    "celsius_to_fahrenheit": (lambda c: c * 9 / 5 + 32, [(-90, 900)]),
    "fahrenheit_to_celsius": (lambda f: (f - 32) * 5 / 9, [(-90, 900)]),
    "celsius_to_kelvin": (lambda c: c + 273.15, [(-90, 900)]),
    "kelvin_to_celsius": (lambda k: k - 273.15, [(0, 900)]),
    "km_to_miles": (lambda x: x / 1.609344, [(0, 900)]),
    "miles_to_km": (lambda x: x * 1.609344, [(0, 900)]),
    "kg_to_pounds": (lambda x: x / 0.45359237, [(0, 900)]),
    "pounds_to_kg": (lambda x: x * 0.45359237, [(0, 900)]),
    "inches_to_cm": (lambda x: x * 2.54, [(0, 900)]),
    "cm_to_inches": (lambda x: x / 2.54, [(0, 900)]),
    "feet_to_meters": (lambda x: x * 0.3048, [(0, 900)]),
    "meters_to_feet": (lambda x: x / 0.3048, [(0, 900)]),
    "mph_to_kmh": (lambda x: x * 1.609344, [(0, 900)]),
    "kmh_to_mph": (lambda x: x / 1.609344, [(0, 900)]),
    "radians_to_degrees": (math.degrees, [(-9, 9)]),
    "discount": (lambda p, r: p * (1 - r), [(1, 1e5), (0, 0.5)]),
    "degrees_to_radians": (math.radians, [(-720, 720)]),
}


def test_every_column_operation_has_a_reference() -> None:
    assert set(COLUMNS) == {each.id for each in OPERATIONS.values() if each.kind == "column"}


@pytest.mark.parametrize("name", COLUMNS)
def test_column_operations_agree_with_python(guest: Guest, name: str) -> None:
    reference, ranges = COLUMNS[name]
    draw = random.Random(11)
    rows = [[draw.uniform(*limits) for limits in ranges] for _ in range(101)]
    expected = np.array([reference(*row) for row in rows])
    batch = guest.batch(name, *(np.array(column) for column in zip(*rows, strict=True)))
    single = np.array([guest.call(name, *row) for row in rows])
    # Differences of near values, as in an option far from the money, lose digits against the size of their terms.
    size = np.maximum(np.abs(expected), 1e-2 * np.array([max(map(abs, row)) for row in rows]))
    assert (np.abs(single - expected) / np.maximum(size, 1e-300)).max() < 1e-12
    assert np.array_equal(batch, single)


WORDS = r"[^\W_]+"


def words_of(text: str) -> list[str]:
    return [word.lower() for word in re.findall(WORDS, re.sub(r"([a-zà-ÿ])(?=[A-ZÀ-Þ])", r"\1 ", text))]


def distance(a: str, b: str) -> int:
    row = list(range(len(b) + 1))
    for i, c in enumerate(a):
        left = [i + 1]
        for j, d in enumerate(b):
            left.append(min(row[j] + (c != d), row[j + 1] + 1, left[j] + 1))
        row = left
    return row[-1]


TEXTS = [
    "",
    "Hello,  World!",
    "  straße  ÀÉ\tb\n",
    "日本語 テキスト 123",
    "fooBar_baz-qux Quux",
    "a@b x.y+z@example.org, c",
    "été",
]
REFERENCES: dict[str, Any] = {
    "slug": lambda t: "-".join(re.findall(WORDS, t.lower())),
    "word_count": lambda t: len(t.split()),
    "character_count": len,
    "line_count": lambda t: len(t.splitlines()),
    "collapse_whitespace": lambda t: " ".join(t.split()),
    "remove_spaces": lambda t: "".join(t.split()),
    "reverse_words": lambda t: " ".join(t.split()[::-1]),
    "upper_case": str.upper,
    "lower_case": str.lower,
    "snake_case": lambda t: "_".join(words_of(t)),
    "camel_case": lambda t: "".join(w if i == 0 else w[0].upper() + w[1:] for i, w in enumerate(words_of(t))),
    "reverse": lambda t: t[::-1],
    "is_palindrome": lambda t: (s := [c.lower() for c in t if c.isalnum()]) == s[::-1],
    "initials": lambda t: "".join(word[0].upper() for word in t.split()),
}


@pytest.mark.parametrize("name", REFERENCES)
def test_text_operations_agree_with_python(guest: Guest, name: str) -> None:
    assert [guest.call(name, text) for text in TEXTS] == [REFERENCES[name](text) for text in TEXTS]


def test_edit_distance(guest: Guest) -> None:
    pairs = [(a, b) for a in TEXTS for b in TEXTS]
    assert [guest.call("edit_distance", a, b) for a, b in pairs] == [distance(a, b) for a, b in pairs]


def test_masks_and_cuts(guest: Guest) -> None:
    assert guest.call("mask_email", "a@b.c, Ünal.x+1@example.org; not @ here, end@") == (
        "a@b.c, Ü*******@example.org; not @ here, end@"
    )
    assert guest.call("mask_digits", "03-1234-5678", 2) == "**-****-**78"
    assert guest.call("mask_digits", "12", 4) == "12"
    assert guest.call("truncate", "日本語テキスト", 4) == "日本語…"
    assert guest.call("truncate", "abc", 3) == "abc"
    assert guest.call("truncate", "abc", 0) == ""
    assert guest.call("title_case", "ÉCOLE normale") == "École Normale"


@pytest.mark.parametrize("operation", [each for each in OPERATIONS.values() if each.examples], ids=lambda o: o.id)
def test_examples_hold(guest: Guest, operation: Any) -> None:
    for example in operation.examples:
        value = guest.call(example.function, *example.args)
        if isinstance(example.expected, float):
            assert value == pytest.approx(example.expected, rel=example.tolerance or 1e-12, abs=0)
        else:
            assert value == example.expected


def test_a_composition_is_its_parts_one_after_the_other(guest: Guest) -> None:
    source = generate(GenerationRequest("sepia 0.6 then flip horizontally then darken by 10% and vignette 0.5"))
    built = Guest(source.rust)
    pixels = gradient()
    parts = guest.image("sepia", pixels, 0.6)
    parts = guest.image("flip_horizontal", parts)
    parts = guest.image("vignette", guest.image("brightness", parts, -0.1), 0.5)
    whole = built.image(built.artifact.manifest.functions[0].name, pixels, 0.6, -0.1, 0.5)
    # The composition rounds once in a pass where the parts round each time, and clips at its end only.
    assert np.abs(whole.astype(int) - parts.astype(int)).max() <= 2


def test_an_operation_that_needs_channels_in_range_gets_them_in_a_composition() -> None:
    """The film's curve turns round outside 0..=255: three stops more light must not come out dark."""
    source = generate(GenerationRequest("overexpose by 3 stops, then vintage"))
    assert source.rust.count("map_rgb") == 1, "one pass"
    built = Guest(source.rust)
    (function,) = built.artifact.manifest.functions
    exposed = np.clip(gradient()[..., :3] * 2.0 ** (3 / 2.2), 0, 255)
    pixels = gradient()
    defaults = {param.name: param.default for param in function.params if param.name != "image"}
    stops = next(name for name in defaults if "stops" in name)
    whole = built.image(function.name, pixels, *({**defaults, stops: 3.0}.values()))
    pixels[..., :3] = np.rint(exposed)
    alone = built.image(function.name, pixels, *({**defaults, stops: 0.0}.values()))
    assert np.abs(whole.astype(int) - alone.astype(int)).max() <= 1


def test_random_formulas_agree_with_python() -> None:
    """Many random formulas in one module, each on special and ordinary numbers."""
    trees: list[Any] = []

    @settings(
        max_examples=60,
        phases=[Phase.generate],
        database=None,
        derandomize=True,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(expressions())
    def collect(tree: Any) -> None:
        trees.append(tree)

    collect()
    found = [Found(Definition(f"f{i}", ("a", "b", "c"), tree), "", "") for i, tree in enumerate(trees)]
    composition, _ = render_formulas(found)
    built = Guest(composition.rust, timeout_s=200)
    points = [(0.0, 1.0, -1.0), (2.5, -0.5, 3.0), (-7.25, 4.0, 0.125), (1e6, 1e-3, 10.0)]
    for i, tree in enumerate(trees):
        for point in points:
            expected = evaluate(tree, dict(zip("abc", point, strict=True)))
            got = built.call(f"f{i}", *point)
            assert agree(got, expected, tree, point), (i, point, got, expected)


def agree(got: float, expected: float, tree: Any, point: tuple[float, ...]) -> bool:
    """Equal within rounding; where a formula magnifies rounding (a jump, a cancellation) its neighbours decide."""
    if math.isnan(expected) or math.isnan(got):
        return math.isnan(expected) == math.isnan(got) or _is_delicate(tree, point)
    return got == expected or math.isclose(got, expected, rel_tol=1e-9, abs_tol=1e-9) or _is_delicate(tree, point)


def _is_delicate(tree: Any, point: tuple[float, ...]) -> bool:
    """Whether moving an argument by a few ulps moves the value by much more than rounding."""
    value = evaluate(tree, dict(zip("abc", point, strict=True)))
    for place in range(3):
        for sign in (-1, 1):
            moved = list(point)
            moved[place] += sign * (abs(point[place]) or 1.0) * 1e-13
            other = evaluate(tree, dict(zip("abc", moved, strict=True)))
            if math.isnan(value) != math.isnan(other):
                return True
            if not (value == other or math.isclose(value, other, rel_tol=1e-10, abs_tol=1e-10)):
                return True
    return False


def test_what_is_read_from_the_table_of_prompts_builds_and_runs() -> None:
    """Every composition of the reading tests, as one module."""
    readings = [read(prompt).choices for prompt, _ in TABLE]
    images = [choices for choices in readings if choices[0].operation.kind == "image"]
    items: list[str] = []
    for number, choices in enumerate(images):
        for item in re.split(r"\n\n(?=///)", compose_image(choices, function=f"prompt{number}").rust.strip()):
            if item not in items:
                items.append(item)
    built = Guest("\n\n".join(items) + "\n", timeout_s=120)
    assert not built.artifact.warnings
    for function in built.artifact.manifest.functions:
        defaults = [param.default for param in function.params[1:]]
        result = built.image(function.name, gradient(), *defaults)
        assert result.size
