"""The functions that a WASI preview 1 command may call: a small world of three streams and nothing else.

Written out here and not taken from the engine, whose own gives the real clock and real randomness and may one day give
more. What a command sees:

* arguments, and no environment variables;
* stream 0 with the input that was given; stream 1, which is the result, up to the limit for results; stream 2, of which
  the beginning is kept for error messages; no files, folders or sockets: whatever asks for one gets ``EBADF``;
* a clock that stands at zero and a sleep that does not wait, unless the clock is granted;
* random bytes from a fixed seed, unless randomness is granted. An error in their place would end most programs before
  they begin (hash tables ask for a seed); fixed ones keep a command's answer a function of its input. They are no
  secret.

No function here trusts a pointer or a count, and none works for long without looking whether it still may.

Source: https://github.com/WebAssembly/WASI/blob/wasi-0.1/preview1/docs.md (records' layout, error numbers)
"""

from __future__ import annotations

import hashlib
import os
import struct
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from akatsuki_wasm.sandbox.limits import result_too_large

if TYPE_CHECKING:
    from collections.abc import Callable

    from akatsuki_wasm.contracts import Limits
    from akatsuki_wasm.sandbox.watch import Watch
OK, BADF, FAULT, INVAL, NOSYS, NOTSUP, SPIPE = 0, 8, 21, 28, 52, 58, 70
MAX_VECTORS = 1_024
"""Buffers of one read or write that are looked at, as POSIX has it; a program calls again for the rest."""
MAX_SUBSCRIPTIONS = 1_024
KEPT_STDERR = 64 * 1024
_CHUNK = 64 * 1024
_PIECE = 16 * 1024 * 1024
"""Bytes that are copied between two looks at the clock: a few milliseconds."""
_NAP_S = 0.01
_SIZE = struct.Struct("<I")
_WORD = struct.Struct("<Q")
_VECTOR = struct.Struct("<II")
_FDSTAT = struct.Struct("<BxHxxxxQQ")
_FILESTAT = struct.Struct("<QQB7xQQQQQ")
_EVENT = struct.Struct("<QHB5xQH6x")
_RIGHT_READ, _RIGHT_WRITE, _RIGHT_POLL = 1 << 1, 1 << 6, 1 << 27
_CLOCKS = (time.time_ns, time.monotonic_ns, time.process_time_ns, time.thread_time_ns)


class Fault(Exception):  # noqa: N818 - never leaves this module; becomes an error number
    """A pointer or a length of the guest's is outside its memory."""


class Exit(Exception):  # noqa: N818 - a way out, not an error
    """The command ends itself.

    Args:
        code: Its exit code.
    """

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True)
class Grants:
    """What a command gets beyond its streams.

    Attributes:
        clock: The real clocks, and sleeping.
        random: Real random bytes.
    """

    clock: bool = False
    random: bool = False


class Memory:
    """The guest's memory during one call of a host function; every access is checked against its size.

    Args:
        view: All of it.
    """

    def __init__(self, view: memoryview) -> None:
        self.view = view

    def span(self, address: int, size: int) -> memoryview:
        """A part.

        Raises:
            Fault: It is not all there.
        """
        if address + size > len(self.view):
            raise Fault
        return self.view[address : address + size]

    def write(self, address: int, data: bytes) -> None:
        """Copies bytes in."""
        self.span(address, len(data))[:] = data

    def put(self, address: int, number: int, layout: struct.Struct = _SIZE) -> None:
        """Writes a number."""
        self.write(address, layout.pack(number))

    def vectors(self, address: int, count: int) -> list[tuple[int, int]]:
        """(address, size) of the first `MAX_VECTORS` of so many buffers."""
        self.span(address, count * _VECTOR.size)
        return list(_VECTOR.iter_unpack(self.span(address, min(count, MAX_VECTORS) * _VECTOR.size)))


