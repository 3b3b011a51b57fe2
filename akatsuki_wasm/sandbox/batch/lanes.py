"""Computing some rows of a batch on one instance: by the guest's own loop, or with a call for each row."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import numpy as np

from akatsuki_wasm import wit
from akatsuki_wasm.contracts import RowError, Texts
from akatsuki_wasm.errors import GuestTrap, said_by_guest
from akatsuki_wasm.sandbox.batch import texts
from akatsuki_wasm.sandbox.batch.output import ROW_ERROR_BYTES
from akatsuki_wasm.sandbox.direct import DirectFunction, DirectInstance
from akatsuki_wasm.sandbox.instance import Instance
from akatsuki_wasm.sandbox.lift import broken
from akatsuki_wasm.sandbox.scalars import DTYPES, Mismatch
from akatsuki_wasm.sandbox.slots import NO_SLOTS, ONE_I32

if TYPE_CHECKING:
    import numpy.typing as npt

    from akatsuki_wasm.contracts import Limits
    from akatsuki_wasm.sandbox.batch.columns import HostColumn, Part
    from akatsuki_wasm.sandbox.batch.output import Output
    from akatsuki_wasm.sandbox.lift import Reader
    from akatsuki_wasm.sandbox.plans import CallPlan

    Array = npt.NDArray[Any]

AnInstance = TypeVar("AnInstance", bound=Instance)
CHUNK_TEXT = 16 * 1024 * 1024
"""A call gets fewer rows where their texts have more bytes than this, so that guest memory stays bounded."""
_HEAD = 8
_PARAM = 4
_BATCH_SIGNATURE = (("i32",), ())


class MakeInstance(Protocol):
    """Gives a fresh instance for the calling thread."""

    def __call__(self, kind: type[AnInstance], /) -> AnInstance:
        """One of that class."""
        ...


class Lane(Protocol):
    """One thread's instance at work on a batch."""

    @property
    def guest_s(self) -> float:
        """Seconds that the guest has computed."""
        ...

    def close(self) -> None:
        """Frees the instance."""
        ...

    def compute(self, start: int, stop: int) -> None:
        """Computes the rows from `start` to before `stop` and hands them to the output."""
        ...


