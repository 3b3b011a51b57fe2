"""Hostile cases of the Canonical ABI: results that lie, allocators that lie, manifests that lie, and error texts."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from akatsuki_wasm.contracts import Call, Limits
from akatsuki_wasm.errors import (
    ExecutionTimeout,
    FunctionNotFoundError,
    GuestError,
    GuestTrap,
    InvalidModuleError,
    MemoryLimitError,
    ResultTooLargeError,
)
from akatsuki_wasm.testing.hostile_case import QUICK, Case
from akatsuki_wasm.testing.hostile_wasm import ALLOCATOR, allocator, function, wat

if TYPE_CHECKING:
    from collections.abc import Iterator

_AT = 64


def _words(*values: int) -> str:
    """Puts words at `_AT` and answers with its address."""
    stores = (f"(i32.store (i32.const {_AT + 4 * index}) (i32.const {value}))" for index, value in enumerate(values))
    return f"{' '.join(stores)} (i32.const {_AT})"


def _answering(name: str, about: str, result: str, body: str, *, data: str = "", pages: int = 2, **facts: Any) -> Case:
    text = f"""(memory (export "memory") {pages}) {data} (func (export "f") (result i32) {body})"""
    facts.setdefault("functions", (function("f", "", result),))
    return Case(name, "answers", about, partial(wat, text), **facts)


def answers() -> Iterator[Case]:
    """Results that break the Canonical ABI, or that are as large as they can be."""
    trap = partial(_answering, errors=(GuestTrap,))
    outside = partial(trap, kinds=("pointer_out_of_bounds",))
    yield outside("result-at-minus-four", "a result's address that is negative", "string", "(i32.const -4)")
    yield outside("result-at-the-end", "a result that begins where memory ends", "string", "(i32.const 131072)")
    yield outside("result-over-the-end", "a result that ends past memory", "string", "(i32.const 131068)")
    yield trap("result-misaligned", "a result's address that is odd", "string", "(i32.const 65)")
    for name, address, size in (
        ("past-the-end", 131072, 1),
        ("over-the-end", 131071, 2),
        ("of-4-gib", 0, -1),
        ("that-wraps-around", -8, 16),
        ("of-2-gib-at-2-gib", 0x80000000, 0x80000000),
    ):
        yield outside(f"string-{name}", f"a string {name.replace('-', ' ')}", "string", _words(address, size))
        yield outside(f"bytes-{name}", f"a list of bytes {name.replace('-', ' ')}", "list<u8>", _words(address, size))
    yield outside("list-whose-size-wraps", "2^29 numbers of 8 bytes: 2^32 bytes", "list<f64>", _words(0, 0x20000000))
    yield outside("list-of-2-32-lists", "a list of as many lists as there can be", "list<list<u8>>", _words(0, -1))
    yield trap("list-misaligned", "a list<f64> at an address that is no multiple of 8", "list<f64>", _words(4, 1))
    yield trap("list-of-nothing-misaligned", "an empty list at a misaligned address", "list<f64>", _words(4, 0))
    inner = f'(data (i32.const {_AT + 8}) "\\f0\\ff\\ff\\ff\\ff\\00\\00\\00")'
    yield outside("string-in-a-list", "a list of a string that lies outside", "list<string>", _words(72, 1), data=inner)

    utf8 = partial(trap, kinds=("invalid_utf8",), result="string", body=_words(256, 4))
    for name, data in (
        ("stray", "a\\ff\\62\\63"),
        ("cut-off", "abc\\e3"),
        ("overlong", "\\c0\\80\\62\\63"),
        ("surrogate", "\\ed\\a0\\80\\63"),
        ("too-large", "\\f5\\80\\80\\80"),
    ):
        yield utf8(f"utf8-{name}", f"a string that is no UTF-8: {name}", data=f'(data (i32.const 256) "{data}")')
    yield trap(
        "utf8-in-an-error",
        "an error text that is no UTF-8",
        "result<u32, string>",
        _words(1, 256, 1),
        data='(data (i32.const 256) "\\ff")',
    )

    case = partial(trap, kinds=("invalid_discriminant",))
    for result in ("option<u32>", "result<u32, string>", "option<string>", "tuple<u8, option<u8>>"):
        name = "".join(letter if letter.isalnum() else "-" for letter in result).strip("-").replace("--", "-")
        yield case(f"discriminant-of-{name}", f"a case of {result} that does not exist", result, _words(0x02020202, 0))
    for code in (0x110000, 0xD800, 0xDFFF, -1):
        about = f"the number {code & 0xFFFFFFFF:#x} as a character"
        facts: Any = {"errors": (GuestTrap,), "kinds": ("invalid_char",)}
        yield _answering(f"char-{code & 0xFFFFFFFF:x}", about, "char", f"(i32.const {code})", **facts)
        yield _answering(f"char-{code & 0xFFFFFFFF:x}-in-memory", about, "tuple<char, u8>", _words(code, 0), **facts)

    yield _answering(
        "bool-of-two", "2 as a bool, which the Canonical ABI calls true", "bool", "(i32.const 2)", value=True
    )
    yield _answering("u8-of-300", "300 as a u8, of which the low bits count", "u8", "(i32.const 300)", value=44)
    yield _answering(
        "overlapping-strings",
        "two strings that share bytes with each other and with the result",
        "tuple<string, string>",
        _words(_AT, 2, _AT + 16, 1) + "(data.drop $d)",
        data='(data $d "x")',
        value=("@\0", "\0"),
        functions=(function("f", "", "tuple<string, string>"),),
    )
    yield _answering(
        "list-over-its-own-pointer",
        "a list of bytes that is its own pointer and length",
        "list<u8>",
        _words(_AT, 8),
        value=_bytes(b"\x40\0\0\0\x08\0\0\0"),
    )
    large = partial(_answering, errors=(ResultTooLargeError, ExecutionTimeout, GuestTrap))
    yield large("bytes-past-the-limit", "a list of 16 MiB and one byte", "list<u8>", _words(0, 2**24 + 1), pages=512)
    yield large("string-past-the-limit", "a string of 16 MiB and one byte", "string", _words(0, 2**24 + 1), pages=512)
    yield large("strings-past-the-limit", "8 million empty strings", "list<string>", _words(0, 2**23 - 9), pages=1024)
    yield _answering(
        "lists-that-multiply",
        "a list of 127 lists of 127 lists of 127 strings of 127 bytes, in 1 KiB",
        "list<list<list<string>>>",
        "(local i32) (loop $on"
        " (i32.store (i32.add (i32.const 1024) (local.get 0)) (i32.const 1024))"
        " (i32.store (i32.add (i32.const 1028) (local.get 0)) (i32.const 127))"
        " (local.set 0 (i32.add (local.get 0) (i32.const 8)))"
        " (br_if $on (i32.lt_u (local.get 0) (i32.const 1016)))) (i32.const 1024)",
        errors=(ResultTooLargeError, ExecutionTimeout, GuestTrap),
        functions=(function("f", "", "list<list<list<string>>>"),),
        limits=Limits(timeout_ms=500, memory_bytes=QUICK.memory_bytes),
    )
    for name, result, count in (
        ("strings", "list<string>", 8_000_000),
        ("lists", "list<list<u8>>", 3_000_000),
        ("tuples", "list<tuple<u8, u8>>", 8_000_000),
    ):
        yield _answering(
            f"millions-of-{name}",
            f"{count // 10**6} million {name}: copying them takes longer than the deadline",
            result,
            _words(128, count),
            pages=1024,
            errors=(ResultTooLargeError, ExecutionTimeout),
            limits=Limits(timeout_ms=100),
        )
    yield from _other_exits()


def _other_exits() -> Iterator[Case]:
    text = f'{ALLOCATOR} (func (export "f") (result i32) {_words(0, 1)}) (func (export "cabi_post_f") (param i32) {{}})'
    for name, body in (("traps", "unreachable"), ("never-ends", "(loop $on (br $on))")):
        yield Case(
            f"post-return-that-{name}",
            "answers",
            "cabi_post_f, which frees the result",
            partial(wat, text.format(body)),
            (function("f", "", "string"),),
            errors=(GuestTrap, ExecutionTimeout),
            value="\0",
            limits=Limits(timeout_ms=300),
        )
    fails = partial(_answering, result="result<u32, string>", errors=(GuestError, ResultTooLargeError))
    yield fails("error-of-8-mib", "an error text of 8 MiB", body=_words(1, 128, 2**23), pages=256)
    yield fails(
        "error-with-control-characters",
        "an error text of several lines that moves a terminal's cursor",
        body=_words(1, 256, 14),
        data='(data (i32.const 256) "a\\0a\\0db\\1b[2J\\1b[1;31m\\00\\7f")',
    )
    yield fails("error-without-text", "an error text of no characters", body=_words(1, 256, 0))


def _bytes(content: bytes) -> Any:
    import numpy as np

    return np.frombuffer(content, np.uint8)


def panics() -> Iterator[Case]:
    """The panic hook's text, which is the guest's word like all else."""
    texts = {
        "outside": '(global (export "AKATSUKI_PANIC") i32 (i32.const -8))',
        "at-the-end": '(global (export "AKATSUKI_PANIC") i32 (i32.const 65532))',
        "misaligned": '(global (export "AKATSUKI_PANIC") i32 (i32.const 3))',
        "of-64-bits": '(global (export "AKATSUKI_PANIC") i64 (i64.const 64))',
        "of-a-reference": '(global (export "AKATSUKI_PANIC") funcref (ref.null func))',
        "of-a-function": '(func (export "AKATSUKI_PANIC"))',
        "of-no-utf8": '(global (export "AKATSUKI_PANIC") i32 (i32.const 0)) (data (i32.const 0) "\\ff\\ff\\ff\\ff")',
        "of-control-characters": (
            '(global (export "AKATSUKI_PANIC") i32 (i32.const 0)) (data (i32.const 0) "\\0a\\00\\00\\00a\\0a\\1b[2Jb")'
        ),
    }
    for name, text in texts.items():
        yield Case(
            f"panic-text-{name}",
            "panics",
            f"a panic whose text is {name.replace('-', ' ')}",
            partial(wat, f'(memory (export "memory") 1) {text} (func (export "f") unreachable)'),
            errors=(GuestTrap,),
            kinds=("unreachable",),
        )
    yield Case(
        "trap-in-a-function-with-a-bad-name",
        "panics",
        "a trap in a function whose name moves a terminal's cursor",
        partial(wat, '(func $x (@name "a\\0a\\1b[2J") unreachable) (func (export "f") (call $x))'),
        errors=(GuestTrap,),
        kinds=("unreachable",),
    )


def allocators() -> Iterator[Case]:
    """``cabi_realloc`` that does not do its work."""
    refused = (MemoryLimitError, GuestTrap)
    bodies: dict[str, tuple[str, tuple[type[GuestTrap | MemoryLimitError], ...]]] = {
        "gives-0": ("(i32.const 0)", refused),
        "gives-minus-8": ("(i32.const -8)", (GuestTrap,)),
        "gives-the-end": ("(i32.const 65536)", (GuestTrap,)),
        "gives-too-little": ("(i32.const 65528)", (GuestTrap,)),
        "gives-misaligned": ("(i32.const 4)", (GuestTrap,)),
        "gives-garbage": ("(i32.const 0x7ffffff1)", (GuestTrap,)),
        "traps": ("unreachable", refused),
        "traps-outside": ("(i32.load (i32.const -1))", (GuestTrap,)),
        "grows-and-lies": (
            "(drop (memory.grow (i32.const 100))) (i32.sub (i32.mul (memory.size) (i32.const 65536)) (i32.const 8))",
            (GuestTrap,),
        ),
    }
    lists = (function("f", "xs: list<f64>"),)
    for name, (body, errors) in bodies.items():
        yield Case(
            f"allocator-{name}",
            "allocators",
            f"cabi_realloc {name.replace('-', ' ')}",
            partial(wat, allocator(body) + '(func (export "f") (param i32 i32))'),
            lists,
            Call("f", ([1.0, 2.0, 3.0],)),
            errors,
        )
    reading = '(func (export "f") (param i32 i32) (result f64) (f64.load (local.get 0)))'
    yield Case(
        "allocator-that-gives-what-is-used",
        "allocators",
        "cabi_realloc gives the same room to all arguments: its own data is spoilt, and nothing else",
        partial(
            wat,
            allocator("(i32.const 64)")
            + '(func (export "f") (param i32 i32 i32 i32) (result f64) (f64.load (local.get 0)))',
        ),
        (function("f", "xs: list<f64>; ys: list<f64>", "f64"),),
        Call("f", ([1.0], [2.0])),
        value=2.0,
    )
    others = {
        "missing": '(memory (export "memory") 1)',
        "of-another-type": """(memory (export "memory") 1)
            (func (export "cabi_realloc") (param i64 i32 i32 i32) (result i32) (i32.const 8))""",
        "that-is-a-memory": '(memory (export "memory") 1) (export "cabi_realloc" (memory 0))',
        "without-a-memory": '(func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 8))',
        "with-a-function-as-memory": """(func (export "memory"))
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 8))""",
        "with-a-hidden-memory": """(memory 1)
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 8))""",
    }
    for name, text in others.items():
        load = reading if "(memory" in text else reading.replace("(f64.load (local.get 0))", "(f64.const 0)")
        yield Case(
            f"allocator-{name}",
            "allocators",
            f"cabi_realloc {name.replace('-', ' ')}",
            partial(wat, text + load),
            (function("f", "xs: list<f64>", "f64"),),
            Call("f", ([1.0],)),
            (InvalidModuleError,),
        )


def manifests() -> Iterator[Case]:
    """Manifests that do not belong to their module."""
    lying = partial(Case, group="manifests", errors=(InvalidModuleError,))
    seven = partial(wat, '(memory (export "memory") 1) (func (export "f") (result i32) (i32.const 7))')
    yield lying(
        name="function-that-does-not-exist",
        about="its manifest has a function that is not exported",
        make=seven,
        functions=(function("g", "", "s32"),),
        call=Call("g"),
    )
    yield lying(
        name="function-that-is-a-memory",
        about="its manifest calls the memory a function",
        make=seven,
        functions=(function("f", "", "s32", export="memory"),),
    )
    for name, params, result, args in (
        ("parameters", "a: s32; b: s32", "s32", (1, 2)),
        ("many-parameters", "; ".join(f"p{index}: s64" for index in range(16)), "s32", tuple(range(16))),
        ("a-result-of-64-bits", "", "s64", ()),
        ("a-float", "", "f32", ()),
        ("no-result", "", None, ()),
        ("a-vector-of-parameters", "a: string", "s32", ("x",)),
    ):
        yield lying(
            name=f"function-of-another-type-{name}",
            about=f"its manifest gives a function {name.replace('-', ' ')}",
            make=seven,
            functions=(function("f", params, result),),
            call=Call("f", args),
        )
    yield lying(
        name="function-of-vectors",
        about="exports a function of SIMD vectors, which no type of the contract is",
        make=partial(wat, '(func (export "f") (param v128) (result v128) (local.get 0))'),
        functions=(function("f", "a: s32", "s32"),),
        call=Call("f", (1,)),
    )
    yield lying(
        name="function-of-references",
        about="exports a function of references",
        make=partial(wat, '(func (export "f") (param externref) (result externref) (local.get 0))'),
        functions=(function("f", "a: s64", "s64"),),
        call=Call("f", (1,)),
    )
    yield lying(
        name="function-of-a-thousand-results",
        about="exports a function of 1,000 results",
        make=partial(wat, f'(func (export "f") (result{" i32" * 1000}) {"(i32.const 1)" * 1000})'),
        functions=(function("f", "", "s32"),),
    )
    yield lying(
        name="function-nobody-has",
        about="a call of a function that the manifest does not have",
        make=seven,
        functions=(function("f", "", "s32"),),
        call=Call("g"),
        errors=(FunctionNotFoundError,),
    )
