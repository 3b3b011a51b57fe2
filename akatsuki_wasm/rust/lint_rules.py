"""What the lint allows and forbids, each with its reason."""

from __future__ import annotations

ALLOWED_MACROS = frozenset(
    (
        *("vec", "format", "matches", "write", "writeln", "panic", "unreachable"),
        *("assert", "assert_eq", "assert_ne", "debug_assert", "debug_assert_eq", "debug_assert_ne"),
    )
)
"""Macros that only make values or stop: they expand to plain code and read nothing of the machine that compiles."""

_READS = "it reads files of the machine that compiles"
_ENVIRONMENT = "it reads the environment of the machine that compiles"
_ASSEMBLY = "it is assembly"
_CONSOLE = "there is no console inside the sandbox"
_PLACE = "it tells where the code was compiled"
_UNFINISHED = "a deployed function must be finished"
_BUILDS = "it pastes tokens, which values do not need"

FORBIDDEN_MACROS: dict[str, tuple[str, str]] = {
    **dict.fromkeys(
        ("include", "include_str", "include_bytes"), (_READS, "write the data in this file, or take it as a parameter")
    ),
    **dict.fromkeys(("env", "option_env"), (_ENVIRONMENT, "take the value as a parameter")),
    **dict.fromkeys(("asm", "global_asm", "naked_asm"), (_ASSEMBLY, "write plain Rust")),
    **dict.fromkeys(("print", "println", "eprint", "eprintln", "dbg"), (_CONSOLE, "return the text instead")),
    **dict.fromkeys(("file", "line", "column", "module_path"), (_PLACE, "write the text itself")),
    **dict.fromkeys(("todo", "unimplemented"), (_UNFINISHED, "write the code, or return Err(…) from a Result")),
    **dict.fromkeys(
        ("concat", "stringify", "concat_bytes", "concat_idents"), (_BUILDS, "write the text itself, or use format!")
    ),
    "macro_rules": ("macros hide what they expand to", "write a function"),
    "thread_local": ("there are no threads", "use a local variable"),
    "compile_error": (_UNFINISHED, "write the code"),
    "cfg": ("there is one target only", "write the code for it"),
}

FORBIDDEN_WORDS = {
    "unsafe": "write safe Rust: the prelude has the fast paths",
    "extern": "use std and the prelude: nothing outside the module can be called",
    "macro_rules": "write a function",
    "await": "write plain code: there is no runtime inside the sandbox",
}

STD_MODULES = frozenset(
    (
        *("any", "array", "ascii", "borrow", "boxed", "cell", "char", "clone", "cmp", "collections", "convert"),
        *("default", "error", "fmt", "hash", "hint", "iter", "marker", "mem", "num", "ops", "option", "primitive"),
        *("rc", "result", "slice", "str", "string", "sync", "vec", "prelude"),
        *("f32", "f64", "i8", "i16", "i32", "i64", "i128", "isize", "u8", "u16", "u32", "u64", "u128", "usize"),
    )
)
"""Modules of std that only compute."""

_FILES = ("the sandbox has no files", "take the data as a parameter")
_NO_CLOCK = ("the sandbox has no clock", "take the time as a parameter, in seconds")
_NO_THREADS = ("the sandbox has no threads", "write a plain loop: the prelude's loops are vectorised")
_UNSAFE = ("it is of use only in unsafe code", "write safe Rust")

STD_REASONS: dict[str, tuple[str, str]] = {
    **dict.fromkeys(("fs", "io", "path"), _FILES),
    "net": ("the sandbox has no network", "take the data as a parameter"),
    "process": ("the sandbox has no processes", "return an error, or use panic!"),
    "env": ("the sandbox has no environment", "take the value as a parameter"),
    "time": _NO_CLOCK,
    "thread": _NO_THREADS,
    **dict.fromkeys(("os", "ffi"), ("the sandbox has no operating system", "take the data as a parameter")),
    **dict.fromkeys(
        ("arch", "simd"), ("the target's instructions are the prelude's business", "use the prelude, or R: Real")
    ),
    **dict.fromkeys(("alloc", "ptr", "intrinsics", "pin", "future", "task"), _UNSAFE),
    **dict.fromkeys(("panic", "backtrace"), ("a panic ends the call", "return Err(…) from a Result")),
}

DERIVES = ("Clone", "Copy", "Debug", "Default", "Eq", "Hash", "Ord", "PartialEq", "PartialOrd")

LINT_FAMILIES = ("unused", "dead_code", "clippy::", "non_snake_case", "non_upper_case_globals", "non_camel_case_types")
"""Lints that may be allowed. Others may not: ``long_running_const_eval`` is what stops endless constants."""

ATTRIBUTES_ADVICE = (
    "remove it: allowed are #[derive(…)], #[inline], #[must_use], #[default] and #[allow(…)] of style lints"
)

RUST_KEYWORDS = frozenset(
    (
        *("as", "break", "const", "continue", "crate", "dyn", "else", "enum", "false", "fn", "for", "if", "impl", "in"),
        *("let", "loop", "match", "mod", "move", "mut", "pub", "ref", "return", "self", "Self", "static", "struct"),
        *("super", "trait", "true", "type", "use", "where", "while", "yield"),
    )
)
"""Words before a ``!`` that is a negation, not a macro's."""
