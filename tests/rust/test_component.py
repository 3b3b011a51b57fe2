"""A component made from one of our modules with the standard libraries gives what the module itself gives.

It does so in wasmtime's own hands and in our sandbox for components, which knows its functions from its bytes alone.

The module's own WIT (`manifest.world`) and nothing else is handed to wit-component, which refuses a module whose
exports are not those of the Canonical ABI; wasmtime then runs the component. The program that calls wit-component is in
`component_maker/`; it is built once, with crates from the registry, into the cache for test tools.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import platformdirs
import pytest
import wasmtime
from contract_kit import plain, values
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from test_glue import EVERY_TYPE, Guest, build
from wasmtime import component

from akatsuki_wasm import manifest, wit
from akatsuki_wasm.contracts import Call, ExecutableModule
from akatsuki_wasm.errors import GuestError
from akatsuki_wasm.rust.signatures import parse_source
from akatsuki_wasm.sandbox.component.sandbox import ComponentSandbox
from akatsuki_wasm.sandbox.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator

    from akatsuki_wasm.contracts import Function
    from akatsuki_wasm.rust.toolchain import Toolchain

_OF_OTHER_BUILDS = ("CARGO_BUILD", "CARGO_TARGET", "RUST")
MAKER = Path(__file__).with_name("component_maker")
CACHE = Path(os.environ.get("AKATSUKI_TEST_TOOL_CACHE") or platformdirs.user_cache_path("akatsuki_wasm") / "test-tools")

# One worker builds the component maker and the module, once.
pytestmark = [pytest.mark.toolchain, pytest.mark.slow, pytest.mark.xdist_group("component")]


def _missing(reason: str) -> None:
    if os.environ.get("CI") == "true":
        pytest.fail(f"CI needs the component maker: {reason}")
    pytest.skip(f"no component maker: {reason}")


@pytest.fixture(scope="module")
def maker(toolchain: Toolchain) -> Path:
    """The program that wraps a module as a component."""
    if shutil.which("cc") is None:
        _missing("there is no C linker named cc")
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(_OF_OTHER_BUILDS)},
        "CARGO_HOME": str(CACHE / "cargo-home"),
        "CARGO_TARGET_DIR": str(CACHE / "component-maker"),
        "RUSTC": str(toolchain.rustc),
    }
    # cargo writes its lock file beside the manifest, which is no business of the checkout's.
    source = CACHE / "component-maker-source"
    shutil.copytree(MAKER, source, dirs_exist_ok=True)
    command = [toolchain.cargo, "build", "--manifest-path", source / "Cargo.toml"]
    offline = subprocess.run([*command, "--offline"], env=environment, capture_output=True, text=True)
    built = (
        offline if offline.returncode == 0 else subprocess.run(command, env=environment, capture_output=True, text=True)
    )
    if built.returncode != 0:
        _missing(f"cargo could not build it: {built.stderr[-600:]}")
    return CACHE / "component-maker" / "debug" / "component-maker"


class Component:
    """A component's functions, called with contract values."""

    def __init__(self, binary: bytes, described: manifest.Manifest) -> None:
        self.binary = binary
        engine = wasmtime.Engine()
        self.store = wasmtime.Store(engine)
        self.instance = component.Linker(engine).instantiate(self.store, component.Component(engine, binary))
        self.manifest = described

    def __call__(self, name: str, *args: Any) -> Any:
        described = self.manifest.function(name)
        assert described is not None
        function = self.instance.get_func(self.store, described.export)
        assert function is not None
        lowered = [_lowered(value, each.type) for value, each in zip(args, described.params, strict=True)]
        return function(self.store, *lowered)


def _lowered(value: Any, type_: wit.Type) -> Any:
    """A contract value as wasmtime's components take it: records are objects with WIT's names."""
    match type_:
        case wit.Record(_, fields):
            record = component.Record()
            for name, field in fields:
                setattr(record, wit.kebab(name), _lowered(value[name], field))
            return record
        case wit.List(element):
            lowered = [_lowered(each, element) for each in value]
            return bytes(lowered) if element == wit.U8 else lowered
        case wit.Tuple(items):
            return tuple(_lowered(each, item) for each, item in zip(value, items, strict=True))
        case wit.Option(inner):
            return None if value is None else _lowered(value, inner)
        case _:
            return value


