"""The module's own document: round trips, strictness, WIT, and what a binary is believed."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wasmtime import wat2wasm
from wit_kit import types

from akatsuki_wasm import manifest, wit
from akatsuki_wasm.contracts import MISSING, Function, Manifest, Parameter
from akatsuki_wasm.errors import InvalidModuleError

NAMES = st.from_regex(r"[a-z][a-z]{0,8}(_[a-z]{1,4})?", fullmatch=True)
TEXT = st.text(st.characters(blacklist_categories=("Cs",)), max_size=30)
MARGIN = Function(
    "net_margin",
    (Parameter("price", wit.F64, "Of one.", 0.0, 10.0, 1.5), Parameter("cost", wit.F64)),
    wit.F64,
    "Share that is left.",
    "net-margin",
    "akatsuki:batch/net-margin",
)
MANIFEST = Manifest((MARGIN,), "Margins.", build={"rustc": "1.96"})


@st.composite
def functions(draw: st.DrawFn, name: str) -> Function:
    params = tuple(
        Parameter(each, draw(types()), draw(TEXT)) for each in draw(st.lists(NAMES, max_size=4, unique_by=wit.kebab))
    )
    low, high = sorted(draw(st.tuples(st.integers(-100, 100), st.integers(-100, 100))))
    params += (Parameter("ranged", wit.S16, draw(TEXT), low, high, draw(st.sampled_from([MISSING, low]))),)
    result = draw(st.one_of(st.none(), types(), types().map(wit.Result)))
    return Function(name, params, result, draw(TEXT), wit.kebab(name), draw(st.none() | st.just("akatsuki:batch/x")))


@st.composite
def manifests(draw: st.DrawFn) -> Manifest:
    names = draw(st.lists(NAMES, max_size=4, unique_by=wit.kebab))
    made = tuple(draw(functions(name)) for name in names)
    return Manifest(made, draw(TEXT), build=draw(st.dictionaries(TEXT, TEXT | st.integers(0, 9), max_size=3)))


@given(manifests())
def test_a_manifest_is_read_back(made: Manifest) -> None:
    data = manifest.dump(made)
    assert manifest.load(data) == made
    assert manifest.dump(manifest.load(data)) == data


def _changed(**changes: Any) -> bytes:
    return json.dumps(json.loads(manifest.dump(MANIFEST)) | changes).encode()


def _parameter(**changes: Any) -> bytes:
    document = json.loads(manifest.dump(MANIFEST))
    document["functions"][0]["params"][0] |= changes
    return json.dumps(document).encode()


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "it is not JSON: Expecting value: line 1 column 1 (char 0)"),
        (b"\xff", "it is not UTF-8"),
        (b"[]", "the document is [], expected an object"),
        (b"[" * 100_000, "it is nested too deeply"),
        (b'{"abi":1,"abi":1}', "it is not JSON: a key is given twice among 'abi', 'abi'"),
        (b"NaN", "it is not JSON: NaN is no number of JSON"),
        (b"{}", "the document has no 'abi'"),
        (_changed(abi=True), "abi is True, expected a whole number"),
        (_changed(kind="other"), 'kind is \'other\', expected "akatsuki", "core", "component" or "command"'),
        (_changed(kind="core"), "kind 'core' does not go with abi 1"),
        (_changed(extra=1), "the document has the unknown key 'extra'"),
        (_changed(functions={}), "functions is {}, expected an array"),
        (_changed(functions=[1]), "functions[0] is 1, expected an object"),
        (
            _changed(records=[{"name": "list", "fields": [["x", "u8"]]}]),
            "records[0].name is 'list', which is a type of WIT",
        ),
        (
            _changed(records=[{"name": "a", "fields": [["x", "a"]]}]),
            "records[0].fields[0]: 'a' is not a type: 'a' is not known",
        ),
        (_changed(description="x" * 70_000), "description is 70000 characters long, at most 65536 are allowed"),
        (
            _parameter(type="result<u8, string>"),
            "functions[0].params[0].type: 'result<u8, string>' has a result inside another "
            "type: only what a function returns may be a result",
        ),
        (_parameter(type="string"), "functions[0].params[0].min is given for the type string, which has no range"),
        (_parameter(min=5, max=1), "functions[0].params[0].min is 5, above max 1"),
        (_parameter(default="x"), "functions[0].params[0].default is 'x', expected a value of f64"),
        (_parameter(default=11), "functions[0].params[0].default is 11, outside its range"),
        (_parameter(name="Price"), "functions[0].params[0].name is 'Price', expected a snake_case name"),
        (_parameter(name="cost"), "functions[0].params: the name 'cost' is given twice"),
    ],
)
def test_wrong_shapes_are_named(data: bytes, problem: str) -> None:
    with pytest.raises(InvalidModuleError) as caught:
        manifest.load(data)
    assert str(caught.value) == f"the module's description (akatsuki.module) is wrong: {problem}"


def test_records_that_double_each_other_are_refused() -> None:
    records = [{"name": "r_a", "fields": [["x", "u8"]]}]
    for index in range(40):
        name = f"r_{chr(98 + index % 20)}{chr(97 + index // 20)}"
        last = records[-1]["name"]
        records.append({"name": name, "fields": [["x", last], ["y", last]]})
    records = [{**each, "fields": [[a, wit.kebab(str(b))] for a, b in each["fields"]]} for each in records]
    with pytest.raises(InvalidModuleError, match="has more than 1000 parts"):
        manifest.load(_changed(records=records))


def test_a_newer_abi_says_what_to_do() -> None:
    with pytest.raises(InvalidModuleError) as caught:
        manifest.load(_changed(abi=2))
    assert str(caught.value) == "the module is of ABI version 2, and this installation knows 1"
    assert caught.value.hint == "upgrade akatsuki-wasm"


def test_world() -> None:
    record = wit.Record("flags", (("type", wit.STRING), ("x_1", wit.F64)))
    made = Manifest(
        (Function("use", (Parameter("list", wit.List(record)),), wit.Result(None), "One.\nTwo."),), "Words."
    )
    assert manifest.world(made) == (
        "package akatsuki:guest;\n\n/// Words.\nworld module {\n"
        "  record %flags { %type: string, x1: f64 }\n\n"
        "  /// One.\n  /// Two.\n  export %use: func(%list: list<%flags>) -> result<_, string>;\n}\n"
    )


HONEST = """(module (memory (export "memory") 1)
  (func (export "net-margin") (param f64 f64) (result f64) local.get 0)
  (func (export "akatsuki:batch/net-margin") (param i32))
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) i32.const 0))"""


def _module(text: str, made: Manifest = MANIFEST) -> bytes:
    return manifest.append_section(bytes(wat2wasm(text)), made)


def test_a_section_is_believed_where_the_exports_agree() -> None:
    assert manifest.for_binary(_module(HONEST)) == MANIFEST
    assert manifest.read_section(_module(HONEST)) == MANIFEST
    assert manifest.read_section(bytes(wat2wasm(HONEST))) is None


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            HONEST.replace("net-margin", "other"),
            "the module has no function export 'net-margin', which 'net-margin: func(price: "
            "f64, cost: f64) -> f64' needs",
        ),
        (
            HONEST.replace("(param f64 f64)", "(param f64 i32)"),
            "the export 'net-margin' has the core type (f64, i32) -> (f64), and 'net-margin: "
            "func(price: f64, cost: f64) -> f64' needs (f64, f64) -> (f64)",
        ),
        (HONEST.replace('(export "memory")', ""), "the module exports no memory named 'memory'"),
        (
            HONEST.replace("cabi_realloc", "other"),
            "the module has no function export 'cabi_realloc', which 'net-margin: "
            "func(price: f64, cost: f64) -> f64' needs",
        ),
    ],
)
def test_a_lying_section_is_refused(text: str, problem: str) -> None:
    with pytest.raises(InvalidModuleError) as caught:
        manifest.for_binary(_module(text))
    assert str(caught.value) == f"the module's description (akatsuki.module) is wrong: {problem}"


def test_two_sections_are_refused() -> None:
    twice = _module(HONEST) + _module("(module)")[8:]
    with pytest.raises(InvalidModuleError, match="it is there 2 times"):
        manifest.for_binary(twice)
    with pytest.raises(InvalidModuleError, match="the module has one already"):
        manifest.append_section(_module(HONEST), MANIFEST)


def test_plain_modules_are_known_by_their_numeric_exports() -> None:
    plain = manifest.for_binary(
        bytes(
            wat2wasm(
                """(module
                  (func (export "add") (param $left i32) (param $right i32) (result i32) unreachable)
                  (func (export "mulAdd") (param f32 f64 i64))
                  (func (export "a b") (result i64) unreachable)
                  (func (export "net-margin") (param f64) unreachable)
                  (func (export "vector") (param v128))
                  (func (export "two") (result i32 i32) unreachable)
                  (func (export "cabi_post_add") (param i32))
                  (func (export "_start")))"""
            )
        )
    )
    assert (plain.kind, plain.abi) == ("core", 0)
    assert [(each.name, each.export, each.signature) for each in plain.functions] == [
        ("add", "add", "add: func(left: s32, right: s32) -> s32"),
        ("mulAdd", "mulAdd", "mul-add: func(a: f32, b: f64, c: s64)"),
        ("a b", "a b", "a b: func() -> s64"),
        ("net_margin", "net-margin", "net-margin: func(a: f64)"),
    ]
    assert manifest.load(manifest.dump(plain)) == plain


def test_a_module_without_functions_and_one_with_imports() -> None:
    with pytest.raises(InvalidModuleError) as caught:
        manifest.for_binary(bytes(wat2wasm("(module (memory 1))")))
    assert (
        str(caught.value) == "the module has no function that can be called: no export takes and returns only numbers"
    )
    with pytest.raises(InvalidModuleError, match=r"^the module imports what is not provided: memory env.m$"):
        manifest.for_binary(bytes(wat2wasm('(module (import "env" "m" (memory 1)))')))


COLOR = wit.Enum("color", ("red", "dark_green"))
SHAPE = wit.Variant("shape", (("empty", None), ("circle", wit.F64), ("painted", COLOR)))
COMPONENT = Manifest(
    (
        Function(
            "draw",
            (
                Parameter("shape", SHAPE),
                Parameter("perms", wit.Flags("perms", ("read",))),
                Parameter("x", wit.Option(wit.Option(wit.U8))),
            ),
            wit.Result(wit.List(wit.Result(None, None)), COLOR),
            export="test:kit/api@1.0.0#draw",
        ),
    ),
    kind="component",
    abi=0,
)


def test_a_component_s_manifest_is_read_back() -> None:
    data = manifest.dump(COMPONENT)
    assert manifest.load(data) == COMPONENT
    assert json.loads(data)["records"] == [
        {"name": "color", "enum": ["red", "dark_green"]},
        {"name": "shape", "cases": [["empty", None], ["circle", "f64"], ["painted", "color"]]},
        {"name": "perms", "flags": ["read"]},
    ]


def _component(**changes: Any) -> bytes:
    return json.dumps(json.loads(manifest.dump(COMPONENT)) | changes).encode()


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (_component(kind="akatsuki", abi=1), "records[0] has no 'fields'"),
        (_component(records=[{"name": "a", "enum": []}]), "records[0].enum is empty"),
        (_component(records=[{"name": "a", "enum": ["X"]}]), "records[0].enum[0] is 'X', expected a snake_case name"),
        (_component(records=[{"name": "a", "flags": ["x", "x"]}]), "records[0].flags: the name 'x' is given twice"),
        (_component(records=[{"name": "a", "cases": [["x"]]}]), "records[0].cases[0] is ['x'], expected [name, type]"),
        (
            _component(records=[{"name": "a", "cases": [["x", "b"]]}]),
            "records[0].cases[0]: 'b' is not a type: 'b' is not known",
        ),
        (
            _component(records=[{"name": "a", "enum": ["x"], "flags": ["x"]}]),
            "records[0] has the unknown key 'flags'",
        ),
        (_component(abi=1), "kind 'component' does not go with abi 1"),
    ],
)
def test_wrong_shapes_of_a_component_are_named(data: bytes, problem: str) -> None:
    with pytest.raises(InvalidModuleError) as caught:
        manifest.load(data)
    assert str(caught.value) == f"the module's description (akatsuki.module) is wrong: {problem}"


def test_an_author_s_result_has_text_as_its_error() -> None:
    document = json.loads(manifest.dump(MANIFEST))
    document["functions"][0]["result"] = "result<u8, u8>"
    with pytest.raises(InvalidModuleError, match="has an error that is no text"):
        manifest.load(json.dumps(document).encode())
