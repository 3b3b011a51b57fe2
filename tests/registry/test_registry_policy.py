"""The permission matrix: the table, its SQL and the repository agree on every combination."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any, get_args
from uuid import uuid4

import pytest
from registry_kit import BOB, EVE
from sqlalchemy import select

from akatsuki_wasm.contracts import OWNER_TYPES, OwnerType, Status, User
from akatsuki_wasm.errors import AkatsukiError, NotFoundError, PermissionDeniedError
from akatsuki_wasm.registry import WasmModule, policy
from akatsuki_wasm.registry.acting import UPKEEP
from akatsuki_wasm.registry.policy import OPERATIONS, Operation

if TYPE_CHECKING:
    from registry_kit import Bench

STATUSES: tuple[Status, ...] = get_args(Status)
BOTH = (False, True)
COMBINATIONS = list(product(OWNER_TYPES, BOTH, BOTH, BOTH, STATUSES))
"""owner type, owned by the acting user, public, shared with him, status."""


def expected(
    operation: Operation, owner_type: OwnerType, admin: bool, own: bool, public: bool, shared: bool, status: Status
) -> bool:
    """DESIGN section 7, written down once more and differently."""
    if operation == "execute" and status != "active":
        return False
    match owner_type, operation:
        case "system", "read" | "execute":
            return True
        case "system" | "admin", _:
            return admin
        case _, "create" | "update":
            return own
        case _, "execute":
            return own or public or shared
        case _, "read":
            return own or public or shared or admin
        case _:
            return own or admin


def make(user: User, owner_type: OwnerType, own: bool, public: bool, shared: bool, status: Status) -> WasmModule:
    owner = user.id if own else uuid4()
    return WasmModule(
        id=uuid4(),
        owner_id=owner,
        owner_type=owner_type,
        module_name=f"m-{uuid4().hex[:12]}",
        version="1.0.0",
        digest="0" * 64,
        wasm_size_bytes=8,
        is_public=public,
        allowed_users=(user.id, uuid4()) if shared else (uuid4(),),
        status=status,
    )


@pytest.mark.parametrize("admin", BOTH, ids=["member", "admin"])
def test_every_combination_agrees_in_python_sql_and_repository(bench: Bench, admin: bool) -> None:
    user = User.local("somebody", is_admin=admin)
    rows = {facts: make(user, *facts) for facts in COMBINATIONS}
    with bench.unguarded() as session:
        session.add_all(rows.values())
    repository = bench.registry.modules(user)
    checked = 0
    for operation in OPERATIONS:
        with bench.registry.database.read(UPKEEP) as session:
            permitted = set(session.scalars(select(WasmModule.id).where(policy.where(user, operation, WasmModule))))
        for (owner_type, own, public, shared, status), row in rows.items():
            wanted = expected(operation, owner_type, admin, own, public, shared, status)
            facts = (operation, owner_type, own, public, shared, status)
            assert policy.allows(user, operation, row) is wanted, facts
            assert (row.id in permitted) is wanted, facts
            checked += 1
    assert checked == 6 * 96

    readable = {row.id for row in rows.values() if row.can_read(user)}
    assert {row.id for row in repository.list_all()} == readable
    assert {row.id for row in repository.list_executable()} == {
        row.id for row in rows.values() if row.can_execute(user)
    }
    for owner_type in OWNER_TYPES:
        assert {row.id for row in repository.list_by_owner_type(owner_type)} == {
            row.id for row in rows.values() if row.id in readable and row.owner_type == owner_type
        }
    for row in rows.values():
        assert outcome(lambda row=row: repository.get(row.id)) == ("done" if row.can_read(user) else "absent")
        for may, act in (
            (row.can_execute(user), lambda row=row: repository.find(str(row.id), operation="execute")),
            (row.can_update(user), lambda row=row: repository.update(row.id, description="changed")),
            (row.can_update(user), lambda row=row: repository.set_public(row.id, row.is_public)),
            (row.can_update(user), lambda row=row: repository.share(row.id, row.allowed_users)),
            (
                row.can_disable(user) and row.status in {"active", "disabled"},
                lambda row=row: (repository.enable if row.status == "active" else repository.disable)(row.id),
            ),
            (row.can_delete(user), lambda row=row: repository.delete(row.id)),
        ):
            done = outcome(act)
            if not row.can_read(user):
                assert done == "absent"
            elif may:
                assert done == "done"
            else:
                assert done in {"denied", "conflict"}


def outcome(act: Any) -> str:
    try:
        act()
    except NotFoundError:
        return "absent"
    except PermissionDeniedError:
        return "denied"
    except AkatsukiError as error:
        return error.code
    return "done"


def test_a_stored_module_is_governed_as_its_row_is(bench: Bench) -> None:
    stored = bench.store(BOB, "mine")
    assert policy.allows(BOB, "execute", stored)
    assert not policy.allows(EVE, "execute", stored)


def test_absent_and_forbidden_read_the_same(bench: Bench) -> None:
    stored = bench.store(BOB, "secret")
    repository = bench.registry.modules(EVE)
    for reference, absent in ((str(stored.id), str(uuid4())), ("secret", "nothing")):
        with pytest.raises(NotFoundError) as forbidden:
            repository.find(reference)
        with pytest.raises(NotFoundError) as missing:
            repository.find(absent)
        assert str(forbidden.value).replace(reference, "X") == str(missing.value).replace(absent, "X")
        assert forbidden.value.hint == missing.value.hint
