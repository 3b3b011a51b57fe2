"""Object stores by URL through obstore: how long they may take, and what they raise as one line that names the cause.

obstore's own limits (ten tries, three minutes) would keep a request waiting for a server that is gone. Credentials and
endpoint come from the environment as obstore reads them (``AWS_ACCESS_KEY_ID``, ``AWS_ENDPOINT_URL``, …).
"""

from __future__ import annotations

import os
import re
from datetime import timedelta
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

from obstore.exceptions import BaseError
from obstore.store import from_url

from akatsuki_wasm.errors import ConfigError, StorageError

if TYPE_CHECKING:
    from obstore.store import ClientConfig, ObjectStore, RetryConfig, S3Config

SMALL_BYTES: Final = 1 << 20
"""Up to so many bytes a write is as quick as a question; the server begins to answer when it has them all."""
_CONNECT: Final = timedelta(seconds=3)
_ANSWER: Final = timedelta(seconds=5)
_ANSWER_TO_UPLOAD: Final = timedelta(seconds=60)
_RETRIES: Final[RetryConfig] = {
    "max_retries": 2,
    "retry_timeout": timedelta(seconds=5),
    "backoff": {"init_backoff": timedelta(milliseconds=100), "max_backoff": timedelta(seconds=1), "base": 2},
}
# In the order in which obstore heeds them.
_ENDPOINTS: Final = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")
_MACHINE_CREDENTIALS: Final = "169.254.169.254"
"""Where a machine of a cloud has its own; obstore asks there when the environment has none."""

_CHECK = "Check the storage and its credentials, then try again."
_CREDENTIALS = (
    "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (or the variables of your store) to keys that may use it."
)
# Codes of S3's errors (https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html), what they say, what to do.
_CODES: Final[dict[str, tuple[str, str]]] = {
    "NoSuchBucket": ("there is no such bucket", "Make the bucket, or correct AKATSUKI_BLOB_URL."),
    "InvalidAccessKeyId": ("the access key is not known there", _CREDENTIALS),
    "SignatureDoesNotMatch": ("the secret key does not belong to the access key", _CREDENTIALS),
    "AccessDenied": ("access is denied", _CREDENTIALS),
    "ExpiredToken": ("the session token has expired", _CREDENTIALS),
    "NotImplemented": (
        "the server does not know conditional writes (If-None-Match)",
        "Use a server that has them, such as Amazon S3, MinIO or Ceph.",
    ),
}
_STATUSES: Final[dict[str, tuple[str, str]]] = {
    "401": ("the credentials are not accepted", _CREDENTIALS),
    "403": ("access is denied", _CREDENTIALS),
}


def open_store(url: str, *, uploads: bool = False) -> ObjectStore:
    """A store by URL; nothing is asked of it yet.

    Args:
        url: ``s3://bucket/prefix``, ``gs://…``, ``az://…``.
        uploads: For writing more than `SMALL_BYTES` at once.

    Raises:
        ConfigError: The URL or the environment's configuration cannot be used.
    """
    scheme = urlsplit(url).scheme
    client: ClientConfig = {"connect_timeout": _CONNECT, "read_timeout": _ANSWER_TO_UPLOAD if uploads else _ANSWER}
    config: S3Config = {}
    if scheme in {"s3", "s3a"}:
        endpoint = next((os.environ[name] for name in _ENDPOINTS if os.environ.get(name)), None)
        if endpoint is not None:
            if endpoint.startswith("http://"):  # whoever writes that means it
                client["allow_http"] = True
            if "AWS_VIRTUAL_HOSTED_STYLE_REQUEST" not in os.environ:
                config["virtual_hosted_style_request"] = False  # such an endpoint has no name for each bucket
    try:
        return from_url(url, config=config or None, client_options=client, retry_config=_RETRIES)
    except (BaseError, ValueError) as exc:
        raise ConfigError(
            f"the blob URL {shown_url(url)} cannot be used", hint="Use a file://, s3://, gs:// or az:// URL."
        ) from exc


def shown_url(url: str) -> str:
    """A blob URL for people: no user, password or query."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{unquote(parts.path)}"


def is_absent(exc: BaseException) -> bool:
    """Whether an object is not there; a bucket that is not there is another matter."""
    return isinstance(exc, FileNotFoundError) and _code(exc) != "NoSuchBucket"


def failure(exc: Exception, url: str, doing: str) -> StorageError:
    """The error for what an object store raised.

    Args:
        exc: What obstore raised: many lines, with addresses and the server's whole answer.
        url: The store's, for people.
        doing: Such as ``"write the blob sha256/…"``.
    """
    text = str(exc)
    code, status = _code(exc), re.search(r"status code: (\d{3})|status: (\d{3}),", text)
    number = None if status is None else status[1] or status[2]
    if _MACHINE_CREDENTIALS in text:
        what, hint = "there are no credentials", _CREDENTIALS
    elif code in _CODES:
        what, hint = _CODES[code]
    elif number in _STATUSES:
        what, hint = _STATUSES[number]
    elif number is not None:
        what, hint = f"the server answers {number}{f' {code}' if code else ''}", _CHECK
    elif re.search(r"timed out|TimedOut|kind: Timeout", text):
        what, hint = "the server does not answer in time", _CHECK
    elif re.search(r"error sending request|[Cc]onnect", text):
        what, hint = "the server cannot be reached", "Check the endpoint (AWS_ENDPOINT_URL) and that the server runs."
    else:
        what, hint = _first_line(exc), _CHECK
    return StorageError(f"cannot {doing} in {url}: {what}", hint=hint)


def _code(exc: BaseException) -> str | None:
    found = re.search(r"<Code>(\w+)</Code>", str(exc))
    return None if found is None else found[1]


def _first_line(exc: BaseException) -> str:
    return (str(exc).strip().splitlines() or [type(exc).__name__])[0][:300]
