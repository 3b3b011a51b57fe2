"""Runs the command line in this process, on modules that are really built."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import wasmtime
from click.testing import CliRunner
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from click.testing import Result

    from akatsuki_wasm.rust.toolchain import Toolchain

PICTURES = """\
/// Mixes the picture with its negative.
/// * `image`: The picture.
/// * `strength`: 0.0..=1.0, default 0.6. How strong.
/// * `loud`: default false. Shout.
pub fn negate(image: &Image, strength: f32, loud: bool) -> Image {
    let mut out = image.clone();
    for (index, byte) in out.pixels.iter_mut().enumerate() {
        if index % 4 != 3 {
            let value = *byte as f32;
            *byte = (value + (255.0 - 2.0 * value) * strength) as u8;
        }
    }
    if loud && !out.pixels.is_empty() { out.pixels[0] = 255; }
    out
}

/// Twice the picture, and its width.
pub fn twice(image: &Image) -> (Image, Vec<Image>, u32) {
    (image.clone(), vec![image.clone()], image.width)
}

/// A text, loudly, or an error for an empty one.
pub fn shout(text: &str, output: u32) -> Result<String, String> {
    if text.is_empty() { return Err("nothing to shout".to_string()); }
    Ok(format!("{}{}", text.to_uppercase(), "!".repeat(output as usize)))
}

/// The sum of the values.
pub fn total(values: &[f64], scale: Option<f64>) -> f64 {
    values.iter().sum::<f64>() * scale.unwrap_or(1.0)
}

/// Always panics.
pub fn fall(depth: u32) -> u32 {
    assert!(depth > 1_000_000, "fell from {depth}");
    depth
}
"""

SALES = """\
/// Share of the price that is left.
pub fn margin(price: f64, cost: f64) -> f64 { (price - cost) / price }

/// A label.
/// * `times`: 1..=9, default 1. How often.
pub fn label(text: &str, times: u32) -> Result<String, String> {
    if text == "bad" { return Err("a bad text".to_string()); }
    Ok(text.repeat(times as usize))
}
"""
PLAIN = """
(module
  (func (export "add") (param i32 i32) (result i32) local.get 0 local.get 1 i32.add)
  (func (export "spin") (loop br 0)))
"""


class Outcome:
    """What a command did."""

    def __init__(self, result: Result) -> None:
        self.code, self.out, self.err = result.exit_code, result.stdout, result.stderr

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def akatsuki(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Outcome]:
    """Runs ``akatsuki`` with these words, in an empty working folder."""
    from akatsuki_wasm.cli.root import cli

    monkeypatch.chdir(tmp_path)
    return lambda *words: Outcome(CliRunner().invoke(cli, [str(word) for word in words], prog_name="akatsuki"))


def build(folder: Path, name: str, rust: str) -> Path:
    """Builds a module."""
    from akatsuki_wasm.config import load_settings
    from akatsuki_wasm.workspace import Workspace

    source = folder / f"{name}.rs"
    source.write_text(rust)
    artifact = Workspace(load_settings(data_dir=folder)).build(source)
    path = source.with_suffix(".wasm")
    path.write_bytes(artifact.wasm)
    return path


@pytest.fixture(scope="session")
def pictures_wasm(tmp_path_factory: pytest.TempPathFactory, toolchain: Toolchain) -> Path:
    """The built module ``pictures``."""
    return build(tmp_path_factory.mktemp("pictures"), "pictures", PICTURES)


@pytest.fixture(scope="session")
def sales_wasm(tmp_path_factory: pytest.TempPathFactory, toolchain: Toolchain) -> Path:
    """The built module ``sales``."""
    return build(tmp_path_factory.mktemp("sales"), "sales", SALES)


@pytest.fixture
def pictures(akatsuki: Callable[..., Outcome], pictures_wasm: Path) -> str:
    """The module ``pictures``, deployed."""
    assert akatsuki("deploy", pictures_wasm).code == 0
    return "pictures"


@pytest.fixture
def plain(akatsuki: Callable[..., Outcome], tmp_path: Path) -> str:
    """The foreign module ``plain`` with numeric exports, deployed."""
    (tmp_path / "plain.wasm").write_bytes(wasmtime.wat2wasm(PLAIN))
    assert akatsuki("deploy", tmp_path / "plain.wasm").code == 0
    return "plain"


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A small JPEG in the working folder."""
    path = tmp_path / "photo.jpg"
    Image.linear_gradient("L").resize((60, 40)).convert("RGB").save(path, quality=95)
    return path
