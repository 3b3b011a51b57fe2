"""What tests of the remote workspace share."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from server.server_kit import Running, token_of
from wasmtime import wat2wasm

import akatsuki_wasm as ak
from akatsuki_wasm import manifest
from akatsuki_wasm.contracts import Artifact

if TYPE_CHECKING:
    from pathlib import Path

    from akatsuki_wasm.contracts import User


@dataclass
class Place:
    """Where workspaces are.

    Attributes:
        folder: Of the registry.
        running: The server, or None for this machine.
    """

    folder: Path
    running: Running | None

    def workspace(self, user: User, **options: Any) -> ak.Workspace:
        """A user's."""
        if self.running is None:
            return ak.open("", data_dir=self.folder, user=user.name, user_is_admin=user.is_admin, **options)
        return ak.open(self.running.url, token=token_of(user), **options)


@cache
def adding(number: int) -> Artifact:
    """A module whose `add` adds `number`: another number, another digest."""
    wasm = bytes(
        wat2wasm(
            f"""(module (memory (export "memory") 2 300)
                  (func (export "add") (param i32) (result i32) local.get 0 i32.const {number} i32.add))"""
        )
    )
    return Artifact(wasm, manifest.for_binary(wasm))


_SAME = "".join(
    f"/// The same.\npub fn same_{name}(x: {name}) -> {name} {{ x }}\n"
    for name in ("bool", "u8", "u16", "u32", "u64", "i8", "i16", "i32", "i64", "f32", "f64", "char")
)
KINDS = f"""\
{_SAME}
#[derive(Clone, Debug)]
pub struct Point {{ pub x: f64, pub y: f64, pub label: String, pub ids: Vec<u64> }}

/// The same text.
pub fn same_text(text: &str) -> String {{ text.to_string() }}

/// The same numbers, doubled.
pub fn doubled(values: &[f64]) -> Vec<f64> {{ values.iter().map(|x| x * 2.0).collect() }}

/// The same bytes.
pub fn same_bytes(data: &[u8]) -> Vec<u8> {{ data.to_vec() }}

/// The same large numbers.
pub fn same_longs(data: &[u64]) -> Vec<u64> {{ data.to_vec() }}

/// Words, backwards.
pub fn backwards(words: Vec<String>) -> Vec<String> {{ words.into_iter().rev().collect() }}

/// One more, where there is one.
pub fn next(x: Option<i64>) -> Option<i64> {{ x.map(|x| x + 1) }}

/// Moves a point.
/// * `by`: 0.0..=10.0, default 1.0. How far.
pub fn moved(point: Point, by: f64) -> Point {{ Point {{ x: point.x + by, ..point }} }}

/// Sum and text.
pub fn pair(a: i32, b: i32) -> (i32, String) {{ (a + b, format!("{{a}}+{{b}}")) }}

/// Inverts a picture, by so much.
/// * `strength`: 0.0..=1.0, default 1.0. How much.
pub fn inverted(image: Image, strength: f32) -> Image {{
    image.map_rgb(|_, _, [r, g, b]| [
        r + (255.0 - 2.0 * r) * strength, g + (255.0 - 2.0 * g) * strength, b + (255.0 - 2.0 * b) * strength,
    ])
}}

/// The same picture.
pub fn same_image(image: Image) -> Image {{ image }}

/// The larger of two pictures, and a text.
pub fn larger(first: Image, second: Image, note: &str) -> Image {{
    if note == "second" || second.width * second.height > first.width * first.height {{ second }} else {{ first }}
}}

/// Pixels, where there is a picture.
pub fn pixels(image: Option<Image>) -> u32 {{ image.map_or(0, |image| image.width * image.height) }}

/// Pictures, and how many.
pub fn twice(image: Image) -> (Vec<Image>, u32) {{
    let again = Image {{ width: image.width, height: image.height, pixels: image.pixels.clone() }};
    (vec![image, again], 2)
}}

/// Items that go into each box.
pub fn per_box(items: i32, boxes: i32) -> Result<i32, String> {{
    if items == 13 {{ panic!("bad luck"); }}
    if boxes == 0 {{ return Err(format!("no box for {{items}}")); }}
    Ok(items / boxes)
}}

/// In capitals.
pub fn shout(text: &str) -> String {{ text.to_uppercase() }}

/// Joined.
pub fn joined(left: &str, right: &str) -> String {{ format!("{{left}}{{right}}") }}

/// A half, where there is one.
pub fn half(x: Option<f64>) -> Option<f64> {{ x.map(|x| x / 2.0) }}

/// Even.
pub fn is_even(x: u8) -> bool {{ x % 2 == 0 }}

/// Ends never.
pub fn forever(x: u32) -> u32 {{ let mut y = x; loop {{ y = y.wrapping_add(2) | 1; if y == 2 {{ return y; }} }} }}

/// Fills memory.
pub fn hungry(mb: u32) -> u32 {{
    let kept = vec![1u8; (mb as usize) << 20];
    kept.iter().step_by(4096).map(|each| *each as u32).sum()
}}
"""
