"""Attacks work on a plain build, and are stopped here: by the lint or the build, and at each level behind them."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

import pytest

from akatsuki_wasm.errors import BuildError, CompileError, SourceRejectedError
from akatsuki_wasm.rust.build import BuildOutput, build_crate
from akatsuki_wasm.rust.glue import render_crate
from akatsuki_wasm.rust.signatures import parse_source

from .attack import LOCK, SECRET, Attack, Scene, lay_out, plain_build
from .attacks import ATTACKS

if TYPE_CHECKING:
    from akatsuki_wasm.confinement.ladder import Confinement
    from akatsuki_wasm.rust.toolchain import Toolchain

pytestmark = pytest.mark.toolchain

by_name = pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name.replace("`", ""))


def built(attack: Attack, scene: Scene, toolchain: Toolchain, confinement: Confinement) -> BuildOutput | BuildError:
    """What the build gives for a hostile crate that nothing has looked at before."""
    crate = attack.crate(scene)
    beside = {name: text for name, text in crate.items() if name.startswith("../")}
    work = scene.root / "plain"  # where a plain build has its crate: what lies beside that lies beside this one
    lay_out(beside, work / "crate")
    (work / "crate").mkdir(parents=True, exist_ok=True)
    inside = {name: text for name, text in crate.items() if name not in beside}
    try:
        return build_crate(inside, toolchain=toolchain, work_root=work, confinement=confinement)
    except BuildError as exc:
        return exc


def worked(attack: Attack, scene: Scene, outcome: BuildOutput | BuildError) -> bool:
    """Whether it got what it came for, wherever that shows."""
    if scene.mark.exists() or scene.caught.exists():
        return True
    if isinstance(outcome, BuildOutput):
        return SECRET.encode() in outcome.wasm
    said = [str(outcome), outcome.hint]
    if isinstance(outcome, CompileError):
        said += [text for each in outcome.diagnostics for text in (each.rendered, each.message, each.help or "")]
    return any(SECRET in text for text in said)


@by_name
def test_it_works_on_a_plain_build(attack: Attack, scene: Scene, toolchain: Toolchain) -> None:
    plain = plain_build(attack.crate(scene), toolchain, scene.root, environment=attack.environment)
    assert plain.shows(attack, scene), plain.messages[-2000:]


@by_name
def test_each_level_stops_what_it_claims_to_stop_and_nothing_else_does(
    attack: Attack,
    confinement: Confinement,
    scene: Scene,
    toolchain: Toolchain,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SECRET", SECRET)
    for name, value in attack.environment.items():
        monkeypatch.setenv(name, value)
    outcome = built(attack, scene, toolchain, confinement)
    assert worked(attack, scene, outcome) == (confinement.level not in attack.stopped), outcome


@by_name
def test_it_does_not_come_that_far(attack: Attack, scene: Scene) -> None:
    author = attack.crate(scene)["src/author.rs"]
    if attack.before == "lint":
        with pytest.raises(SourceRejectedError) as caught:
            parse_source(author)
        assert SECRET not in str(caught.value)
        assert scene.root.name not in str(caught.value)
    elif attack.before == "one file":
        # The author has this one file. Whatever is in it, nothing of the rest is theirs.
        harmless = "pub fn f(a: i32) -> i32 { a }"
        files = render_crate(harmless, parse_source(harmless)).files
        hostile = {name for name in attack.crate(scene) if name not in {"Cargo.toml", "Cargo.lock"}}
        assert hostile & {*files} == {"src/author.rs", "src/lib.rs"}
        manifest = tomllib.loads(files["Cargo.toml"])
        assert not {*manifest} & {"dependencies", "build-dependencies", "patch", "target"}
        assert manifest["package"].get("build") in {None, False}
    else:
        assert {*attack.stopped} == {"basic", "strong", "full"}


def test_a_crate_of_this_kind_builds_at_each_level_and_gives_the_same_bytes(
    confinement: Confinement, scene: Scene, toolchain: Toolchain, best: Confinement
) -> None:
    crate = Attack("none", lambda _: {"src/author.rs": "pub fn f(a: usize) -> i32 { a as i32 }\n"}, "module", {})
    files = crate.crate(scene)
    assert files["Cargo.lock"] == LOCK
    output = build_crate(files, toolchain=toolchain, confinement=confinement)
    assert output.confinement == confinement
    assert output.wasm == build_crate(files, toolchain=toolchain, confinement=best).wasm
