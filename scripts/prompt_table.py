"""Ten prompts, from the words to a checked result, as the table of ``docs/reference/prompts.md``.

Each prompt is designed by the offline generator into a registry of its own, executed, and its result compared with a
value worked out here, without the module. ``--check`` writes nothing and fails where the page differs.
"""

from __future__ import annotations

import math
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageOps

import akatsuki_wasm as ak
from akatsuki_wasm.notebook.pictures import draw_card

if TYPE_CHECKING:
    from collections.abc import Callable

    from akatsuki_wasm.module import Module

PAGE = Path(__file__).resolve().parent.parent / "docs" / "reference" / "prompts.md"
CARD = draw_card(240, 160)
"""The picture that the image prompts work on."""

HEAD = """# Ten prompts

Each row was designed by the offline generator from nothing but its prompt, built, checked and executed; the result was
compared with a value computed without the module. `python scripts/prompt_table.py` makes this page.

| prompt | module and signature | call | result | compared with |
| --- | --- | --- | --- | --- |
"""


@dataclass(frozen=True)
class Row:
    """One prompt.

    Attributes:
        prompt: As a user types it.
        call: What is called, as text.
        run: Calls the module; returns the result as text and whether it agrees.
        against: What the result is compared with, in words.
    """

    prompt: str
    call: str
    run: Callable[[Module], tuple[str, bool]]
    against: str


def value(function: str, *args: Any, expected: Any) -> Callable[[Module], tuple[str, bool]]:
    """A call whose result is one number or text."""

    def run(module: Module) -> tuple[str, bool]:
        got = module.call(function, *args)
        agrees = math.isclose(got, expected, rel_tol=1e-9) if isinstance(expected, float) else got == expected
        return (f"{got:.10g}" if isinstance(got, float) else str(got)), agrees

    return run


def picture(judge: Callable[[Image.Image], bool]) -> Callable[[Module], tuple[str, bool]]:
    """A call of the module's only function on the card, with the defaults that the words chose."""

    def run(module: Module) -> tuple[str, bool]:
        (function,) = module.functions.values()
        got = function(CARD)
        return f"picture {got.width}x{got.height}", judge(got)

    return run


def levels(image: Image.Image) -> np.ndarray[Any, Any]:
    """RGB as floats, shape (H, W, 3)."""
    return np.asarray(image.convert("RGB"), np.float64)


def is_vintage(got: Image.Image) -> bool:
    """Less colourful, darker in the corners than in the middle by comparison with the card, blacks lifted."""
    before, after = levels(CARD), levels(got)
    colourful = np.ptp(after, axis=2).mean() < np.ptp(before, axis=2).mean()
    gain = (after.mean(axis=2) + 1) / (before.mean(axis=2) + 1)
    return bool(
        got.size == CARD.size and colourful and np.percentile(after, 1) > np.percentile(before, 1) and gain.max() > 1
    )


def is_grey_800(got: Image.Image) -> bool:
    """The card resized by Pillow, in Rec. 709 grey, within a level on average."""
    reference = levels(CARD.resize((800, 600), Image.Resampling.BICUBIC)) @ [[0.2126], [0.7152], [0.0722]]
    after = levels(got)
    return got.size == (800, 600) and bool(np.ptp(after, axis=2).max() == 0) and abs(after - reference).mean() < 1


def black_scholes(s: float, k: float, r: float, sigma: float, t: float) -> float:
    """The call price, from the error function of the standard library."""
    d1 = (math.log(s / k) + (r + sigma * sigma / 2) * t) / (sigma * math.sqrt(t))
    normal = [0.5 * math.erfc(-x / math.sqrt(2)) for x in (d1, d1 - sigma * math.sqrt(t))]
    return s * normal[0] - k * math.exp(-r * t) * normal[1]


ROWS = (
    Row("create a vintage filter", "vintage(card)", picture(is_vintage), "less colour, lifted blacks"),
    Row("「ビンテージ風フィルターを作って」", "vintage(card)", picture(is_vintage), "less colour, lifted blacks"),
    Row(
        "resize to 800x600 then grayscale",
        "resize_grayscale(card)",
        picture(is_grey_800),
        "Pillow's bicubic, Rec. 709 grey",
    ),
    Row(
        "画像を左右反転して、色を反転して",
        "flip_horizontal_invert(card)",
        picture(lambda got: bool((levels(got) == 255 - levels(ImageOps.mirror(CARD))).all())),
        "Pillow's mirror, inverted, every pixel",
    ),
    Row(
        "a Black-Scholes call price",
        "black_scholes_call(100, 95, 0.02, 0.3, 0.5)",
        value("black_scholes_call", 100, 95, 0.02, 0.3, 0.5, expected=black_scholes(100, 95, 0.02, 0.3, 0.5)),
        "the formula with math.erfc",
    ),
    Row(
        "BMIを計算する関数",
        "bmi(70, 1.75)",
        value("bmi", 70, 1.75, expected=70 / 1.75**2),
        "70 / 1.75²",
    ),
    Row(
        "a function margin(price, cost) = (price - cost) / price",
        "margin(20, 15)",
        value("margin", 20, 15, expected=0.25),
        "0.25",
    ),
    Row(
        "関数 speed(x, y) = √(x² + y²) を作って",
        "speed(3, 4)",
        value("speed", 3, 4, expected=5.0),
        "5",
    ),
    Row(
        "turn titles into slugs",
        'slug("Crème brûlée, twice!")',
        value("slug", "Crème brûlée, twice!", expected="crème-brûlée-twice"),
        "by hand",
    ),
    Row(
        "メールアドレスを隠す",
        'mask_email("write to jane.doe@example.com")',
        value("mask_email", "write to jane.doe@example.com", expected="write to j*******@example.com"),
        "by hand",
    ),
)


def make_page() -> tuple[str, list[str]]:
    """Designs and executes all rows.

    Returns:
        The page, and the prompts whose result did not agree.
    """
    lines, wrong = [], []
    with tempfile.TemporaryDirectory() as folder, ak.open(data_dir=Path(folder), generator="offline") as workspace:
        for row in ROWS:
            module = workspace.design(row.prompt)
            result, agrees = row.run(module)
            signature = ", ".join(f"`{each.signature}`" for each in module.manifest.functions)
            cells = (row.prompt, f"{module.name}: {signature}", f"`{row.call}`", result, row.against)
            lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
            if not agrees:
                wrong.append(f"{row.prompt}: {row.call} gave {result}, which is not {row.against}")
    return HEAD + "\n".join(lines) + "\n", wrong


def main() -> None:
    """Writes the page, or checks it."""
    page, wrong = make_page()
    if wrong:
        sys.exit("error: " + "\nerror: ".join(wrong))
    if "--check" not in sys.argv[1:]:
        PAGE.write_text(page, encoding="utf-8")
        print(f"wrote {PAGE.relative_to(Path.cwd())}")
    elif page != PAGE.read_text(encoding="utf-8"):
        sys.exit(f"error: {PAGE.name} is not what the prompts give now\n  run: python scripts/prompt_table.py")


if __name__ == "__main__":
    main()
