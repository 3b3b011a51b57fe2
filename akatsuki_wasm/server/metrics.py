"""Figures for Prometheus: requests, executions, queues, the cache of compiled modules, batches of the journal.

Names of modules and users are in none of them, and routes are named by their pattern, so that a client cannot make
new series. By default the figures are those of the process that answers. Where the environment has
``PROMETHEUS_MULTIPROC_DIR``, an empty folder for all workers of one service, each process writes its own there, and
whichever answers sums them up (https://prometheus.github.io/client_python/multiprocess/).
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

CONTENT_TYPE = CONTENT_TYPE_LATEST
FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
_METHODS = frozenset(("GET", "POST", "PATCH", "DELETE", "HEAD", "OPTIONS", "PUT"))
_REFRESH_SECONDS = 1.0
"""How old the levels of another process may be."""


class Metrics:
    """The figures of one process; every method is cheap, and may be called on any thread."""

    def __init__(self) -> None:
        self._shared = bool(os.environ.get(FOLDER_VARIABLE))
        self._registry = registry = CollectorRegistry()
        self._requests = Counter(
            "akatsuki_requests", "Requests that were answered.", ("method", "route", "status"), registry=registry
        )
        self._request_seconds = Histogram(
            "akatsuki_request_seconds",
            "Time from a request's headers to the end of its answer.",
            ("method", "route"),
            buckets=_SECONDS,
            registry=registry,
        )
        self._executions = Counter(
            "akatsuki_executions", "Executions that began, by outcome.", ("status",), registry=registry
        )
        self._execution_seconds = Histogram(
            "akatsuki_execution_seconds",
            "Time of the guest's function.",
            ("status",),
            buckets=_SECONDS,
            registry=registry,
        )
        self._batches = Histogram(
            "akatsuki_journal_batch_rows",
            "Executions that were recorded in one transaction.",
            buckets=_ROWS,
            registry=registry,
        )
        self._levels: list[tuple[Gauge, Callable[[], float]]] = []
        self._refreshed = 0.0
        # `labels` locks and looks up; these are looked up once.
        self._known_requests: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        self._known_executions: dict[str, tuple[Counter, Histogram]] = {}

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Counts an answered request."""
        key = (method, route, status)
        found = self._known_requests.get(key)
        if found is None:
            found = (
                self._requests.labels(method, route, str(status)),
                self._request_seconds.labels(method, route),
            )
            self._known_requests[key] = found
        counter, histogram = found
        counter.inc()
        histogram.observe(seconds)

    def execution(self, status: str, seconds: float) -> None:
        """Counts an execution that began, with the time of the guest's function."""
        found = self._known_executions.get(status)
        if found is None:
            found = self._executions.labels(status), self._execution_seconds.labels(status)
            self._known_executions[status] = found
        counter, histogram = found
        counter.inc()
        histogram.observe(seconds)

    def batch(self, rows: int) -> None:
        """Counts a transaction of the journal."""
        self._batches.observe(rows)

    def level(self, name: str, text: str, read: Callable[[], float]) -> None:
        """Adds a figure that is read when somebody asks, such as the length of a queue.

        Args:
            name: Such as ``akatsuki_queue_length``; over several processes their sum is told.
            text: What it says.
            read: Gives it now; it must not wait.
        """
        gauge = Gauge(name, text, registry=self._registry, multiprocess_mode="livesum")
        self._levels.append((gauge, read))

    def refresh(self) -> None:
        """Reads the levels, so that another process may tell them."""
        for gauge, read in self._levels:
            gauge.set(read())

    def tick(self, now: float) -> None:
        """Refreshes the levels now and then, where other processes tell them.

        Args:
            now: ``time.perf_counter()``.
        """
        if self._shared and now - self._refreshed > _REFRESH_SECONDS:
            self._refreshed = now
            self.refresh()

    def render(self) -> bytes:
        """All figures in Prometheus' text format."""
        self.refresh()
        if not self._shared:
            return generate_latest(self._registry)
        folder = Path(os.environ[FOLDER_VARIABLE])
        _forget_dead(folder)
        whole = CollectorRegistry()
        # The library annotates nothing here.
        MultiProcessCollector(whole, path=str(folder))  # type: ignore[no-untyped-call]
        return generate_latest(whole)


def _forget_dead(folder: Path) -> None:
    """Takes out the levels of processes that are gone; their counts stay."""
    for path in folder.glob("gauge_livesum_*.db"):
        number = path.stem.rpartition("_")[2]
        if number.isdecimal() and not Path(f"/proc/{number}").exists() and Path("/proc/self").exists():
            mark_process_dead(int(number), str(folder))  # type: ignore[no-untyped-call]  # as above


class CountingMiddleware:
    """Counts every request, with what it was answered.

    Args:
        app: The application below.
        metrics: Gives the figures, which the service makes when it starts.
    """

    def __init__(self, app: ASGIApp, metrics: Callable[[], Metrics | None]) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        metrics = self._metrics() if scope["type"] == "http" else None
        if metrics is None:
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        status = 500

        async def watch(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, watch)
        finally:
            ended = time.perf_counter()
            route = scope.get("route")
            # A path that is none of ours is one series, whatever it is.
            metrics.request(_method(scope), route.path if route is not None else "", status, ended - began)
            metrics.tick(ended)


def _method(scope: Scope) -> str:
    method: str = scope["method"]
    return method if method in _METHODS else "OTHER"