@pytest.fixture(scope="module")
def both(
    maker: Path, toolchain: Toolchain, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Guest, Component]]:
    """The module in our sandbox, and the component made from it."""
    folder = tmp_path_factory.mktemp("component")
    core, world, out = folder / "core.wasm", folder / "world.wit", folder / "component.wasm"
    core.write_bytes(build(EVERY_TYPE, toolchain)[0])
    described = manifest.for_binary(core.read_bytes())
    world.write_text(manifest.world(described), "utf-8")
    subprocess.run([maker, core, world, out], check=True)
    with Sandbox() as sandbox:
        yield Guest(core.read_bytes(), sandbox), Component(out.read_bytes(), described)


def executable(wasm: bytes) -> ExecutableModule:
    return ExecutableModule(hashlib.sha256(wasm).hexdigest(), manifest.for_binary(wasm), lambda: wasm, "component")


def drawn_arguments(name: str, function: Function, data: st.DataObject) -> list[Any]:
    """Arguments with which the function does not trap: wasmtime cannot use a component after a trap."""
    if name in {"rotate_90", "memcpy"}:  # they overflow
        return [data.draw(st.integers(100, 200)), *(data.draw(st.integers(0, 99)) for _ in function.params[1:])]
    if name == "labelled":  # its error ends with the last text, and an error has no spaces at its end
        return [data.draw(st.none() | st.integers(0, 9)), "x", data.draw(st.text("aé", min_size=1, max_size=3))]
    return [data.draw(values(each.type)) for each in function.params]


