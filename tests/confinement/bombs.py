"""Sources that keep a compiler busy, or fill memory, disk or terminal, and the limit that ends each of them."""

from __future__ import annotations

from akatsuki_wasm.contracts import MIB
from akatsuki_wasm.rust.build import BuildLimits

from .attack import LIB, Bomb

BUSY_S = 5.0
"""A plain build that is still at it after so long is not about to end: each of these would take hours."""

_ENDLESS = """\
const fn endless() -> i32 { let mut n = 0u64; while n < u64::MAX { n += 1; } 1 }
const ONE: i32 = endless();
pub fn f(a: usize) -> i32 { a as i32 + ONE }
"""
_RECURSION = """\
macro_rules! twice {
    ($x:expr; .) => { $x };
    ($x:expr; . $($rest:tt)*) => { twice!($x; $($rest)*) + twice!($x; $($rest)*) };
}
pub fn f(a: usize) -> i32 { twice!(a as i32; . . . . . . . . . . . . . . . . . . . . . . . . . . . . . . . . . . . .) }
"""


def _tower() -> str:
    """Each type holds the one below twice, so that its name and layout double with each floor."""
    floors = "".join(f"type T{n} = (T{n - 1}, T{n - 1});\n" for n in range(1, 23))
    return f"type T0 = (i32, u8);\n{floors}pub fn f(a: usize) -> i32 {{ (a + std::mem::size_of::<T22>()) as i32 }}\n"


def _large_static(mib: int) -> str:
    return (
        f"static LARGE: [u8; {mib} << 20] = [1; {mib} << 20];\n"
        "pub fn f(a: usize) -> i32 { i32::from(LARGE[a % LARGE.len()]) }\n"
    )


def _warnings(number: int) -> str:
    lines = "\n".join(f"    let v{n} = {n};" for n in range(number))
    return f"pub fn f(a: usize) -> i32 {{\n{lines}\n    a as i32\n}}\n"


BOMBS = (
    Bomb(
        "a constant that is computed without end",
        _ENDLESS,
        lambda plain: plain.code is None,
        BuildLimits(cpu_s=2),
        "the compiler used more than its limit of 2 s of CPU time",
        "CPU time of each process",
        lib=f"#![allow(long_running_const_eval)]\n{LIB}",
        seconds=BUSY_S,
        before="lint",
    ),
    Bomb(
        "a macro that doubles with each step",
        _RECURSION,
        lambda plain: plain.code is None,
        BuildLimits(cpu_s=2),
        "the compiler used more than its limit of 2 s of CPU time",
        "CPU time of each process",
        lib=f'#![recursion_limit = "1000000"]\n{LIB}',
        seconds=BUSY_S,
        before="lint",
    ),
    Bomb(
        "a tower of types that takes gigabytes",
        _tower(),
        lambda plain: plain.peak > 800 * MIB,
        BuildLimits(memory_bytes=800 * MIB),
        "the compiler needed more than its limit of 800 MiB of memory",
        "memory of each process",
    ),
    Bomb(
        "a static array of hundreds of megabytes",
        _large_static(100),
        lambda plain: len(plain.module) > 100 * MIB,
        BuildLimits(),
        "the compiler wrote a file larger than its limit of 64 MiB",
        "size of each file, and of the module",
    ),
    Bomb(
        "60,000 warnings",
        _warnings(60_000),
        lambda plain: len(plain.messages) > 10 * MIB,
        BuildLimits(output_bytes=8 * MIB),
        "the compiler printed more than its limit of 8388608 bytes",
        "what is printed, and 50 warnings of it are kept",
        before="size",
    ),
)
