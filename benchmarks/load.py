"""The load test of the service: many clients, good calls and bad, while modules come and go and parts are killed.

``python benchmarks/load.py --minutes 10 --clients 64 --write`` runs it as it stands in docs/explanation/service.md.
``--shared`` takes PostgreSQL and S3 with two server processes instead of SQLite with one. ``--kill worker|postgres|s3``
kills that part again and again with SIGKILL. It looks at every answer, and at the end at every row of the history; it
ends with 1 where an answer was wrong, a row was lost, or memory grew. It is no part of ``make bench``.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import signal
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from _load_churn import Churn
from _load_http import Connection
from _load_ledger import Ledger
from _load_mix import Client, World
from _load_modules import Person, person, picture, upload, wasm_adding, wasm_inverting
from _load_report import lines, write
from _load_service import Cluster, Program

SAMPLE_SECONDS = 1.0
KILL_SECONDS = 7.0
"""Between kills; less in a run that would have none."""
DOWN_SECONDS = 2.0
"""For which a killed database or object store stays away."""
BODY_LIMIT = 2 * 1024 * 1024
FLAT_GROWTH = 0.05
"""Of the memory in the second quarter of the run, which the last quarter may have more."""
WARM_SECONDS = 60.0
"""Memory of a shorter run says nothing: it is still being filled."""
FLAT_BYTES = 24 * 1024 * 1024
"""Of growth that is no leak in a run of any length: caches of allocators, new connections."""
SETTINGS: dict[str, Any] = {
    "max_body_bytes": BODY_LIMIT,
    # All clients together are a few users: what is measured is the service, not what one user may ask for.
    "user_rate": 100_000,
    "stop_seconds": 5,
}


@dataclass
class Samples:
    """Resident memory of all server processes together, over time."""

    at: list[float] = field(default_factory=list)
    total: list[int] = field(default_factory=list)

    async def take(self, servers: list[Program]) -> None:
        """Takes one sample a second until cancelled."""
        while True:
            sizes = [server.memory() for server in servers]
            if all(sizes):  # none of them is down
                self.at.append(time.monotonic())
                self.total.append(sum(sizes))
            await asyncio.sleep(SAMPLE_SECONDS)

    def quarter(self, number: int) -> float:
        """The median of one quarter of the run, bytes; the first is 0."""
        size = len(self.total) // 4
        return statistics.median(self.total[size * number : size * (number + 1)] or self.total or [0])

    def slope(self) -> float:
        """Bytes a minute, over the second half: the line of least squares."""
        half = len(self.total) // 2
        if len(self.total) - half < 3:
            return 0.0
        return statistics.linear_regression(self.at[half:], self.total[half:]).slope * 60


@dataclass
class Kill:
    """Kills a part now and then, and sees how long the service is away.

    Attributes:
        what: ``worker``, ``postgres`` or ``s3``.
        every: Seconds between kills.
        times: Kills so far.
        away: Seconds from a kill, or from the part's return, until every server process was ready again.
    """

    what: str
    every: float
    times: int = 0
    away: list[float] = field(default_factory=list)

    async def run(self, cluster: Cluster) -> None:
        """Kills until cancelled."""
        while True:
            await asyncio.sleep(self.every)
            await asyncio.shield(self._once(cluster))

    async def _once(self, cluster: Cluster) -> None:
        self.times += 1
        if self.what == "worker":
            cluster.servers[self.times % len(cluster.servers)].kill()
        elif self.what == "postgres":
            assert cluster.postgres is not None
            await asyncio.to_thread(cluster.postgres.kill)
            await asyncio.sleep(DOWN_SECONDS)
            await asyncio.to_thread(cluster.postgres.start)
        else:
            assert cluster.s3 is not None
            cluster.s3.kill()
            await asyncio.sleep(DOWN_SECONDS)
            cluster.s3.start()
        began = time.monotonic()
        while not all([await asyncio.to_thread(server.is_ready) for server in cluster.servers]):
            if time.monotonic() - began > 60:
                sys.exit(
                    f"error: the service did not come back after its {self.what} was killed\n{cluster.logs()[-3000:]}"
                )
            await asyncio.sleep(0.05)
        self.away.append(time.monotonic() - began)


async def make_world(cluster: Cluster, people: list[Person], ada: Person, folder: Path) -> World:
    """Uploads what is called."""
    connection = Connection("127.0.0.1", cluster.ports[0])
    own, number = {}, 100
    for each in people:
        number += 1
        made = await upload(connection, each, wasm_adding(number), name=f"own-{each.name}", version="1.0.0")
        own[each.name] = str(made["id"]), number
    system = await upload(connection, ada, wasm_adding(7), name="house", version="1.0.0", ownerType="system")
    admins = await upload(connection, ada, wasm_adding(8), name="admins", version="1.0.0", ownerType="admin")
    public = await upload(connection, people[0], wasm_adding(9), name="public", version="1.0.0", isPublic=True)
    shared = await upload(connection, people[0], wasm_adding(10), name="shared", version="1.0.0")
    body = f'{{"users": ["{people[1].id}"]}}'.encode()
    headers = people[0].headers | {"content-type": "application/json"}
    answer = await connection.ask("POST", f"/api/modules/{shared['id']}/share", headers, body)
    if answer.status != 200:
        raise RuntimeError(f"sharing was answered {answer.status}: {answer.body!r}")
    image, wasm = None, await asyncio.to_thread(wasm_inverting, cluster, folder)
    if wasm is not None:
        image = str((await upload(connection, people[0], wasm, name="invert", version="1.0.0", isPublic=True))["id"])
    connection.close()
    return World(
        people=people,
        own=own,
        open=[(str(system["id"]), 7), (str(public["id"]), 9)],
        shared=(str(shared["id"]), 10),
        admins=str(admins["id"]),
        image=image,
        pictures=[picture(seed) for seed in range(4)],
        body_limit=BODY_LIMIT,
    )


async def run_load(
    cluster: Cluster, wanted: argparse.Namespace, ledger: Ledger, samples: Samples, kill: Kill | None
) -> None:
    """The load itself."""
    people = [person(f"user-{number}", cluster.secret) for number in range(8)]
    world = await make_world(cluster, people, person("ada", cluster.secret, admin=True), cluster.folder)
    churn = Churn(cluster.ports, people[:4], ledger, lenient=kill is not None)
    clients = [
        Client(number, cluster.ports, world, churn, ledger, lenient=kill is not None)
        for number in range(wanted.clients)
    ]
    beside = [asyncio.create_task(samples.take(cluster.servers)), asyncio.create_task(churn.run())]
    if kill is not None:
        beside += [asyncio.create_task(server.watch()) for server in cluster.servers]
        beside.append(asyncio.create_task(kill.run(cluster)))
    until = time.monotonic() + wanted.seconds
    loads = asyncio.gather(*[client.run(until) for client in clients])
    done, _ = await asyncio.wait([loads, *beside], return_when=asyncio.FIRST_COMPLETED)
    for task in done:
        task.result()  # raises a defect of this program
    for task in reversed(beside):
        task.cancel()
    await asyncio.gather(*beside, return_exceptions=True)
    for server in cluster.servers:
        await asyncio.to_thread(server.wait_ready)
    await churn.verify()
    churn.close()
    ledger.counts["uploads that stand"] = len([each for each in churn.acknowledged if each.state != "deleted"])
    cluster.deleted = {each.id for each in churn.acknowledged if each.state == "deleted"}


def judge(
    cluster: Cluster, ledger: Ledger, samples: Samples, codes: list[int], *, seconds: float, killed: bool
) -> list[str]:
    """What is wrong, one line each."""
    found = list(ledger.wrongs)
    if ledger.counts["wrong"] > len(found):
        found.append(f"… and {ledger.counts['wrong'] - len(found)} more")
    if not ledger.seconds:
        found.append("no good call was answered")
    if any(codes):
        found.append(f"server processes ended with {codes}")
    if killed:
        return found
    if "Traceback" in (log := cluster.logs()):
        found.append(f"a server process logged a traceback: {log[log.index('Traceback') :][:2000]}")
    before, after = samples.quarter(1), samples.quarter(3)
    if seconds >= WARM_SECONDS and after - before > max(FLAT_BYTES, before * FLAT_GROWTH):
        found.append(f"memory grew from {before / 2**20:.0f} to {after / 2**20:.0f} MiB")
    unread = ledger.counts["rows without an answer"]
    if unread > ledger.counts["disconnects"]:
        found.append(
            f"{unread} rows of the history belong to no answer, with {ledger.counts['disconnects']} disconnects"
        )
    return found


def main() -> int:
    """Runs it; 1 where something was wrong."""
    wanted = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("error: ended by SIGTERM"))  # the processes go with this one
    ledger, samples = Ledger(), Samples()
    kill = Kill(wanted.kill, min(KILL_SECONDS, wanted.seconds / 3)) if wanted.kill else None
    folder = Path(tempfile.mkdtemp(prefix="akatsuki-load-", dir="/tmp"))  # a socket's path must be short
    cluster = Cluster(folder, processes=wanted.processes, shared=wanted.shared, settings=SETTINGS)
    try:
        cluster.start()
        if wanted.kill == "s3" and not cluster.keeps_blobs:
            sys.exit("error: moto keeps its objects in memory\n  Put versitygw on PATH for --kill s3.")
        began = time.monotonic()
        asyncio.run(run_load(cluster, wanted, ledger, samples, kill))
        seconds = time.monotonic() - began
        codes = cluster.stop()
        ledger.compare(cluster.owner_url, cluster.deleted)
        problems = judge(cluster, ledger, samples, codes, seconds=seconds, killed=kill is not None)
    finally:
        cluster.stop()
        cluster.close()
        if not wanted.keep:
            shutil.rmtree(folder, ignore_errors=True)
    report = lines(wanted, ledger, samples, kill, seconds)
    print("\n".join(report))
    for problem in problems:
        print(f"wrong: {problem}")
    if not problems and wanted.write:
        write(wanted, report)
    return 1 if problems else 0


def arguments() -> argparse.Namespace:
    """Of the command line."""
    parser = argparse.ArgumentParser(description="The load test of the service.")
    parser.add_argument("--minutes", type=float, default=10.0, help="how long")
    parser.add_argument("--seconds", type=float, help="the same in seconds")
    parser.add_argument("--clients", type=int, default=64, help="at once")
    parser.add_argument("--shared", action="store_true", help="PostgreSQL and S3 with two server processes")
    parser.add_argument("--processes", type=int, help="server processes; 1, with --shared or --kill worker 2")
    parser.add_argument("--kill", choices=("worker", "postgres", "s3"), help="kill that part again and again")
    parser.add_argument("--write", action="store_true", help="put the figures into docs/explanation/service.md")
    parser.add_argument("--keep", action="store_true", help="keep the folder of data and logs")
    found = parser.parse_args()
    found.seconds = found.minutes * 60 if found.seconds is None else found.seconds
    found.shared = found.shared or found.kill in ("postgres", "s3")
    found.processes = found.processes or (2 if found.shared or found.kill == "worker" else 1)
    return found


if __name__ == "__main__":
    sys.exit(main())
