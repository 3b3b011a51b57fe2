"""Health, readiness, metrics and the cache: true while things break, and no word about modules and users."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from akatsuki_wasm.server import readiness
from akatsuki_wasm.server.executor_api import PATH
from akatsuki_wasm.server.metrics import FOLDER_VARIABLE

from .api_kit import adding, parts, upload
from .server_kit import ADA, BOB, is_problem, running
from .serving_kit import serving

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .server_kit import Running


def figures(client: httpx.Client) -> dict[str, float]:
    response = client.get("/metrics")
    assert response.status_code == 200, response.text
    assert response.headers["content-type"].startswith("text/plain; version=")
    found = re.findall(r"^(\w+(?:\{.*\})?) (\S+)$", response.text, flags=re.MULTILINE)
    return {name: float(value) for name, value in found}


def test_health_needs_no_token_and_looks_at_nothing(service: Running) -> None:
    service.service.registry.database.close()
    with service.client() as client:
        assert client.get("/healthz").json() == {"status": "ok"}


def test_ready_while_the_registry_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "FRESH_SECONDS", 0.0)
    with running(data_dir=tmp_path) as found, found.client() as client:
        assert client.get("/readyz").json() == {"status": "ok"}
        shutil.rmtree(tmp_path / "blobs")
        (tmp_path / "blobs").write_text("in the way", encoding="utf-8")
        document = is_problem(client.get("/readyz"), 503, "storage")
        assert str(tmp_path) not in str(document)  # whoever asks may be anybody
        (tmp_path / "blobs").unlink()
        assert client.get("/readyz").status_code == 200
        found.service.registry.database.close()
        response = client.get("/readyz")
        is_problem(response, 503, "storage")
        assert response.headers["retry-after"] == "1"


def test_not_ready_once_it_is_to_stop(service: Running) -> None:
    with service.client() as client:
        assert client.get("/readyz").status_code == 200
        service.service.begin_stop()
        is_problem(client.get("/readyz"), 503, "overloaded")
        assert client.get("/healthz").status_code == 200


@pytest.fixture
def silent_storage() -> Iterator[str]:
    """An object store that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        kept = []
        stop = threading.Event()

        def accept() -> None:
            listener.settimeout(0.05)
            while not stop.is_set():
                try:
                    kept.append(listener.accept()[0])
                except TimeoutError:
                    continue

        thread = threading.Thread(target=accept)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        stop.set()
        thread.join()
        for each in kept:
            each.close()


def test_not_ready_where_storage_does_not_answer(
    silent_storage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readiness, "READY_SECONDS", 0.2)
    for name, value in {
        "AWS_ENDPOINT": silent_storage,
        "AWS_ALLOW_HTTP": "true",
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }.items():
        monkeypatch.setenv(name, value)
    with running(data_dir=tmp_path, blob_url="s3://bucket") as found, found.client() as client:
        before = threading.active_count()
        for _ in range(5):
            document = is_problem(client.get("/readyz"), 503, "storage")
        assert document["detail"] == "the database or the storage of blobs cannot be reached"
        # However many ask, one thread waits for the answer.
        assert threading.active_count() <= before + 1


def test_metrics_count_and_name_nobody(service: Running) -> None:
    with service.client(BOB) as bob, service.client() as nobody:
        module = upload(bob, name="very-secret-name")["id"]
        call = {"moduleId": module, "functionName": "add", "args": [1]}
        before = figures(nobody)
        for _ in range(3):
            assert bob.post(PATH, json=call).status_code == 200
        bob.post(PATH, json={**call, "functionName": "none"})
        bob.get(f"/api/modules/{module}")
        nobody.get("/api/modules")
        nobody.get("/no/such/very-secret-path")
        after = figures(nobody)
        text = nobody.get("/metrics").text

    def grew(name: str) -> float:
        return after.get(name, 0.0) - before.get(name, 0.0)

    assert grew(f'akatsuki_requests_total{{method="POST",route="{PATH}",status="200"}}') == 3
    assert grew(f'akatsuki_requests_total{{method="POST",route="{PATH}",status="404"}}') == 1
    assert grew('akatsuki_requests_total{method="GET",route="/api/modules/{module_id}",status="200"}') == 1
    assert grew('akatsuki_requests_total{method="GET",route="/api/modules",status="401"}') == 1
    assert grew('akatsuki_requests_total{method="GET",route="",status="404"}') == 1
    assert grew('akatsuki_executions_total{status="success"}') == 3
    assert grew('akatsuki_execution_seconds_count{status="success"}') == 3
    assert grew("akatsuki_journal_batch_rows_sum") == 3
    assert grew("akatsuki_module_cache_hits") + grew("akatsuki_module_cache_misses") == 3
    assert after["akatsuki_executions_running"] == after["akatsuki_executions_waiting"] == 0
    for secret in ("secret", module, str(BOB.id), BOB.name):
        assert secret not in text


