"""A real S3 server for tests: moto's, in a process of its own, which can be stopped, killed and started again.

with s3_server() as server:
    with server.environment():                       # credentials and endpoint, as obstore reads them
        Registry.open(database_url, server.url("a-bucket"))

moto keeps objects in memory, so a server that was killed begins empty: what outlives an S3 server's death can be shown
with it only from the client's side. `paused` stops the process without ending it, as a hanging server looks; objects
are still there afterwards.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from unittest import mock

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from collections.abc import Iterator

KEY = "an-access-key"
SECRET = "a-secret-key"
REGION = "us-east-1"
PAGE = 100
"""Keys in one answer of a listing; a thousand at Amazon."""


class S3Server:
    """A server on a port of its own, which it keeps when it is started again.

    Args:
        authenticating: Whether it knows its users: `new_user` makes the first one. Else it believes everybody.

    Attributes:
        endpoint: Such as ``http://127.0.0.1:40123``.
    """

    def __init__(self, *, authenticating: bool = False) -> None:
        self._variables = {"MOTO_S3_DEFAULT_MAX_KEYS": str(PAGE)}
        if authenticating:
            self._variables["INITIAL_NO_AUTH_ACTION_COUNT"] = "3"
        with socket.socket() as found:
            found.bind(("127.0.0.1", 0))
            self.port = int(found.getsockname()[1])
        self.endpoint = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts it, empty, and waits until it answers."""
        command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)]
        self._process = subprocess.Popen(
            command, env={**os.environ, **self._variables}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + 60
        while True:
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=1):
                    return
            except OSError:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError("the S3 server did not start: `python -m moto.server` says why") from None
                time.sleep(0.02)

    def kill(self) -> None:
        """Kills it; its objects are lost. One that is not running is fine."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """It takes connections and never answers."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    def client(self, key: str = KEY, secret: str = SECRET, *, service: str = "s3") -> Any:
        """boto3's client: one that is not ours."""
        return boto3.client(
            service,
            endpoint_url=self.endpoint,
            region_name=REGION,
            aws_access_key_id=key,
            aws_secret_access_key=secret,
            config=Config(retries={"max_attempts": 1}),
        )

    def new_user(self) -> tuple[str, str]:
        """The first user of a server that authenticates, who may do everything: access key and secret key."""
        iam = self.client(service="iam")  # three requests, which need no authentication
        iam.create_user(UserName="somebody")
        policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
        iam.put_user_policy(UserName="somebody", PolicyName="all", PolicyDocument=json.dumps(policy))
        made = iam.create_access_key(UserName="somebody")["AccessKey"]
        return made["AccessKeyId"], made["SecretAccessKey"]

    def url(self, bucket: str, prefix: str = "") -> str:
        """The URL of a bucket, which is made where it is not there."""
        self.client().create_bucket(Bucket=bucket)
        return f"s3://{bucket}{prefix and '/'}{prefix}"

    @property
    def variables(self) -> dict[str, str]:
        """The environment of a program that works with it."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_REGION": REGION,
        }

    @contextmanager
    def environment(self, **others: str) -> Iterator[None]:
        """Sets the environment of this process, without what the machine itself says about AWS."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        with mock.patch.dict(os.environ, {**kept, **self.variables, **others}, clear=True):
            yield


@contextmanager
def s3_server(*, authenticating: bool = False) -> Iterator[S3Server]:
    """A running server, which ends with the block."""
    server = S3Server(authenticating=authenticating)
    server.start()
    try:
        yield server
    finally:
        server.kill()
