"""The same author's file compiled natively with AVX2: the peer that shows what the sandbox itself costs.

The crate is the guest's own, prelude and profile included; only its glue is another: plain ``extern "C"`` functions
that take pointers of 64 bits and are called through ctypes. The peer is given every advantage: no sandbox, buffers that
stay resident between calls, and a picture's result is looked at in place instead of being copied out.
"""

from __future__ import annotations

import ctypes
import os
import platform
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from akatsuki_wasm import wit
from akatsuki_wasm.config import Settings
from akatsuki_wasm.rust.build import PROFILE
from akatsuki_wasm.rust.glue import render_crate
from akatsuki_wasm.rust.signatures import GLUE_MODULE, parse_source
from akatsuki_wasm.rust.toolchain import find_toolchain

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from akatsuki_wasm.rust.interface import GuestFunction, GuestInterface, GuestParameter

CPU = "x86-64-v3" if platform.machine() == "x86_64" else "native"
"""AVX2, FMA and BMI2, whatever more this machine has; on other machines their own best."""
_CTYPES: dict[str, Any] = {
    **{"f32": ctypes.c_float, "f64": ctypes.c_double, "bool": ctypes.c_bool},
    **{f"u{bits}": getattr(ctypes, f"c_uint{bits}") for bits in (8, 16, 32, 64)},
    **{f"s{bits}": getattr(ctypes, f"c_int{bits}") for bits in (8, 16, 32, 64)},
}
_DTYPES = {"f32": "float32", "f64": "float64", "bool": "bool"} | {
    f"{sign}{bits}": f"{'u' if sign == 'u' else ''}int{bits}" for sign in "us" for bits in (8, 16, 32, 64)
}
_LIB = "mod author;\nmod prelude;\n"
_USE = "#![allow(unused_imports)]\nuse crate::prelude::{Image, Lanes, LANES};\n"
# An owned picture is a copy in the buffer of the last result; a borrowed one is the caller's memory itself.
_IMAGE = """
static mut RESULT: Image = Image {{ width: 0, height: 0, pixels: Vec::new() }};

#[no_mangle]
unsafe extern "C" fn native_image(pixels: *mut u8, size: *mut u32, result: *mut *const u8{params}) -> i32 {{
    let (width, height) = (*size, *size.add(1));
    let count = width as usize * height as usize * 4;
    {lift}
    let made = super::{ident}({arguments});
    {unwrap}
    {drop}
    (*size, *size.add(1), *result) = (made.width, made.height, made.pixels.as_ptr());
    RESULT = made;
    0
}}
"""
_OWNED = """let mut buffer = std::mem::take(&mut *(&raw mut RESULT)).pixels;
    buffer.clear();
    buffer.extend_from_slice(std::slice::from_raw_parts(pixels, count));
    let image = Image { width, height, pixels: buffer };"""
_BORROWED = "let image = Image { width, height, pixels: Vec::from_raw_parts(pixels, count, count) };"
_UNWRAP = "let Ok(made) = made else { return 1 };"
_COLUMNS = """
#[no_mangle]
unsafe extern "C" fn native_columns(columns: *const *const u8, out: *mut {result}, rows: usize) {{
    let out = std::slice::from_raw_parts_mut(out, rows);
{slices}
    let mut row = 0;
{lanes}
    while row < rows {{
        out[row] = super::{ident}{turbofish}({arguments});
        row += 1;
    }}
}}
"""
_LANES = """    while row + LANES <= rows {{
        super::{ident}::<Lanes>({arguments}).store(&mut out[row..]);
        row += LANES;
    }}"""


def native_image(rust: str, function: str, *, cpu: str = CPU) -> Callable[..., NDArray[np.uint8]]:
    """Compiles a file natively and returns one of its functions of a picture.

    Args:
        rust: The author's file.
        function: Name of a ``pub fn`` whose first parameter is an ``Image`` or ``&Image``, whose others are numbers,
            and that returns an ``Image`` or a ``Result`` of one.
        cpu: What rustc's ``target-cpu`` is.

    Returns:
        A function of (H, W, 4) uint8 and the numbers. Its result is a view of memory that the next call overwrites:
        copy it to keep it.
    """
    interface, found = _find(rust, function)
    first, *others = found.params
    if first.type != wit.IMAGE or wit.IMAGE not in (found.result, getattr(found.result, "ok", None)):
        raise ValueError(f"{function} is no function of a picture that gives a picture")
    borrowed = first.passing.startswith("&")
    library = _load(rust, interface, _USE + _image_shim(found, borrowed=borrowed), cpu)
    call = library.native_image
    call.argtypes = [ctypes.c_void_p] * 3 + [_CTYPES[_primitive(each)] for each in others]

    def run(pixels: NDArray[np.uint8], *numbers: float) -> NDArray[np.uint8]:
        height, width, _ = pixels.shape
        source = np.ascontiguousarray(pixels)
        size, result = (ctypes.c_uint32 * 2)(width, height), ctypes.c_void_p()
        if call(source.ctypes.data, ctypes.addressof(size), ctypes.addressof(result), *numbers):
            raise ValueError(f"{function} returned an error")
        made = (ctypes.c_uint8 * (size[0] * size[1] * 4)).from_address(result.value or 0)
        return np.ctypeslib.as_array(made).reshape(size[1], size[0], 4)

    return run


