"""What it costs a guest that it can be interrupted, and that its work is counted: the same code compiled three ways.

Two loops that show the extremes: a short scalar one, where each round pays, and one that LLVM vectorised.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import wasmtime
from _guests import workspace
from _harness import Run, equal, main

if TYPE_CHECKING:
    from collections.abc import Callable

RUST = """
/// The longest Collatz chain that begins below a number.
pub fn collatz(below: u32) -> u32 {
    let mut longest = 0;
    for start in 1..below {
        let (mut value, mut steps) = (u64::from(start), 0);
        while value != 1 {
            value = if value % 2 == 0 { value / 2 } else { 3 * value + 1 };
            steps += 1;
        }
        longest = longest.max(steps);
    }
    longest
}

/// Rounds of y = a x + y over 4,096 numbers.
pub fn axpy(rounds: u32) -> f32 {
    let x: Vec<f32> = (0..4096).map(|i| i as f32 * 1e-6).collect();
    let mut y = vec![0.5_f32; 4096];
    for _ in 0..rounds {
        for (y, x) in y.iter_mut().zip(&x) {
            *y += 0.5 * x;
        }
    }
    y.iter().sum()
}
"""
NOTHING, EPOCHS, FUEL = "neither", "epochs, as always", "epochs and fuel"
LOOPS = {"collatz": ("a short scalar loop", 60_000), "axpy": ("a vector loop", 30_000)}


def compiled(wasm: bytes, name: str, argument: int, *, epochs: bool, fuel: bool) -> Callable[[], object]:
    """A call of one export, on an engine of its own."""
    config = wasmtime.Config()
    config.epoch_interruption, config.consume_fuel = epochs, fuel
    engine = wasmtime.Engine(config)
    store = wasmtime.Store(engine)
    if epochs:
        store.set_epoch_deadline(1_000_000)
    if fuel:
        store.set_fuel(1 << 62)
    func = wasmtime.Instance(store, wasmtime.Module(engine, wasm), []).exports(store)[name]
    assert isinstance(func, wasmtime.Func)
    return lambda: func(store, argument)


def measure(run: Run) -> None:
    """Each loop, compiled three ways."""
    with workspace() as made:
        wasm = made.build(RUST, name="loops").wasm
    for name, (title, argument) in LOOPS.items():
        run.race(
            f"{title}: {name}({argument:,})",
            {
                NOTHING: compiled(wasm, name, argument, epochs=False, fuel=False),
                EPOCHS: compiled(wasm, name, argument, epochs=True, fuel=False),
                FUEL: compiled(wasm, name, argument, epochs=True, fuel=True),
            },
            same=equal,
        )


if __name__ == "__main__":
    main(measure)
