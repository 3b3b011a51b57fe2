"""What the build sandbox costs: the same crate built by cargo alone and at each level that this machine has."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Any

import wasmtime
from _guests import VINTAGE, design, workspace
from _harness import Race, Run, equal, main

from akatsuki_wasm.config import load_settings
from akatsuki_wasm.confinement.ladder import LEVELS, Confinement, Level
from akatsuki_wasm.confinement.probe import find_confinement, forget, probe
from akatsuki_wasm.rust.build import build_crate
from akatsuki_wasm.rust.glue import render_crate
from akatsuki_wasm.rust.signatures import parse_source
from akatsuki_wasm.rust.toolchain import find_toolchain
from akatsuki_wasm.sandbox import foreign
from akatsuki_wasm.sandbox.engine import process_engine

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

SMALL = "/// Share of the price.\npub fn margin(price: f64, cost: f64) -> f64 {\n    (price - cost) / price\n}\n"
NOTHING = "cargo alone"
WITHIN = 1.25
"""By how much one and the same build differs from turn to turn on a machine with two shared cores, and more."""


class Unconfined(Confinement):
    """The same arguments and environment with nothing around them: no limits and no launcher."""

    def command(self, program: Sequence[str], **settings: Any) -> list[str]:
        """The program itself."""
        return list(program)


def measure(run: Run) -> None:
    """Two builds at each level, the child that compiles modules of others, and finding out which level there is."""
    best, _ = probe()
    for level, problem in best.lacking.items():
        run.note(f"{level}: not here: {problem}")
    toolchain = find_toolchain(load_settings().cache_dir)
    with workspace() as made:
        vintage = design(made, VINTAGE).source or ""
    for title, rust in {"a small crate": SMALL, "the vintage filter": vintage}.items():
        files = render_crate(rust, parse_source(rust)).files

        def build(confinement: Confinement, files: Mapping[str, str] = files) -> bytes:
            return build_crate(files, toolchain=toolchain, confinement=confinement).wasm

        levels = by_level(best, build)
        race = run.race(f"build of {title}", {NOTHING: partial(build, Unconfined()), **levels}, same=equal)
        for name in [name for name in levels if name in race]:
            run.target(f"build of {title}, {name}", race, name, NOTHING, within=WITHIN)

    wasm = bytes(wasmtime.wat2wasm('(module (func (export "f") (result i32) (i32.const 7)))'))

    def compile_foreign(confinement: Confinement) -> None:
        foreign.find_confinement = lambda cache_dir: confinement
        foreign.compile_foreign(process_engine(), wasm)

    run.race("a tiny module of others, compiled in a child", by_level(best, compile_foreign))
    run.add(finding())


def by_level(best: Confinement, work: Callable[[Confinement], Any]) -> dict[str, Callable[[], Any] | None]:
    """Contestants for `Run.race`; None for a level that this machine lacks."""

    def contestant(level: Level) -> Callable[[], Any] | None:
        return partial(work, best.lowered(level)) if best.at_least(level) else None

    return {level: contestant(level) for level in LEVELS}


def finding() -> Race:
    """How long it takes to know the level: by trying, from the file, and once this process knows."""
    cache_dir = load_settings().cache_dir
    times: dict[str, list[float]] = {}
    for _ in range(5):
        for name, prepare in {"tried": lambda: forget(cache_dir), "from the file": forget, "known": int}.items():
            prepare()
            started = time.perf_counter()
            find_confinement(cache_dir)
            times.setdefault(name, []).append(time.perf_counter() - started)
    middle = {name: sorted(each)[2] for name, each in times.items()}
    return Race("which level there is", middle, {name: (min(each), max(each)) for name, each in times.items()})


if __name__ == "__main__":
    main(measure)
