"""What the lint forbids and allows."""

from __future__ import annotations

import pytest

from akatsuki_wasm.errors import SourceRejectedError
from akatsuki_wasm.rust.lint import lint

READS = "it reads files of the machine that compiles"
DATA = "write the data in this file, or take it as a parameter"
REMOVE = "remove it: allowed are #[derive(…)], #[inline], #[must_use], #[default] and #[allow(…)] of style lints"


@pytest.mark.parametrize(
    ("text", "line", "message", "advice"),
    [
        (
            '\nconst X: &str = include_str!("/etc/passwd");',
            2,
            f"the macro `include_str!` is not allowed: {READS}",
            DATA,
        ),
        ('fn f() { std::include_bytes!("x") }', 1, f"the macro `include_bytes!` is not allowed: {READS}", DATA),
        ('fn f() { vec![include!("x")] }', 1, f"the macro `include!` is not allowed: {READS}", DATA),
        ('fn f() { r#include_str!("x") }', 1, f"the macro `include_str!` is not allowed: {READS}", DATA),
        (
            'fn f() { option_env!("HOME") }',
            1,
            "the macro `option_env!` is not allowed: it reads the environment of the machine that compiles",
            "take the value as a parameter",
        ),
        (
            'fn f() { println!("x") }',
            1,
            "the macro `println!` is not allowed: there is no console inside the sandbox",
            "return the text instead",
        ),
        (
            "fn f() { todo!() }",
            1,
            "the macro `todo!` is not allowed: a deployed function must be finished",
            "write the code, or return Err(…) from a Result",
        ),
        ("fn f() { unsafe { } }", 1, "`unsafe` is not allowed", "write safe Rust: the prelude has the fast paths"),
        (
            'extern "C" { fn g(); }',
            1,
            "`extern` is not allowed",
            "use std and the prelude: nothing outside the module can be called",
        ),
        ("macro_rules! m { () => { 1 } }", 1, "`macro_rules!` is not allowed", "write a function"),
        (
            "static mut X: u8 = 0;",
            1,
            "`static mut` is not allowed",
            "pass the state as a parameter, or use a local variable",
        ),
        ("mod other;", 1, "`mod other;` needs a second file", "write everything in this file"),
        ("#![feature(x)]", 1, "inner attributes (`#![…]`) are not allowed", "remove the line"),
        ("#[no_mangle]\nfn f() {}", 1, "the attribute `#[no_mangle]` is not allowed", REMOVE),
        ("#[cfg(test)]\nmod tests {}", 1, "the attribute `#[cfg(test)]` is not allowed", REMOVE),
        (
            "#[allow(long_running_const_eval)]\nfn f() {}",
            1,
            "the attribute `#[allow(long_running_const_eval)]` is not allowed",
            REMOVE,
        ),
        (
            "#[derive(Clone, Serialize)]\nstruct S;",
            1,
            "`#[derive(Serialize)]` is not allowed",
            "derive only Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd",
        ),
        (
            "use std::{cmp, fs::{self, File}};",
            1,
            "`std::fs` is not allowed: the sandbox has no files",
            "take the data as a parameter",
        ),
        (
            "fn f() { ::std::thread::spawn(g); }",
            1,
            "`std::thread` is not allowed: the sandbox has no threads",
            "write a plain loop: the prelude's loops are vectorised",
        ),
        (
            "fn f(x: core::arch::wasm32::v128) {}",
            1,
            "`core::arch` is not allowed: the target's instructions are the prelude's business",
            "use the prelude, or R: Real",
        ),
        (
            "use std::time::Instant;",
            1,
            "`std::time` is not allowed: the sandbox has no clock",
            "take the time as a parameter, in seconds",
        ),
        ("use std as s;", 1, "`use std` as a whole is not allowed", "name the module: use std::cmp;"),
        ("use rand::Rng;", 1, "the crate `rand` is not available", "use std and the prelude"),
        (
            "use prelude::*;",
            1,
            "`use prelude` is not a path",
            "write use crate::prelude::*, or nothing: it is in scope",
        ),
        (
            "fn f() { crate::abi::g() }",
            1,
            "only `crate::prelude` is there",
            "use crate::prelude, or nothing: it is in scope",
        ),
    ],
)
def test_what_is_forbidden(text: str, line: int, message: str, advice: str) -> None:
    with pytest.raises(SourceRejectedError) as caught:
        lint(text)
    first = caught.value.problems[0]
    assert (first.line, first.message, first.help) == (line, message, advice)
    assert str(caught.value).startswith(f"line {line}: {message}")
    assert caught.value.hint == advice


def test_a_macro_under_another_name_is_caught() -> None:
    with pytest.raises(SourceRejectedError) as caught:
        lint('use std::include_str as vec;\nfn f() { vec!("/etc/passwd") }')
    assert {each.line for each in caught.value.problems} == {1}


ALLOWED = """//! include_str!("in a comment") unsafe
use std::collections::{BTreeMap, HashMap as Map};
use std::f64::consts::PI;
use crate::prelude::*;
use std::fmt::Write as _;
use Kind::{A, B as Other};

/// unsafe, std::fs::read
#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Kind { #[default] A, B }
mod inner { use super::*; pub(crate) fn g() -> Kind { A } }
const TEXT: &str = "include_str!(\\"x\\") std::fs unsafe #![x]";
static LIST: [u8; 2] = [1, 2];
#[inline(always)]
#[must_use]
#[allow(clippy::many_single_char_names, dead_code)]
fn helper<T: Copy + Into<f64>>(x: T) -> f64 where T: PartialOrd {
    let env = x.into(); if !(env > 1.0) { env } else { PI } }
pub fn f(x: f64, y: &str) -> Result<String, String> {
    let mut map: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    map.insert(format!("{x}"), vec![1; 3]);
    let _m: Map<u8, u8> = std::collections::HashMap::new();
    assert!(matches!(inner::g(), A | Other), "no {}", y);
    let path = y != "a"; let line = !path;
    let mut out = String::new();
    write!(out, "{}", std::mem::size_of::<u8>()).map_err(|error| error.to_string())?;
    if line { panic!("x") }
    Ok(out + &helper(x).to_string() + r#"std::env!"#)
}
"""


def test_what_is_allowed() -> None:
    lint(ALLOWED)
