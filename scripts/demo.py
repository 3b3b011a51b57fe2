"""The demo: one sentence becomes a filter on a photograph, by the same commands that a user types.

Leaves in ``demo-output/`` the photograph, the filtered picture, both side by side, the Rust source and a report. Its
registry is ``demo-output/data``, made anew each time, so that the user's own stays as it is.
"""

from __future__ import annotations

import importlib.util
import os
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

OUTPUT = Path("demo-output")
PROMPT = "create a vintage filter"
MODULE = "vintage-filter"
NOTEBOOK = "design_to_run"
GAP = 12
"""Pixels between the two halves of the side-by-side."""


def default_photograph() -> Path:
    """A real photograph that scikit-learn ships, found without importing scikit-learn."""
    spec = importlib.util.find_spec("sklearn")
    if spec is None or not spec.submodule_search_locations:
        sys.exit("error: there is no photograph\n  run: make demo PHOTO=yours.jpg")
    return Path(spec.submodule_search_locations[0]) / "datasets" / "images" / "china.jpg"


def akatsuki(*arguments: str) -> None:
    """Shows and runs one ``akatsuki`` command; its failure ends the demo with its exit code."""
    print(f"\n$ akatsuki {shlex.join(arguments)}", flush=True)
    done = subprocess.run([Path(sys.executable).with_name("akatsuki"), *arguments], check=False)
    if done.returncode:
        sys.exit(done.returncode)


def side_by_side(left: Path, right: Path, output: Path) -> None:
    """Puts two pictures of one size beside each other, on white."""
    from PIL import Image, ImageOps

    with Image.open(left) as first, Image.open(right) as second:
        before, after = ImageOps.exif_transpose(first).convert("RGB"), second.convert("RGB")
    canvas = Image.new("RGB", (before.width + GAP + after.width, max(before.height, after.height)), "white")
    canvas.paste(before, (0, 0))
    canvas.paste(after, (before.width + GAP, 0))
    canvas.save(output, quality=90)


def copy_photograph(source: Path) -> Path:
    """Copies the photograph into the output folder after a look at whether it is one."""
    from PIL import Image, UnidentifiedImageError

    if not source.is_file():
        sys.exit(f"error: there is no photograph {source}\n  run: make demo PHOTO=yours.jpg")
    try:
        with Image.open(source) as picture:
            picture.verify()
    except (UnidentifiedImageError, OSError, SyntaxError) as error:
        sys.exit(f"error: {source} is not a picture that can be read: {error}\n  Give a JPEG, PNG or WebP file.")
    target = OUTPUT / f"photograph{source.suffix.lower()}"
    shutil.copyfile(source, target)
    return target


def main() -> None:
    """Designs, runs, shows."""
    started = time.monotonic()
    source = Path(sys.argv[1]).expanduser() if len(sys.argv) > 1 else default_photograph()
    OUTPUT.mkdir(exist_ok=True)
    shutil.rmtree(OUTPUT / "data", ignore_errors=True)
    os.environ["AKATSUKI_DATA_DIR"] = str((OUTPUT / "data").resolve())
    photograph = copy_photograph(source)
    filtered, beside, rust = OUTPUT / "vintage.png", OUTPUT / "side-by-side.jpg", OUTPUT / "vintage.rs"

    akatsuki("design", "wasm", PROMPT, "--name", MODULE, "--generator", "offline")
    akatsuki("run", MODULE, "vintage", str(photograph), "-o", str(filtered))

    import akatsuki_wasm as ak
    from akatsuki_wasm.resources import data_folder

    with ak.open() as workspace:
        rust.write_text(workspace.load(MODULE).source or "", encoding="utf-8")
    side_by_side(photograph, filtered, beside)
    made = {"photograph": photograph, "filtered": filtered, "side by side": beside, "Rust source": rust}

    if (data_folder("notebooks") / f"{NOTEBOOK}.ipynb").is_file():
        report = OUTPUT / "report.ipynb"
        parameters = ("-p", "prompt", PROMPT, "-p", "generator", "offline", "-p", "image", str(photograph.resolve()))
        akatsuki("pipeline", "run", NOTEBOOK, *parameters, "--out", str(report), "--html")
        made |= {"notebook": report, "report": report.with_suffix(".html")}

    print(f"\nDone in {time.monotonic() - started:.1f} s:")
    for what, path in made.items():
        print(f"  {what:13} {path}")


if __name__ == "__main__":
    main()
