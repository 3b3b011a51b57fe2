"""`verify` of a module with crates of others: the recorded ones are built again where they are permitted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from crates_kit import LocalRegistry, local_registry, new_cache

import akatsuki_wasm as ak

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.toolchain
__all__ = ["local_registry"]

RUST = "/// One more.\npub fn more(n: i64) -> i64 { adder::more(n) }\n"
LIB = "pub fn more(n: i64) -> i64 { n + 1 }\n"


def test_the_recorded_crates_are_built_again(local_registry: LocalRegistry, tmp_path: Path) -> None:
    local_registry.crate("adder", {"src/lib.rs": LIB})
    local_registry.crate("other", {"src/lib.rs": LIB})
    permitted = {"adder": "1.0.0", "other": "1.0.0"}

    def opened(cache: str, crates: dict[str, str]) -> ak.Workspace:
        return ak.open(data_dir=tmp_path / "data", cache_dir=new_cache(tmp_path / cache), crates=crates)

    with opened("cache", permitted) as workspace:
        module = workspace.deploy(workspace.build(RUST, name="more"), name="more")
        assert module.more(1) == 2
        assert module.manifest.build["crates"] == {"adder": "1.0.0"}
        assert workspace.verify("more").reproduced
    with opened("another-cache", {"adder": "1.0.0"}) as workspace:
        assert workspace.verify("more").rebuilt == module.digest
    with opened("another-cache", {"other": "1.0.0"}) as workspace:
        found = workspace.verify("more")
        assert found.problem == "it uses crates that the setting `crates` does not permit so: adder 1.0.0"

    local_registry.crate("adder", {"src/lib.rs": LIB.replace("n + 1", "n + 2")})
    with opened("a-third-cache", permitted) as workspace:
        found = workspace.verify("more")
    assert found.problem == "it was built otherwise (sources of the crates)"
    (difference,) = found.differences
    assert difference.recorded == module.manifest.build["crates_sha256"] != difference.now
