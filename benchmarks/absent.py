"""Whether the time of an answer tells a module of somebody else's from one that never was: both are asked for by turns.

The service runs in a process of its own; a request is one on a kept connection. The difference of the medians is held
against the noise: how much medians of as many requests for one and the same absent id differ between the odd and the
even turns. A target that is a statistic: on a busy machine it may be short by chance.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import statistics
import tempfile
import time
import uuid
from pathlib import Path

from _harness import Race, Run, main
from _load_http import Connection
from _load_modules import Person, person, upload, wasm_adding
from _load_service import Cluster

TURNS = 1_200
QUICK_TURNS = 200
LEAST_NOISE = 0.03
"""Of the median: a difference that nobody tells over a network."""
EXECUTOR = "/functions/v1/wasm-executor"


async def times(cluster: Cluster, bob: Person, eve: Person, turns: int) -> dict[str, dict[str, list[float]]]:
    """Seconds of each answer, by way and by id."""
    connection = Connection("127.0.0.1", cluster.ports[0])
    stored = await upload(connection, bob, wasm_adding(1), name="bobs-own", version="1.0.0")
    ids = {"absent": str(uuid.uuid4()), "forbidden": str(stored["id"]), "absent again": str(uuid.uuid4())}
    found: dict[str, dict[str, list[float]]] = {}
    for way in ("GET /api/modules/{id}", "POST wasm-executor"):
        mine = found[way] = {name: [] for name in ids}
        for turn in range(turns):
            # The order changes, so that none is always behind the same one.
            for name in sorted(ids, key=lambda name, turn=turn: hash((turn, name))):
                if way.startswith("GET"):
                    asked = ("GET", f"/api/modules/{ids[name]}", eve.headers)
                    began = time.perf_counter()
                    answer = await connection.ask(*asked)
                else:
                    body = json.dumps({"moduleId": ids[name], "functionName": "add", "args": [1]}).encode()
                    headers = eve.headers | {"content-type": "application/json"}
                    began = time.perf_counter()
                    answer = await connection.ask("POST", EXECUTOR, headers, body)
                mine[name].append(time.perf_counter() - began)
                if answer.status != 404:
                    raise RuntimeError(f"{name} was answered {answer.status}: {answer.body!r}")
    connection.close()
    return found


def measure(run: Run) -> None:
    """Asks, and judges each way."""
    folder = Path(tempfile.mkdtemp(prefix="akatsuki-absent-"))
    cluster = Cluster(folder, processes=1, shared=False, settings={"user_rate": 1_000_000})
    try:
        cluster.start()
        bob, eve = (person(name, cluster.secret) for name in ("bob", "eve"))
        found = asyncio.run(times(cluster, bob, eve, QUICK_TURNS if run.quick else TURNS))
    finally:
        cluster.stop()
        shutil.rmtree(folder, ignore_errors=True)
    for way, mine in found.items():
        medians = {name: statistics.median(each) for name, each in mine.items()}
        spread = {name: (min(each), max(each)) for name, each in mine.items()}
        run.add(Race(f"404 of {way}, by turns", medians, spread))
        off = abs(medians["forbidden"] - medians["absent"]) / medians["absent"]
        noise = max(LEAST_NOISE, 2 * abs(medians["absent again"] - medians["absent"]) / medians["absent"])
        run.judge(
            f"forbidden beside absent, {way}",
            f"{medians['forbidden'] * 1e3:.3f} ms",
            f"absent {medians['absent'] * 1e3:.3f} ms",
            f"{1 + off:.3f}",
            f"within {noise:.1%}",
            passed=off <= noise,
        )


if __name__ == "__main__":
    main(measure)