def test_metrics_are_for_this_machine_and_for_admins(service: Running) -> None:
    with service.client() as nobody, service.client(BOB) as bob, service.client(ADA) as ada:
        assert nobody.get("/metrics").status_code == 200
        # What a proxy passes on comes from elsewhere, whatever the address of the proxy.
        for header in ("X-Forwarded-For", "Forwarded", "X-Real-Ip", "Via"):
            is_problem(nobody.get("/metrics", headers={header: "x"}), 401, "unauthenticated")
            is_problem(bob.get("/metrics", headers={header: "x"}), 403, "permission-denied")
            assert ada.get("/metrics", headers={header: "x"}).status_code == 200


def test_the_cache_is_shown_to_admins(service: Running) -> None:
    with service.client(BOB) as bob, service.client(ADA) as ada:
        is_problem(bob.get("/api/cache"), 403, "permission-denied")
        before = ada.get("/api/cache").json()
        module = upload(bob, adding(time.time_ns() % 2**31))["id"]
        for _ in range(2):
            bob.post(PATH, json={"moduleId": module, "functionName": "add", "args": [1]})
        after = ada.get("/api/cache").json()
    assert after["misses"] == before["misses"] + 1
    assert after["hits"] == before["hits"] + 1
    assert after["process"] == os.getpid()
    assert 0 < after["modules"] <= after["capacity"]


_COUNT = """
import sys
from akatsuki_wasm.server.metrics import Metrics
metrics = Metrics()
metrics.level("akatsuki_level", "A level.", lambda: 2.0)
metrics.execution("success", 0.5)
metrics.request("GET", "/x", 200, 0.1)
metrics.tick(1e9)
if sys.argv[1] == "tell":
    print(metrics.render().decode())
else:
    print("ready", flush=True)
    sys.stdin.read()
"""


def test_workers_are_summed_up_where_they_share_a_folder(tmp_path: Path) -> None:
    environment = {**os.environ, FOLDER_VARIABLE: str(tmp_path)}

    def told() -> str:
        arguments = [sys.executable, "-c", _COUNT, "tell"]
        return subprocess.run(arguments, env=environment, capture_output=True, text=True, check=True).stdout

    waiting = [sys.executable, "-c", _COUNT, "wait"]
    with subprocess.Popen(waiting, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "ready\n"
        both = told()
        other.kill()
    assert 'akatsuki_executions_total{status="success"} 2.0' in both
    assert "akatsuki_level 4.0" in both
    # Counts of a process that is gone stay, its levels go.
    after = told()
    assert 'akatsuki_executions_total{status="success"} 3.0' in after
    assert "akatsuki_level 2.0" in after


def _figures_of(process: int) -> Path:
    environment = Path(f"/proc/{process}/environ").read_text("utf-8").split("\0")
    (folder,) = (each.partition("=")[2] for each in environment if each.startswith(f"{FOLDER_VARIABLE}="))
    return Path(folder)


def test_workers_of_a_service_tell_the_figures_of_all() -> None:
    with serving("--workers", "2") as service:
        # A connection each time, so that both are asked.
        for _ in range(30):
            httpx.get(f"{service.url}/healthz")
        name = 'akatsuki_requests_total{method="GET",route="/healthz",status="200"}'
        for _ in range(6):
            with httpx.Client(base_url=service.url) as client:
                assert figures(client)[name] == 30
        folder = _figures_of(service.workers()[0])
        assert folder.is_dir()
        assert service.stop(signal.SIGTERM) == 0
        assert not folder.exists()


def test_a_form_is_not_ready_made(service: Running) -> None:
    """The service's own pages and forms are none of a browser's: no other site is told that it may ask."""
    with service.client(BOB) as client:
        for response in (
            client.options(
                "/api/modules", headers={"Origin": "https://e.example", "Access-Control-Request-Method": "POST"}
            ),
            client.post("/api/modules", files=parts(), headers={"Origin": "https://e.example"}),
            client.get("/openapi.json", headers={"Origin": "https://e.example"}),
        ):
            assert not [name for name in response.headers if name.startswith("access-control")]
