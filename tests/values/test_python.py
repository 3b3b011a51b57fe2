"""Python objects to contract values and back."""

from __future__ import annotations

from collections import namedtuple
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image as PilImage

from akatsuki_wasm import wit
from akatsuki_wasm.contracts import Function, Parameter
from akatsuki_wasm.errors import ArgumentError
from akatsuki_wasm.values.images import to_array, to_pil, to_record
from akatsuki_wasm.values.python import lift, lower, lower_arguments, wants_arrays

POINT = wit.Record("point", (("x", wit.F64), ("class", wit.S32)))
VINTAGE = Function(
    "vintage",
    (
        Parameter("image", wit.IMAGE),
        Parameter("strength", wit.F32, "How strong.", 0.0, 1.0, 0.6),
        Parameter("seed", wit.Option(wit.U32)),
    ),
    wit.IMAGE,
)


def error(param_type: wit.Type, value: object, **facts: object) -> str:
    with pytest.raises(ArgumentError) as caught:
        lower(Parameter("p", param_type, **facts), value)  # type: ignore[arg-type]
    return str(caught.value)


def test_defaults_and_options_are_filled_in() -> None:
    photo = PilImage.new("RGB", (3, 2), (10, 20, 30))
    image, strength, seed = lower_arguments(VINTAGE, [photo], {})
    assert (image.width, image.height, strength, seed) == (3, 2, 0.6, None)
    assert image.pixels.tolist() == [10, 20, 30, 255] * 6


@pytest.mark.parametrize(
    ("args", "kwargs", "message"),
    [
        ([], {}, "vintage needs 'image' (an image)"),
        ([1, 2, 3, 4], {}, "vintage takes at most 3 arguments, got 4"),
        ([1], {"image": 2}, "image was given twice"),
        ([1], {"strenght": 2}, "vintage has no parameter 'strenght'; did you mean 'strength'?"),
    ],
)
def test_wrong_arguments_are_named(args: list[object], kwargs: dict[str, object], message: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        lower_arguments(VINTAGE, args, kwargs)
    assert str(caught.value) == message
    assert caught.value.hint == "Its signature is vintage(image, strength=0.6, seed=None)."


def test_kebab_names_are_understood() -> None:
    function = Function("f", (Parameter("grain_amount", wit.F64),), wit.F64)
    assert lower_arguments(function, [], {"grain-amount": 2}) == (2,)


def test_a_range_is_inclusive_and_named() -> None:
    param = Parameter("strength", wit.F32, "", 0.0, 1.0)
    assert lower(param, 0) == 0
    assert lower(param, 1.0) == 1.0
    with pytest.raises(ArgumentError, match=r"^strength is 1.5: expected 0 to 1$"):
        lower(param, 1.5)
    with pytest.raises(ArgumentError, match=r"^strength is nan: expected 0 to 1$"):
        lower(param, float("nan"))
    assert error(wit.S32, -1, minimum=0) == "p is -1: expected at least 0"
    assert error(wit.S32, 9, maximum=8) == "p is 9: expected at most 8"


def test_types_are_checked() -> None:
    assert error(wit.F64, "x") == "p is 'x': expected a number, f64"
    assert error(wit.F64, True) == "p is True: expected a number, f64"
    assert error(wit.U8, 1.5) == "p is 1.5: expected a whole number, u8"
    assert error(wit.BOOL, 1) == "p is 1: expected true or false"
    assert error(wit.CHAR, "ab") == "p is 'ab': expected one character"
    assert error(wit.STRING, b"ab") == "p is b'ab': expected text"
    assert error(wit.Tuple((wit.U8, wit.U8)), [1]) == "p is [1]: expected a tuple of 2 values (tuple<u8, u8>)"
    assert error(wit.List(wit.STRING), ["a", 3]) == "p[1] is 3: expected text"
    assert lower(Parameter("p", wit.U8), 3.0) == 3
    assert type(lower(Parameter("p", wit.U8), np.int64(3))) is int


def test_records_come_from_mappings_objects_and_named_tuples() -> None:
    param = Parameter("p", POINT)
    other = namedtuple("Other", ["x", "class_"])
    for value in ({"x": 1.0, "class": 2}, SimpleNamespace(x=1.0, class_=2), other(1.0, 2)):
        assert tuple(lower(param, value)) == (1.0, 2)
    assert error(POINT, {"x": 1.0}) == "p lacks the field 'class': expected point with x, class"
    assert error(POINT, {"x": 1.0, "class": 2, "z": 3}) == "p has no field 'z': expected point"
    assert error(POINT, {"x": "a", "class": 2}) == "p.x is 'a': expected a number, f64"


def test_results_are_lifted() -> None:
    point = wit.record_class(POINT)(1.0, 2)
    assert lift(POINT, point).class_ == 2
    assert lift(wit.Option(wit.F64), None) is None
    assert lift(wit.Result(wit.Tuple((wit.U8, wit.STRING))), (1, "a")) == (1, "a")
    assert lift(None, None) is None
    image = to_record(np.zeros((2, 3, 4), np.uint8), "p")
    assert lift(wit.List(wit.IMAGE), [image])[0].size == (3, 2)
    assert lift(wit.IMAGE, image, arrays=True).shape == (2, 3, 4)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "HSV", "LAB"])
