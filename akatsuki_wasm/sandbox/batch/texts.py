"""Texts of many rows as UTF-8 with offsets: from Python strings, from and to code points, and checked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from akatsuki_wasm.contracts import Texts
from akatsuki_wasm.sandbox.scalars import Mismatch, character, describe

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    Array = npt.NDArray[Any]


def size_of(texts: Texts) -> int:
    """Bytes of all the texts together."""
    return int(texts.offsets[-1]) - int(texts.offsets[0])


def slice_of(texts: Texts, start: int, stop: int) -> Texts:
    """Some of the rows, of the same memory."""
    return Texts(texts.offsets[start : stop + 1], texts.data)


def encode(listed: Sequence[Any], valid: Array | None) -> Texts:
    """Python strings as UTF-8; places that are not valid become empty texts.

    Raises:
        Mismatch: One is no string, or no Unicode text; says which.
    """
    if valid is not None:
        listed = [text if ok else "" for text, ok in zip(listed, valid.tolist(), strict=True)]
    try:
        joined = "".join(listed)
        if joined.isascii():  # then characters are bytes
            data, sizes = joined.encode("ascii"), list(map(len, listed))
        else:
            encoded = [text.encode() for text in listed]
            data, sizes = b"".join(encoded), list(map(len, encoded))
    except (TypeError, UnicodeEncodeError) as exc:
        raise _explain(listed) from exc
    offsets = np.zeros(len(sizes) + 1, np.int64)
    np.cumsum(sizes, out=offsets[1:])
    return Texts(offsets, np.frombuffer(data, np.uint8))


def _explain(listed: Sequence[Any]) -> Mismatch:
    """Finds the row that is no text."""
    for index, text in enumerate(listed):
        if not isinstance(text, str):
            return Mismatch("string", describe(text)).within(f"[{index}]")
        try:
            text.encode()
        except UnicodeEncodeError as exc:
            got = f"a lone surrogate at position {exc.start}"
            return Mismatch("string (Unicode scalar values)", got).within(f"[{index}]")
    return Mismatch("strings", "something else")


def codes_of_list(listed: Sequence[Any], valid: Array | None) -> Array:
    """The code point of each one-character string, as u32; 0 where not valid.

    Raises:
        Mismatch: One is no character; says which.
    """
    codes = np.zeros(len(listed), np.uint32)
    for index, value in enumerate(listed):
        if valid is None or valid[index]:
            try:
                codes[index] = character(value)
            except Mismatch as mismatch:
                raise mismatch.within(f"[{index}]") from None
    return codes


def codes_of(texts: Texts, valid: Array | None) -> Array:
    """The same of UTF-8 texts, without a Python object for each where every text is one character."""
    sizes = np.diff(texts.offsets)
    wanted = sizes > 0
    if valid is None or not (wanted & ~valid).any():
        data = bytes(texts.data[texts.offsets[0] : texts.offsets[-1]])
        codes = np.frombuffer(data.decode("utf-8", "replace").encode("utf-32-le"), np.uint32)
        # As many characters as texts that are not empty: each has one.
        if len(codes) == np.count_nonzero(wanted) == (len(texts) if valid is None else np.count_nonzero(valid)):
            spread = np.zeros(len(texts), np.uint32)
            spread[wanted] = codes
            return spread
    return codes_of_list(texts.tolist(), valid)


def from_codes(codes: Array, valid: Array | None) -> Texts:
    """Code points, which must be of characters, as texts of one character; empty where not valid."""
    sizes = 1 + (codes >= 0x80).view(np.uint8) + (codes >= 0x800) + (codes >= 0x10000)
    if valid is not None:
        sizes[~valid] = 0
        codes = codes[valid]
    offsets = np.zeros(len(sizes) + 1, np.int32)
    np.cumsum(sizes, out=offsets[1:])
    data = codes.astype("<u4").tobytes().decode("utf-32-le").encode()
    return Texts(offsets, np.frombuffer(data, np.uint8))


def is_utf8(texts: Texts) -> bool:
    """Whether every text is UTF-8: all of them together, and none is cut inside a character."""
    last = texts.offsets[-1]
    raw = bytes(texts.data[texts.offsets[0] : last])
    if raw.isascii():
        return True
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    starts = texts.offsets[: np.searchsorted(texts.offsets, last)]
    return not ((texts.data[starts] & 0xC0) == 0x80).any()
