"""From a prompt to a deployed module with a language model that answers at once: what the host itself takes.

The model is a server in its own process that speaks the protocol and answers without delay, so that what is left is the
host's own: prompt, client, reading the answer, rustc, checks, storing. Each turn asks anew (``fresh``) and builds anew.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from _guests import workspace
from _harness import Run, main

if TYPE_CHECKING:
    from collections.abc import Iterator

    from akatsuki_wasm.module import Module

SERVER = Path(__file__).parents[1] / "tests" / "model" / "model_server.py"
LIMIT_S = 2.5
PROMPT = "create a vintage filter"
ANSWER = """name: vintage
```rust
/// Gives a picture warm, faded colours and darker corners.
///
/// * `strength`: 0.0..=1.0, default 0.6. How strong the look is.
pub fn vintage(image: Image, strength: f32) -> Image {
    image.map_rgb_uv(|u, v, rgb| {
        let old = each(contrast(mix_rgb(rgb, sepia(rgb), 0.7), 0.9), |c| c + 12.0);
        let shade = 1.0 - 0.35 * smoothstep(0.5, 2.0, u * u + v * v);
        mix_rgb(rgb, each(old, |c| c * shade), strength)
    })
}
```
"""
COMMAND, CALL, REPLAY = "akatsuki design wasm (a process)", "Workspace.design", "Workspace.design, answer remembered"


@contextmanager
def model(folder: Path) -> Iterator[None]:
    """The played model, which the environment names while the block runs."""
    answer = folder / "answer.txt"
    answer.write_text(ANSWER, encoding="utf-8")
    command = [sys.executable, SERVER, "--answer", answer]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        os.environ["OPENAI_BASE_URL"] = f"http://127.0.0.1:{int(server.stdout.readline())}/v1"
        try:
            yield
        finally:
            del os.environ["OPENAI_BASE_URL"]
            server.kill()


def measure(run: Run) -> None:
    """The command, the call in a running process, and the same from memory."""
    with tempfile.TemporaryDirectory(prefix="akatsuki-bench-") as name, model(Path(name)), workspace() as made:
        built: list[float] = []

        def by_command() -> str:
            words = ["design", "wasm", PROMPT, "--fresh", "--json"]
            command = [sys.executable, "-m", "akatsuki_wasm.cli", "--data-dir", name, *words]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            return str(json.loads(done.stdout)["digest"])

        def by_call(*, fresh: bool = True) -> str:
            module: Module = made.design(PROMPT, fresh=fresh)
            built.append(module.provenance["build"]["seconds"])
            return module.digest

        race = run.race(
            "prompt to deployed module",
            {COMMAND: by_command, CALL: by_call, REPLAY: lambda: by_call(fresh=False)},
            same=lambda left, right: "" if left == right else f"{left} and {right}",
        )
        cargo = sorted(built)[len(built) // 2]
        what = "prompt to deployed module, model without delay"
        for way in (COMMAND, CALL):
            seconds = race[way]
            run.judge(
                f"{what}: {way}",
                f"{seconds:.2f} s",
                f"cargo {cargo:.2f} s",
                f"{cargo / seconds:.0%} of it",
                f"at most {LIMIT_S} s",
                passed=seconds <= LIMIT_S,
                why="Python's start and the imports of openai and sqlalchemy are over a second of a process",
            )
        run.note("the rest of the command is Python's start and its imports, of which openai and sqlalchemy are most")


if __name__ == "__main__":
    main(measure)
