"""A new process for `calls.py`: prints the seconds of the first use of a module, and of compiling it.

usage: _first_call.py WASM COMPILED_FOLDER
"""

from __future__ import annotations

import hashlib
import json
import sys
import time
from pathlib import Path

from akatsuki_wasm.sandbox.cache import compile_bytes
from akatsuki_wasm.sandbox.engine import process_engine
from akatsuki_wasm.sandbox.sandbox import SandboxConfig


def main() -> None:
    """The module step first: nothing has been loaded, looked up or warmed before it, except the engine itself."""
    path, folder = map(Path, sys.argv[1:])
    # A caller has the digest from the registry's row.
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    config = SandboxConfig(aot_dir=folder, aot_key=folder.with_name("compiled.key"))
    started = time.perf_counter()
    engine = process_engine()
    made = time.perf_counter()
    config.make_cache(engine).get(digest, path.read_bytes)
    loaded = time.perf_counter()
    compile_bytes(engine.engine, path.read_bytes())
    compiled = time.perf_counter()
    times = {
        "from the compiled file": loaded - made,
        "Cranelift compile": compiled - loaded,
        "the engine, once for a process": made - started,
    }
    print(json.dumps(times))


if __name__ == "__main__":
    main()