class _Block:
    """Guest memory for all that one call needs, used again for every call: each allocation is a call of the guest."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self._address = self._size = 0

    def room(self, size: int) -> int:
        """Address of at least so many bytes, 8-aligned."""
        if size > self._size:
            # Texts are a little longer in every other chunk.
            grown = size + size // 4 if self._size else size
            self._address = self._instance.reallocate(self._address, self._size, 8, grown)
            self._size = grown
        return self._address

    def put(self, address: int, data: Array) -> None:
        """Copies an array in."""
        if data.size:
            np.frombuffer(self._instance.view, data.dtype, len(data), address)[...] = data

    def put_offsets(self, address: int, offsets: Array) -> None:
        """Copies offsets of texts in, counted from the first text, as u32."""
        into = np.frombuffer(self._instance.view, np.uint32, len(offsets), address)
        np.subtract(offsets, offsets[0], out=into, casting="unsafe")


class GuestLane:
    """By the guest's own loop, through buffers that are used again.

    Args:
        plan: Of the function.
        instance: Where it runs; the lane's from here on.
        columns: One for each parameter.
        output: Takes the results.
        result: What a row's value is.
    """

    def __init__(
        self, plan: CallPlan, instance: Instance, columns: list[HostColumn], output: Output, result: wit.Primitive
    ) -> None:
        self._plan, self._instance, self._columns = plan, instance, columns
        self._output, self._result = output, result
        self._block = _Block(instance)
        self._frame_at = 0
        export = (plan.function.batch or "").encode()
        try:
            instance.find_function(export, _BATCH_SIGNATURE, known=plan.batch_checked)
        except BaseException:
            instance.close()
            raise
        plan.batch_checked = True

    @property
    def guest_s(self) -> float:
        return self._instance.guest_s

    def close(self) -> None:
        self._instance.close()

    def compute(self, start: int, stop: int) -> None:
        """Computes rows; in several calls where their texts are long."""
        parts = read_parts(self._plan, self._columns, start, stop)
        size = sum(
            texts.size_of(values)
            for column, (values, _) in zip(self._columns, parts, strict=True)
            if isinstance(values, Texts) and not column.broadcast
        )
        if size > CHUNK_TEXT and stop - start > 1:
            middle = (start + stop) // 2
            self.compute(start, middle)
            self.compute(middle, stop)
            return
        words = self._place(parts, stop - start)
        self._call(parts)
        self._take(words, start)

    def _place(self, parts: list[Part], rows: int) -> Array:
        """Copies the columns in; the frame's words."""
        words = np.zeros(_HEAD + _PARAM * len(parts), np.uint32)
        words[0] = rows
        mask = mask_of(self._columns, parts, rows)
        out_size = (rows + 1) * 4 if self._result == wit.STRING else rows * DTYPES[self._result.name].itemsize
        # Which word says where it is, what is copied there (None where the guest writes), and its bytes.
        pieces: list[tuple[int, Array | None, int]] = [(2, None, out_size), (3, None, rows)]
        if mask is not None:
            pieces.append((1, mask.view(np.uint8), rows))
        for index, (column, (values, valid)) in enumerate(zip(self._columns, parts, strict=True)):
            at = _HEAD + _PARAM * index
            if isinstance(values, Texts):
                data = values.data[values.offsets[0] : values.offsets[-1]]
                pieces += [(at, data, data.nbytes), (at + 1, values.offsets, len(values.offsets) * 4)]
            else:
                pieces.append((at, values, values.nbytes))
            if column.optional and valid is not None:
                pieces.append((at + 2, valid.view(np.uint8), len(valid)))
            words[at + 3] = 0 if column.broadcast else 1
        frame_at = self._frame_at = self._block.room(words.nbytes + sum(size + 7 & ~7 for _, _, size in pieces) + 8)
        address = frame_at + (words.nbytes + 7 & ~7)
        for word, copied, size in pieces:
            words[word] = address
            if copied is not None and word >= _HEAD and (word - _HEAD) % _PARAM == 1:
                self._block.put_offsets(address, copied)
            elif copied is not None:
                self._block.put(address, copied)
            address += size + 7 & ~7
        self._block.put(frame_at, words)
        return words

    def _call(self, parts: list[Part]) -> None:
        try:
            self._instance.call(ONE_I32, NO_SLOTS, [self._frame_at])
        except GuestTrap as trap:
            # The guest, not the host, reads the bytes of a text that came as bytes: it panics where they are no UTF-8.
            for index, (values, _) in enumerate(parts):
                if isinstance(values, Texts) and not texts.is_utf8(values):
                    raise self._plan.refuse(index, Mismatch("string (UTF-8)", "bytes that are not UTF-8")) from trap
            raise

    def _take(self, words: Array, start: int) -> None:
        """Takes a call's results; where a word was the host's, the host's is used, not what the guest left there."""
        reader, output = self._instance.reader(), self._output
        rows, values_at, validity_at = int(words[0]), int(words[2]), int(words[3])
        stop = start + rows
        text_at, text_size, failed, failures_at = self._written(reader)
        valid = self._valid(reader, validity_at, rows)
        if output.values is None:
            taken = self._texts if self._result == wit.STRING else self._characters
            output.put_texts(start, taken(reader, values_at, rows, valid, text_at, text_size))
        else:
            dtype = output.values.dtype
            at = reader.area(values_at, rows * dtype.itemsize, dtype.alignment, "a column")
            if self._result == wit.BOOL:
                np.not_equal(np.frombuffer(reader.view, np.uint8, rows, at), 0, out=output.values[start:stop])
            else:
                output.values[start:stop] = np.frombuffer(reader.view, dtype, rows, at)
        output.mark(start, stop, valid)
        if failed:
            self._errors(reader, failed, failures_at, start, rows)

    def _written(self, reader: Reader) -> list[int]:
        """The guest's own words: where its texts and failed rows are."""
        written: list[int] = np.frombuffer(reader.view, np.uint32, 4, self._frame_at + 16).tolist()
        return written

    @staticmethod
    def _valid(reader: Reader, at: int, rows: int) -> Array | None:
        found = np.frombuffer(reader.view, np.uint8, rows, reader.area(at, rows, 1, "validity"))
        return None if not rows or found.min() else found != 0

    def _texts(
        self, reader: Reader, offsets_at: int, rows: int, _valid: Array | None, text_at: int, text_size: int
    ) -> Texts:
        at = reader.area(offsets_at, (rows + 1) * 4, 4, "offsets of strings")
        offsets = np.frombuffer(reader.view, np.uint32, rows + 1, at).copy()
        # The last is the largest where they are in order; past 2 GiB, signed offsets of 32 bits would not do.
        if int(offsets[-1]) > min(text_size, 0x7FFFFFFF) or bool((offsets[1:] < offsets[:-1]).any()):
            raise broken(self._plan.name, "list_out_of_bounds", "offsets of strings are not in order")
        at = reader.area(text_at, text_size, 1, "strings")
        self._output.spend(text_size)
        found = Texts(offsets.view(np.int32), np.frombuffer(reader.view, np.uint8, text_size, at).copy())
        if not texts.is_utf8(found):
            raise broken(self._plan.name, "invalid_utf8", "a string is not UTF-8")
        return found

    def _characters(self, reader: Reader, at: int, rows: int, valid: Array | None, *_unused: int) -> Texts:
        codes = np.frombuffer(reader.view, np.uint32, rows, reader.area(at, rows * 4, 4, "a column")).copy()
        if valid is not None:
            codes[~valid] = 0
        if bool(((codes > 0x10FFFF) | ((codes >= 0xD800) & (codes <= 0xDFFF))).any()):
            raise broken(self._plan.name, "invalid_char", "a column has a number that is no character")
        return texts.from_codes(codes, valid)

    def _errors(self, reader: Reader, count: int, at: int, start: int, rows: int) -> None:
        if count > rows:
            raise broken(self._plan.name, "list_out_of_bounds", f"{count:,} failed rows of {rows:,}")
        at = reader.area(at, count * 12, 4, "the failed rows")
        found = np.frombuffer(reader.view, np.uint32, count * 3, at).reshape(-1, 3).copy()
        if int(found[:, 0].max()) >= rows:
            row = int(found[:, 0].max())
            raise broken(self._plan.name, "list_out_of_bounds", f"a failed row {row:,} of {rows:,}")
        wanted = self._output.errors_wanted(start)
        if wanted < count:  # by row, as the guest's word on their order is not taken
            found = found[np.argsort(found[:, 0], kind="stable")[:wanted]]
        self._output.spend(int(found[:, 2].sum()) + len(found) * ROW_ERROR_BYTES)
        errors = [
            RowError(start + row, said_by_guest(reader.text(text_at, size))) for row, text_at, size in found.tolist()
        ]
        self._output.fail(errors, count)


