"""What an owner has stored and a user has spent, as both databases count it, and the limit of stored bytes."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from registry_kit import ADMIN, BOB, EVE, OTHER_ADMIN, Bench, artifact, wasm_adding
from sqlalchemy import func, select

from akatsuki_wasm.config import Quota, load_settings
from akatsuki_wasm.contracts import UploadTarget, User
from akatsuki_wasm.errors import QuotaError
from akatsuki_wasm.registry import Registry
from akatsuki_wasm.registry.models import WasmModule
from akatsuki_wasm.registry.stored_bytes import stored_bytes
from akatsuki_wasm.server.quotas import Quotas

if TYPE_CHECKING:
    from akatsuki_wasm.contracts import OwnerType, StoredModule

SIZE = len(wasm_adding(1))


def kept(bench: Bench, user: User, owner_type: OwnerType = "user") -> int:
    with bench.registry.database.read(user) as session:
        return stored_bytes(session, user.id, owner_type)


def blobs(bench: Bench) -> int:
    return len(list(bench.registry.blobs.list()))


# ---------------------------------------------------------------- stored bytes


def test_bytes_are_summed_by_owner_and_owner_type(bench: Bench) -> None:
    bench.store(BOB, "one")
    bench.store(BOB, "one", 2)
    second = bench.store(BOB, "two", 2)
    bench.store(EVE, "hers")
    bench.store(ADMIN, "shared", owner_type="system")
    bench.store(ADMIN, "private", owner_type="admin")
    bench.registry.modules(BOB).disable(second.id)
    assert kept(bench, BOB) == 3 * SIZE
    assert kept(bench, EVE) == kept(bench, ADMIN, "system") == kept(bench, ADMIN, "admin") == SIZE
    assert kept(bench, ADMIN) == kept(bench, OTHER_ADMIN, "system") == 0
    bench.registry.modules(BOB).delete(second.id)
    assert kept(bench, BOB) == 2 * SIZE


def test_a_module_fits_to_the_last_byte_and_not_beyond(bench: Bench) -> None:
    bench.store(BOB, "one", 1, max_stored_bytes=SIZE)
    before = blobs(bench)
    with pytest.raises(QuotaError) as caught:
        bench.store(BOB, "two", 2, max_stored_bytes=2 * SIZE - 1)
    assert caught.value.message == (
        f"the module has {SIZE} bytes, and your user modules have {SIZE} of the {2 * SIZE - 1} that they may have "
        "together"
    )
    assert caught.value.retry_after is None
    assert blobs(bench) == before, "what is refused is not written either"
    bench.store(BOB, "two", 2, max_stored_bytes=2 * SIZE)


def test_what_others_stored_leaves_room(bench: Bench) -> None:
    bench.store(EVE, "hers", 1, is_public=True)
    bench.store(ADMIN, "theirs", 1, owner_type="system")
    bench.store(BOB, "his", 1, max_stored_bytes=SIZE)
    bench.store(ADMIN, "own", 1, max_stored_bytes=SIZE)
    bench.store(OTHER_ADMIN, "other", 1, owner_type="system", max_stored_bytes=SIZE)


def test_deleting_makes_room(bench: Bench) -> None:
    stored = bench.store(BOB, "one", 1, max_stored_bytes=SIZE)
    bench.registry.modules(BOB).delete(stored.id)
    bench.store(BOB, "two", 2, max_stored_bytes=SIZE)


def test_a_registry_of_ones_own_has_no_limit(bench: Bench) -> None:
    for number in range(3):
        bench.store(BOB, "one", number)
    assert kept(bench, BOB) == 3 * SIZE


def test_uploads_at_the_same_time_cannot_all_pass(bench: Bench) -> None:
    """Two registries, as two processes have them, and room for three of twelve modules."""
    database, places = bench.registry.database, 3
    url = database.url.render_as_string(hide_password=False)
    start, errors = threading.Barrier(12), list[Exception]()
    with Registry.open(url, (bench.folder / "blobs").as_uri()) as second:

        def upload(number: int) -> None:
            registry = (bench.registry, second)[number % 2]
            target = UploadTarget(f"module-{number}", registry, BOB, max_stored_bytes=places * SIZE + SIZE // 2)
            start.wait()
            try:
                registry.store(artifact(number), target)
            except Exception as exc:  # noqa: BLE001 - looked at below
                errors.append(exc)

        threads = [threading.Thread(target=upload, args=(number,)) for number in range(12)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
    assert {type(each) for each in errors} == {QuotaError}
    assert len(errors) == 12 - places
    assert kept(bench, BOB) == places * SIZE
    with database.read(BOB) as session:
        assert session.scalar(select(func.count()).select_from(WasmModule)) == places


# ---------------------------------------------------------------- what a user spent


def execute(bench: Bench, user: User, module: StoredModule | None, ms: float, **more: Any) -> None:
    bench.registry.executions(user).record(
        module, "add", status=more.pop("status", "success"), execution_time_ms=ms, **more
    )


def test_what_a_user_spent_is_summed_by_owner_type_and_time(bench: Bench) -> None:
    quotas = Quotas(load_settings(), bench.registry.database)
    user, system = bench.store(EVE, "hers", is_public=True), bench.store(ADMIN, "tool", owner_type="system")
    noon = datetime(2026, 5, 4, 12, tzinfo=UTC)
    for module, ms, minutes in ((user, 1500, 0), (user, 250, 5), (system, 4000, 0), (user, 9000, -60)):
        execute(bench, BOB, module, ms, executed_at=noon + timedelta(minutes=minutes))
    execute(bench, BOB, user, 500, status="timeout", executed_at=noon)
    execute(bench, EVE, user, 70_000, executed_at=noon)
    assert quotas.spent(BOB, "user", noon) == pytest.approx(2.25)
    assert quotas.spent(BOB, "system", noon) == pytest.approx(4)
    assert quotas.spent(BOB, "admin", noon) == 0
    assert quotas.spent(BOB, "user", noon - timedelta(hours=2), noon) == pytest.approx(9)
    assert quotas.spent(BOB, "user", noon, noon + timedelta(minutes=5)) == pytest.approx(2)


def test_neither_deleting_nor_unsharing_a_module_takes_back_what_it_cost(bench: Bench) -> None:
    quotas = Quotas(load_settings(), bench.registry.database)
    since = datetime.now(UTC) - timedelta(minutes=1)
    own, hers = bench.store(BOB, "own"), bench.store(EVE, "hers")
    bench.registry.modules(EVE).share(hers.id, [BOB.id])
    execute(bench, BOB, own, 1000)
    execute(bench, BOB, hers, 2000)
    assert quotas.spent(BOB, "user", since) == pytest.approx(3)
    bench.registry.modules(BOB).delete(own.id)
    bench.registry.modules(EVE).unshare(hers.id, [BOB.id])
    assert quotas.spent(BOB, "user", since) == pytest.approx(3)
    assert quotas.spent(BOB, "system", since) == 0


def test_the_longest_execution_is_the_least_of_the_modules_and_its_owner_types(bench: Bench) -> None:
    quotas = Quotas(load_settings(), bench.registry.database)
    user, system = bench.store(BOB, "own"), bench.store(ADMIN, "tool", owner_type="system")
    assert quotas.execution_limit_ms(user) == 10_000
    assert quotas.execution_limit_ms(system) == 30_000
    short = bench.registry.modules(BOB).update(user.id, timeout_ms=200, max_execution_time_ms=2000).to_stored()
    assert quotas.execution_limit_ms(short) == 2000
    own = load_settings(quotas={"system": {"execution_ms": 1000}})
    assert Quotas(own, bench.registry.database).execution_limit_ms(system) == 1000
    assert quotas.stored_bytes("user") == 50_000_000
    assert Quotas(own, bench.registry.database).stored_bytes("system") == 100_000_000


def test_who_sets_one_limit_does_not_take_off_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load_settings(quotas={"user": {"execution_ms": 1000}, "system": {"stored_bytes": None}})
    assert settings.quota("user") == Quota(stored_bytes=50_000_000, execution_ms=1000, cpu_seconds_per_day=3600)
    assert settings.quota("system") == Quota()
    assert settings.quota("admin") == Quota(stored_bytes=500_000_000)
    for name, value in settings.environment().items():
        monkeypatch.setenv(name, value)
    assert load_settings().quotas == settings.quotas
