"""What an author's file may take from permitted crates, and which of them it is found to use."""

from __future__ import annotations

import pytest

from akatsuki_wasm.contracts import Crate
from akatsuki_wasm.errors import SourceRejectedError
from akatsuki_wasm.rust.crates_use import used_crates
from akatsuki_wasm.rust.lint import lint
from akatsuki_wasm.rust.signatures import parse_source

SERDE = Crate("serde", "1.0.228", ("derive",))
PLAIN_SERDE = Crate("serde", "1.0.228")
SERDE_JSON = Crate("serde_json", "1.0.145")
REGEX = Crate("regex", "1.11.1")
ITERTOOLS = Crate("itertools", "0.14.0")
UNICODE = Crate("unicode-segmentation", "1.12.0")
THISERROR = Crate("thiserror", "2.0.0")
ALL = (ITERTOOLS, REGEX, SERDE, SERDE_JSON, THISERROR, UNICODE)


def refused(text: str, *crates: Crate) -> SourceRejectedError:
    with pytest.raises(SourceRejectedError) as caught:
        lint(text, crates)
    return caught.value


def test_a_crate_that_is_not_permitted_stays_forbidden_and_the_advice_names_those_that_are() -> None:
    text = "use rand::Rng;\npub fn f() -> u8 { 1 }"
    assert str(refused(text)) == "line 1: the crate `rand` is not available"
    assert refused(text).hint == "use std and the prelude"
    assert str(refused(text, REGEX, UNICODE)) == "line 1: the crate `rand` is not available"
    assert (
        refused(text, REGEX, UNICODE).hint
        == "use std, the prelude and the permitted crates: regex, unicode_segmentation"
    )
    assert "the crate `regex` is not available" in str(refused("use regex::Regex;", SERDE_JSON))


@pytest.mark.parametrize(
    "text",
    [
        'use serde_json::{json, Value};\nfn f() -> Value { json!({"a": [1, null]}) }',
        "fn f() -> String { serde_json::json!([1]).to_string() }",
        "fn f() -> String { ::serde_json::json!([1]).to_string() }",
        "use serde_json as j;\nfn f() -> String { j::json!([1]).to_string() }",
        "use itertools::*;\nfn f() { for (a, b) in izip!(&[1], &[2]) {} }",
        "use serde::{Deserialize, Serialize};\n#[derive(Clone, Serialize, Deserialize)]\nstruct A { x: f64 }",
        '#[derive(Debug, serde::Serialize)]\n#[serde(rename_all = "camelCase")]\nstruct A { #[serde(default)] x: f64 }',
        'use thiserror::Error;\n#[derive(Debug, Error)]\nenum E { #[error("no {0}")] A(u8) }',
        "use unicode_segmentation::UnicodeSegmentation;",
        "use {regex::Regex, std::fmt};",
    ],
)
def test_a_permitted_crates_names_macros_and_derives_pass(text: str) -> None:
    lint(text, ALL)
    with pytest.raises(SourceRejectedError):
        lint(text)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("use serde_json::json;\nfn f() { unsafe { g() } }", "`unsafe` is not allowed"),
        ('fn f() { serde_json::include_str!("/etc/passwd") }', "the macro `include_str!` is not allowed"),
        ("use serde_json::include_bytes as x;", "the macro `include_bytes!` is not allowed"),
        ("use serde_json::x as vec;", "`use … as vec` hides a macro"),
        ('use std::include_str as json;\nfn f() { json!("/etc/passwd") }', "the macro `include_str!` is not allowed"),
        ("extern crate serde_json;", "`extern` is not allowed"),
        ("use serde_json::json;\nfn f() { other!(1) }", "the macro `other!` is not allowed"),
        ("use serde::Serialize;\n#[derive(Other)]\nstruct A;", r"`#\[derive\(Other\)\]` is not allowed"),
        ("#[serde_json::x]\n#[no_mangle]\nfn f() {}", r"the attribute `#\[no_mangle\]` is not allowed"),
        ("#[macro_use(x)]\nuse serde_json::y;", r"the attribute `#\[macro_use\(x\)\]` is not allowed"),
    ],
)
def test_what_is_forbidden_stays_forbidden_beside_permitted_crates(text: str, reason: str) -> None:
    with pytest.raises(SourceRejectedError, match=reason):
        lint(text, ALL)


def test_a_crate_that_is_named_like_an_attribute_does_not_permit_it() -> None:
    crates = (Crate("path", "1.0.0"), Crate("cfg", "1.0.0"))
    assert "the attribute `#[path" in str(refused('#[path = "/etc/passwd"]\nmod a {}', *crates))
    assert "the attribute `#[cfg" in str(refused("#[cfg(unix)]\nfn f() {}", *crates))


@pytest.mark.parametrize("text", ["use serde::Serialize;\n#[derive(Serialize)]", "#[derive(serde::Serialize)]"])
def test_a_derive_whose_feature_is_off_says_so(text: str) -> None:
    error = refused(f"{text}\nstruct A {{ x: f64 }}", PLAIN_SERDE)
    assert str(error).endswith("`#[derive(Serialize)]` needs the feature `derive` of the crate `serde`, which is off")
    assert error.hint == "write the impl by hand"


def test_a_struct_of_a_signature_may_derive_and_bear_a_crates_attributes() -> None:
    text = """
use serde::Serialize;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Place { #[serde(rename = "lat")] pub latitude: f64, pub name: String }

/// As JSON.
pub fn as_json(place: Place) -> Result<String, String> {
    serde_json::to_string(&place).map_err(|error| error.to_string())
}
"""
    (function,) = parse_source(text, ALL).functions
    assert function.name == "as_json"
    assert used_crates(text, ALL) == (SERDE, SERDE_JSON)


@pytest.mark.parametrize(
    ("text", "used"),
    [
        ("fn f(regex: u8) -> u8 { regex + 1 }", ()),
        ("fn f() { let regex = [1]; regex.len(); a::regex::f(); }", ()),
        ('// regex::Regex\nfn f() -> &\'static str { "regex::Regex" }', ()),
        ('fn f() { regex::Regex::new("a"); }', (REGEX,)),
        ('fn f() { ::regex::Regex::new("a"); }', (REGEX,)),
        ('fn f() { vec![regex::escape("a")]; }', (REGEX,)),
        ("use regex;", (REGEX,)),
        ("use {std::fmt, regex::{Regex, self as r}};", (REGEX,)),
        ("use std::fmt::{self, regex};", ()),
        ("use unicode_segmentation::UnicodeSegmentation as _;\nuse itertools::Itertools;", (ITERTOOLS, UNICODE)),
        ("#[derive(serde::Serialize)]\nstruct A;", (SERDE,)),
    ],
)
def test_the_crates_that_a_file_names_are_found(text: str, used: tuple[Crate, ...]) -> None:
    assert used_crates(text, ALL) == used
    assert used_crates(text, ()) == ()