def native_columns(
    rust: str, function: str, *, cpu: str = CPU, lanes: bool = True
) -> Callable[..., NDArray[np.generic]]:
    """Compiles a file natively and returns one of its functions of numbers, over whole columns.

    Args:
        rust: The author's file.
        function: Name of a ``pub fn`` of numbers that returns a number; generic over ``R: Real`` or not.
        cpu: What rustc's ``target-cpu`` is.
        lanes: Whether a generic function runs on the prelude's `Lanes`, as in the guest, or on f64.

    Returns:
        A function of a list of columns of one length and, if it is to be reused, the array for the result.
    """
    interface, found = _find(rust, function)
    result = found.result
    if not isinstance(result, wit.Primitive):
        raise ValueError(f"{function} returns no number")
    library = _load(rust, interface, _USE + _column_shim(found, result.name, lanes=lanes), cpu)
    call = library.native_columns
    call.argtypes, call.restype = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t], None
    dtypes = [_DTYPES[_primitive(each)] for each in found.params]

    def run(columns: Sequence[NDArray[Any]], out: NDArray[Any] | None = None) -> NDArray[np.generic]:
        held = [np.ascontiguousarray(each, dtype) for each, dtype in zip(columns, dtypes, strict=True)]
        rows = len(held[0])
        if any(len(each) != rows for each in held):
            raise ValueError("the columns have different lengths")
        made = np.empty(rows, _DTYPES[result.name]) if out is None else out
        if made.shape != (rows,) or made.dtype != _DTYPES[result.name] or not made.flags.c_contiguous:
            raise ValueError(f"out must be {rows} contiguous values of {_DTYPES[result.name]}")
        places = (ctypes.c_void_p * len(held))(*(each.ctypes.data for each in held))
        call(ctypes.addressof(places), made.ctypes.data, rows)
        return made

    return run


def _find(rust: str, function: str) -> tuple[GuestInterface, GuestFunction]:
    interface = parse_source(rust)
    for each in interface.functions:
        if each.name == function:
            return interface, each
    raise ValueError(f"no function {function}: there are {', '.join(each.name for each in interface.functions)}")


def _primitive(param: GuestParameter) -> str:
    if not isinstance(param.type, wit.Primitive) or param.type.name not in _CTYPES:
        raise ValueError(f"the parameter {param.name} is no number")
    return param.type.name


def _rust(name: str) -> str:
    return f"i{name[1:]}" if name[0] == "s" else name


def _image_shim(function: GuestFunction, *, borrowed: bool) -> str:
    others = function.params[1:]
    return _IMAGE.format(
        ident=function.ident,
        params="".join(f", number_{index}: {_rust(_primitive(each))}" for index, each in enumerate(others)),
        arguments=", ".join(["&image" if borrowed else "image", *(f"number_{i}" for i in range(len(others)))]),
        lift=_BORROWED if borrowed else _OWNED,
        unwrap=_UNWRAP if isinstance(function.result, wit.Result) else "",
        drop="std::mem::forget(image);" if borrowed else "",
    )


def _column_shim(function: GuestFunction, result: str, *, lanes: bool) -> str:
    names = [_rust(_primitive(each)) for each in function.params]
    indices = range(len(names))
    return _COLUMNS.format(
        result=_rust(result),
        ident=function.ident,
        turbofish="::<f64>" if function.generic else "",
        slices="\n".join(
            f"    let column_{i} = std::slice::from_raw_parts((*columns.add({i})).cast::<{names[i]}>(), rows);"
            for i in indices
        ),
        lanes=_LANES.format(
            ident=function.ident, arguments=", ".join(f"Lanes::load(&column_{i}[row..])" for i in indices)
        )
        if function.lanes and lanes
        else "",
        arguments=", ".join(f"column_{i}[row]" for i in indices),
    )


def _load(rust: str, interface: GuestInterface, shim: str, cpu: str) -> ctypes.CDLL:
    """Compiles with the profile and the compiler of the guest's build, and opens the library."""
    toolchain = find_toolchain(Settings().cache_dir)
    files = {
        name: text
        for name, text in render_crate(rust, interface).files.items()
        if name.startswith(("Cargo", "src/prelude/")) or name == "src/author.rs"
    }
    files |= {"src/lib.rs": _LIB, f"src/author/{GLUE_MODULE}.rs": shim}
    profile = {f"CARGO_PROFILE_RELEASE_{name.upper().replace('-', '_')}": value for name, value in PROFILE.items()}
    flags = f"-C target-cpu={cpu} -A warnings"
    with tempfile.TemporaryDirectory(prefix="akatsuki-native-") as name:
        folder = Path(name)
        for path, text in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text, encoding="utf-8")
        own = {"RUSTC": str(toolchain.rustc), "RUSTFLAGS": flags, "CARGO_TARGET_DIR": str(folder / "target")}
        command = [str(toolchain.cargo), "build", "--release", "--offline", "--quiet"]
        done = subprocess.run(
            command, cwd=folder, env={**os.environ, **own, **profile}, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise RuntimeError(f"the native build failed:\n{done.stderr[-4000:]}")
        # Once it is open the file may go.
        return ctypes.CDLL(str(next((folder / "target" / "release").glob("*akatsuki_guest.*[!d]"))))
