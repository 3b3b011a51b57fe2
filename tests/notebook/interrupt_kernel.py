"""Starts a kernel, interrupts it in the middle of each of several cells, and prints what it answered as JSON.

Usage: ``python interrupt_kernel.py DATA_DIR``. A program of its own: jupyter_client leaves its event loop open.
"""

from __future__ import annotations

import json
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_client.manager import KernelManager

if TYPE_CHECKING:
    from jupyter_client.blocking.client import BlockingKernelClient

SETUP = """
import time, wasmtime, numpy as np
import akatsuki_wasm as ak
from akatsuki_wasm.sandbox.engine import process_engine
ws = ak.open(data_dir={folder!r})
m = ws.deploy(bytes(wasmtime.wat2wasm('''(module
  (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
  (func (export "spin") (param i32) (result i32) (loop $on (br $on)) (i32.const 1)))''')), name="plain")
m.add(1, 2)
"""
CELLS = {
    "a call": "m.call('spin', 1, timeout_ms=30_000)",
    "a batch": "m.batch('spin', np.arange(1000, dtype='int32'), timeout_ms=30_000)",
    "a map": "list(m.map(range(8), function='spin', threads=2, timeout_ms=30_000))",
    "waiting": "m.start('spin', 1, timeout_ms=30_000).value()",
}
CELL = """
stopped = None
try:
    print("begun", flush=True)
    {code}
except KeyboardInterrupt:
    stopped = time.time()
"""
AFTER = "assert m.add(1, 2) == 3 and process_engine().clock.active <= {left}"


def main(folder: str) -> None:
    """Prints for each cell: seconds from the interrupt to the cell's KeyboardInterrupt, or null where it did not come;
    and the status of a good call after it.
    """
    found = {}
    with tempfile.TemporaryDirectory(prefix="ak-") as sockets:
        manager = KernelManager(kernel_name="python3")
        manager.transport, manager.ip = "ipc", str(Path(sockets) / "kernel")
        manager.start_kernel()
        client = manager.blocking_client()
        client.start_channels()
        try:
            client.wait_for_ready(timeout=60)
            assert run(client, SETUP.format(folder=folder))["status"] == "ok"
            for name, code in CELLS.items():
                sent: list[float] = []
                stopped = run_interrupted(manager, client, CELL.format(code=code), sent)
                after = run(client, AFTER.format(left=int(name == "waiting")))
                found[name] = (None if stopped is None else round(stopped - sent[0], 3), after["status"])
        finally:
            client.stop_channels()
            manager.shutdown_kernel(now=True)
    sys.stdout.write(json.dumps(found))


def run(client: BlockingKernelClient, code: str) -> dict[str, Any]:
    """Executes a cell and gives the reply."""
    reply: dict[str, Any] = client.execute_interactive(code, timeout=60, output_hook=lambda message: None)["content"]
    return reply


def run_interrupted(manager: KernelManager, client: BlockingKernelClient, code: str, sent: list[float]) -> float | None:
    """Executes a cell, interrupts the kernel half a second after its first output, and gives the cell's `stopped`."""

    def interrupt() -> None:
        sent.append(time.time())
        manager.interrupt_kernel()

    def heard(message: dict[str, Any]) -> None:
        if message["msg_type"] == "stream":
            threading.Timer(0.5, interrupt).start()

    reply = client.execute_interactive(code, timeout=60, output_hook=heard, user_expressions={"stopped": "stopped"})
    return value(reply["content"]["user_expressions"]["stopped"])


def value(expression: dict[str, Any]) -> float | None:
    """The number that an expression of a reply is, or None."""
    text = expression["data"]["text/plain"]
    return None if text == "None" else float(text)


if __name__ == "__main__":
    main(sys.argv[1])
