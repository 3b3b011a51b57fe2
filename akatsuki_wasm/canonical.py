"""Layout of values in guest memory, as the Component Model's Canonical ABI defines it.

Only arithmetic lives here: alignment, size, field offsets and flattening of the types in `akatsuki_wasm.wit`. The glue
writer (Rust side) and the sandbox (Python side) both use it, so they cannot disagree.

Source: https://github.com/WebAssembly/component-model/blob/main/design/mvp/CanonicalABI.md (alignment, element size,
flattening). Pointers are 32 bits.
"""

from __future__ import annotations

from functools import lru_cache

from akatsuki_wasm import wit

MAX_FLAT_PARAMS = 16
"""More flattened parameters than this and they are passed as one pointer to a tuple in memory."""
MAX_FLAT_RESULTS = 1
"""More flattened results than this and the function returns a pointer to the result in memory."""

_SIZES = {"bool": 1, "u8": 1, "s8": 1, "u16": 2, "s16": 2, "u32": 4, "s32": 4, "char": 4, "f32": 4}
_SIZES |= {"u64": 8, "s64": 8, "f64": 8}
_CORE = {"u64": "i64", "s64": "i64", "f32": "f32", "f64": "f64"}


def align_to(offset: int, alignment: int) -> int:
    """The first multiple of `alignment` that is not below `offset`, both in bytes."""
    return -(-offset // alignment) * alignment


def cases(type_: wit.Option | wit.Result) -> tuple[wit.Type | None, wit.Type | None]:
    """The payloads of discriminant 0 and 1: none and some, ok and error."""
    if isinstance(type_, wit.Option):
        return None, type_.inner
    return type_.ok, wit.STRING


@lru_cache(maxsize=4096)
def alignment(type_: wit.Type) -> int:
    """Alignment in bytes."""
    match type_:
        case wit.Primitive("string") | wit.List():
            return 4
        case wit.Primitive(name):
            return _SIZES[name]
        case wit.Option() | wit.Result():
            return max((alignment(case) for case in cases(type_) if case is not None), default=1)
        case _:
            return max((alignment(child) for child in wit.children(type_)), default=1)


@lru_cache(maxsize=4096)
def size(type_: wit.Type) -> int:
    """Size in bytes, as an element of a list."""
    match type_:
        case wit.Primitive("string") | wit.List():
            return 8
        case wit.Primitive(name):
            return _SIZES[name]
        case wit.Option() | wit.Result():
            payload = max((size(case) for case in cases(type_) if case is not None), default=0)
            return align_to(payload_offset(type_) + payload, alignment(type_))
        case _:
            return align_to(_end(wit.children(type_)), alignment(type_))


def payload_offset(type_: wit.Option | wit.Result) -> int:
    """Where the payload begins, in bytes after the discriminant byte."""
    return align_to(1, max((alignment(case) for case in cases(type_) if case is not None), default=1))


def offsets(types: tuple[wit.Type, ...]) -> tuple[int, ...]:
    """Where each field of a record or tuple begins, in bytes."""
    found, position = [], 0
    for type_ in types:
        position = align_to(position, alignment(type_))
        found.append(position)
        position += size(type_)
    return tuple(found)


def _end(types: tuple[wit.Type, ...]) -> int:
    return offsets(types)[-1] + size(types[-1]) if types else 0


def _join(left: str, right: str) -> str:
    """The core type that can hold either payload of a variant in one slot."""
    if left == right:
        return left
    return "i32" if {left, right} == {"i32", "f32"} else "i64"


@lru_cache(maxsize=4096)
def flatten(type_: wit.Type) -> tuple[str, ...]:
    """The core types (``i32 i64 f32 f64``) that a value becomes as parameters."""
    match type_:
        case wit.Primitive("string") | wit.List():
            return ("i32", "i32")
        case wit.Primitive(name):
            return (_CORE.get(name, "i32"),)
        case wit.Option() | wit.Result():
            joined: list[str] = []
            for case in cases(type_):
                for index, core in enumerate(() if case is None else flatten(case)):
                    if index < len(joined):
                        joined[index] = _join(joined[index], core)
                    else:
                        joined.append(core)
            return ("i32", *joined)
        case _:
            return tuple(core for child in wit.children(type_) for core in flatten(child))


def core_signature(params: tuple[wit.Type, ...], result: wit.Type | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The core function type of an exported function: (parameters, results).

    Parameters past `MAX_FLAT_PARAMS` become one pointer; results past `MAX_FLAT_RESULTS` become a returned pointer.
    """
    flat = tuple(core for param in params for core in flatten(param))
    flat_result = () if result is None else flatten(result)
    return (
        ("i32",) if len(flat) > MAX_FLAT_PARAMS else flat,
        ("i32",) if len(flat_result) > MAX_FLAT_RESULTS else flat_result,
    )


def spills_params(params: tuple[wit.Type, ...]) -> bool:
    """Whether the parameters are passed as one pointer to a tuple in guest memory."""
    return sum(len(flatten(param)) for param in params) > MAX_FLAT_PARAMS


def returns_pointer(result: wit.Type | None) -> bool:
    """Whether the result is returned as a pointer into guest memory."""
    return result is not None and len(flatten(result)) > MAX_FLAT_RESULTS


def owns_memory(type_: wit.Type) -> bool:
    """Whether a value of the type owns guest memory, so that its function has a ``cabi_post_`` export."""
    if isinstance(type_, wit.List | wit.Result) or type_ == wit.STRING:
        return True
    return any(owns_memory(child) for child in wit.children(type_))
