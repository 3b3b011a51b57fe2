"""`akatsuki run`: parameters as options, images in and out, and the whole text of every refusal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

if TYPE_CHECKING:
    from pathlib import Path


def test_image_to_file(akatsuki: Any, pictures: str, photo: Path) -> None:
    done = akatsuki("run", pictures, "negate", "photo.jpg", "--strength", "0.7", "-o", "out.png")
    assert (done.code, done.out, done.err) == (0, "out.png\n", "")
    with Image.open(photo.with_name("out.png")) as image:
        assert image.size == (60, 40)


def test_image_beside_the_input(akatsuki: Any, pictures: str, photo: Path) -> None:
    assert akatsuki("run", pictures, "negate", photo).out == f"{photo.with_name('photo-negate.jpg')}\n"
    assert akatsuki("run", pictures, "negate", photo).out == f"{photo.with_name('photo-negate-2.jpg')}\n"
    Image.new("RGBA", (3, 3), (1, 2, 3, 4)).save(photo.with_name("clear.webp"))
    assert akatsuki("run", pictures, "negate", "clear.webp").out == "clear-negate.webp\n"
    Image.new("1", (3, 3)).save(photo.with_name("ink.gif"))
    assert akatsuki("run", pictures, "negate", "ink.gif").out == "ink-negate.png\n"


def test_several_images(akatsuki: Any, pictures: str, photo: Path) -> None:
    done = akatsuki("run", pictures, "twice", photo, "-o", "out.png")
    assert (done.code, done.out) == (0, '["out.png", ["out-2.png"], 60]\n')
    assert photo.with_name("out-2.png").exists()


@pytest.mark.parametrize("size", [(1, 1), (6000, 5000)])
def test_smallest_and_thirty_megapixels(akatsuki: Any, pictures: str, tmp_path: Path, size: tuple[int, int]) -> None:
    Image.new("RGB", size, "teal").save(tmp_path / "in.jpg")
    done = akatsuki("run", pictures, "negate", "in.jpg", "-o", "out.jpg", "--timeout-ms", "30000")
    assert (done.code, done.out, done.err) == (0, "out.jpg\n", "")
    with Image.open(tmp_path / "out.jpg") as image:
        assert image.size == size


def test_json(akatsuki: Any, pictures: str, photo: Path) -> None:
    done = akatsuki("run", pictures, "negate", "photo.jpg", "-o", "out.png", "--json")
    assert (done.code, done.err) == (0, "")
    found = done.json
    assert found["result"] == "out.png"
    assert 0 < found["executionTimeMs"] < found["totalTimeMs"]
    assert 0 < found["instantiationTimeMs"] < found["totalTimeMs"]
    assert found["fuelUsed"] is None
    assert found["memoryUsedBytes"] > 0
    assert found["cacheHit"] is False
    assert {"id", "name", "version", "digest", "functions", "ownerType"} <= set(found["module"])
    assert (found["module"]["name"], found["module"]["version"]) == ("pictures", "1.0.0")


@pytest.mark.parametrize(
    ("words", "out"),
    [
        (["shout", "hello", "3"], "HELLO!!!"),
        (["shout", "--text", "hello", "--param", "output=1"], "HELLO!"),
        (["shout", "--", "--hello", "1"], "--HELLO!"),
        (["total", "-1,-2.5"], "-3.5"),
        (["total", "[1, 2, 3]", "--scale", "-2"], "-12.0"),
        (["total", "[1, 2, 3]", "none"], "6.0"),
        (["total", "@numbers.json"], "10.0"),
        (["total", "", "-1"], "0.0"),
    ],
)
def test_values(akatsuki: Any, pictures: str, tmp_path: Path, words: list[str], out: str) -> None:
    (tmp_path / "numbers.json").write_text("[4, 6]")
    done = akatsuki("run", pictures, *words)
    assert (done.code, done.out, done.err) == (0, f"{out}\n", "")


def test_options_before_the_module(akatsuki: Any, pictures: str, tmp_path: Path) -> None:
    assert akatsuki("run", "--json", f"{pictures}@1.0.0", "total", "1,2").json["result"] == 3.0
    done = akatsuki("run", "-o", "sum.txt", pictures, "total", "1,2")
    assert (done.code, done.out) == (0, "")
    assert (tmp_path / "sum.txt").read_text() == "3.0\n"


def test_plain_module(akatsuki: Any, plain: str) -> None:
    assert akatsuki("run", plain, "add", "2", "-3").out == "-1\n"
    assert akatsuki("run", plain, "add", "--b", "-3", "--a", "2").out == "-1\n"


def test_function_may_be_left_out(akatsuki: Any, tmp_path: Path) -> None:
    import wasmtime

    text = '(module (func (export "double") (param i32) (result i32) local.get 0 local.get 0 i32.add))'
    (tmp_path / "double.wasm").write_bytes(wasmtime.wat2wasm(text))
    assert akatsuki("deploy", "double.wasm").code == 0
    assert akatsuki("run", "double", "21").out == "42\n"
    assert akatsuki("run", "double", "-21").out == "-42\n"
    assert akatsuki("run", "double", "double", "21").out == "42\n"
    assert akatsuki("run", "double", "--help").out.startswith("Usage: akatsuki run double double [OPTIONS]")
    done = akatsuki("run", "double", "dubble", "21")
    assert (done.code, done.err) == (
        1,
        "error: double has no function 'dubble'; did you mean 'double'?\nhint: It has double.\n",
    )


def test_help_of_a_function(akatsuki: Any, pictures: str) -> None:
    page = akatsuki("run", pictures, "negate", "--help").out
    assert "Usage: akatsuki run pictures negate [OPTIONS] IMAGE [STRENGTH] [LOUD]" in page
    assert "Mixes the picture with its negative." in page
    assert "--strength NUMBER   How strong. [0 to 1, default 0.6]" in page
    assert "--loud / --no-loud  Shout. [default false]" in page
    assert "--param output=INTEGER  [required]" in akatsuki("run", pictures, "shout", "--help").out
    assert "total: func(values: list<f64>, scale: option<f64>) -> f64" in akatsuki("run", pictures, "--help").out


REFUSALS = {
    "run pictures negte photo.jpg": (
        1,
        "error: pictures has no function 'negte'; did you mean 'negate'?",
        "hint: It has negate, twice, shout, total, fall.",
    ),
    "run pictures": (
        2,
        "error: pictures has 5 functions, name one of them: negate, twice, shout, total, fall",
        "hint: Try 'akatsuki run --help'.",
    ),
    "run picture negate photo.jpg": (
        1,
        "error: there is no module named 'picture'",
        "hint: Did you mean pictures?",
    ),
    "run pictures@9.9.9 negate photo.jpg": (
        1,
        "error: the module 'pictures' has no version '9.9.9'",
        "hint: It has 1.0.0.",
    ),
    "run pictures negate": (
        1,
        "error: negate needs 'image' (an image)",
        "hint: Its signature is negate(image, strength=0.6, loud=False).",
    ),
    "run pictures negate photo.jpg 0.5 true 7": (
        1,
        "error: negate takes at most 3 arguments, got 4",
        "hint: Its signature is negate(image, strength=0.6, loud=False).",
    ),
    "run pictures negate photo.jpg --image photo.jpg": (
        1,
        "error: image was given twice",
        "hint: Its signature is negate(image, strength=0.6, loud=False).",
    ),
    "run pictures negate photo.jpg --strenght 0.5": (
        2,
        "error: No such option '--strenght'. Did you mean '--strength'?",
        "hint: Try 'akatsuki run pictures negate --help'.",
    ),
    "run pictures negate photo.jpg --param strenght=0.5": (
        1,
        "error: negate has no parameter 'strenght'; did you mean 'strength'?",
        "hint: Its signature is negate(image, strength=0.6, loud=False).",
    ),
    "run pictures negate photo.jpg --param strength": (
        2,
        "error: Invalid value for '--param': 'strength' is not NAME=VALUE",
        "hint: Try 'akatsuki run pictures negate --help'.",
    ),
    "run pictures negate photo.jpg --strength 1.5": (
        1,
        "error: strength is 1.5: expected 0 to 1",
        "hint: Give another value, or leave strength out for its default, 0.6.",
    ),
    "run pictures negate photo.jpg --strength nan": (
        1,
        "error: strength is nan: expected 0 to 1",
        "hint: Give another value, or leave strength out for its default, 0.6.",
    ),
    "run pictures negate photo.jpg --strength strong": (
        1,
        "error: strength is 'strong': expected a number, f32, 0 to 1",
        "hint: Write it as, for example, 0.5.",
    ),
    "run pictures negate missing.jpg": (
        1,
        "error: image is 'missing.jpg': there is no such file",
        "hint: Give the path of an image, such as photo.jpg.",
    ),
    "run pictures negate text.jpg": (
        1,
        "error: image is 'text.jpg': expected an image, and it is text",
        "hint: Give a PNG, JPEG, WebP, GIF, BMP, TIFF or AVIF file.",
    ),
    "run pictures negate photo.jpg -o photo.jpg": (
        1,
        "error: output is 'photo.jpg', which is the input",
        "hint: Choose another name, or replace it with --force.",
    ),
    "run pictures negate photo.jpg -o out.xyz": (
        2,
        "error: Invalid value for '--output': 'out.xyz' has no image suffix: expected one of "
        ".png .jpg .jpeg .webp .tif .tiff .bmp .gif",
        "hint: Try 'akatsuki run pictures negate --help'.",
    ),
    "run pictures negate photo.jpg -o no/out.png": (
        1,
        "error: output is 'no/out.png': the folder 'no' does not exist",
        "hint: Make the folder first.",
    ),
    "run pictures negate photo.jpg --timeout-ms 5": (
        2,
        "error: Invalid value for '--timeout-ms': '5' is not a whole number from 100 to 30000",
        "hint: Try 'akatsuki run pictures negate --help'.",
    ),
    "run pictures shout hello 99999999999": (1, None),
    "run pictures shout hello many": (
        1,
        "error: output is 'many': expected a whole number, u32",
        "hint: Write it as, for example, 1.",
    ),
    "run pictures shout --text= --param output=1": (
        3,
        "error: nothing to shout",
        "hint: The function itself refused: change its arguments.",
    ),
    "run pictures fall 3": (3, None),
    "run plain spin --timeout-ms 150": (3, None),
    "run plain add 1 4294967296": (1, None),
}


@pytest.mark.parametrize("words", REFUSALS)
def test_refusals(akatsuki: Any, pictures: str, plain: str, photo: Path, words: str) -> None:
    photo.with_name("text.jpg").write_text("dear diary\n")
    before = photo.read_bytes()
    code, line, *hint = REFUSALS[words]
    done = akatsuki(*words.split())
    assert (done.code, done.out) == (code, "")
    lines = done.err.splitlines()
    assert lines[0].startswith("error: ")
    assert len(lines) <= 2
    if line is not None:
        assert lines == [line, *hint]
    assert photo.read_bytes() == before
    assert sorted(path.name for path in photo.parent.iterdir()) == ["photo.jpg", "plain.wasm", "text.jpg"]


def test_refusal_as_json(akatsuki: Any, pictures: str, photo: Path) -> None:
    done = akatsuki("run", pictures, "negate", "photo.jpg", "--strength", "1.5", "--json")
    assert (done.code, done.err) == (1, "")
    hint = "Give another value, or leave strength out for its default, 0.6."
    assert done.json == {"error": {"code": "argument", "message": "strength is 1.5: expected 0 to 1", "hint": hint}}
    done = akatsuki("run", pictures, "fall", "3", "--json")
    assert done.code == 3
    assert (done.json["error"]["code"], done.json["error"]["kind"]) == ("guest-trap", "unreachable")
    assert "fell from 3" in done.json["error"]["message"]


def test_force_replaces_the_input(akatsuki: Any, pictures: str, photo: Path) -> None:
    before = photo.read_bytes()
    done = akatsuki("run", pictures, "negate", "photo.jpg", "-o", "photo.jpg", "--force")
    assert (done.code, done.out) == (0, "photo.jpg\n")
    assert photo.read_bytes() != before
