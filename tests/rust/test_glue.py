"""The rendered crate and the module that comes of it: types both ways, names that collide, panics, the batch lane."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from contract_kit import plain, values
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from akatsuki_wasm import binary, manifest, wit
from akatsuki_wasm.contracts import BatchCall, Call, Column, ExecutableModule, Limits
from akatsuki_wasm.errors import GuestError, GuestTrap
from akatsuki_wasm.rust.build import BuildOutput, build_crate
from akatsuki_wasm.rust.glue import finish, render_crate
from akatsuki_wasm.rust.signatures import parse_source
from akatsuki_wasm.sandbox.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from akatsuki_wasm.rust.toolchain import Toolchain

# One worker builds the module of every type, once.
pytestmark = pytest.mark.xdist_group("glue")

EVERY_TYPE = Path(__file__).with_name("every_type.rs").read_text("utf-8")


def build(text: str, toolchain: Toolchain, **build_facts: Any) -> tuple[bytes, BuildOutput]:
    interface = parse_source(text)
    output = build_crate(render_crate(text, interface).files, toolchain=toolchain)
    return finish(output.wasm, interface.to_manifest(build_facts)), output


class Guest:
    """A built module that is called by name."""

    def __init__(self, wasm: bytes, sandbox: Sandbox) -> None:
        self.manifest = manifest.for_binary(wasm)
        self.module = ExecutableModule(hashlib.sha256(wasm).hexdigest(), self.manifest, lambda: wasm, built_here=True)
        self.sandbox = sandbox

    def __call__(self, function: str, *args: Any) -> Any:
        return self.sandbox.execute(self.module, Call(function, args), Limits()).value

    def batch(self, function: str, rows: int, *columns: Column) -> Any:
        return self.sandbox.execute(self.module, BatchCall(function, columns, rows), Limits()).value


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as made:
        yield made


@pytest.fixture(scope="module")
def make(toolchain: Toolchain, sandbox: Sandbox) -> Callable[[str], Guest]:
    return lambda text: Guest(build(text, toolchain)[0], sandbox)


@pytest.fixture(scope="module")
def every(make: Callable[[str], Guest]) -> Guest:
    return make(EVERY_TYPE)


SAME = [each.name for each in parse_source(EVERY_TYPE).functions if each.name.startswith("same_")]


@pytest.mark.toolchain
@pytest.mark.parametrize("name", SAME)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
def test_every_type_comes_back_as_it_went(every: Guest, name: str, data: st.DataObject) -> None:
    function = every.manifest.function(name)
    assert function is not None
    value = data.draw(values(function.params[0].type))
    assert plain(every(name, value)) == plain(value)


@pytest.mark.toolchain
def test_borrowed_parameters(every: Guest) -> None:
    point = {"x": 1.5, "type": "corner", "tag": (7, "é")}
    shape = {"name": "s", "points": [point, {**point, "type": None}], "closed": True}
    image = {"width": 2, "height": 1, "pixels": bytes(range(8))}
    assert every("borrowed_text", "né") == 2
    assert every("borrowed_numbers", [1.0, 2.5]) == 3.5
    assert every("borrowed_texts", ["a", "", "ß"]) == every("borrowed_strings", ["a", "", "ß"]) == "a||ß"
    assert every("vec_of_str", []) == ""
    assert every("borrowed_lists", [[1.0, 2.0], [], [3.0]]).tolist() == [3.0, 0.0, 3.0]
    assert every("borrowed_image", image) == 28
    assert every("borrowed_images", [image, image]).tolist() == [2, 2]
    assert every("borrowed_shape", shape) == 's true {"": 1, "corner": 1}'
    assert (every("optional_text", None), every("optional_text", "x")) == ("NONE", "X")
    assert (every("optional_numbers", None), every("optional_numbers", [1, 65535])) == (0, 65536)
    assert (every("optional_image", None), every("optional_image", image)) == (None, 1)
    assert plain(every("mixed", [1, 2], "m", (-3, None), point)) == ["mé-3", [2, 1], "1.5"]
    assert every("spilled", 0.5, "b", [1], point, ("e", 2**64 - 1), ["f"], True, -(2**63), 0.25) == (
        '0.5 b [1] Point2D { x: 1.5, type: Some("corner"), tag: (7, \'é\') } Some(("e", 18446744073709551615)) '
        '["f"] true -9223372036854775808 Some(0.25)'
    )


@pytest.mark.toolchain
def test_results(every: Guest) -> None:
    assert (every("checked", 3), every("checked_none", 3), every("nothing", 1), every("no_parameters")) == (
        3,
        None,
        None,
        42,
    )
    for name in ("checked", "checked_none"):
        with pytest.raises(GuestError, match="negative: -1"):
            every(name, -1)
    with pytest.raises(GuestError, match="no name"):
        every("checked_shape", {"name": "", "points": [], "closed": False})


@pytest.mark.toolchain
def test_names_of_the_machine_are_free(every: Guest) -> None:
    """A function named as a mathematics or memory routine does not replace it inside the module."""
    assert every("exp", 1.0) == pytest.approx(np.e, rel=1e-15)
    assert (every("memcpy", 1), every("main", -1), every("rotate_90", 5, 3)) == (2, -1, 2)


COLLISIONS = """
use std::fmt::Write as Abi;
pub struct Frame { pub begin: u8 }
struct Column;
mod glue { pub fn begin() -> u8 { 1 } }
enum Some2 { A }
fn record() -> u8 { glue::begin() }
fn slots() -> Column { Column }
fn clamp01(x: f32) -> f32 { x + 1.0 }
pub fn begin(frame: Frame, r#match: u8, address: u8, result: u8, argument_0: u8, slots: u8) -> u8 {
    let _ = (self::slots(), Some2::A);
    let mut text = String::new();
    let _ = Abi::write_str(&mut text, "x");
    frame.begin + r#match + address + result + argument_0 + slots + record() + clamp01(1.0) as u8
}
pub fn frame() -> Vec<Frame> { vec![Frame { begin: 3 }] }
// The end of this file is a comment"""