@pytest.mark.parametrize("name", [each.name for each in parse_source(EVERY_TYPE).functions])
@settings(
    max_examples=10,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_module_and_component_agree(both: tuple[Guest, Component], name: str, data: st.DataObject) -> None:
    guest, made = both
    function = guest.manifest.function(name)
    assert function is not None
    args = drawn_arguments(name, function, data)
    try:
        expected = plain(guest(name, *args))
    except GuestError as error:
        expected = error.message
    got = plain(made(name, *args))
    if isinstance(got, dict) and got.keys() == {"tag", "payload"}:
        got = got["payload"]
    assert got == expected or (isinstance(expected, str) and str(got) in expected)


def test_the_component_s_types_are_those_of_the_module(both: tuple[Guest, Component]) -> None:
    guest, made = both
    found = manifest.for_binary(made.binary)
    assert found.kind == "component"
    assert {each.export: each.signature for each in found.functions} == {
        each.export: each.signature for each in guest.manifest.functions
    }


@pytest.fixture(scope="module")
def components() -> Iterator[ComponentSandbox]:
    with ComponentSandbox() as sandbox:
        yield sandbox


@pytest.mark.parametrize("name", [each.name for each in parse_source(EVERY_TYPE).functions])
@settings(
    max_examples=10,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_our_sandboxes_agree(
    both: tuple[Guest, Component], components: ComponentSandbox, name: str, data: st.DataObject
) -> None:
    guest, made = both
    function = guest.manifest.function(name)
    assert function is not None
    args = drawn_arguments(name, function, data)
    answers = []
    for call in (
        lambda: guest(name, *args),
        lambda: components.execute(executable(made.binary), Call(function.export, tuple(args))).value,
    ):
        try:
            answers.append(plain(call()))
        except GuestError as error:
            answers.append(error.message)
    assert answers[0] == answers[1]


KIT = """package test:kit;

interface types {
  record point { x: f64, y: f64 }
  enum color { red, dark-green, blue }
}

interface shapes {
  use types.{point, color};
  variant shape { empty, circle(f64), at(point), tagged(tuple<color, string>) }
  flags perms { read, write, run-it }
  echo: func(s: shape) -> shape;
  area: func(p: point) -> f64;
  allow: func(p: perms) -> perms;
  risky: func(n: u32) -> result<option<u32>, color>;
  nested: func(items: list<result<u32, string>>) -> list<result<u32, string>>;
  deep: func(x: option<option<u32>>) -> option<option<u32>>;
}

world module {
  use types.{point as pt};
  export shapes;
  export area: func(p: pt) -> f64;
}
"""
KIT_CORE = """(module
  (memory (export "memory") 1)
  (global $next (mut i32) (i32.const 1024))
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (local $p i32)
    (local.set $p (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
    (global.set $next (i32.add (local.get $p) (local.get 3))) (local.get $p))
  (func (export "test:kit/shapes#echo") (param i32 i64 i64 i32) (result i32)
    (i32.store8 (i32.const 16) (local.get 0))
    (if (i32.lt_u (local.get 0) (i32.const 3))
      (then (i64.store (i32.const 24) (local.get 1)) (i64.store (i32.const 32) (local.get 2)))
      (else (i32.store8 (i32.const 24) (i32.wrap_i64 (local.get 1)))
        (i32.store (i32.const 28) (i32.wrap_i64 (local.get 2))) (i32.store (i32.const 32) (local.get 3))))
    (i32.const 16))
  (func (export "test:kit/shapes#area") (param f64 f64) (result f64) (f64.mul (local.get 0) (local.get 1)))
  (func (export "area") (param f64 f64) (result f64) (f64.add (local.get 0) (local.get 1)))
  (func (export "test:kit/shapes#allow") (param i32) (result i32) (i32.xor (local.get 0) (i32.const 7)))
  (func (export "test:kit/shapes#risky") (param i32) (result i32)
    (i32.store8 (i32.const 16) (i32.gt_u (local.get 0) (i32.const 10)))
    (i32.store8 (i32.const 20) (i32.const 1)) (i32.store (i32.const 24) (local.get 0)) (i32.const 16))
  (func (export "test:kit/shapes#nested") (param i32 i32) (result i32)
    (i32.store (i32.const 16) (local.get 0)) (i32.store (i32.const 20) (local.get 1)) (i32.const 16))
  (func (export "test:kit/shapes#deep") (param i32 i32 i32) (result i32)
    (i32.store8 (i32.const 16) (local.get 0)) (i32.store8 (i32.const 20) (local.get 1))
    (i32.store (i32.const 24) (local.get 2)) (i32.const 16)))
"""


def test_an_interface_with_types_of_another_interface(
    maker: Path, components: ComponentSandbox, tmp_path: Path
) -> None:
    core, world, out = tmp_path / "core.wasm", tmp_path / "world.wit", tmp_path / "out.wasm"
    core.write_bytes(wasmtime.wat2wasm(KIT_CORE))
    world.write_text(KIT, "utf-8")
    subprocess.run([maker, core, world, out], check=True)
    module = executable(out.read_bytes())
    assert {each.name: each.export for each in module.manifest.functions} == {
        "area": "area",
        "shapes_area": "test:kit/shapes#area",
        **{each: f"test:kit/shapes#{each}" for each in ("echo", "allow", "risky", "nested", "deep")},
    }
    point = {"x": 3.0, "y": 4.0}
    for function, argument, got in (
        ("area", point, 7.0),
        ("shapes_area", point, 12.0),
        ("echo", wit.Case("empty"), wit.Case("empty")),
        ("echo", wit.Case("at", point), wit.Case("at", (3.0, 4.0))),
        ("echo", wit.Case("tagged", ("dark_green", "hé")), wit.Case("tagged", ("dark_green", "hé"))),
        ("allow", {"read"}, {"write", "run_it"}),
        ("risky", 5, 5),
        ("nested", [wit.Case("ok", 3), wit.Case("err", "no")], [wit.Case("ok", 3), wit.Case("err", "no")]),
        ("deep", None, None),
        ("deep", wit.Case("some", None), wit.Case("some", None)),
        ("deep", wit.Case("some", 7), wit.Case("some", 7)),
    ):
        assert components.execute(module, Call(function, (argument,))).value == got
    with pytest.raises(GuestError) as caught:
        components.execute(module, Call("risky", (11,)))
    assert caught.value.value == "dark_green"