class Process:
    """One execution of a command: its streams, and the functions that it calls by their WASI names.

    Each function takes the memory and the core arguments as unsigned numbers, and returns an error number.

    Args:
        arguments: The program's name and its arguments, encoded.
        stdin: Standard input.
        limits: The result's size.
        watch: Says whether it may go on.
        grants: What it gets besides.
    """

    def __init__(
        self, arguments: tuple[bytes, ...], stdin: bytes, limits: Limits, watch: Watch, grants: Grants
    ) -> None:
        self._arguments, self._stdin, self._limits, self._watch = arguments, memoryview(stdin), limits, watch
        self._grants = grants
        self.name = arguments[0].decode()
        self._position = self._drawn = 0
        self._open = {0, 1, 2}
        self.stdout, self.stderr = bytearray(), bytearray()
        self.interrupted = False

    def look(self) -> None:
        """Raises if the execution must not go on."""
        if self.interrupted:
            raise Exit(130)
        self._watch.look(self.name)

    def function(self, name: str) -> Callable[..., int]:
        """The function of that name; one that is not provided answers with an error number."""
        if name.startswith(("path_", "sock_")):
            return lambda memory, *arguments: BADF  # there is nothing that could be open
        found: Callable[..., int] = getattr(self, name, self.missing)
        return found

    def missing(self, memory: Memory, *arguments: int) -> int:
        """Stands for every function that a command does not need."""
        return NOSYS

    # ------------------------------------------------------------ arguments and environment

    def args_sizes_get(self, memory: Memory, count: int, size: int) -> int:
        memory.put(count, len(self._arguments))
        memory.put(size, sum(len(each) + 1 for each in self._arguments))
        return OK

    def args_get(self, memory: Memory, pointers: int, buffer: int) -> int:
        table, position = [], buffer
        for each in self._arguments:
            table.append(_SIZE.pack(position & 0xFFFFFFFF))
            position += len(each) + 1
        memory.span(buffer, position - buffer)
        memory.write(pointers, b"".join(table))
        memory.write(buffer, b"".join(each + b"\0" for each in self._arguments))
        return OK

    def environ_sizes_get(self, memory: Memory, count: int, size: int) -> int:
        memory.put(count, 0)
        memory.put(size, 0)
        return OK

    def environ_get(self, memory: Memory, pointers: int, buffer: int) -> int:
        return OK

    # ------------------------------------------------------------ streams

    def fd_write(self, memory: Memory, fd: int, vectors: int, count: int, written: int) -> int:
        if fd not in self._open or fd == 0:
            return BADF
        parts = [memory.span(address, size) for address, size in memory.vectors(vectors, count)]
        memory.span(written, _SIZE.size)
        total = 0
        for part in parts:
            if fd == 1:
                self._print(part)
            else:
                self.stderr += part[: KEPT_STDERR - len(self.stderr)]
            total += len(part)
        memory.put(written, total & 0xFFFFFFFF)
        return OK

    def _print(self, part: memoryview) -> None:
        if len(self.stdout) + len(part) > self._limits.result_bytes:
            raise result_too_large(self.name, self._limits)
        for start in range(0, len(part), _PIECE):
            self.look()
            self.stdout += part[start : start + _PIECE]

    def fd_read(self, memory: Memory, fd: int, vectors: int, count: int, read: int) -> int:
        if fd not in self._open or fd != 0:
            return BADF
        parts = [memory.span(address, size) for address, size in memory.vectors(vectors, count)]
        memory.span(read, _SIZE.size)
        total = 0
        for part in parts:
            self.look()
            piece = self._stdin[self._position : self._position + len(part)]
            part[: len(piece)] = piece
            self._position += len(piece)
            total += len(piece)
            if self._position == len(self._stdin):
                break
        memory.put(read, total & 0xFFFFFFFF)
        return OK

    def fd_fdstat_get(self, memory: Memory, fd: int, at: int) -> int:
        if fd not in self._open:
            return BADF
        rights = (_RIGHT_READ if fd == 0 else _RIGHT_WRITE) | _RIGHT_POLL
        memory.write(at, _FDSTAT.pack(0, 0, rights, 0))
        return OK

    def fd_filestat_get(self, memory: Memory, fd: int, at: int) -> int:
        if fd not in self._open:
            return BADF
        memory.write(at, _FILESTAT.pack(0, fd, 0, 1, 0, 0, 0, 0))
        return OK

    def fd_close(self, memory: Memory, fd: int) -> int:
        if fd not in self._open:
            return BADF
        self._open.discard(fd)
        return OK

    def fd_seek(self, memory: Memory, fd: int, *_: int) -> int:
        return SPIPE if fd in self._open else BADF

    fd_tell = fd_pread = fd_pwrite = fd_seek

    def fd_sync(self, memory: Memory, fd: int, *_: int) -> int:
        return OK if fd in self._open else BADF

    fd_datasync = fd_fdstat_set_flags = fd_sync

    def fd_prestat_get(self, memory: Memory, *_: int) -> int:
        return BADF  # which is how a program learns that there are no folders

    fd_prestat_dir_name = fd_readdir = fd_prestat_get

    # ------------------------------------------------------------ clocks and chance

    def clock_res_get(self, memory: Memory, clock: int, at: int) -> int:
        if clock >= len(_CLOCKS):
            return INVAL
        memory.put(at, 1, _WORD)
        return OK

    def clock_time_get(self, memory: Memory, clock: int, precision: int, at: int) -> int:
        if clock >= len(_CLOCKS):
            return INVAL
        memory.put(at, _CLOCKS[clock]() if self._grants.clock else 0, _WORD)
        return OK

    def random_get(self, memory: Memory, buffer: int, size: int) -> int:
        whole = memory.span(buffer, size)
        for start in range(0, size, _CHUNK):
            self.look()
            length = min(_CHUNK, size - start)
            if self._grants.random:
                piece = os.urandom(length)
            else:
                piece = hashlib.shake_128(b"akatsuki command %d" % self._drawn).digest(length)
                self._drawn += 1
            whole[start : start + length] = piece
        return OK

    def poll_oneoff(self, memory: Memory, subscriptions: int, events: int, count: int, stored: int) -> int:
        if not 0 < count <= MAX_SUBSCRIPTIONS:
            return INVAL
        wanted = bytes(memory.span(subscriptions, count * 48))
        memory.span(events, count * _EVENT.size)
        memory.span(stored, _SIZE.size)
        ready, sleeps = [], []
        for start in range(0, len(wanted), 48):
            userdata, tag = struct.unpack_from("<QB", wanted, start)
            if tag == 0:
                sleeps.append((self._sleep_s(wanted, start), userdata))
            elif tag in (1, 2):
                (fd,) = struct.unpack_from("<I", wanted, start + 16)
                ready.append(_EVENT.pack(userdata, OK if fd in self._open else BADF, tag, 0, 0))
            else:
                return INVAL
        if not ready:
            shortest = min(sleeps)[0]
            self._sleep(shortest)
            ready = [_EVENT.pack(userdata, OK, 0, 0, 0) for seconds, userdata in sleeps if seconds <= shortest]
        memory.write(events, b"".join(ready))
        memory.put(stored, len(ready))
        return OK

    def _sleep_s(self, wanted: bytes, start: int) -> float:
        clock, timeout, _, flags = struct.unpack_from("<I4xQQH", wanted, start + 16)
        if not self._grants.clock:
            return 0.0
        now = _CLOCKS[clock]() if flags & 1 and clock < len(_CLOCKS) else 0
        return float(max(0, timeout - now)) / 1e9

    def _sleep(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.look()
            time.sleep(min(left, _NAP_S))

    def sched_yield(self, memory: Memory) -> int:
        return OK

    def proc_exit(self, memory: Memory, code: int) -> int:
        raise Exit(code)

    def proc_raise(self, memory: Memory, signal: int) -> int:
        raise Exit(128 + (signal & 0x7F))