@pytest.mark.toolchain
def test_names_of_the_glue_and_the_prelude_are_free(make: Callable[[str], Guest]) -> None:
    guest = make(COLLISIONS)
    assert guest("begin", {"begin": 1}, 2, 3, 4, 5, 6) == 24
    assert plain(guest("frame")) == [{"begin": 3}]


@pytest.mark.toolchain
def test_panics_carry_the_authors_line(make: Callable[[str], Guest]) -> None:
    guest = make('\n\npub fn at(x: u32) -> u32 {\n    [1u32, 2][x as usize]\n}\npub fn own() { panic!("own {}", 1) }\n')
    assert guest("at", 1) == 2
    with pytest.raises(GuestTrap, match=r"index out of bounds: the len is 2 but the index is 2, line 4"):
        guest("at", 2)
    with pytest.raises(GuestTrap, match=r"own 1, line 6"):
        guest("own")


@pytest.mark.toolchain
def test_batch_of_plain_and_real_functions(every: Guest) -> None:
    rows = 2500
    a = np.arange(rows, dtype=np.float64)
    valid = a % 3 != 0
    for columns in ((Column(a), Column(7.0, broadcast=True)), (Column(a, valid), Column(a[::-1].copy()))):
        result = every.batch("lanes", rows, *columns)
        b = np.full(rows, 7.0) if columns[1].broadcast else columns[1].values
        kept = np.ones(rows, bool) if columns[0].valid is None else valid
        assert np.array_equal(result.values[kept], np.where(a < b, a * 2, b)[kept])
        assert result.valid is None or np.array_equal(result.valid, kept)
    numbers = every.batch("rotate_90", 3, Column(np.array([5, 6, 7], np.uint8)), Column(2, broadcast=True))
    assert numbers.values.tolist() == [3, 4, 5]
    assert every.batch("exp", 0, Column(np.empty(0))).values.tolist() == []


@pytest.mark.toolchain
def test_batch_of_text_with_nulls_and_errors(every: Guest) -> None:
    counts = Column(np.array([2, 0, 1, 0, 3], np.uint32), np.array([True, True, True, False, True]))
    texts = Column(["a", "b", "é", "d", ""], np.array([True, True, True, True, False]))
    result = every.batch("labelled", 5, counts, Column("!", broadcast=True), texts)
    assert result.tolist() == ["a!a!", None, "é!", None, None]
    assert result.valid.tolist() == [True, False, True, False, False]
    assert [(each.row, each.message) for each in result.errors] == [(1, "zero of b")]


@pytest.mark.toolchain
def test_a_build_is_quiet_private_structs_or_not(toolchain: Toolchain) -> None:
    wasm, output = build(EVERY_TYPE, toolchain, rustc="x")
    assert output.warnings == ()
    assert manifest.for_binary(wasm).build == {"rustc": "x"}
    assert not [each.name for each in binary.read(wasm).exports if "export/" in each.name]


@pytest.mark.toolchain
def test_warnings_stand_on_the_authors_lines(toolchain: Toolchain) -> None:
    _, output = build("fn unused() {}\npub fn f(x: u8) -> u8 {\n    let y = 1;\n    x\n}\n", toolchain)
    assert sorted((each.line, each.message) for each in output.warnings) == [
        (1, "function `unused` is never used"),
        (3, "unused variable: `y`"),
    ]


def test_the_rendered_crate() -> None:
    text = "pub fn f(x: &str) -> u32 { 1 }"
    crate = render_crate(text, parse_source(text))
    assert crate.files["src/author.rs"].startswith(f"{text}\n")
    assert crate == render_crate(text, parse_source(text))
    assert len(crate.prelude_sha256) == 64
    assert {name for name in crate.files if "prelude" not in name} == {
        *("Cargo.toml", "Cargo.lock", "src/lib.rs", "src/abi.rs", "src/batch.rs", "src/heap.rs", "src/panics.rs"),
        *("src/author.rs", "src/author/akatsuki_glue.rs"),
    }


def test_records_are_named_in_python_as_in_rust() -> None:
    records = parse_source(EVERY_TYPE).to_manifest().records
    assert [(name, [field for field, _ in record.fields]) for name, record in records.items()][-2:] == [
        ("point2_d", ["x", "type", "tag"]),
        ("shape", ["name", "points", "closed"]),
    ]
    assert records["image"] == wit.IMAGE
