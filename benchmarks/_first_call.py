"""A new process for `calls.py`: prints the seconds of the first use of a module, and of compiling it.

usage: _first_call.py WASM COMPILED_FOLDER
"""

from __future__ import annotations

import hashlib
import json
import sys
import time
from pathlib import Path

from akatsuki_wasm import manifest
from akatsuki_wasm.contracts import ExecutableModule
from akatsuki_wasm.sandbox.base import SandboxConfig
from akatsuki_wasm.sandbox.compiled import CompiledModule
from akatsuki_wasm.sandbox.engine import process_engine
from akatsuki_wasm.sandbox.loading import compile_bytes, load


def main() -> None:
    """The module step first: nothing has been loaded, looked up or warmed before it, except the engine itself."""
    path, folder = map(Path, sys.argv[1:])
    # A caller has the digest and the manifest from the registry's row.
    wasm = path.read_bytes()
    digest, known = hashlib.sha256(wasm).hexdigest(), manifest.for_binary(wasm)
    module = ExecutableModule(digest, known, path.read_bytes, "bench", built_here=True)
    files = SandboxConfig(aot_dir=folder, aot_key=folder.with_name("compiled.key")).compiled_files()
    started = time.perf_counter()
    engine = process_engine()
    made = time.perf_counter()
    CompiledModule(engine, load(engine, module, files))
    loaded = time.perf_counter()
    compile_bytes(engine.engine, wasm)
    compiled = time.perf_counter()
    times = {
        "from the compiled file": loaded - made,
        "Cranelift compile": compiled - loaded,
        "the engine, once for a process": made - started,
    }
    print(json.dumps(times))


if __name__ == "__main__":
    main()
