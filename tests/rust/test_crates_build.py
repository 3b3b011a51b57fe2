"""Modules with crates of others: real ones from the public registry, and ones made for a test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from crates_kit import LocalRegistry, build, crates_io, local_registry, new_cache

import akatsuki_wasm as ak
from akatsuki_wasm import binary
from akatsuki_wasm.config import Settings, load_settings
from akatsuki_wasm.contracts import Crate
from akatsuki_wasm.errors import BuildError, CompileError, SourceRejectedError, ToolchainError
from akatsuki_wasm.rust import crates_build
from akatsuki_wasm.rust.crates_vendored import ReachedPackage
from akatsuki_wasm.rust.toolchain import Toolchain  # noqa: TC001 - a fixture's type, read by people

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.toolchain
__all__ = ["crates_io", "local_registry"]

PLAIN = "/// One more.\npub fn more(n: i64) -> i64 { n + 1 }"
WITHOUT_PROGRAMS = {"itoa": "1.0.15", "regex": {"version": "1.11.1", "features": ["std"], "default_features": False}}
WITH_PROGRAMS = {"serde_json": "1.0.145", "serde": {"version": "1.0.228", "features": ["derive"]}}
WORDS = r"""
use regex::Regex;

/// Words, with their number before them.
pub fn words(text: &str) -> Result<String, String> {
    let word = Regex::new("[a-z]+").map_err(|error| error.to_string())?;
    let found: Vec<&str> = word.find_iter(text).map(|each| each.as_str()).collect();
    Ok(format!("{} {}", itoa::Buffer::new().format(found.len()), found.join("+")))
}
"""
PLACES = """
use serde::{Deserialize, Serialize};

#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Place { pub full_name: String, pub height: f64 }

/// As JSON.
pub fn as_json(place: Place) -> Result<String, String> {
    serde_json::to_string(&place).map_err(|error| error.to_string())
}

/// From JSON.
pub fn from_json(text: &str) -> Result<Place, String> {
    serde_json::from_str(text).map_err(|error| error.to_string())
}

