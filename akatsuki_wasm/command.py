"""WASI preview 1 commands: how one is recognised, what its manifest is, and the types of what it may import.

A command is a core module that imports functions of ``wasi_snapshot_preview1`` and exports ``_start``. It has one
function here, ``run``: arguments and standard input in, standard output out. What the functions do is in
`akatsuki_wasm.sandbox.wasi.sandbox`.

Source: https://github.com/WebAssembly/WASI/blob/wasi-0.1/preview1/docs.md
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from akatsuki_wasm import binary, wit
from akatsuki_wasm.contracts import Function, Manifest, Parameter

if TYPE_CHECKING:
    from akatsuki_wasm.binary import Outline

MODULE = "wasi_snapshot_preview1"
ENTRY = "_start"
_I, _L = "i32", "i64"
FUNCTIONS: dict[str, tuple[str, ...]] = {
    "args_get": (_I, _I),
    "args_sizes_get": (_I, _I),
    "environ_get": (_I, _I),
    "environ_sizes_get": (_I, _I),
    "clock_res_get": (_I, _I),
    "clock_time_get": (_I, _L, _I),
    "fd_advise": (_I, _L, _L, _I),
    "fd_allocate": (_I, _L, _L),
    "fd_close": (_I,),
    "fd_datasync": (_I,),
    "fd_fdstat_get": (_I, _I),
    "fd_fdstat_set_flags": (_I, _I),
    "fd_fdstat_set_rights": (_I, _L, _L),
    "fd_filestat_get": (_I, _I),
    "fd_filestat_set_size": (_I, _L),
    "fd_filestat_set_times": (_I, _L, _L, _I),
    "fd_pread": (_I, _I, _I, _L, _I),
    "fd_prestat_get": (_I, _I),
    "fd_prestat_dir_name": (_I, _I, _I),
    "fd_pwrite": (_I, _I, _I, _L, _I),
    "fd_read": (_I, _I, _I, _I),
    "fd_readdir": (_I, _I, _I, _L, _I),
    "fd_renumber": (_I, _I),
    "fd_seek": (_I, _L, _I, _I),
    "fd_sync": (_I,),
    "fd_tell": (_I, _I),
    "fd_write": (_I, _I, _I, _I),
    "path_create_directory": (_I,) * 3,
    "path_filestat_get": (_I,) * 5,
    "path_filestat_set_times": (_I, _I, _I, _I, _L, _L, _I),
    "path_link": (_I,) * 7,
    "path_open": (_I, _I, _I, _I, _I, _L, _L, _I, _I),
    "path_readlink": (_I,) * 6,
    "path_remove_directory": (_I,) * 3,
    "path_rename": (_I,) * 6,
    "path_symlink": (_I,) * 5,
    "path_unlink_file": (_I,) * 3,
    "poll_oneoff": (_I,) * 4,
    "proc_exit": (_I,),
    "proc_raise": (_I,),
    "sched_yield": (),
    "random_get": (_I, _I),
    "sock_accept": (_I,) * 3,
    "sock_recv": (_I,) * 6,
    "sock_send": (_I,) * 5,
    "sock_shutdown": (_I, _I),
}
"""Core parameter types by name. Each returns an i32 error number, but `proc_exit`, which does not return."""

MANIFEST = Manifest(
    (
        Function(
            "run",
            (
                Parameter("args", wit.List(wit.STRING), "Arguments, without the program's name.", default=[]),
                Parameter("stdin", wit.BYTES, "Standard input.", default=""),
            ),
            wit.Result(wit.BYTES),
            "Runs the command: arguments and standard input in, standard output out.",
            ENTRY,
        ),
    ),
    kind="command",
    abi=0,
)
"""What every command can do."""


def is_command(outline: Outline) -> bool:
    """Whether a module is meant as a command: it imports something of WASI preview 1."""
    return any(each.module == MODULE for each in outline.imports)


def check(outline: Outline) -> Manifest:
    """The manifest of a command.

    Raises:
        InvalidModuleError: It imports what is not WASI preview 1, or has no `_start`.
    """
    unknown = [each for each in outline.imports if each.module != MODULE or each.name not in FUNCTIONS]
    if unknown:
        shown = ", ".join(map(str, unknown[:3])) + (", …" if len(unknown) > 3 else "")
        raise binary.invalid(
            f"this is a WASI preview 1 module that also imports what is not provided: {shown}",
            hint="build it for wasm32-wasip1 alone, without JavaScript glue or host functions",
        )
    imported = (each for each in outline.imports if each.kind == "func")
    for index, each in enumerate(imported):
        results = () if each.name == "proc_exit" else (_I,)
        wanted = binary.FunctionType(FUNCTIONS[each.name], results)
        number = outline.functions[index]
        got = outline.types[number] if number < len(outline.types) else None
        if got != wanted:
            raise binary.invalid(f"the import {each.module}.{each.name} has the type {got}, and WASI's is {wanted}")
    others = [each for each in outline.imports if each.kind != "func"]
    if others:
        raise binary.invalid(f"the module imports what is not provided: {others[0]}")
    if outline.function_exports().get(ENTRY) != binary.FunctionType((), ()):
        raise binary.invalid(
            f"this is a WASI preview 1 module without {ENTRY}: a library, and a command is expected",
            hint="build a program (a main function, not a cdylib), or build for wasm32-unknown-unknown",
        )
    return MANIFEST