def test_every_pil_mode_becomes_rgba(mode: str) -> None:
    picture = PilImage.new("RGBA", (5, 4), (200, 100, 50, 255)).convert("RGB").convert("L" if mode == "1" else "RGB")
    picture = picture.quantize().convert(mode) if mode == "PA" else picture
    picture = PilImage.new("LAB", (5, 4)) if mode == "LAB" else picture.convert(mode)
    record = to_record(picture, "p")
    assert (record.width, record.height, len(record.pixels)) == (5, 4, 80)


def test_sixteen_bit_grey_is_scaled_and_not_clipped() -> None:
    wide = PilImage.fromarray(np.array([[0, 32768, 65535]], np.uint16))
    assert to_record(wide, "p").pixels.reshape(-1, 4)[:, 0].tolist() == [0, 128, 255]


def test_alpha_is_kept_and_opaque_pictures_are_rgb() -> None:
    clear = PilImage.new("RGBA", (2, 2), (1, 2, 3, 4))
    assert to_pil(to_record(clear, "p")).getpixel((0, 0)) == (1, 2, 3, 4)
    assert to_pil(to_record(PilImage.new("L", (2, 2), 9), "p")).mode == "RGB"
    assert to_pil(to_record(np.zeros((0, 0, 4), np.uint8), "p")).size == (0, 0)


def test_arrays_of_wrong_kind_are_named() -> None:
    expected = "expected a PIL image or a uint8 array of shape (H, W), (H, W, 3) or (H, W, 4)"
    assert error(wit.IMAGE, np.zeros((2, 2))) == f"p is an array of float64: {expected}"
    assert error(wit.IMAGE, np.zeros((2, 2, 2), np.uint8)) == f"p is an array of shape (2, 2, 2): {expected}"
    assert error(wit.IMAGE, "photo.jpg") == f"p is str: {expected}"


def test_arrays_in_give_arrays_out() -> None:
    array = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    assert wants_arrays([array], {})
    assert not wants_arrays([PilImage.new("L", (1, 1))], {"x": np.zeros(3)})
    assert (to_array(to_record(array, "p")) == array).all()
    assert (to_array(to_record(array[..., :3], "p"))[..., 3] == 255).all()
    grey = to_array(to_record(array[..., 0], "p"))
    assert (grey[..., 0] == array[..., 0]).all()
    assert (grey[..., 2] == array[..., 0]).all()


def test_a_broken_image_of_a_guest_is_named() -> None:
    broken = wit.record_class(wit.IMAGE)(2, 2, np.zeros(15, np.uint8))
    with pytest.raises(ArgumentError, match=r"^the image of 2x2 has 15 bytes: expected 16$"):
        to_pil(broken)
