"""Blobs on a real S3 server: whole, verified, and every failure one line that names its cause, soon."""

from __future__ import annotations

import os
import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from akatsuki_wasm.errors import ConfigError, DigestMismatchError, StorageError
from akatsuki_wasm.registry.blobs import BlobStore, digest_of, key_of
from akatsuki_wasm.registry.object_store import SMALL_BYTES

from .s3_kit import PAGE, S3Server, s3_server

if TYPE_CHECKING:
    from collections.abc import Callable

DIGEST = digest_of(b"some bytes")
KEY = key_of(DIGEST)


@pytest.mark.parametrize("prefix", ["", "a/prefix", "ビン 瓶/%41"])
def test_a_blob_is_written_read_listed_and_removed(s3: S3Server, bucket: str, prefix: str) -> None:
    blobs = BlobStore(s3.url(bucket, prefix))
    assert list(blobs.list()) == []
    assert not blobs.exists(DIGEST)
    began = datetime.now(UTC) - timedelta(seconds=2)  # S3 tells whole seconds
    assert blobs.put(b"some bytes") == DIGEST
    assert blobs.put(b"some bytes") == DIGEST
    assert blobs.read(DIGEST) == b"some bytes"
    assert blobs.exists(DIGEST)
    (info,) = blobs.list()
    assert (info.digest, info.size) == (DIGEST, 10)
    assert began < info.modified <= datetime.now(UTC)
    (found,) = s3.client().list_objects_v2(Bucket=bucket)["Contents"]
    assert found["Key"].endswith(KEY)
    blobs.remove(DIGEST)
    blobs.remove(DIGEST)
    assert list(blobs.list()) == []
    assert blobs.remove_staged(datetime.now(UTC)) == 0


def test_two_prefixes_of_a_bucket_are_two_stores(s3: S3Server, bucket: str) -> None:
    one, two = BlobStore(s3.url(bucket, "one")), BlobStore(s3.url(bucket, "two"))
    one.put(b"some bytes")
    assert not two.exists(DIGEST)
    assert list(two.list()) == []


@pytest.mark.parametrize("size", [0, 1, SMALL_BYTES, SMALL_BYTES + 1, 20 << 20])
def test_a_blob_of_any_size_is_whole(s3: S3Server, bucket: str, size: int) -> None:
    blobs = BlobStore(s3.url(bucket))
    data = os.urandom(size)
    assert blobs.read(blobs.put(data)) == data


def test_a_blob_is_never_overwritten_and_an_altered_one_is_named(s3: S3Server, bucket: str) -> None:
    blobs = BlobStore(s3.url(bucket))
    blobs.put(b"some bytes")
    s3.client().put_object(Bucket=bucket, Key=KEY, Body=b"other bytes")
    for use in (lambda: blobs.read(DIGEST), lambda: blobs.put(b"some bytes")):
        with pytest.raises(DigestMismatchError) as caught:
            use()
        assert str(caught.value).startswith(f"the blob {KEY} in s3://{bucket} was altered: its bytes have the sha256 ")
    assert s3.client().get_object(Bucket=bucket, Key=KEY)["Body"].read() == b"other bytes"


@pytest.mark.parametrize("data", [b"some byte", b"some bytes and more", b""])
def test_a_truncated_or_longer_blob_is_an_altered_one(s3: S3Server, bucket: str, data: bytes) -> None:
    blobs = BlobStore(s3.url(bucket))
    s3.client().put_object(Bucket=bucket, Key=KEY, Body=data)
    with pytest.raises(DigestMismatchError):
        blobs.read(DIGEST)


def test_a_missing_blob_is_named(s3: S3Server, bucket: str) -> None:
    with pytest.raises(StorageError) as caught:
        BlobStore(s3.url(bucket)).read(DIGEST)
    assert str(caught.value) == f"the blob {KEY} is missing from s3://{bucket}"


