"""Mutated binaries: honest and hostile modules changed at random, through what stores modules and what executes them.

Each mutation is made from its number alone, so that one that fails can be made again.
"""

from __future__ import annotations

import hashlib
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

from akatsuki_wasm import wit
from akatsuki_wasm.binary import Reader, sections
from akatsuki_wasm.contracts import MIB, Call, Control, ExecutableModule, Limits
from akatsuki_wasm.errors import AkatsukiError, InvalidModuleError
from akatsuki_wasm.manifest import SECTION
from akatsuki_wasm.registry.validation import examine
from akatsuki_wasm.testing import hostile_answers, hostile_batch, hostile_limits, hostile_traps, hostile_uploads
from akatsuki_wasm.testing.hostile_case import GOOD, PATIENCE_S, shown
from akatsuki_wasm.testing.hostile_deploy import packed
from akatsuki_wasm.testing.hostile_wasm import HEADER, leb128, section, vector

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from akatsuki_wasm.contracts import Manifest
    from akatsuki_wasm.testing.hostile_case import Execute

LIMITS = Limits(timeout_ms=20, memory_bytes=16 * MIB, result_bytes=MIB)
_CODE = 10
_INSTRUCTIONS = (
    b"\x01",
    b"\x1a",
    b"\x00",
    b"\x0f",
    b"\x41\x00",
    b"\x41\x7f",
    b"\x20\x00",
    b"\x40\x00",
    b"\x10\x00",
    b"\x45",
)
FOREIGN = 100
"""One in so many is said not to be built here."""
_EDGES = (0, 1, 0x7F, 0x80, 0xFF, 0x0B, 0x40, 0x60, 0xFC, 0xFD)
_LONG = (b"\xff\xff\xff\xff\x0f", b"\x80\x80\x80\x80\x08", b"\xff\xff\x03", b"\x80\x80\x04")


@cache
def corpus() -> tuple[tuple[bytes, Manifest], ...]:
    """The modules that are changed, with their manifests: one of each group, and those with the most in them."""
    groups = (
        hostile_limits.state(),
        hostile_limits.memory(),
        hostile_answers.answers(),
        hostile_answers.allocators(),
        hostile_answers.panics(),
        hostile_batch.batch(),
        hostile_traps.traps(),
        hostile_traps.names(),
    )
    chosen = [GOOD, *(case for group in groups for case in list(group)[::4] if len(case.module.read()) < 2_000)]
    made = [(packed(case), case.module.manifest) for case in chosen]
    honest = hostile_uploads.honest()
    return (*made, *[(honest, examine(honest).manifest)] * 4)


def mutation(number: int, seed: int = 0) -> tuple[bytes, Manifest]:
    """The changed binary of that number, and the manifest of what it was made from."""
    draw = random.Random(f"{seed}:{number}")  # noqa: S311 - it must be the same each time
    wasm, manifest = draw.choice(corpus())
    # The description is long, and what it says is checked first: mostly it is left alone, so that the rest is met.
    kept = wasm.rfind(SECTION.encode()) - 4 if draw.random() < 0.8 else len(wasm)
    changed = _inside(draw, wasm[:kept]) if draw.random() < 0.7 else _anywhere(draw, wasm[:kept])
    return changed + wasm[kept:], manifest


def _anywhere(draw: random.Random, wasm: bytes) -> bytes:
    data = bytearray(wasm)
    for _ in range(draw.choice((1, 1, 1, 2, 3, 8))):
        draw.choice(_CHANGES)(draw, data)
    return bytes(data)


def _inside(draw: random.Random, wasm: bytes) -> bytes:
    """Changes the content of one section, or of one function, and has the lengths around it right again."""
    parts = [(code, reader.take(reader.end - reader.position)) for code, reader in sections(wasm)]
    if not parts:
        return _anywhere(draw, wasm)
    index = draw.choice([at for at, (code, _) in enumerate(parts) for _ in range(6 if code == _CODE else 1)])
    code, content = parts[index]
    if code == _CODE:
        reader = Reader(content, 0, len(content), "the code section")
        bodies = [bytearray(body) for body in reader.items(lambda: reader.take(reader.unsigned()))]
        _nudge_some(draw, draw.choice(bodies))
        content = vector([leb128(len(body)) + body for body in bodies])
    else:
        data = bytearray(content)
        _nudge_some(draw, data)
        content = bytes(data)
    parts[index] = code, content
    return HEADER + b"".join(section(code, content) for code, content in parts)


def _nudge_some(draw: random.Random, data: bytearray) -> None:
    for _ in range(draw.choice((1, 1, 2, 3))):
        at = draw.randrange(max(len(data), 1))
        match draw.randrange(8):
            case 0:
                del data[at : at + 1]
            case 1:
                data[at:at] = draw.choice(_INSTRUCTIONS)
            case 2 if data:
                data[at] = draw.choice(_EDGES)
            case 3 if data:
                data[at] = draw.randrange(256)
            case 4 if data:
                data[at] ^= 1 << draw.randrange(8)
            case _ if data:
                data[at] = (data[at] + draw.choice((-1, 1))) & 0xFF


