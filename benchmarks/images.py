"""A picture of 12 megapixels through the catalogue's vintage filter, copies in and out included, one thread each.

The native peer is the same author's file compiled for AVX2 and called without any sandbox; it keeps its buffers,
and its result is looked at in place. The others are ports, see `_vintage.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from _guests import VINTAGE, design, executable, workspace
from _harness import Run, close, duration, main
from _native import native_image
from _vintage import numba_loops, numpy_in_strips, opencv, pillow
from PIL import Image

from akatsuki_wasm.contracts import Call
from akatsuki_wasm.sandbox.sandbox import Sandbox

if TYPE_CHECKING:
    from numpy.typing import NDArray

WIDTH, HEIGHT = 4000, 3000
SETTINGS = (0.7, 0.5, 0.5)
"""Strength, vignette and grain: the defaults."""
OURS = "m.vintage(array)"
NATIVE = "native Rust, AVX2, same source"
NUMPY = "NumPy in strips"
FASTMATH = "numba, fastmath"
OPENCV = "OpenCV in strips"
PILLOW = "Pillow (within 3 levels)"
NARROW = "WebAssembly's vectors have 128 bits where AVX2 has 256, and the picture is copied in and out"
TABLES = "the port to NumPy looks its curve up in a table and works in strips that fit the cache"
EXACT, LOOSE = 1, 3
"""Levels of 255 that a port may differ by: rounding alone, or Pillow's 8 bits between its operations."""


def photograph() -> NDArray[np.uint8]:
    """RGBA of 12 megapixels: scikit-learn's photograph, enlarged."""
    from sklearn.datasets import load_sample_image

    photo = Image.fromarray(load_sample_image("china.jpg"))
    return np.asarray(photo.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS).convert("RGBA"))


def one_picture(run: Run, module: Any, sandbox: Sandbox, photo: NDArray[np.uint8]) -> None:
    """Everyone, one after the other."""
    numba, cv2 = run.optional("numba"), run.optional("cv2")
    if cv2:
        cv2.setNumThreads(1)
    native = native_image(module.source, "vintage")
    image = {"width": WIDTH, "height": HEIGHT, "pixels": photo.reshape(-1)}
    call, guest = Call("vintage", (image, *SETTINGS)), executable(module)
    loops = numba and numba_loops(numba, fastmath=False)
    fast = numba and numba_loops(numba, fastmath=True)
    strips, whole, by_pillow = cv2 and opencv(cv2), cv2 and opencv(cv2, None), pillow()
    race = run.race(
        f"vintage, {WIDTH} x {HEIGHT} RGBA, one thread",
        {
            OURS: lambda: module.vintage(photo),
            "Sandbox.execute": lambda: sandbox.execute(guest, call).value.pixels.reshape(photo.shape),
            NATIVE: lambda: native(photo, *SETTINGS),
            "numba": loops and (lambda: loops(photo, *SETTINGS)),
            FASTMATH: fast and (lambda: fast(photo, *SETTINGS)),
            NUMPY: lambda: numpy_in_strips(photo, *SETTINGS),
            OPENCV: strips and (lambda: strips(photo, *SETTINGS)),
            "OpenCV, the whole picture at once": whole and (lambda: whole(photo, *SETTINGS)),
        },
        same=close(absolute=EXACT),
    )
    by_pillow_race = run.race(
        "the same beside Pillow",
        {OURS: lambda: module.vintage(photo), PILLOW: lambda: by_pillow(photo, *SETTINGS)},
        same=close(absolute=LOOSE),
    )
    run.target("vintage, 12 MP", race, OURS, NATIVE, within=2.2, why=NARROW)
    run.target("vintage, 12 MP", race, OURS, NUMPY, faster=5, why=TABLES)
    run.target("vintage, 12 MP", race, OURS, ["numba", FASTMATH], faster=1)
    run.target("vintage, 12 MP", race, OURS, [OPENCV, "OpenCV, the whole picture at once"], faster=1)
    run.target("vintage, 12 MP", by_pillow_race, OURS, PILLOW, faster=1)
    cost = sandbox.execute(guest, call)
    guest_time, whole_time = (duration(each / 1e3) for each in (cost.execution_time_ms, cost.total_time_ms))
    memory = cost.memory_used_bytes / 1e6
    run.note(
        f"of one execution's {whole_time} the guest's function took {guest_time}; it had {memory:.0f} MB of memory"
    )


def two_pictures(run: Run, module: Any, photo: NDArray[np.uint8]) -> None:
    """Two of them, one after the other and on two threads."""
    run.race(
        "two such pictures",
        {
            "one after the other": lambda: [module.vintage(photo) for _ in range(2)],
            "m.map(pictures, threads=2)": lambda: list(module.map([photo, photo], threads=2)),
        },
    )


def measure(run: Run) -> None:
    """One picture, then two."""
    photo = photograph()
    with workspace() as made, Sandbox() as sandbox:
        module = design(made, VINTAGE)
        one_picture(run, module, sandbox, photo)
        two_pictures(run, module, photo)


if __name__ == "__main__":
    main(measure)
