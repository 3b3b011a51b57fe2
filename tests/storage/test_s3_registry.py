"""A registry whose blobs are on S3: stored, executed, collected, and never a wrong module."""

from __future__ import annotations

import hashlib
import os
import random
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

import pytest
import wasmtime

import akatsuki_wasm as ak
from akatsuki_wasm import manifest as manifests
from akatsuki_wasm.contracts import Artifact, UploadTarget, User
from akatsuki_wasm.errors import DigestMismatchError, StorageError
from akatsuki_wasm.registry import Registry
from akatsuki_wasm.registry.blobs import key_of

if TYPE_CHECKING:
    from .s3_kit import S3Server

BOB = User.local("bob")
ROUNDS = 24
REGISTRY_TESTS = Path(__file__).parents[1] / "registry"


def wasm_adding(number: int) -> bytes:
    text = f'(module (func (export "add") (param i32) (result i32) local.get 0 i32.const {number} i32.add))'
    return bytes(wasmtime.wat2wasm(text))


def store(registry: Registry, name: str, number: int, source: str | None = None) -> ak.contracts.StoredModule:
    wasm = wasm_adding(number)
    return registry.store(Artifact(wasm, manifests.for_binary(wasm), source), UploadTarget(name, registry, BOB))


def test_a_module_is_deployed_executed_and_deleted(own_s3: S3Server, bucket: str, tmp_path: Path) -> None:
    settings = {"data_dir": tmp_path / "data", "cache_dir": tmp_path / "cache", "blob_url": own_s3.url(bucket, "blobs")}
    with ak.open(**settings) as workspace:
        module = workspace.deploy(wasm_adding(40), name="adding")
        assert module.add(2) == 42
        assert [each["Key"] for each in own_s3.client().list_objects_v2(Bucket=bucket)["Contents"]] == [
            f"blobs/{key_of(module.stored.digest)}"
        ]
    with ak.open(**settings) as workspace:
        assert workspace.load("adding").add(3) == 43
        own_s3.kill()
        assert workspace.load("adding").add(4) == 44  # it is compiled already
        with pytest.raises(StorageError, match="the server cannot be reached"):
            workspace.deploy(wasm_adding(41), name="other")
        assert [each.name for each in workspace.list_modules()] == ["adding"]
        own_s3.start()
        own_s3.url(bucket)
        assert workspace.deploy(wasm_adding(41), name="other").add(1) == 42
        assert [row.status for row in workspace.history()] == ["success"] * 4


def test_a_missing_or_altered_blob_is_named_and_nothing_else_is_executed(
    s3: S3Server, bucket: str, tmp_path: Path
) -> None:
    def settings(machine: str) -> dict[str, Path | str]:
        return {"data_dir": tmp_path / "data", "cache_dir": tmp_path / machine, "blob_url": s3.url(bucket)}

    with ak.open(**settings("one")) as workspace:
        stored = workspace.deploy(wasm_adding(1), name="adding").stored
        evil = workspace.deploy(wasm_adding(666), name="evil").stored
    key, client = key_of(stored.digest), s3.client()
    client.copy_object(Bucket=bucket, Key=key, CopySource=f"{bucket}/{key_of(evil.digest)}")
    with ak.open(**settings("two")) as workspace:  # another machine has nothing compiled
        with pytest.raises(DigestMismatchError) as altered:
            workspace.load("adding").add(2)
        assert str(altered.value).startswith(f"the blob {key} in s3://{bucket} was altered: ")
        client.delete_object(Bucket=bucket, Key=key)
        with pytest.raises(StorageError) as missing:
            workspace.load("adding").add(2)
        assert str(missing.value) == f"the blob {key} is missing from s3://{bucket}"
        workspace.deploy(wasm_adding(1), name="adding")  # storing it again mends it
        assert workspace.load(f"adding@{stored.version}").add(2) == 3


def test_garbage_is_collected(s3: S3Server, bucket: str, tmp_path: Path) -> None:
    with Registry.open(f"sqlite:///{tmp_path / 'registry.db'}", s3.url(bucket, "blobs")) as registry:
        kept, gone = store(registry, "kept", 1, "// kept"), store(registry, "gone", 2, "// gone")
        registry.modules(BOB).delete(gone.id)
        assert registry.collect_garbage() == 0  # too young
        assert registry.collect_garbage(timedelta(seconds=-2)) == 2
        assert {each.digest for each in registry.blobs.list()} == {kept.digest, kept.provenance["source_digest"]}
        assert registry.source(kept) == "// kept"


def test_a_killed_process_leaves_every_acknowledged_module_whole(s3: S3Server, bucket: str, tmp_path: Path) -> None:
    database, blobs = f"sqlite:///{tmp_path / 'registry.db'}", s3.url(bucket, "blobs")
    acknowledged = tmp_path / "acknowledged"
    seed = int(os.environ.get("AKATSUKI_TEST_SEED") or random.SystemRandom().randrange(2**32))
    program = REGISTRY_TESTS / "store_and_die.py"
    done = subprocess.run(
        [sys.executable, str(program), database, blobs, str(ROUNDS), str(seed), str(acknowledged)],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, done.stderr) == (0, ""), f"seed {seed}"
    told = {UUID(line) for line in acknowledged.read_text().split()}
    assert told, f"seed {seed}"
    with Registry.open(database, blobs) as registry:
        rows = registry.modules(BOB).list_all()
        assert told <= {row.id for row in rows}, f"seed {seed}"
        for row in rows:
            stored = row.to_stored()
            assert hashlib.sha256(registry.read_wasm(stored.digest)).hexdigest() == stored.digest
            assert registry.source(stored)
        registry.collect_garbage(timedelta(seconds=-2))
        assert {each.digest for each in registry.blobs.list()} == {
            digest for row in rows for digest in (row.digest, row.provenance["source_digest"])
        }
        assert store(registry, "afterwards", 7).version == "1.0.0"