def _place(draw: random.Random, data: bytearray) -> int:
    return draw.randrange(8 if draw.random() < 0.95 else 0, max(len(data), 9)) if data else 0


def _flip(draw: random.Random, data: bytearray) -> None:
    if (at := _place(draw, data)) < len(data):
        data[at] ^= 1 << draw.randrange(8)


def _set(draw: random.Random, data: bytearray) -> None:
    if (at := _place(draw, data)) < len(data):
        data[at] = draw.choice(_EDGES)


def _nudge(draw: random.Random, data: bytearray) -> None:
    if (at := _place(draw, data)) < len(data):
        data[at] = (data[at] + draw.choice((-1, 1))) & 0xFF


def _delete(draw: random.Random, data: bytearray) -> None:
    at = _place(draw, data)
    del data[at : at + draw.choice((1, 1, 2, 8, 64))]


def _repeat(draw: random.Random, data: bytearray) -> None:
    at = _place(draw, data)
    data[at:at] = data[at : at + draw.choice((1, 2, 8, 64))] * draw.choice((1, 1, 2, 50))


def _insert(draw: random.Random, data: bytearray) -> None:
    at = _place(draw, data)
    data[at:at] = draw.randbytes(draw.choice((1, 2, 8)))


def _enlarge(draw: random.Random, data: bytearray) -> None:
    at = _place(draw, data)
    data[at : at + 1] = draw.choice(_LONG)


def _splice(draw: random.Random, data: bytearray) -> None:
    other, _ = draw.choice(corpus())
    start, at = draw.randrange(len(other)), _place(draw, data)
    data[at:] = other[start:]


_CHANGES: tuple[Callable[[random.Random, bytearray], None], ...] = (
    *(_flip,) * 4, *(_set,) * 3, *(_nudge,) * 4, _delete, _repeat, _insert, _enlarge, _splice,
)  # fmt: skip


@dataclass
class Tally:
    """What became of mutations.

    Attributes:
        outcomes: How often each: ``refused``, ``value``, or an error's class.
        problems: What must not be, by the mutation's number.
        slowest_s: The slowest execution.
    """

    outcomes: Counter[str] = field(default_factory=Counter)
    problems: dict[int, str] = field(default_factory=dict)
    slowest_s: float = 0.0

    @property
    def count(self) -> int:
        """Mutations in all."""
        return self.outcomes["refused"] + self.outcomes["stored"]


def try_mutations(
    execute: Execute,
    start: int,
    stop: int,
    *,
    seed: int = 0,
    seconds: float | None = None,
    progress: Path | None = None,
) -> Tally:
    """Tries mutations by their numbers.

    Each is examined as a registry does; what passes is executed with the manifest that it has, what does not with the
    manifest of what it was made from. An error must be an `AkatsukiError`, in time.

    Args:
        execute: An executor's hook.
        start: First number.
        stop: Number after the last.
        seed: Others give other mutations.
        seconds: Stops after this time.
        progress: A file that the number is written to before each, for whoever finds out why the process ended.
    """
    tally = Tally()
    ends = None if seconds is None else time.perf_counter() + seconds
    for number in range(start, stop):
        if ends is not None and time.perf_counter() > ends:
            break
        if progress is not None:
            progress.write_text(str(number))
        try:
            # Most are said to be built here: they reach the compiler in this process, where a crash would be seen.
            _try(execute, *mutation(number, seed), tally, built_here=number % FOREIGN != 0)
        except Exception as exc:  # noqa: BLE001 - what must not be is counted, and the rest is tried
            tally.problems[number] = f"{type(exc).__name__}: {shown(str(exc))}"
    return tally


def _try(execute: Execute, wasm: bytes, manifest: Manifest, tally: Tally, *, built_here: bool) -> None:
    started = time.perf_counter()
    try:
        facts = examine(wasm)
    except InvalidModuleError:
        tally.outcomes["refused"] += 1
    else:
        tally.outcomes["stored"] += 1
        manifest = facts.manifest
    module = ExecutableModule(hashlib.sha256(wasm).hexdigest(), manifest, lambda: wasm, "mutation", built_here)
    for function in manifest.functions[:2]:
        call = Call(function.name, tuple(_value(param.type) for param in function.params))
        try:
            execute(module, call, LIMITS, Control())
            tally.outcomes["value"] += 1
        except AkatsukiError as exc:
            tally.outcomes[type(exc).__name__] += 1
    took = time.perf_counter() - started
    tally.slowest_s = max(tally.slowest_s, took)
    if took > PATIENCE_S:
        raise TimeoutError(f"it took {took:.1f} s")


def _value(type_: wit.Type) -> Any:
    match type_:
        case wit.Primitive("string"):
            return "aé"
        case wit.Primitive("char"):
            return "a"
        case wit.Primitive("bool"):
            return True
        case wit.Primitive("f32" | "f64"):
            return 1.5
        case wit.Primitive():
            return 1
        case wit.List(element):
            return [_value(element)] * 3
        case wit.Option(inner):
            return _value(inner)
        case wit.Record(_, fields):
            return {name: _value(each) for name, each in fields}
        case _:
            return tuple(_value(each) for each in wit.children(type_))