class RowLane:
    """With a call for each row: for a plain module, which has no loop of its own.

    Args:
        plan: Of a function of scalars.
        make_instance: Gives it its instances.
        columns: One for each parameter.
        output: Takes the results.
        limits: Of the execution. Where fuel is limited, one instance makes all calls, as each begins with a full tank.
    """

    guest_s = 0.0

    def __init__(
        self, plan: CallPlan, make_instance: MakeInstance, columns: list[HostColumn], output: Output, limits: Limits
    ) -> None:
        self._plan, self._columns, self._output = plan, columns, output
        self._instance: Instance | None = None

        def make_direct() -> DirectInstance:
            made = self._instance = make_instance(DirectInstance)
            return made

        if limits.fuel is None:
            direct = DirectFunction(plan, make_direct, lambda: make_instance(Instance))
            self._one, self.close = direct.call, direct.close
        else:
            instance = make_instance(Instance)
            self.close = instance.close
            plan.find(instance)
            self._one = lambda *row: plan.call(instance, row)
        self._chars = [param.type == wit.CHAR for param in plan.function.params]

    def compute(self, start: int, stop: int) -> None:
        """Computes rows."""
        rows = stop - start
        parts = read_parts(self._plan, self._columns, start, stop)
        mask = mask_of(self._columns, parts, rows)
        places = None if mask is None else np.flatnonzero(mask)
        listed = [
            self._listed(column, values, places, rows, char=char)
            for column, (values, _), char in zip(self._columns, parts, self._chars, strict=True)
        ]
        computed = self._called(listed)
        if self._output.values is None:
            spread: list[Any] = computed if mask is None else _spread(computed, mask)
            self._output.put_texts(start, texts.encode(spread, mask))
        else:
            into = self._output.values[start:stop]
            into[...] = 0
            into[slice(None) if places is None else places] = np.array(computed, into.dtype)
        self._output.mark(start, stop, mask)

    def _called(self, listed: list[list[Any]]) -> list[Any]:
        started = time.perf_counter()
        computed = list(map(self._one, *listed))
        if self._instance is not None:  # direct calls are not timed one by one
            self._instance.guest_s += time.perf_counter() - started
        return computed

    @staticmethod
    def _listed(column: HostColumn, values: Any, places: Array | None, rows: int, *, char: bool) -> list[Any]:
        """The values of the rows that are computed, as the call takes them."""
        if places is not None and not column.broadcast:
            values = values[places]
        listed: list[Any] = list(map(chr, values)) if char else values.tolist()
        return listed * (rows if places is None else len(places)) if column.broadcast else listed


def _spread(computed: list[Any], mask: Array) -> list[Any]:
    """Values at the places of a mask."""
    spread: list[Any] = [None] * len(mask)
    for place, value in zip(np.flatnonzero(mask).tolist(), computed, strict=True):
        spread[place] = value
    return spread


def read_parts(plan: CallPlan, columns: list[HostColumn], start: int, stop: int) -> list[Part]:
    """Some rows of every column.

    Raises:
        ArgumentError: A value does not fit its parameter.
    """
    parts = []
    for index, column in enumerate(columns):
        try:
            parts.append(column.part(start, stop))
        except Mismatch as mismatch:
            raise plan.refuse(index, mismatch) from mismatch
    return parts


def mask_of(columns: list[HostColumn], parts: list[Part], rows: int) -> Array | None:
    """Which rows are computed: those without a null where a value is due; None for all."""
    mask = None
    for column, (_, valid) in zip(columns, parts, strict=True):
        if valid is None or column.optional:
            continue
        if column.broadcast:  # a null for all rows
            return np.zeros(rows, np.bool_)
        mask = valid if mask is None else mask & valid
    return mask
