"""The native slots that a call's flat core values travel in."""

from __future__ import annotations

import struct
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from akatsuki_wasm.sandbox import ffi

if TYPE_CHECKING:
    from collections.abc import Callable

_AFTER_KIND = ffi.SLOT_VALUE - 1
_VALUES = {"i32": "I", "i64": "Q", "f32": "I", "f64": "d"}


class SlotLayout:
    """Some core values in slots of ``wasmtime_val_t``: unsigned bits for i32, i64 and f32, a float for f64.

    Args:
        core: Their core types.

    Attributes:
        count: Slots.
        pack_into: Writes values into a buffer, each behind its kind.
    """

    __slots__ = ("_unpack", "count", "pack_into")

    def __init__(self, core: tuple[str, ...]) -> None:
        self.count = len(core)
        formats = [(_VALUES[each], ffi.SLOT_SIZE - ffi.SLOT_VALUE - struct.calcsize(_VALUES[each])) for each in core]
        self._unpack = struct.Struct("<" + "".join(f"{ffi.SLOT_VALUE}x{value}{rest}x" for value, rest in formats))
        pack = struct.Struct("<" + "".join(f"B{_AFTER_KIND}x{value}{rest}x" for value, rest in formats)).pack_into
        # Written out: taking a list of kinds and one of values apart and together costs as much as the native call.
        values = ", ".join(f"{ffi.KINDS[each]}, flat[{index}]" for index, each in enumerate(core))
        self.pack_into: Callable[[Any, list[Any]], None] = eval(  # noqa: S307 - our own text
            f"lambda buffer, flat: pack(buffer, 0, {values})", {"pack": pack}
        )

    def unpack_from(self, buffer: Any, offset: int) -> tuple[Any, ...]:
        """Reads the values, from so many bytes on."""
        return self._unpack.unpack_from(buffer, offset)


@lru_cache(maxsize=1024)
def slot_layout(core: tuple[str, ...]) -> SlotLayout:
    """The layout of these core values."""
    return SlotLayout(core)


NO_SLOTS = slot_layout(())
ONE_I32 = slot_layout(("i32",))
