"""A suite of four cases, and the played language model of ``tests/model``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from model.conftest import model, model_process  # fixtures  # noqa: F401

if TYPE_CHECKING:
    from pathlib import Path

CASES = {
    "invert": """PROMPT = "Turn a picture into its negative, as a function `invert_all(image)`. Alpha stays."
KIND, LEVEL = "image", "easy"

def invert_all(image):
    done = image.copy()
    done[..., :3] = 255 - image[..., :3]
    return done
""",
    "margin": '''PROMPT = """
Margin of a sale, as a function
`margin(price, cost)`: (price - cost) / price.
"""
KIND, LEVEL = "column", "medium"
EXAMPLES = ["margin(80, 60) == 0.25"]

def inputs(rng, rows):
    return {"price": rng.uniform(1, 100, rows), "cost": rng.uniform(1, 100, rows)}

def margin(price, cost):
    return (price - cost) / price
''',
    "shout": """PROMPT = "Say a text loudly, as a function `shout(text)`: ASCII letters as capitals, and ! at its end."
KIND, LEVEL = "text", "easy"

def shout(text):
    return "".join(each.upper() if each.isascii() else each for each in text) + "!"
""",
    "spread": """PROMPT = "Largest minus smallest of a list of numbers, as a function `spread(values)`; 0 for none."
KIND, LEVEL = "general", "hard"

def spread(values):
    return float(max(values) - min(values)) if len(values) else 0.0
""",
}
"""In the order of their kinds, which is that of a run."""

SHOUT = """/// Says a text loudly.
pub fn shout(text: &str) -> String {
    format!("{}!", text.to_ascii_uppercase())
}
"""
MARGIN = """/// Margin of a sale.
pub fn margin<R: Real>(price: R, cost: R) -> R {
    (price - cost) / price
}
"""
SPREADS = [
    f"""/// Largest minus smallest.
pub fn spread(values: &[f64]) -> f64 {{
    {wrong}
}}
"""
    for wrong in ("maximum(values)", "maximum(values) - minimum(values)", "maximum(values) - mean(values)")
]
"""None of them is right: of an empty list the second one makes NaN."""


def answer(rust: str, name: str = "some-name") -> str:
    """As a model answers that is not held to a schema."""
    return f"name: {name}\n```rust\n{rust.rstrip()}\n```"


REFUSAL = {"content": None, "refusal": "I cannot help with pictures."}
SCRIPT = [
    REFUSAL,
    answer(MARGIN.replace("    (price", '    println!("margin");\n    (price')),  # is outside the guest contract
    answer(MARGIN.replace("/ price", "/ prize")),  # does not compile
    answer(MARGIN),
    answer(SHOUT),
    *map(answer, SPREADS),
]
"""What the model answers to a run of the four cases with two repairs."""


@pytest.fixture
def mini(tmp_path: Path) -> Path:
    folder = tmp_path / "mini"
    folder.mkdir()
    for name, text in CASES.items():
        (folder / f"{name}.py").write_text(text, encoding="utf-8")
    return folder
