"""Slow idioms: what is warned about, what is not, and that the catalogue has none."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from akatsuki_wasm.cli.root import cli
from akatsuki_wasm.contracts import BuildOptions, GuestProject, GuestSource
from akatsuki_wasm.offline.composing import compose_functions, compose_image
from akatsuki_wasm.offline.mentions import Choice
from akatsuki_wasm.offline.operations import load_catalogue
from akatsuki_wasm.rust import float_types
from akatsuki_wasm.rust.idioms import CASTS, CODE, COLUMN_METHODS, MAX_WARNINGS, METHODS, slow_idioms
from akatsuki_wasm.rust.signatures import parse_source
from akatsuki_wasm_plugins.cargo import CargoPlugin

if TYPE_CHECKING:
    from akatsuki_wasm.contracts import Diagnostic

DOCS = Path(__file__).parents[2] / "docs" / "reference"
HEAD = "pub fn f(image: Image, k: f32) -> Image {\n"


def warned(body: str, more: str = "") -> list[tuple[int | None, str]]:
    """Lines and first words of the warnings for a function body whose first line is 2."""
    text = f"{HEAD}{body}\n}}\n{more}"
    parse_source(text)
    return [(each.line, each.message.partition(" of ")[0].partition(" for ")[0]) for each in slow_idioms(text)]


@pytest.mark.parametrize("method", METHODS)
def test_each_method_is_warned_about_in_a_closure_over_pixels(method: str) -> None:
    arguments = {"mul_add": "k, 1.0", "min": "k", "max": "k", "powf": "k", "hypot": "k", "rem_euclid": "k"}.get(
        method, ""
    )
    body = f"    image.map_rgb(|_, _, [r, g, b]| [r.{method}({arguments}), g, b])"
    assert warned(body) == [(2, f"`{method}`")]


@pytest.mark.parametrize("target", sorted(CASTS))
def test_casts_of_floats(target: str) -> None:
    assert warned(f"    image.map_luma(|_, _, v| (v * k) as {target} as f32)") == [(2, f"`as {target}`")]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("    image.map_rgb_uv(|u, v, rgb| each(rgb, |c| c * (u * v).sin()))", [(2, "`sin`")]),
        ("    image.map_rgb_place(|_, _, u, _, rgb| each(rgb, |c| c.min(u)))", [(2, "`min`")]),
        ("    image.map_rgb(|_, _, rgb| rgb.map(|v| v.round()))", [(2, "`round`")]),
        ("    image.map_rgb(|_, _, rgb| {\n        let t = rgb[0] / 255.0;\n        [t % k; 3]\n    })", [(4, "`%`")]),
        ("    image.map_rgb(|x, _, rgb| each(rgb, |v| v + (x as f32 * 0.1).exp()))", [(2, "`exp`")]),
        ("    image.map_rgb(|_, _, rgb| each(rgb, |v| f32::max(v, k)))", [(2, "`max`")]),
        (
            "    image.map_3x3(|n| {\n        let m = luma(n[0]).max(luma(n[8]));\n        [m; 3]\n    })",
            [(3, "`max`")],
        ),
        ("    image.clone().blend(&image, 0.5, |below, above| [below[0].min(above[0]), 0.0, 0.0])", [(2, "`min`")]),
        (
            "    let f = |v: f32| v;\n    image.map_luma(|_, _, v| f(v).ln() + v.max(k).min(k))",
            [(3, "`max`"), (3, "`min`")],
        ),
    ],
)
def test_types_are_followed(body: str, expected: list[tuple[int, str]]) -> None:
    assert warned(body) == expected


def test_functions_that_pixel_code_calls_are_read_with_what_they_are_given() -> None:
    body = "    image.map_rgb(|_, _, rgb| each(rgb, |v| curve(v, k)))"
    curve = "fn curve(v: f32, k: f32) -> f32 {\n    let steep = k.max(0.0);\n    deeper(v * steep)\n}\n"
    deeper = "fn deeper(v: f32) -> f32 {\n    v.min(1.0)\n}\n"
    assert warned(body, curve + deeper) == [(9, "`min`")], "k is the same for all pixels, v is not"
    assert warned("    let _ = curve(k, k);\n    image", curve + deeper) == [], "called once"


def test_loops_over_pixels() -> None:
    loop = """    let mut out = image.clone();
    for y in 0..image.height {
        for x in 0..image.width {
            let [r, g, b, a] = image.pixel(x, y);
            let v = f32::from(r) * k;
            out.set(x, y, [v as u8, g.min(b), b, a]);
        }
    }
    out"""
    assert warned(loop) == [(5, "`pixel(x, y)`"), (7, "`set(x, y)`"), (7, "`as u8`")]
    bytes_ = """    let mut image = image;
    for p in image.pixels.chunks_exact_mut(4) {
        p[0] = (f32::from(p[0]) * k).clamp(0.0, 255.0) as u8;
    }
    image"""
    assert warned(bytes_) == [(4, "`as u8`")]
    made = "    Image::from_fn(image.width, image.height, |x, y| image.pixel(x, y))"
    assert warned(made) == [(2, "`pixel(x, y)`")]


@pytest.mark.parametrize(
    "body",
    [
        # Integers.
        "    image.map_rgb(|x, y, rgb| each(rgb, |v| v + x.min(y) as f32 + (x % 3) as f32))",
        "    let mut i = image;\n    for p in i.pixels.iter_mut() {\n        *p = (*p).min(3);\n    }\n    i",
        "    image.map_rgb(|x, _, rgb| each(rgb, |v| v + f32::from((x & 7) as u8)))",
        # The same for every pixel: computed once.
        "    image.map_rgb(|_, _, rgb| each(rgb, |v| v * k.powf(2.0).min(3.0)))",
        # Not for every pixel.
        "    let t = k.sin().round();\n    image.map_rgb(|_, _, rgb| each(rgb, |v| v * t))",
        "    image.map_lut(&table_of(|v| v.powf(k).min(255.0).round()))",
        "    let mut i = image;\n    for x in 0..i.width.min(4) {\n        i.set(x, x, [0; 4]);\n    }\n    i",
        # What is fast, or has no other way.
        "    image.map_rgb(|_, _, rgb| each(rgb, |v| (v * k).clamp(0.0, 9.0).floor().sqrt().abs()))",
        "    image.map_rgb(|_, _, rgb| each(rgb, |v| (v as i32 as f32).powi(2)))",
        "    let s = image;\n    Image::from_fn(s.width, s.height, |x, y| s.get_clamped(x as i32 - 3, y as i32))",
        "    Image::from_fn(image.width, image.height, |x, y| image.pixel(image.width - 1 - x, y))",
        # Unknown types.
        "    image.map_rgb(|_, _, rgb| { let best = [1u8, 2].iter().max(); let _ = best; rgb })",
        "    image.map_rgb(|_, _, rgb| { let s = Some(rgb[0]).max(None); [s.unwrap_or(0.0), 0.0, 0.0] })",
    ],
)
def test_no_false_alarms(body: str) -> None:
    assert warned(body) == []


@pytest.mark.parametrize("method", COLUMN_METHODS)
def test_functions_of_f64_that_real_computes_for_several_rows(method: str) -> None:
    argument = "x" if method in {"powf", "atan2", "hypot", "min", "max"} else ""
    (found,) = slow_idioms(
        f"pub fn f(x: f64) -> f64 {{\n    let y = 2.0 * x;\n    y.{method}({argument}) + x.exp()\n}}"
    )
    assert (found.line, found.code) == (3, CODE)
    assert found.message.startswith(f"`{method}` of f64 for every row of a column is about ")
    assert found.help == "write pub fn f<R: Real>(…) with R for f64: it is called as before"


def test_mul_add_is_slow_in_every_function_of_f64() -> None:
    text = "pub fn f(x: f64) -> f64 { if x > 0.0 { x.mul_add(2.0, 1.0) } else { 0.0 } }"
    assert [(each.line, each.help) for each in slow_idioms(text)] == [(1, "write a * b + c")]


@pytest.mark.parametrize(
    "text",
    [
        "pub fn a<R: Real>(x: R) -> R { (2.0 * x).min(1.0).exp() }",
        "pub fn a(x: f64) -> f64 { if x > 0.0 { x.ln() } else { 0.0 } }",
        "pub fn a(x: f64, n: u32) -> f64 { x.sin() * f64::from(n) }",
        "pub fn a(x: f64) -> f64 { x.sqrt().abs().floor() }",
        "pub fn a(x: f64) -> f64 { helper(x) }\nfn helper(x: f64) -> f64 { x.sin() }",
        "pub fn a(values: &[f64]) -> f64 { values[0].sin() }",
    ],
)
def test_other_functions_of_numbers_are_left_alone(text: str) -> None:
    """Real knows no `if` on a row, and a parameter of another type is no `R`."""
    assert slow_idioms(text) == ()


def test_a_warning_says_where_and_what_to_write() -> None:
    (found,) = slow_idioms(f"{HEAD}    image.map_luma(|_, _, v| v.round())\n}}")
    assert (found.level, found.code, found.line, found.column) == ("warning", CODE, 2, 32)
    assert found.message == "`round` of floats for every pixel is about 12 times slower than it need be"
    assert found.help == "leave it out where map_rgb rounds its result, or write (v + 0.5).floor()"


def test_there_are_few_warnings() -> None:
    many = "    image.map_luma(|_, _, v| v" + ".min(k)" * 40 + ")"
    assert len(warned(many)) == MAX_WARNINGS


def test_hostile_text_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    assert slow_idioms("fn f(v: f32) -> f32 { " + "v + " * 15_000 + "v }") == ()
    body = f"{HEAD}    {'let a = 1;' * 100} image.map_luma(|_, _, v| v.min(k))\n}}"
    assert len(slow_idioms(body)) == 1
    monkeypatch.setattr(float_types, "MAX_STEPS", 100)
    assert slow_idioms(body) == ()


@pytest.mark.parametrize("operation", load_catalogue().operations.values(), ids=lambda each: each.id)
def test_the_catalogue_has_no_slow_idiom(operation: object) -> None:
    choice = Choice(operation, {}, operation.id)
    made = compose_image([choice]) if operation.kind == "image" else compose_functions([choice])
    assert slow_idioms(made.rust) == ()


def test_the_table_of_the_reference_names_every_idiom() -> None:
    page = (DOCS / "prelude.md").read_text("utf-8")
    table = page[page.index("## Slow idioms") :]
    listed = set(re.findall(r"`\.?(\w+)", table)) | set(re.findall(r"`as (\w+)`", table))
    assert {*METHODS, *CASTS, *COLUMN_METHODS} <= listed


@pytest.mark.toolchain
def test_the_build_brings_them_and_goes_on() -> None:
    text = f"{HEAD}    image.map_luma(|_, _, v| v.round() * k)\n}}"
    artifact = CargoPlugin().akatsuki_build(GuestProject("f", GuestSource(text, "f", "", "test")), BuildOptions())
    assert artifact is not None
    warnings: tuple[Diagnostic, ...] = artifact.warnings
    assert [(each.code, each.line) for each in warnings] == [(CODE, 2)]


@pytest.mark.toolchain
def test_the_command_line_shows_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "f.rs").write_text(f"{HEAD}    image.map_luma(|_, _, v| v.round() * k)\n}}")
    result = CliRunner().invoke(cli, ["build", "f.rs"], prog_name="akatsuki")
    assert result.exit_code == 0, result.output
    assert (
        "warning: line 2: `round` of floats for every pixel is about 12 times slower than it need be\n  leave"
        in result.stderr
    )
