"""Columns of a batch as an Arrow IPC stream (https://arrow.apache.org/docs/format/Columnar.html), in and out."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

from akatsuki_wasm.errors import RequestError
from akatsuki_wasm.values.arrow import load_pyarrow

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa

MEDIA_TYPE = "application/vnd.apache.arrow.stream"
_HINT = "Send what pyarrow.ipc.new_stream writes, not compressed."
_DICTIONARY, _RECORDS = 2, 3
"""Kinds of messages that may be compressed (``MessageHeader`` in Message.fbs)."""


def read_columns(body: bytes) -> dict[str, pa.ChunkedArray]:
    """The columns of a stream, by name.

    A compressed stream is refused: what it inflates to is not known before.

    Raises:
        RequestError: It is no such stream, damaged, compressed, or has a name twice.
        MissingExtraError: pyarrow is not installed.
    """
    pa = load_pyarrow()
    try:
        reader = pa.BufferReader(body)
        for message in pa.ipc.MessageReader.open_stream(pa.BufferReader(body)):
            if _is_compressed(memoryview(message.metadata)):
                raise RequestError("the Arrow stream is compressed", hint=_HINT)
        table = pa.ipc.open_stream(reader).read_all()
        table.validate(full=True)
    except (pa.ArrowException, OSError, struct.error, IndexError, UnicodeDecodeError) as exc:
        raise RequestError(
            f"the body is no Arrow stream: {' '.join(str(exc).split())[:200] or type(exc).__name__}", hint=_HINT
        ) from exc
    if len(set(table.column_names)) != len(table.column_names):
        raise RequestError("the Arrow stream has two columns of one name", hint="Name columns as parameters.")
    return dict(zip(table.column_names, table.columns, strict=True))


def write_columns(columns: Mapping[str, Any]) -> bytes:
    """A stream of columns of one length.

    Args:
        columns: Arrow arrays by name.
    """
    pa = load_pyarrow()
    table = pa.table(dict(columns))
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


def _is_compressed(metadata: memoryview) -> bool:
    """Whether a message's body is compressed: its flatbuffer has the field ``compression`` (Message.fbs)."""
    message = _Table(metadata, struct.unpack_from("<I", metadata, 0)[0])
    kind = message.byte(1)
    header = message.table(2)
    if header is None or kind not in (_DICTIONARY, _RECORDS):
        return False
    records = header.table(1) if kind == _DICTIONARY else header
    return records is not None and records.has(3)


class _Table:
    """A table of a flatbuffer (https://flatbuffers.dev/internals)."""

    def __init__(self, data: memoryview, position: int) -> None:
        self._data, self._position = data, position

    def _offset(self, field: int) -> int:
        layout = self._position - struct.unpack_from("<i", self._data, self._position)[0]
        if 4 + 2 * field >= struct.unpack_from("<H", self._data, layout)[0]:
            return 0
        return int(struct.unpack_from("<H", self._data, layout + 4 + 2 * field)[0])

    def has(self, field: int) -> bool:
        return self._offset(field) != 0

    def byte(self, field: int) -> int:
        offset = self._offset(field)
        return self._data[self._position + offset] if offset else 0

    def table(self, field: int) -> _Table | None:
        offset = self._offset(field)
        if not offset:
            return None
        place = self._position + offset
        return _Table(self._data, place + struct.unpack_from("<I", self._data, place)[0])
