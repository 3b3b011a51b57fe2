"""The repository of modules: finding, changing, sharing and listing."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from registry_kit import ADMIN, BOB, EVE
from sqlalchemy.exc import IntegrityError

from akatsuki_wasm.contracts import User
from akatsuki_wasm.errors import ArgumentError, ConflictError, NotFoundError, PermissionDeniedError, StorageError
from akatsuki_wasm.registry import WasmModule

if TYPE_CHECKING:
    from registry_kit import Bench

CAROL = User.local("carol")


def test_a_reference_is_a_name_a_version_or_an_id(bench: Bench) -> None:
    first = bench.store(BOB, "vintage-filter")
    newest = bench.store(BOB, "vintage-filter", version="1.10.0")
    bench.store(BOB, "vintage-filter", version="1.9.0")
    find = bench.registry.modules(BOB).find
    assert find("vintage-filter").id == newest.id
    assert find("vintage_filter").id == newest.id
    assert find("vintage-filter@1.0.0").id == first.id
    assert find(str(first.id)).id == first.id
    assert find(str(first.id).upper()).id == first.id


def test_what_is_not_found_is_answered_with_what_is_near(bench: Bench) -> None:
    bench.store(BOB, "vintage-filter")
    bench.store(BOB, "vintage-filter", version="1.10.0")
    for reference, text, hint in (
        ("vintage-fliter", "there is no module named 'vintage-fliter'", "Did you mean vintage-filter?"),
        ("zzz", "there is no module named 'zzz'", "`akatsuki modules list` shows the modules that you may use."),
        ("", "there is no module named ''", "`akatsuki modules list` shows the modules that you may use."),
        ("vintage-filter@3.0.0", "the module 'vintage-filter' has no version '3.0.0'", "It has 1.10.0, 1.0.0."),
        (
            "00000000-0000-0000-0000-000000000000",
            "there is no module with the id 00000000-0000-0000-0000-000000000000",
            "`akatsuki modules list` shows the modules that you may use.",
        ),
    ):
        with pytest.raises(NotFoundError) as caught:
            bench.registry.modules(BOB).find(reference)
        assert (str(caught.value), caught.value.hint) == (text, hint)


def test_a_hint_does_not_tell_private_names(bench: Bench) -> None:
    bench.store(BOB, "secret-project")
    with pytest.raises(NotFoundError) as caught:
        bench.registry.modules(EVE).find("secret-projekt")
    assert "secret-project" not in caught.value.hint


def test_own_comes_before_system_before_others(bench: Bench) -> None:
    others = bench.store(CAROL, "tool", is_public=False)
    own = bench.store(BOB, "tool")
    bench.registry.modules(CAROL).set_public(others.id, True)
    assert bench.registry.modules(BOB).find("tool").id == own.id
    assert bench.registry.modules(EVE).find("tool").id == others.id
    bench.registry.modules(CAROL).set_public(others.id, False)
    system = bench.store(ADMIN, "tool", owner_type="system")
    bench.registry.modules(CAROL).set_public(others.id, True)
    assert bench.registry.modules(BOB).find("tool").id == own.id
    assert bench.registry.modules(EVE).find("tool").id == system.id


def test_a_name_of_several_others_is_ambiguous(bench: Bench) -> None:
    found = [bench.store(BOB, "tool"), bench.store(CAROL, "tool")]
    bench.registry.modules(BOB).set_public(found[0].id, True)
    bench.registry.modules(CAROL).set_public(found[1].id, True)
    ids = ", ".join(f"{each.id} (1.0.0)" for each in sorted(found, key=lambda each: each.id))
    with pytest.raises(ConflictError) as caught:
        bench.registry.modules(EVE).find("tool")
    assert str(caught.value) == f"'tool' is ambiguous: 2 owners have a module of that name: {ids}"
    assert caught.value.hint == "Name it by its id."
    bench.registry.modules(CAROL).disable(found[1].id)
    assert bench.registry.modules(EVE).find("tool", operation="execute").id == found[0].id


def test_a_disabled_version_gives_way_when_executing(bench: Bench) -> None:
    old = bench.store(BOB, "tool")
    new = bench.store(BOB, "tool")
    modules = bench.registry.modules(BOB)
    assert modules.disable(new.id).status == "disabled"
    assert modules.find("tool").id == new.id
    assert modules.find("tool", operation="execute").id == old.id
    for reference in ("tool@1.1.0", str(new.id)):
        with pytest.raises(PermissionDeniedError) as caught:
            modules.find(reference, operation="execute")
        assert str(caught.value) == "the module tool@1.1.0 is disabled: only active modules execute"
        assert caught.value.hint == "`akatsuki modules enable tool@1.1.0` makes it active, if you may."
    assert modules.enable(new.id).status == "active"
    assert modules.find("tool", operation="execute").id == new.id


def test_an_own_disabled_module_is_not_replaced_by_somebody_elses(bench: Bench) -> None:
    own = bench.store(BOB, "tool")
    bench.registry.modules(BOB).disable(own.id)
    bench.store(ADMIN, "tool", owner_type="system")
    with pytest.raises(PermissionDeniedError):
        bench.registry.modules(BOB).find("tool", operation="execute")


def test_an_admin_reads_and_does_not_execute_private_modules(bench: Bench) -> None:
    stored = bench.store(BOB, "private")
    modules = bench.registry.modules(ADMIN)
    assert modules.find("private").id == stored.id
    with pytest.raises(PermissionDeniedError) as caught:
        modules.find("private", operation="execute")
    assert str(caught.value) == "ada may not execute the user module private@1.0.0"
    with pytest.raises(PermissionDeniedError):
        modules.update(stored.id, description="mine now")
    assert modules.disable(stored.id).status == "disabled"
    modules.delete(stored.id)
    assert bench.registry.modules(BOB).list_all() == []


def test_sharing_adds_and_takes_off(bench: Bench) -> None:
    stored = bench.store(BOB, "tool")
    modules = bench.registry.modules(BOB)
    assert set(modules.share(stored.id, [EVE.id]).allowed_users) == {EVE.id}
    assert set(modules.share(stored.id, [CAROL.id, EVE.id]).allowed_users) == {EVE.id, CAROL.id}
    assert bench.registry.modules(EVE).get(stored.id).can_execute(EVE)
    assert set(modules.unshare(stored.id, [EVE.id]).allowed_users) == {CAROL.id}
    with pytest.raises(NotFoundError):
        bench.registry.modules(EVE).get(stored.id)
    with pytest.raises(PermissionDeniedError) as caught:
        bench.registry.modules(CAROL).share(stored.id, [EVE.id])
    assert str(caught.value) == "carol may not update the user module tool@1.0.0"


def test_an_update_changes_what_was_given(bench: Bench) -> None:
    stored = bench.store(BOB, "tool", metadata={"colour": "blue"})
    modules = bench.registry.modules(BOB)
    changed = modules.update(stored.id, description="New.", timeout_ms=250, max_execution_time_ms=1000)
    assert changed.updated_at > stored.updated_at
    found = modules.get(stored.id).to_stored()
    assert (found.description, found.timeout_ms, found.max_execution_time_ms) == ("New.", 250, 1000)
    assert (found.metadata, found.created_at, found.digest) == ({"colour": "blue"}, stored.created_at, stored.digest)
    assert modules.update(stored.id, metadata={}, max_memory_pages=10).extra == {}


def test_limits_outside_their_range_are_refused(bench: Bench) -> None:
    stored = bench.store(BOB, "tool")
    modules = bench.registry.modules(BOB)
    for limits in (
        {"timeout_ms": 99},
        {"timeout_ms": 6000, "max_execution_time_ms": 5000},
        {"max_execution_time_ms": 30001},
    ):
        with pytest.raises(ArgumentError, match="expected 100 <= timeout_ms <= max_execution_time_ms <= 30000"):
            modules.update(stored.id, **limits)
    for pages in (1, 65_537):
        with pytest.raises(ArgumentError) as caught:
            modules.update(stored.id, max_memory_pages=pages)
        assert str(caught.value) == f"max_memory_pages is {pages}: expected 2 to 65536 pages of 64 KiB"
    assert modules.get(stored.id).to_stored() == stored


def test_text_that_is_no_unicode_is_one_line(bench: Bench) -> None:
    stored = bench.store(BOB, "tool")
    with pytest.raises(StorageError) as caught:
        bench.registry.modules(BOB).update(stored.id, description="\udcff")
    assert str(caught.value) == "a text to be stored is not valid Unicode: it has half a surrogate pair"


def test_lists(bench: Bench) -> None:
    system = bench.row(ADMIN, "b-system", owner_type="system")
    internal = bench.row(ADMIN, "a-admin", owner_type="admin")
    own = bench.row(BOB, "c-own")
    public = bench.row(EVE, "d-public", is_public=True)
    bench.row(EVE, "e-private")

    def names(rows: list[WasmModule]) -> list[str]:
        return [row.module_name for row in rows]

    bob, ada = bench.registry.modules(BOB), bench.registry.modules(ADMIN)
    assert names(bob.list_all()) == ["b-system", "c-own", "d-public"]
    assert names(bob.list_all(limit=2)) == ["b-system", "c-own"]
    assert names(bob.list_system_modules()) == [system.module_name]
    assert names(bob.list_admin_modules()) == []
    assert names(ada.list_admin_modules()) == [internal.module_name]
    assert names(bob.list_user_modules()) == [own.module_name, public.module_name]
    assert names(bob.list_user_modules(EVE.id)) == [public.module_name]
    assert names(ada.list_user_modules(EVE.id)) == ["d-public", "e-private"]
    assert names(ada.list_executable()) == ["a-admin", "b-system", "d-public"]
    bob.disable(own.id)
    assert names(bob.list_executable()) == ["b-system", "d-public"]


def test_the_properties_of_a_row(bench: Bench) -> None:
    system = bench.row(ADMIN, "s", owner_type="system")
    internal = bench.row(ADMIN, "a", owner_type="admin")
    own = bench.row(BOB, "u")
    assert [(row.is_system, row.is_admin_only, row.is_user_module) for row in (system, internal, own)] == [
        (True, False, False),
        (False, True, False),
        (False, False, True),
    ]
    assert [row.owner_type_badge_color for row in (system, internal, own)] == ["blue", "red", "green"]
    assert [row.owner_type_display_name for row in (system, internal, own)] == ["System", "Admin only", "User"]
    assert repr(own) == f"<WasmModule u@1.0.0 user active {own.id}>"


def test_create_inserts_in_the_users_own_name(bench: Bench) -> None:
    row = WasmModule(module_name="bare", version="1.0.0", digest="0" * 64, wasm_size_bytes=8, owner_type="user")
    row.owner_id = uuid4()
    assert bench.registry.modules(BOB).create(row).owner_id == BOB.id
    with pytest.raises(PermissionDeniedError):
        bench.registry.modules(BOB).create(
            WasmModule(module_name="more", version="1.0.0", digest="0" * 64, wasm_size_bytes=8, owner_type="system")
        )


@pytest.mark.parametrize(
    "wrong",
    [
        {"owner_type": "root"},
        {"status": "gone"},
        {"digest": "short"},
        {"wasm_size_bytes": 0},
        {"memory_pages": 9, "max_memory_pages": 8},
        {"max_memory_pages": 65_537},
        {"timeout_ms": 99},
        {"max_execution_time_ms": 30_001},
        {"timeout_ms": 31_000},
    ],
    ids=str,
)
def test_the_table_itself_refuses_wrong_rows(bench: Bench, wrong: dict[str, object]) -> None:
    values = {"owner_id": BOB.id, "owner_type": "user", "module_name": "m", "digest": "0" * 64, "wasm_size_bytes": 8}
    with pytest.raises(IntegrityError, match=r"(?i)check"), bench.unguarded() as session:
        session.add(WasmModule(**{**values, **wrong}))


def test_the_table_itself_refuses_a_second_row_of_a_version(bench: Bench) -> None:
    values = {"owner_id": BOB.id, "module_name": "m", "version": "1.0.0", "digest": "0" * 64, "wasm_size_bytes": 8}
    with pytest.raises(IntegrityError, match=r"(?i)unique"), bench.unguarded() as session:
        session.add_all([WasmModule(**values), WasmModule(**values)])
