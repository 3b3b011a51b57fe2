"""Designs are recorded with all that was asked, repeated from memory, and held to the lock file; real builds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from akatsuki_wasm.errors import CheckError, LockError, RepairError, StageUnhandledError
from akatsuki_wasm.generation_facts import asked
from akatsuki_wasm.lock import LockFile

from .conftest import BROKEN, GOOD, WRONG, Scripted

if TYPE_CHECKING:
    from collections.abc import Callable

    from akatsuki_wasm.workspace import Workspace

pytestmark = pytest.mark.toolchain

PROMPT = "days between two dates"
EXAMPLES = ["days_between(10, 3) == 7"]


def test_a_design_is_recorded_with_every_attempt(opened: Callable[..., Workspace], scripted: Scripted) -> None:
    scripted.answers = ["I cannot say.", BROKEN, WRONG, GOOD]
    workspace = opened(prices={"scripted": (2.0, 10.0), "scripted-1-mini": (1.0, 10.0)})
    module = workspace.design(PROMPT, examples=EXAMPLES)
    row = workspace.generation(module.provenance["generation"])
    assert (row.status, row.prompt, row.generator, row.model) == ("success", PROMPT, "scripted", "scripted-1-mini")
    assert (row.module_id, row.source_name, row.module_version, row.digest) == (
        module.id,
        "day-counter",
        "1.0.0",
        module.digest,
    )
    assert (row.tokens_in, row.tokens_out, row.price, row.replayed) == (4000, 400, pytest.approx(0.008), False)
    assert (row.request["examples"], row.request["locked"], row.request["fresh"]) == (EXAMPLES, False, False)
    unusable, broken, wrong, good = row.attempts
    assert [each["failed_stage"] for each in row.attempts] == ["generate", "build", "check", None]
    assert [each["reply"] for each in row.attempts] == ["I cannot say.", BROKEN, WRONG, GOOD]
    assert [each["source"] for each in row.attempts] == [None, BROKEN, WRONG, GOOD]
    assert unusable["message"] == "the answer has no Rust in it"
    first = broken["diagnostics"][0]
    assert (first["level"], first["line"], first["code"]) == ("error", 3, "E0308")
    assert " --> src/author.rs:3:" in first["rendered"]
    assert wrong["check"] == {"case": "days_between(10, 3) == 7", "expected": "7", "got": "4294967289"}
    assert "+    first.abs_diff(second)" in good["diff"]
    assert "-    second.wrapping_sub(first)" in good["diff"]
    assert good["report"]["examples"] == EXAMPLES
    # What every conversation begins with is kept once, and comes back whole.
    assert [each["same"] for each in row.attempts] == [0, 2, 2, 2]
    assert [message["content"] for message in asked(row.attempts, 4)] == [
        "You write plain Rust.",
        PROMPT,
        WRONG,
        wrong["message"],
    ]
    assert module.generation is not None
    assert module.generation.id == row.id


def test_the_same_again_asks_nobody(opened: Callable[..., Workspace], scripted: Scripted, tmp_path: Path) -> None:
    scripted.answers = [BROKEN, GOOD]
    workspace = opened(prices={"scripted": (1.0, 1.0)})
    first = workspace.design(PROMPT)
    again = workspace.design(PROMPT)
    assert scripted.asked == 2
    assert (again.digest, again.version) == (first.digest, "1.1.0")
    row = again.generation
    assert row is not None
    assert (row.replayed, row.price, row.tokens_in) == (True, 0.0, 2000)
    # Another registry, the same answers: as another machine that has the folder.
    other = opened(data_dir=tmp_path / "other", replies_dir=tmp_path / "data" / "replies")
    assert other.design(PROMPT).digest == first.digest
    assert scripted.asked == 2
    scripted.answers = [GOOD]
    fresh = workspace.design(PROMPT, fresh=True)
    assert scripted.asked == 3
    assert fresh.generation is not None
    assert (fresh.generation.replayed, fresh.generation.request["fresh"]) == (False, True)


def test_a_module_has_no_generation_of_other_bytes(opened: Callable[..., Workspace], scripted: Scripted) -> None:
    scripted.answers = [GOOD]
    workspace = opened()
    made = workspace.design(PROMPT)
    artifact = workspace.build(GOOD.replace("abs_diff", "saturating_sub"), name="other")
    for generation in (made.provenance["generation"], made.provenance["generation"][:6], "x", None):
        provenance = {**artifact.provenance, "generation": generation}
        other = workspace.deploy(replace(artifact, provenance=provenance), name="other")
        assert (other.generation, other.timeline) == (None, None)


def test_a_failure_is_recorded_and_is_the_users_to_see(opened: Callable[..., Workspace], scripted: Scripted) -> None:
    scripted.answers = [WRONG, BROKEN]
    workspace = opened()
    with pytest.raises(RepairError) as caught:
        workspace.design(PROMPT, examples=EXAMPLES, max_repairs=1)
    (row,) = workspace.generations()
    assert (row.status, row.error_message, row.module_id, row.digest) == ("error", str(caught.value), None, None)
    assert [each["failed_stage"] for each in row.attempts] == ["check", "build"]
    assert [each.id for each in workspace.generations("MISMATCHED types")] == [row.id]
    assert workspace.generations("no such text") == []


def test_an_interrupted_design_is_recorded(opened: Callable[..., Workspace], scripted: Scripted) -> None:
    class Interrupts(list[str]):
        def pop(self, index: Any = -1) -> str:
            if len(self) == 1:
                raise KeyboardInterrupt
            return super().pop(index)

    scripted.answers = Interrupts([BROKEN, GOOD])
    workspace = opened()
    with pytest.raises(KeyboardInterrupt):
        workspace.design(PROMPT)
    (row,) = workspace.generations()
    assert (row.status, row.error_message) == ("error", "interrupted")
    assert [each["source"] for each in row.attempts] == [BROKEN]


def test_a_registry_that_refuses_the_record_hides_nothing(
    opened: Callable[..., Workspace], scripted: Scripted, caplog: pytest.LogCaptureFixture
) -> None:
    workspace = opened()
    scripted.answers = [GOOD]
    module = workspace.design(PROMPT)
    with workspace.registry.database.write(workspace.user) as session:
        session.connection().exec_driver_sql("DROP TABLE generations")
    again = workspace.design(PROMPT)
    assert again.digest == module.digest
    scripted.answers = [WRONG]
    with pytest.raises(CheckError):
        workspace.design("another prompt", examples=EXAMPLES, max_repairs=0)
    warnings = [record.message for record in caplog.records if record.levelname == "WARNING"]
    assert len(warnings) == 2
    assert all(text.startswith("the generation is not recorded: the registry's database") for text in warnings)


def test_a_refined_module_names_the_generation_it_started_from(
    opened: Callable[..., Workspace], scripted: Scripted
) -> None:
    scripted.answers = [GOOD, GOOD.replace("abs_diff(second)", "abs_diff(second) + 1")]
    workspace = opened()
    module = workspace.design(PROMPT)
    refined = workspace.design("count both days", base=workspace.base("day-counter"), name="day-counter")
    row = refined.generation
    assert row is not None
    assert row.parent_id is not None
    assert str(row.parent_id) == module.provenance["generation"]
    assert row.request["base"]["name"] == "day-counter"
    assert "+    first.abs_diff(second) + 1" in row.attempts[0]["diff"]


def test_a_lock_file_repeats_a_design_without_a_model(
    opened: Callable[..., Workspace], scripted: Scripted, tmp_path: Path
) -> None:
    scripted.answers = [BROKEN, GOOD]
    first = opened().design(PROMPT, lock=True)
    lock = LockFile.load(Path("akatsuki.lock"))
    assert lock is not None
    (entry,) = lock.entries
    assert (entry.prompt, entry.name, entry.generator, entry.digest) == (
        PROMPT,
        "day-counter",
        "scripted",
        first.digest,
    )
    assert {f"{key}.json" for key in entry.replies} == {path.name for path in Path("akatsuki.replies").iterdir()}
    assert len(entry.replies) == 2
    # A machine that has the project alone.
    elsewhere = opened(data_dir=tmp_path / "ci", locked=True)
    before = Path("akatsuki.lock").read_bytes()
    assert elsewhere.design(PROMPT).digest == first.digest
    assert scripted.asked == 2
    assert not (tmp_path / "ci" / "replies").exists()
    with pytest.raises(LockError, match='has no entry for this prompt; nearest: "days between two dates"'):
        elsewhere.design(f"{PROMPT}!")
    with pytest.raises(LockError, match="the same prompt is there with other examples"):
        elsewhere.design(PROMPT, examples=EXAMPLES)
    Path("akatsuki.replies", f"{entry.replies[1]}.json").unlink()
    with pytest.raises(LockError, match="there is no remembered answer"):
        elsewhere.design(PROMPT)
    assert Path("akatsuki.lock").read_bytes() == before
    assert scripted.asked == 2


def test_a_pinned_design_is_repeated_although_the_prompts_wording_changed(
    opened: Callable[..., Workspace], scripted: Scripted, tmp_path: Path
) -> None:
    scripted.answers = [BROKEN, GOOD]
    first = opened().design(PROMPT, lock=True)
    scripted.contract = "You write plain Rust, in the words of a newer version."
    before = sorted(path.name for path in Path("akatsuki.replies").iterdir())
    assert opened(data_dir=tmp_path / "ci").design(PROMPT, locked=True).digest == first.digest
    assert sorted(path.name for path in Path("akatsuki.replies").iterdir()) == before
    assert scripted.asked == 2


def test_a_locked_design_is_held_to_its_digest(opened: Callable[..., Workspace], scripted: Scripted) -> None:
    scripted.answers = [GOOD]
    opened().design(PROMPT, lock=True)
    (path,) = Path("akatsuki.replies").iterdir()
    text = path.read_text("utf-8")
    path.write_text(text.replace("first.abs_diff(second)", "second.abs_diff(first)"), "utf-8")
    with pytest.raises(LockError, match="is not the module that the lock file pins: its source has the sha256"):
        opened().design(PROMPT, locked=True)
    path.write_text(text, "utf-8")
    assert opened().design(PROMPT, locked=True).version == "1.1.0"


def test_a_project_with_a_lock_file_pins_new_prompts_by_itself(
    opened: Callable[..., Workspace], scripted: Scripted
) -> None:
    scripted.answers = [GOOD, GOOD]
    workspace = opened()
    workspace.design(PROMPT)
    assert list(Path().iterdir()) == []  # nobody asked for it
    workspace.design(PROMPT, lock=True)
    workspace.design("another prompt")
    lock = LockFile.load(Path("akatsuki.lock"))
    assert lock is not None
    assert {each.prompt for each in lock.entries} == {PROMPT, "another prompt"}
    # The answer that only the user's own folder had is in the project's now.
    assert len(list(Path("akatsuki.replies").iterdir())) == 2


def test_a_damaged_lock_file_stops_a_design_before_anything_is_asked(
    opened: Callable[..., Workspace], scripted: Scripted
) -> None:
    Path("akatsuki.lock").write_text("version = 1\n<<<<<<< ours\n")
    with pytest.raises(LockError, match="it has the marks of a merge conflict"):
        opened().design(PROMPT)
    assert scripted.asked == 0


def test_the_timeline_of_a_module_reads_the_same_deployed_or_not(
    opened: Callable[..., Workspace], scripted: Scripted
) -> None:
    scripted.answers = [WRONG, GOOD]
    workspace = opened()
    kept = workspace.design(PROMPT, examples=EXAMPLES)
    loose = workspace.design(PROMPT, examples=EXAMPLES, deploy=False)
    assert kept.timeline is not None
    assert loose.timeline is not None
    one, two = (
        [
            (each.number, each.asked, each.outcome, each.check, each.diff, each.report)
            for each in module.timeline.attempts  # type: ignore[union-attr]
        ]
        for module in (kept, loose)
    )
    assert one == two
    assert workspace.load("day-counter").timeline == kept.timeline
    assert [each.replayed for each in loose.timeline.attempts] == [True, True]
    assert "asked    repair: the example days_between(10, 3) == 7 gave 4294967289" in repr(kept.timeline)


def test_a_module_that_was_not_designed_has_no_timeline(opened: Callable[..., Workspace], tmp_path: Path) -> None:
    (tmp_path / "days.rs").write_text(GOOD)
    workspace = opened()
    module = workspace.deploy(workspace.build(tmp_path / "days.rs"), name="days")
    assert (module.generation, module.timeline) == (None, None)
    with pytest.raises(StageUnhandledError):
        workspace.design("x", generator="nobody")
    (row,) = workspace.generations()
    assert (row.status, row.generator, row.attempts) == ("error", "nobody", [])
