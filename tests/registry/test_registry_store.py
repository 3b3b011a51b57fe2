"""Storing: names, versions, blobs, what is refused, and that a refusal leaves nothing."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from registry_kit import ADMIN, BOB, EVE, OTHER_ADMIN, artifact, wasm_adding
from wasmtime import wat2wasm

from akatsuki_wasm import binary
from akatsuki_wasm import manifest as manifests
from akatsuki_wasm.contracts import Artifact, Manifest, UploadTarget, User
from akatsuki_wasm.errors import (
    AkatsukiError,
    ConflictError,
    DigestMismatchError,
    InvalidModuleError,
    PermissionDeniedError,
    StorageError,
    UploadError,
)
from akatsuki_wasm_plugins import registry_upload

if TYPE_CHECKING:
    from pathlib import Path

    from registry_kit import Bench


def blob_files(bench: Bench) -> list[Path]:
    return sorted(path for path in (bench.folder / "blobs").glob("**/*") if path.is_file())


def test_a_module_is_stored_whole(bench: Bench) -> None:
    stored = bench.store(BOB, "adder", source="pub fn add(a: i32) -> i32 { a + 1 }", description="Adds one.")
    wasm = wasm_adding(1)
    assert (stored.name, stored.version, stored.status, stored.owner_id) == ("adder", "1.0.0", "active", BOB.id)
    assert (stored.digest, stored.size) == (hashlib.sha256(wasm).hexdigest(), len(wasm))
    assert stored.description == "Adds one."
    assert stored.manifest == manifests.for_binary(wasm)
    assert bench.registry.read_wasm(stored.digest) == wasm
    assert bench.registry.source(stored) == "pub fn add(a: i32) -> i32 { a + 1 }"
    assert bench.registry.executable(stored).read() == wasm
    assert bench.registry.modules(BOB).get(stored.id).to_stored() == stored
    row = bench.registry.modules(BOB).get(stored.id)
    assert (row.memory_pages, row.max_memory_pages, row.exported_functions) == (2, 300, ["add"])
    assert blob_files(bench)[0].parent.parent.parent == bench.folder / "blobs"
    assert (bench.folder / "blobs" / "sha256" / stored.digest[:2] / stored.digest).read_bytes() == wasm


def test_the_same_bytes_again_make_a_version_and_no_blob(bench: Bench) -> None:
    first = bench.store(BOB, "adder")
    second = bench.store(BOB, "adder")
    assert (first.version, second.version) == ("1.0.0", "1.1.0")
    assert first.digest == second.digest
    assert len(blob_files(bench)) == 1


def test_a_chosen_version_is_kept_and_counted_on(bench: Bench) -> None:
    assert bench.store(BOB, "adder", version="2.0.0-rc.1").version == "2.0.0-rc.1"
    assert bench.store(BOB, "adder").version == "2.0.0"
    assert bench.store(BOB, "adder", version="1.9.0").version == "1.9.0"
    assert bench.store(BOB, "adder").version == "2.1.0"
    with pytest.raises(ConflictError) as caught:
        bench.store(BOB, "adder", version="2.0.0")
    assert str(caught.value) == "the module 'adder' has a version 2.0.0 already"
    assert caught.value.hint == "Leave the version out to get 2.2.0."


@pytest.mark.parametrize(
    ("name", "version", "text"),
    [
        ("Vintage", None, "'Vintage' is not a module name: expected 1 to 63 lower-case letters, digits and hyphens, "
         "not beginning with a hyphen"),
        ("", None, "'' is not a module name: expected 1 to 63 lower-case letters, digits and hyphens, "
         "not beginning with a hyphen"),
        ("5ad1d1c1-6f1f-5c52-9a55-0a6b7f6a1f0e", None,
         "'5ad1d1c1-6f1f-5c52-9a55-0a6b7f6a1f0e' is not a module name: it is written as an id"),
        ("fine", "1.0", "'1.0' is not a version: expected three numbers such as 1.0.0, at most 64 characters"),
    ],
)  # fmt: skip
def test_wrong_names_and_versions_are_refused(bench: Bench, name: str, version: str | None, text: str) -> None:
    with pytest.raises(UploadError) as caught:
        bench.store(BOB, name, version=version)
    assert str(caught.value) == text
    assert caught.value.hint
    assert blob_files(bench) == []


IMPORTING = '(module (import "env" "now" (func)) (func (export "f") (result i32) i32.const 1))'
# A function that promises an i32 and leaves none: type, function, export "f" and code section.
INVALID = b"\0asm\1\0\0\0" + bytes.fromhex("010501600001 7f 03020100 070501016600 00 0a040102000b")


@pytest.mark.parametrize(
    ("wasm", "start"),
    [
        (b"", "not a wasm module: the file is empty"),
        (b"hello world, this is text", "not a wasm module: it begins with 68 65 6c 6c, expected 00 61 73 6d"),
        (wasm_adding(1)[:-5], "not a valid wasm module: the file is cut off"),
        (bytes(wat2wasm(IMPORTING)), "the module imports what is not provided: func env.now"),
        (bytes(wat2wasm("(module)")), "the module has no function that can be called"),
        (INVALID, "not a valid wasm module: "),
        (
            wasm_adding(1) + binary.custom_section("akatsuki.module", b"{"),
            "the module's description (akatsuki.module) is wrong",
        ),
    ],
    ids=["empty", "text", "truncated", "imports", "no-function", "invalid-body", "broken-section"],
)
def test_bytes_that_are_no_module_are_refused(bench: Bench, wasm: bytes, start: str) -> None:
    with pytest.raises(InvalidModuleError) as caught:
        bench.registry.store(Artifact(wasm, Manifest(())), UploadTarget("bad", bench.registry, BOB))
    assert start in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.hint
    assert bench.registry.modules(BOB).list_all() == []
    assert blob_files(bench) == []


def test_an_import_is_named_in_full(bench: Bench) -> None:
    with pytest.raises(InvalidModuleError) as caught:
        bench.registry.store(Artifact(bytes(wat2wasm(IMPORTING)), Manifest(())), UploadTarget("f", bench.registry, BOB))
    assert str(caught.value) == "the module imports what is not provided: func env.now"


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damaged_bytes_are_stored_never_or_as_a_valid_module(bench: Bench, data: st.DataObject) -> None:
    wasm = bytearray(wasm_adding(1))
    for _ in range(data.draw(st.integers(1, 4))):
        wasm[data.draw(st.integers(0, len(wasm) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(wasm[: data.draw(st.integers(0, len(wasm)))])
    try:
        stored = bench.registry.store(Artifact(cut, Manifest(())), UploadTarget("fuzzed", bench.registry, BOB))
    except InvalidModuleError:
        return
    assert bench.registry.read_wasm(stored.digest) == cut


def test_the_bytes_are_believed_before_the_artifact(bench: Bench) -> None:
    lying = Artifact(wasm_adding(1), Manifest((), description="I am something else"))
    stored = bench.registry.store(lying, UploadTarget("honest", bench.registry, BOB))
    assert stored.manifest == manifests.for_binary(wasm_adding(1))


@pytest.mark.parametrize("owner_type", ["system", "admin"])
def test_only_an_admin_creates_system_and_admin_modules(bench: Bench, owner_type: Any) -> None:
    with pytest.raises(PermissionDeniedError) as caught:
        bench.store(BOB, "tool", owner_type=owner_type)
    assert str(caught.value) == f"bob may not create {owner_type} modules: only an admin may"
    assert caught.value.hint == "Store it as a user module, or ask an admin."
    assert bench.store(ADMIN, "tool", owner_type=owner_type).owner_type == owner_type


def test_a_name_that_another_user_published_is_taken(bench: Bench) -> None:
    public = bench.store(BOB, "public", is_public=True)
    system = bench.store(ADMIN, "system", owner_type="system")
    shared = bench.store(BOB, "shared")
    bench.registry.modules(BOB).share(shared.id, [EVE.id])
    for user, name, found in (
        (EVE, "public", public),
        (ADMIN, "public", public),
        (EVE, "system", system),
        (EVE, "shared", shared),
    ):
        with pytest.raises(ConflictError) as caught:
            bench.store(user, name)
        assert (
            str(caught.value)
            == f"the name {name!r} is taken by another user's module ({found.owner_type}, id {found.id})"
        )
        assert caught.value.hint == "Choose another name with --name."
    assert bench.store(BOB, "public").version == "1.1.0"


def test_a_private_name_reserves_nothing_and_so_tells_nothing(bench: Bench) -> None:
    bench.store(BOB, "private")
    bench.store(ADMIN, "internal", owner_type="admin")
    for user in (EVE, User.local("mallory"), ADMIN):
        assert bench.store(user, "private").version == "1.0.0"
    assert bench.store(EVE, "internal").version == "1.0.0"


def test_system_modules_are_one_line_whichever_admin_stores_them(bench: Bench) -> None:
    first = bench.store(ADMIN, "tool", owner_type="system")
    second = bench.store(OTHER_ADMIN, "tool", owner_type="system")
    assert (first.version, second.version) == ("1.0.0", "1.1.0")
    assert bench.registry.modules(EVE).find("tool").id == second.id
    with pytest.raises(ConflictError):
        bench.store(ADMIN, "tool", owner_type="system", version="1.1.0")


def test_one_owner_gives_a_name_to_one_owner_type(bench: Bench) -> None:
    bench.store(ADMIN, "tool", owner_type="system")
    with pytest.raises(ConflictError) as caught:
        bench.store(ADMIN, "tool")
    assert str(caught.value) == "the name 'tool' is taken by your own system module"
    assert caught.value.hint == "Choose another name, or pass --owner-type system for its next version."


def test_a_refusal_leaves_nothing(bench: Bench) -> None:
    bench.store(BOB, "taken", is_public=True)
    before = blob_files(bench)
    for act in (
        lambda: bench.store(EVE, "taken", 77),
        lambda: bench.store(BOB, "taken", 77, version="1.0.0"),
        lambda: bench.store(EVE, "tool", 77, owner_type="system"),
        lambda: bench.store(EVE, "odd", 77, metadata={"set": {1}}),
        lambda: bench.store(EVE, "odd", 77, metadata={"nan": float("nan")}),
        lambda: bench.store(EVE, "odd", 77, source="half a pair: \ud800"),
    ):
        with pytest.raises(AkatsukiError) as caught:
            act()
        assert caught.value.hint
    assert blob_files(bench) == before
    assert len(bench.registry.modules(ADMIN).list_all()) == 1


def test_a_source_digest_from_outside_is_not_believed(bench: Bench) -> None:
    secret = bench.store(BOB, "secret", source="// bob's own")
    stolen = artifact(2, None, source_digest=secret.provenance["source_digest"])
    stored = bench.registry.store(stolen, UploadTarget("thief", bench.registry, EVE))
    assert bench.registry.source(stored) is None


def test_an_altered_blob_is_an_error_that_names_it(bench: Bench) -> None:
    stored = bench.store(BOB, "adder")
    path = bench.folder / "blobs" / "sha256" / stored.digest[:2] / stored.digest
    path.write_bytes(wasm_adding(2))
    found = hashlib.sha256(wasm_adding(2)).hexdigest()
    for act in (lambda: bench.registry.read_wasm(stored.digest), lambda: bench.store(BOB, "adder")):
        with pytest.raises(DigestMismatchError) as caught:
            act()
        assert str(caught.value) == (
            f"the blob sha256/{stored.digest[:2]}/{stored.digest} in file://{bench.folder}/blobs was altered: "
            f"its bytes have the sha256 {found}"
        )
        assert caught.value.hint == "Remove that blob, then restore it from a backup or store the module again."
    path.unlink()
    with pytest.raises(StorageError) as missing:
        bench.registry.read_wasm(stored.digest)
    assert str(missing.value) == (
        f"the blob sha256/{stored.digest[:2]}/{stored.digest} is missing from file://{bench.folder}/blobs"
    )
    assert bench.store(BOB, "adder").version == "1.1.0"
    assert bench.registry.read_wasm(stored.digest) == wasm_adding(1)


def test_garbage_is_what_no_row_names_and_is_old(bench: Bench) -> None:
    kept = bench.store(BOB, "kept", source="// kept")
    gone = bench.store(BOB, "gone", 2, source="// gone")
    shares = bench.store(BOB, "shares", 2)
    staged = bench.folder / "blobs" / "sha256" / "ab" / ("ab" * 32 + "#1")
    staged.parent.mkdir(exist_ok=True)
    staged.write_bytes(b"half")
    bench.registry.modules(BOB).delete(gone.id)
    assert bench.registry.collect_garbage() == 0
    assert bench.registry.collect_garbage(timedelta(seconds=-1)) == 2
    assert not staged.exists()
    assert bench.registry.source(kept) == "// kept"
    assert bench.registry.read_wasm(shares.digest) == wasm_adding(2)
    bench.registry.modules(BOB).delete(shares.id)
    assert bench.registry.collect_garbage(timedelta(seconds=-1)) == 1
    assert bench.store(BOB, "shares", 2).version == "1.0.0"


def test_the_plugin_stores_in_the_registry_of_the_target(bench: Bench) -> None:
    stored = registry_upload.RegistryUploadPlugin().akatsuki_upload(
        artifact(), UploadTarget("adder", bench.registry, BOB)
    )
    assert bench.registry.modules(BOB).find("adder").id == stored.id


@pytest.mark.sqlite
def test_status_counts_and_hides_nothing_but_passwords(bench: Bench) -> None:
    bench.store(BOB, "adder", source="// text")
    bench.store(BOB, "adder")
    bench.store(EVE, "adder", 2)
    status = bench.registry.status()
    assert (status.modules, status.versions, status.executions, status.generations) == (2, 3, 0, 0)
    assert (status.blobs, status.blob_bytes) == (3, len(wasm_adding(1)) + len(wasm_adding(2)) + 7)
    assert (status.revision, status.pending) == (status.head, ())
    assert status.database_url == f"sqlite:///{bench.folder}/registry.db"
    assert status.blob_url == f"file://{bench.folder}/blobs"
    assert status.database_bytes
    assert bench.registry.migrate() == ()


def test_a_closed_registry_says_so(bench: Bench) -> None:
    bench.registry.close()
    with pytest.raises(StorageError) as caught:
        bench.registry.modules(BOB).get(uuid4())
    assert str(caught.value) == "the registry is closed"
