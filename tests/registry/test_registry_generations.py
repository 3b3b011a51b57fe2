"""The repository of generations: what is kept, who sees it, and how it is found again."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest
from alembic import command
from alembic.config import Config
from registry_kit import ADMIN, BOB, EVE, urls
from sqlalchemy.dialects import postgresql

from akatsuki_wasm.errors import NotFoundError, StorageError
from akatsuki_wasm.registry import Registry, schema
from akatsuki_wasm.registry.database import Database, make_private_folder, parse_url
from akatsuki_wasm.registry.models import Generation
from akatsuki_wasm.registry.types import says

if TYPE_CHECKING:
    from pathlib import Path

    from registry_kit import Bench

    from akatsuki_wasm.registry.generations import GenerationRepository


@pytest.fixture
def generations(bench: Bench) -> GenerationRepository:
    return bench.registry.generations(BOB)


def record(repository: GenerationRepository, prompt: str, **more: Any) -> Generation:
    return repository.record(prompt, **{"generator": "openai", "status": "success", "seconds": 1.0, **more})


def test_everything_that_is_recorded_is_read_back(bench: Bench, generations: GenerationRepository) -> None:
    stored = bench.store(BOB, "tool")
    parent = record(generations, "a tool")
    chosen = uuid4()
    facts: dict[str, Any] = {
        "model": "gpt-5",
        "attempts": [{"number": 1, "reply": "日本 \N{PILE OF POO}"}],
        "usage": {"tokens_in": 12},
        "tokens_in": 12,
        "tokens_out": 3,
        "price": 0.0125,
        "replayed": True,
        "parent_id": parent.id,
        "request": {"examples": ["f(1) == 2"], "locked": True},
    }
    record(generations, "a better tool", generation_id=chosen, module=stored, **facts)
    found = generations.get(chosen)
    assert {name: getattr(found, name) for name in facts} == facts
    assert (found.module_id, found.source_name, found.module_version, found.digest) == (
        stored.id,
        "tool",
        "1.0.0",
        stored.digest,
    )
    assert (parent.module_id, parent.tokens_in, parent.price, parent.replayed, parent.request) == (
        None,
        None,
        None,
        False,
        {},
    )


def test_a_generation_outlives_its_module_and_its_parent(bench: Bench, generations: GenerationRepository) -> None:
    stored = bench.store(BOB, "tool")
    parent = record(generations, "a tool")
    child = record(generations, "a better tool", module=stored, parent_id=parent.id)
    bench.registry.modules(BOB).delete(stored.id)
    with bench.unguarded() as session:
        session.delete(session.get(Generation, parent.id))
    found = generations.get(child.id)
    assert (found.module_id, found.source_name, found.digest, found.parent_id) == (None, "tool", stored.digest, None)


def test_what_was_deleted_before_the_record_is_left_out(bench: Bench, generations: GenerationRepository) -> None:
    stored, gone = bench.store(BOB, "tool"), bench.store(BOB, "gone")
    bench.registry.modules(BOB).delete(gone.id)
    kept = record(generations, "parent is gone", module=stored, parent_id=uuid4())
    assert (kept.module_id, kept.parent_id) == (stored.id, None)
    child = record(generations, "module is gone", module=gone, parent_id=kept.id)
    assert (child.module_id, child.source_name, child.parent_id) == (None, "gone", kept.id)
    alone = record(generations, "both are gone", module=gone, parent_id=uuid4())
    assert (alone.module_id, alone.parent_id) == (None, None)


def test_an_id_is_taken_once(generations: GenerationRepository) -> None:
    first = record(generations, "first")
    with pytest.raises(StorageError):
        record(generations, "second", generation_id=first.id)
    assert generations.get(first.id).prompt == "first"


def test_the_beginning_of_an_id_is_enough(generations: GenerationRepository) -> None:
    one, two = (
        UUID("abcd1234-0000-4000-8000-000000000001"),
        UUID("abcd9999-0000-4000-8000-000000000001"),
    )
    for each in (one, two):
        record(generations, str(each), generation_id=each)
    for text in (one, str(one), str(one).upper(), "abcd1", "abcd1234-", "ABCD1234-00"):
        assert generations.get(text).id == one
    with pytest.raises(NotFoundError) as caught:
        generations.get("abcd")
    assert str(caught.value) == "several generations have an id that begins with abcd"
    assert caught.value.hint == "Give more of the id."
    with pytest.raises(NotFoundError, match=r"^there is no generation with the id beef$"):
        generations.get("beef")
    for wrong in ("abc", "", "%%%%", "abcg", f"{one}0", "x" * 1000):
        with pytest.raises(
            NotFoundError, match=r"is not the id of a generation: expected 4 of its hex digits or more$"
        ):
            generations.get(wrong)


def test_another_users_id_does_not_exist(bench: Bench, generations: GenerationRepository) -> None:
    mine = record(generations, "mine")
    with pytest.raises(NotFoundError):
        bench.registry.generations(EVE).get(str(mine.id)[:8])
    assert bench.registry.generations(ADMIN).get(str(mine.id)[:8]).id == mine.id


ATTEMPTS = [
    {
        "number": 1,
        "messages": [{"role": "system", "content": "You write plain Rust about everything."}],
        "reply": 'Of course! "Sepia" is C:\\tones, 50% brown_ish.',
        "source": "pub fn sepia() {\n    todo()\n}\n",
        "message": "line 2: cannot find function",
        "diagnostics": [{"level": "error", "message": "Mismatched Types", "rendered": "error[E0308]"}],
    },
    {"number": 2, "reply": "ビンテージ", "source": None, "message": "", "diagnostics": []},
]


@pytest.mark.parametrize(
    "text",
    [
        *(
            "Old Photos",
            "OLD PHOTOS",
            "warm-film",
            "GPT-5",
            "the script is over",
            '"sepia" is',
            "c:\\TONES",
            "50% brown_",
        ),
        *("pub fn sepia", "{\n    todo", "cannot find", "mismatched types", "ビンテージ", "find function"),
    ],
)
def test_a_text_anywhere_is_found(text: str, generations: GenerationRepository) -> None:
    record(
        generations,
        "Like old photos",
        source_name="warm-film",
        model="gpt-5.4",
        error_message="the script is over",
        attempts=ATTEMPTS,
    )
    record(generations, "days between two dates", attempts=[{"number": 1, "reply": "", "source": "", "message": ""}])
    assert [row.prompt for row in generations.search(text)] == ["Like old photos"]


@pytest.mark.parametrize(
    "text", ["%", "_", "5_% brown", "old%photos", "reply", "diagnostics", "number", "everything", "error[E", "\\", "''"]
)
def test_what_is_no_text_of_it_is_not_found(text: str, generations: GenerationRepository) -> None:
    """Wildcards mean themselves, keys are no texts, and what every prompt teaches is not searched."""
    attempts = [{**ATTEMPTS[0], "reply": "sepia", "diagnostics": []}, ATTEMPTS[1]]
    record(generations, "like old photos", attempts=attempts)
    assert generations.search(text) == []


def test_searching_is_limited_newest_first_and_private(bench: Bench, generations: GenerationRepository) -> None:
    for number in range(3):
        record(generations, f"vintage {number}", status="error" if number == 1 else "success")
    record(bench.registry.generations(EVE), "vintage of Eve")
    assert [row.prompt for row in generations.search("vintage")] == ["vintage 2", "vintage 1", "vintage 0"]
    assert [row.prompt for row in generations.search("vintage", limit=1)] == ["vintage 2"]
    assert [row.prompt for row in generations.search("vintage", status="error")] == ["vintage 1"]
    assert [row.prompt for row in generations.list(status="error")] == ["vintage 1"]
    assert [row.prompt for row in generations.list(status="success", limit=1)] == ["vintage 2"]
    assert len(bench.registry.generations(ADMIN).search("VINTAGE")) == 4


def test_the_search_is_said_in_postgresqls_own_words() -> None:
    compiled = str(
        says(Generation.attempts, ("reply", "source"), "50%_").compile(
            dialect=postgresql.dialect(), compile_kwargs={"literal_binds": True}
        )
    )
    assert compiled == (
        "EXISTS (SELECT 1 FROM jsonb_path_query(generations.attempts, 'strict $.** ? (@.type() == \"object\")')"
        " AS object(value), jsonb_each_text(object.value) AS item WHERE item.key IN ('reply', 'source')"
        " AND item.value ILIKE '%%50/%%/_%%' ESCAPE '/')"
    )


def test_generations_of_an_older_registry_are_kept_both_ways(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    make_private_folder(folder)
    database = Database(parse_url(urls(folder)[0]))
    with database.engine.execution_options(akatsuki_write="FULL").begin() as connection:
        schema.upgrade(connection, "akatsuki_0002")
    database.close()
    old = uuid4()
    with sqlite3.connect(folder / "registry.db") as file:
        file.execute(
            "INSERT INTO generations (id, owner_id, prompt, generator, status, attempts, seconds)"
            " VALUES (?, ?, 'an old prompt', 'openai', 'success', ?, 2.5)",
            (old.hex, BOB.id.hex, '[{"number":1,"source":"pub fn f() {}","diagnostics":["line 1: x"]}]'),
        )
    file.close()
    with Registry.open(*urls(folder)) as registry:
        assert registry.status().pending == ()
        row = registry.generations(BOB).get(old)
        assert (row.prompt, row.seconds, row.replayed, row.request, row.module_id) == (
            "an old prompt",
            2.5,
            False,
            {},
            None,
        )
        assert row.attempts[0]["source"] == "pub fn f() {}"
        assert row.created_at.utcoffset() is not None
        assert [found.id for found in registry.generations(BOB).search("PUB FN")] == [old]
        new = record(registry.generations(BOB), "a new prompt", price=1.5, parent_id=old)
        with registry.database.engine.execution_options(akatsuki_write="FULL").begin() as connection:
            config = Config()
            config.set_main_option("script_location", str(schema.MIGRATIONS))
            config.set_main_option("path_separator", "os")
            config.attributes["connection"] = connection
            command.downgrade(config, "akatsuki_0002")
    with Registry.open(*urls(folder)) as registry:
        kept = registry.generations(BOB).list()
        assert {each.id: (each.prompt, each.price, each.parent_id) for each in kept} == {
            old: ("an old prompt", None, None),
            new.id: ("a new prompt", None, None),
        }