/// A list.
pub fn listed(text: &str) -> String {
    serde_json::json!({ "text": text, "of": [1, null] }).to_string()
}
"""


def settings(folder: Path, crates: dict[str, object]) -> Settings:
    return load_settings(cache_dir=new_cache(folder / "cache"), data_dir=folder / "data", crates=crates)


@pytest.mark.slow
@pytest.mark.usefixtures("crates_io")
def test_real_crates_without_programs_work_and_the_digest_is_the_same_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = build(WORDS, settings(tmp_path / "a", WITHOUT_PROGRAMS))
    facts = first.manifest.build
    assert facts["crates"] == {
        "itoa": "1.0.15",
        "regex": {"version": "1.11.1", "features": ["std"], "default_features": False},
    }
    assert len(facts["crates_sha256"]) == 64
    made = first.provenance["build"]
    assert [each.split()[0] for each in made["packages"]] == ["itoa", "regex", "regex-automata", "regex-syntax"]
    assert str(tmp_path).encode() not in first.wasm
    # Another folder and cache by a link, the crates in another order, and one more that the module does not use.
    (tmp_path / "else where").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "else where")
    monkeypatch.setenv("TMPDIR", str(tmp_path / "else where"))
    monkeypatch.setattr("tempfile.tempdir", None)
    again = build(WORDS, settings(tmp_path / "link", dict(reversed(WITHOUT_PROGRAMS.items())) | {"hex": "0.4.3"}))
    assert again.digest == first.digest
    with ak.open(cache_dir=new_cache(tmp_path / "a" / "cache"), data_dir=tmp_path / "data") as ws:
        ws.check(first, ['words("one, two; three") == "3 one+two+three"', 'words("1") == "0 "'])


@pytest.mark.slow
@pytest.mark.usefixtures("crates_io", "strong_sandbox")
def test_real_crates_with_build_scripts_and_procedural_macros_work_at_strong_and_above(tmp_path: Path) -> None:
    with ak.open(cache_dir=new_cache(tmp_path / "cache"), data_dir=tmp_path / "data", crates=WITH_PROGRAMS) as ws:
        artifact = build(PLACES, ws.settings)
        assert {"serde_derive 1.0.228", "serde_json 1.0.145"} < set(artifact.provenance["build"]["packages"])
        assert binary.read(artifact.wasm).imports == ()
        module = ws.deploy(artifact, name="places")
        assert module.as_json({"full_name": "Fuji", "height": 3776.0}) == '{"fullName":"Fuji","height":3776.0}'
        assert module.from_json('{"height": 1.5, "fullName": "a"}').full_name == "a"
        assert module.listed('"') == '{"of":[1,null],"text":"\\""}'
        with pytest.raises(ak.errors.GuestError, match="EOF while parsing a value at line 1 column 0"):
            module.from_json("")


def test_a_module_without_crates_is_what_it_was_and_nothing_is_resolved(tmp_path: Path) -> None:
    without = build(PLAIN, settings(tmp_path, {}))
    permitted = build(PLAIN, settings(tmp_path, {"no-such-crate-at-all": "1.0.0"}))
    assert permitted.wasm == without.wasm
    assert "crates" not in permitted.manifest.build
    assert not (tmp_path / "cache" / "crates").exists()


def test_only_the_crates_that_a_source_names_are_compiled(local_registry: LocalRegistry, tmp_path: Path) -> None:
    local_registry.crate("good", {"src/lib.rs": "pub fn two() -> i64 { 2 }"})
    local_registry.crate("broken", {"src/lib.rs": 'compile_error!("not for modules");'})
    permitted = settings(tmp_path, {"good": "1.0.0", "broken": "1.0.0"})
    artifact = build("/// Two.\npub fn two() -> i64 { good::two() }", permitted)
    assert artifact.provenance["build"]["packages"] == ["good 1.0.0"]
    with pytest.raises(CompileError) as caught:
        build("use broken as _;\n/// Two.\npub fn two() -> i64 { 2 }", permitted)
    assert str(caught.value) == "the crate broken 1.0.0 does not compile for modules: not for modules"
    assert caught.value.hint == "use another crate than broken 1.0.0, or write the code"
    assert caught.value.diagnostics[0].line is None


def test_errors_about_a_crates_items_stand_on_the_authors_lines(local_registry: LocalRegistry, tmp_path: Path) -> None:
    local_registry.crate("good", {"src/lib.rs": "pub fn two() -> i64 { 2 }"})
    with pytest.raises(CompileError, match=r"^line 2: cannot find function `three` in crate `good`") as caught:
        build("/// Two.\npub fn two() -> i64 { good::three() }", settings(tmp_path, {"good": "1.0.0"}))
    assert caught.value.diagnostics[0].line == 2


def test_a_crate_may_not_add_imports_or_exports(local_registry: LocalRegistry, tmp_path: Path) -> None:
    local_registry.crate(
        "clock",
        {
            "src/lib.rs": '#[link(wasm_import_module = "env")]\nextern "C" { fn now() -> f64; }\n'
            "pub fn read() -> f64 { unsafe { now() } }"
        },
    )
    local_registry.crate(
        "sneaky",
        {"src/lib.rs": '#[no_mangle]\npub extern "C" fn back_door() -> i32 { 7 }\npub fn two() -> i64 { 2 }'},
    )
    permitted = settings(tmp_path, {"clock": "1.0.0", "sneaky": "1.0.0"})
    with pytest.raises(SourceRejectedError) as caught:
        build("/// Now.\npub fn read() -> f64 { clock::read() }", permitted)
    assert str(caught.value) == "the crate clock makes the module import what no sandbox gives: func env.now"
    assert caught.value.problems[0].help == caught.value.hint
    with pytest.raises(SourceRejectedError) as caught:
        build("/// Two.\npub fn two() -> i64 { sneaky::two() }", permitted)
    assert str(caught.value) == "the crate sneaky makes the module export what its source does not: back_door"


@pytest.mark.usefixtures("strong_sandbox")
def test_flags_for_modules_do_not_reach_programs_of_this_machine(local_registry: LocalRegistry, tmp_path: Path) -> None:
    """A build script that was compiled with the stack size or the instructions of wasm would not link or run."""
    script = """
    fn main() {
        assert!(cfg!(not(target_arch = "wasm32")));
        println!("cargo:rustc-env=TOLD={}", std::env::var("CARGO_ENCODED_RUSTFLAGS").unwrap().replace('\\u{1f}', " "));
    }
    """
    library = 'pub fn told() -> (&\'static str, bool) { (env!("TOLD"), cfg!(target_feature = "simd128")) }'
    local_registry.crate("told", {"build.rs": script, "src/lib.rs": library})
    with ak.open(cache_dir=new_cache(tmp_path / "cache"), data_dir=tmp_path / "data", crates={"told": "1.0.0"}) as ws:
        source = "/// Flags.\npub fn flags() -> (String, bool) { let (a, b) = told::told(); (a.to_string(), b) }"
        module = ws.deploy(build(source, ws.settings), name="told")
        flags, simd = module.flags()
        assert "+simd128" in flags
        assert simd


def test_a_vendored_crate_that_was_changed_is_refused(local_registry: LocalRegistry, tmp_path: Path) -> None:
    local_registry.crate("good", {"src/lib.rs": "pub fn two() -> i64 { 2 }"})
    permitted = settings(tmp_path, {"good": "1.0.0"})
    source = "/// Two.\npub fn two() -> i64 { good::two() }"
    build(source, permitted)
    (folder,) = (tmp_path / "cache" / "crates").iterdir()
    library = folder / "vendor" / "good-1.0.0" / "src" / "lib.rs"
    library.chmod(0o644)
    library.write_text("pub fn two() -> i64 { 3 }")
    with pytest.raises(BuildError, match=r"^a vendored crate is not what it was: .*checksum") as caught:
        build(source, permitted)
    assert caught.value.hint == f"Remove {folder} and run: akatsuki crates resolve"


def test_where_this_machine_cannot_build_programs_it_says_so(
    toolchain: Toolchain, toolchain_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = ReachedPackage("script", "1.0.0", build_script=True)
    crates_build._require_host_tools(package, toolchain, toolchain_cache)
    monkeypatch.setattr(crates_build, "search_path", lambda found: str(tmp_path))
    with pytest.raises(ToolchainError) as caught:
        crates_build._require_host_tools(package, toolchain, toolchain_cache)
    assert str(caught.value) == (
        "script 1.0.0 has a build script, which needs a linker for this machine, and there is no cc"
    )
    assert caught.value.hint == "Install one, such as with: apt-get install gcc libc6-dev"


def test_a_source_may_bring_no_crates_that_are_not_permitted(local_registry: LocalRegistry, tmp_path: Path) -> None:
    local_registry.crate("good", {"src/lib.rs": "pub fn two() -> i64 { 2 }"})
    local_registry.crate("other", {"src/lib.rs": "pub fn three() -> i64 { 3 }"})
    text = "/// Two.\npub fn two() -> i64 { good::two() }"
    own = (Crate("good", "1.0.0"),)
    for permitted in ({}, {"good": "1.0.1"}, {"good": {"version": "1.0.0", "features": ["x"]}}):
        with pytest.raises(
            BuildError, match=r"^the source needs crates that the settings do not permit: good 1\.0\.0$"
        ):
            build(text, settings(tmp_path, permitted), crates=own)
    assert not (tmp_path / "cache" / "crates").exists()
    both = settings(tmp_path, {"good": "1.0.0", "other": "1.0.0"})
    artifact = build(text, both, crates=own)
    assert artifact.manifest.build["crates"] == {"good": "1.0.0"}
    assert artifact.digest == build(text, both).digest
    with pytest.raises(SourceRejectedError, match="the crate `other` is not available"):
        build("use other::three as f;\n" + text, both, crates=own)


def test_a_crate_may_have_the_name_of_a_part_of_the_prelude(local_registry: LocalRegistry, tmp_path: Path) -> None:
    names = ("image", "text", "stats", "abi", "author", "heap")
    for name in names:
        local_registry.crate(name, {"src/lib.rs": "pub fn one() -> u8 { 1 }"})
    source = "use image::one;\n/// Paler.\npub fn paler(image: Image) -> Image {\n    let more = one() + " + " + ".join(
        f"{name}::one()" for name in names
    )
    source += ";\n    image.map_rgb(|_, _, [r, g, b]| [r + more as f32, g, b])\n}"
    artifact = build(source, settings(tmp_path, dict.fromkeys(names, "1.0.0")))
    assert artifact.provenance["build"]["packages"] == [f"{name} 1.0.0" for name in sorted(names)]


@pytest.mark.usefixtures("strong_sandbox")
def test_a_build_script_that_fails_is_named_with_its_own_words(local_registry: LocalRegistry, tmp_path: Path) -> None:
    local_registry.crate("picky", {"src/lib.rs": "", "build.rs": 'fn main() { panic!("there is no libpicky") }'})
    with pytest.raises(BuildError) as caught:
        build("use picky as _;\n/// One.\npub fn one() -> u8 { 1 }", settings(tmp_path, {"picky": "1.0.0"}))
    assert str(caught.value) == "the build script of the crate picky 1.0.0 failed: there is no libpicky"
    assert caught.value.hint.startswith(
        "It may need the network, files or programs that the build sandbox does not give"
    )


def test_a_path_into_no_crate_gets_no_advice_to_add_one(tmp_path: Path) -> None:
    with pytest.raises(CompileError, match=r"^line 2: .*`rand`") as caught:
        build("/// One.\npub fn one() -> u8 { rand::random() }", settings(tmp_path, {}))
    assert caught.value.hint == (
        "no such crate or module is here: write std::…, a part of the prelude, or a permitted crate"
    )
