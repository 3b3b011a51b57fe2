"""A component made from one of our modules with the standard libraries gives what the module itself gives.

The module's own WIT (`manifest.world`) and nothing else is handed to wit-component, which refuses a module whose
exports are not those of the Canonical ABI; wasmtime then runs the component. The program that calls wit-component is in
`component_maker/`; it is built once, with crates from the registry, into the cache for test tools.
"""

from __future__ import annotations

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
from akatsuki_wasm.errors import GuestError
from akatsuki_wasm.rust.signatures import parse_source
from akatsuki_wasm.sandbox.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator

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
    if name in {"rotate_90", "memcpy"}:  # they overflow, which traps, and a component cannot be used after a trap
        args = [data.draw(st.integers(100, 200)), *(data.draw(st.integers(0, 99)) for _ in function.params[1:])]
    elif name == "labelled":
        args = [data.draw(st.none() | st.integers(0, 9)), "x", data.draw(st.text("aé", max_size=3))]
    else:
        args = [data.draw(values(each.type)) for each in function.params]
    try:
        expected = plain(guest(name, *args))
    except GuestError as error:
        expected = error.message
    got = plain(made(name, *args))
    if isinstance(got, dict) and got.keys() == {"tag", "payload"}:
        got = got["payload"]
    assert got == expected or (isinstance(expected, str) and str(got) in expected)