def test_writers_of_the_same_bytes_do_not_disturb_each_other(s3: S3Server, bucket: str) -> None:
    blobs = BlobStore(s3.url(bucket))
    found: list[str] = []
    threads = [threading.Thread(target=lambda: found.append(blobs.put(b"some bytes"))) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert found == [DIGEST] * 8


def test_more_keys_than_a_page_are_listed(s3: S3Server, bucket: str) -> None:
    blobs = BlobStore(s3.url(bucket, "prefix"))
    client = s3.client()
    digests = {digest_of(str(number).encode()) for number in range(3 * PAGE + 7)}
    for digest in digests:
        client.put_object(Bucket=bucket, Key=f"prefix/{key_of(digest)}", Body=b"")
    client.put_object(Bucket=bucket, Key="prefix/sha256/no-blob.txt", Body=b"")
    found = list(blobs.list())
    assert len(found) == len(digests)
    assert {each.digest for each in found} == digests


USES: dict[str, Callable[[BlobStore], object]] = {
    f"write the blob {KEY}": lambda blobs: blobs.put(b"some bytes"),
    f"read the blob {KEY}": lambda blobs: blobs.read(DIGEST),
    "list the blobs": lambda blobs: list(blobs.list()),
}


@pytest.mark.parametrize("doing", [*USES, f"remove the blob {KEY}"])
def test_a_bucket_that_is_not_there_is_named(s3: S3Server, doing: str) -> None:
    blobs = BlobStore("s3://no-such-bucket")
    with pytest.raises(StorageError) as caught:
        {**USES, f"remove the blob {KEY}": lambda blobs: blobs.remove(DIGEST)}[doing](blobs)
    assert str(caught.value) == f"cannot {doing} in s3://no-such-bucket: there is no such bucket"


def test_a_server_that_is_gone_or_silent_is_an_error_soon_and_comes_back(own_s3: S3Server, bucket: str) -> None:
    blobs = BlobStore(own_s3.url(bucket))
    blobs.put(b"some bytes")
    with own_s3.paused(), pytest.raises(StorageError) as caught:
        blobs.read(DIGEST)
    assert str(caught.value) == f"cannot read the blob {KEY} in s3://{bucket}: the server does not answer in time"
    assert blobs.read(DIGEST) == b"some bytes"
    own_s3.kill()
    for doing, use in {**USES, f"look for the blob {KEY}": lambda blobs: blobs.exists(DIGEST)}.items():
        with pytest.raises(StorageError) as caught:
            use(blobs)
        assert str(caught.value) == f"cannot {doing} in s3://{bucket}: the server cannot be reached"
        assert "AWS_ENDPOINT_URL" in caught.value.hint
    own_s3.start()
    own_s3.url(bucket)  # it has forgotten all
    assert blobs.put(b"some bytes") == DIGEST
    assert blobs.read(DIGEST) == b"some bytes"


def test_credentials_that_are_wrong_are_an_error_that_does_not_show_them(bucket: str) -> None:
    with s3_server(authenticating=True) as server:
        key, secret = server.new_user()
        right = {"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret}
        with server.environment(**right):
            server.client(key, secret).create_bucket(Bucket=bucket)
            blobs = BlobStore(f"s3://{bucket}")
            blobs.put(b"some bytes")
            assert blobs.read(DIGEST) == b"some bytes"
        for wrong, what in (
            ({"AWS_ACCESS_KEY_ID": "AKIAUNKNOWN"}, "the access key is not known there"),
            ({"AWS_SECRET_ACCESS_KEY": "guessed-secret"}, "the secret key does not belong to the access key"),
        ):
            with server.environment(**{**right, **wrong}):
                blobs = BlobStore(f"s3://{bucket}")
                for doing, use in USES.items():
                    with pytest.raises(StorageError) as caught:
                        use(blobs)
                    assert str(caught.value) == f"cannot {doing} in s3://{bucket}: {what}"
                    assert "AKIA" not in caught.value.hint


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("s3://", "the blob URL s3:// cannot be used"),
        ("s4://bucket", "the blob URL s4://bucket cannot be used"),
        ("s3://me:secret@bucket?token=secret", None),
    ],
)
def test_a_url_that_is_none_is_refused_without_its_password(url: str, message: str | None) -> None:
    if message is None:
        assert BlobStore(url).url == "s3://bucket"
        return
    with pytest.raises(ConfigError) as caught:
        BlobStore(url)
    assert str(caught.value) == message
