"""Renders the crate that is built: the author's file, the prelude, and glue generated from the signatures.

The glue is a child module of the author's file, so that it reaches private structs and fields; it names everything by
whole paths, so that no name of the author's can change its meaning. The author's text comes first in its file, byte for
byte, so that its line numbers are true.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import jinja2

from akatsuki_wasm import binary, canonical, manifest, resources, wit
from akatsuki_wasm.rust.signatures import GLUE_MODULE

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from akatsuki_wasm.contracts import Manifest
    from akatsuki_wasm.rust.interface import GuestFunction, GuestInterface, GuestParameter

PACKAGE = "akatsuki-guest"
VERSION = "0.0.0"
EXPORT_PREFIX = "akatsuki:export/"
"""Before an export's name while the crate is linked. A function named ``exp`` or ``memcpy`` would else be linked in
place of the mathematics or memory routine of that name; `finish` takes the prefix away."""

_AUTHOR_END = f"""
#[allow(unused_imports)]
use crate::prelude::*;
mod {GLUE_MODULE};
"""
_STATIC = ("lib.rs", "abi.rs", "batch.rs", "heap.rs", "panics.rs")


@dataclass(frozen=True)
class RenderedCrate:
    """A crate that is ready to be built.

    Attributes:
        files: Text by path inside the crate.
        prelude_sha256: Hex hash of everything in the crate that is not the author's or generated from it.
    """

    files: Mapping[str, str]
    prelude_sha256: str


def render_crate(text: str, interface: GuestInterface) -> RenderedCrate:
    """Renders the crate for an author's file.

    Args:
        text: The author's file.
        interface: What `signatures.parse_source` read in it.
    """
    environment = _environment()
    facts = {"package": PACKAGE, "version": VERSION}
    guest = resources.data_folder("rust_templates") / "guest"
    files = {name: environment.get_template(f"{name}.j2").render(facts) for name in ("Cargo.toml", "Cargo.lock")}
    files |= {f"src/{name}": (guest / "src" / name).read_text("utf-8") for name in _STATIC}
    files |= {f"src/prelude/{path.name}": path.read_text("utf-8") for path in _prelude_files()}
    files["src/author.rs"] = text + _AUTHOR_END
    files[f"src/author/{GLUE_MODULE}.rs"] = environment.get_template("src/glue.rs.j2").render(_glue(interface))
    return RenderedCrate(files, prelude_sha256())


def finish(wasm: bytes, described: Manifest) -> bytes:
    """Makes a linked module a module of ours: its exports get their names, and the manifest is appended.

    Raises:
        InvalidModuleError: The module does not export what the manifest says.
    """
    renamed = binary.rename_exports(wasm, lambda name: name.removeprefix(EXPORT_PREFIX))
    finished = manifest.append_section(renamed, described)
    manifest.for_binary(finished)
    return finished


@cache
def prelude_sha256() -> str:
    """Hex hash of the prelude and the scaffold: with the source and the compiler it determines the module."""
    guest = resources.data_folder("rust_templates") / "guest"
    scaffold = [path for path in guest.rglob("*") if path.suffix in {".rs", ".j2"}]
    digest = hashlib.sha256()
    for path in sorted(
        (*_prelude_files(), *scaffold), key=lambda path: path.as_posix().rpartition("rust_templates/")[2]
    ):
        content = path.read_bytes()
        digest.update(f"{path.name} {len(content)}\n".encode() + content)
    return digest.hexdigest()


def _prelude_files() -> list[Path]:
    return sorted((resources.data_folder("rust_templates") / "prelude").glob("*.rs"))


@cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(resources.data_folder("rust_templates") / "guest"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - Rust is written, not HTML
    )


# ---------------------------------------------------------------- what the template is told

_RUST = {f"s{bits}": f"i{bits}" for bits in (8, 16, 32, 64)} | {"string": "::std::string::String"}
_TO_SLOT = {
    "i32": "u64::from({} as u32)",
    "i64": "{} as u64",
    "f32": "u64::from({}.to_bits())",
    "f64": "{}.to_bits()",
}
_FROM_SLOT = {
    "i32": "Abi::lower(result) as i32",
    "i64": "Abi::lower(result) as i64",
    "f32": "f32::from_bits(Abi::lower(result) as u32)",
    "f64": "f64::from_bits(Abi::lower(result))",
}


class _Namer:
    """Writes WIT types as Rust types, seen from inside the glue module."""

    def __init__(self, interface: GuestInterface) -> None:
        self.idents = {each.record: f"super::{each.ident}" for each in interface.records}
        self.idents[wit.IMAGE] = "crate::prelude::Image"

    def rust(self, type_: wit.Type) -> str:
        match type_:
            case wit.Primitive(name):
                return _RUST.get(name, name)
            case wit.List(element):
                return f"::std::vec::Vec<{self.rust(element)}>"
            case wit.Option(inner):
                return f"::std::option::Option<{self.rust(inner)}>"
            case wit.Result(ok):
                payload = "()" if ok is None else self.rust(ok)
                return f"::std::result::Result<{payload}, ::std::string::String>"
            case wit.Tuple(items):
                return self.tuple(items)
            case wit.Record():
                return self.idents[type_]
            case _:
                raise ValueError(f"{type_} is no type of the guest contract")

    def tuple(self, items: tuple[wit.Type, ...]) -> str:
        return f"({''.join(f'{self.rust(each)}, ' for each in items)})"


def _glue(interface: GuestInterface) -> dict[str, Any]:
    namer = _Namer(interface)
    results = [each.result for each in interface.functions if canonical.returns_pointer(each.result)]
    used: dict[wit.Type, None] = {}
    for each in interface.functions:
        used |= dict.fromkeys(param.type for param in each.params)
        if each.result is not None:
            used[each.result] = None
    return {
        "export_prefix": EXPORT_PREFIX,
        "words": max((-(-canonical.size(each) // 8) for each in results if each is not None), default=0),
        "records": [
            {
                "ident": each.ident,
                "fields": [
                    {"ident": ident, "type": namer.rust(type_)}
                    for ident, (_, type_) in zip(each.fields, each.record.fields, strict=True)
                ],
            }
            for each in interface.records
        ],
        "layouts": [
            {
                "type": namer.rust(type_),
                "size": canonical.size(type_),
                "alignment": canonical.alignment(type_),
                "flat": len(canonical.flatten(type_)),
            }
            for type_ in used
        ],
        "functions": [_function(each, namer) for each in interface.functions],
    }


def _function(function: GuestFunction, namer: _Namer) -> dict[str, Any]:
    types = tuple(each.type for each in function.params)
    core_params, core_results = canonical.core_signature(types, function.result)
    spilled, pointer = canonical.spills_params(types), canonical.returns_pointer(function.result)
    slot, params = 0, []
    for index, param in enumerate(function.params):
        params.append(
            {
                "local": f"argument_{index}",
                "type": namer.rust(param.type),
                "slot": slot,
                "cell": _cell(param, namer),
            }
        )
        slot += len(canonical.flatten(param.type))
    passings = [(each["local"], param.passing) for each, param in zip(params, function.params, strict=True)]
    core_result = "*mut u8" if pointer else (core_results[0] if core_results else "")
    numeric = [each for each in (*types, function.result) if not (isinstance(each, wit.Primitive) and each.is_number)]
    return {
        "ident": function.ident,
        "export": function.export,
        "turbofish": "::<f64>" if function.generic else "",
        "core_params": "address: *mut u8" if spilled else _core_params(core_params),
        "core_result": {"i32": "i32", "i64": "i64"}.get(core_result, core_result),
        "spilled": spilled,
        "tuple": namer.tuple(types),
        "slots": [_TO_SLOT[core].format(f"core_{index}") for index, core in enumerate(core_params)],
        "params": params,
        "arguments": ", ".join(passing.format(local) for local, passing in passings),
        "pointer": pointer,
        "lowered": _FROM_SLOT.get(core_result, ""),
        "result": "" if function.result is None else namer.rust(function.result),
        "frees": function.result is not None and pointer and canonical.owns_memory(function.result),
        "batch": function.batch,
        "dense": function.batch is not None and not numeric,
        "lanes": function.batch is not None and function.lanes,
        "dense_arguments": ", ".join(passing.format(f"{local}[row]") for local, passing in passings),
        "row_arguments": ", ".join(passing.format(f"{local}.get(row)") for local, passing in passings),
        "text": _is_text(function.result),
    }


def _core_params(core: tuple[str, ...]) -> str:
    return ", ".join(f"core_{index}: {each}" for index, each in enumerate(core))


def _cell(param: GuestParameter, namer: _Namer) -> str:
    """The type of a batch column; text that the author borrows is not copied."""
    match param.passing, param.type:
        case "&*{}", wit.Primitive("string"):
            return "&'static str"
        case "{}.as_deref()", wit.Option(wit.Primitive("string")):
            return "::std::option::Option<&'static str>"
        case _:
            return namer.rust(param.type)


def _is_text(type_: wit.Type | None) -> bool:
    """Whether a batch result is text, whose output has one offset more than rows."""
    while isinstance(type_, wit.Result | wit.Option):
        type_ = type_.ok if isinstance(type_, wit.Result) else type_.inner
    return type_ == wit.STRING
