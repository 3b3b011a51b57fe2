"""The prelude natively: its Rust tests, clippy and formatting, and the reference page against the source."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from akatsuki_wasm.rust.toolchain import Toolchain

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
PRELUDE = ROOT / "rust_templates" / "prelude"


def test_native_tests_pass(toolchain: Toolchain, tmp_path: Path) -> None:
    environment = {**os.environ, "RUSTC": str(toolchain.rustc), "CARGO_TARGET_DIR": str(tmp_path / "target")}
    command = [
        str(toolchain.cargo),
        "test",
        "--offline",
        "--quiet",
        "--manifest-path",
        str(HERE / "native" / "Cargo.toml"),
    ]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_reference_names_every_public_item() -> None:
    page = (ROOT / "docs" / "reference" / "prelude.md").read_text()
    missing = []
    for path in sorted(PRELUDE.glob("*.rs")):
        source = path.read_text()
        names = re.findall(r"^(?:    )?pub (?:const )?(?:fn|struct|const) (\w+)", source, re.MULTILINE)
        if path.name == "real.rs":
            trait = source[source.index("pub trait Real") : source.index("impl<T> Real for T")]
            names = re.findall(r"^    fn (\w+)", trait, re.MULTILINE)
        if path.name == "lanes.rs":
            names = ["Lanes", "LANES", "load", "store", "splat", "to_array"]
        missing += [f"{path.name}: {name}" for name in names if not re.search(rf"\b{name}\b", page)]
    assert missing == []
