"""``python -m akatsuki_wasm.testing.hostile``: the suite against a plugin, in processes that may crash."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from akatsuki_wasm.contracts import MIB
from akatsuki_wasm.testing import hostile
from akatsuki_wasm.testing.hostile_mutations import Tally, try_mutations
from akatsuki_wasm.testing.hostile_page import write

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from akatsuki_wasm.contracts import BatchCall, Call, Control, ExecutableModule, ExecutionResult, Limits
    from akatsuki_wasm.testing.hostile_case import Execute

PER_PROCESS = 2_000
"""Mutations for each process."""
HANGS_S = 600.0
"""A process that takes longer hangs."""
MOST_SHOWN = 20
"""Problems of mutations."""
Facts = dict[str, Any]


# ---------------------------------------------------------------- in the child


def hook_of(plugin_files: Iterable[Path], home: Path) -> Execute:
    """The execution hook of the built-in, the installed and these plugins, with folders of its own in `home`."""
    from akatsuki_wasm.config import load_settings
    from akatsuki_wasm.manager import create_plugin_manager

    settings = load_settings(data_dir=home / "data", cache_dir=home / "cache")
    hook = create_plugin_manager(settings, plugin_files=plugin_files).hook

    def execute(
        module: ExecutableModule, call: Call | BatchCall, limits: Limits, control: Control
    ) -> ExecutionResult | None:
        answer = hook.akatsuki_execute(module=module, call=call, limits=limits, control=control)
        return cast("ExecutionResult | None", answer)

    return execute


def outcome_facts(outcome: hostile.Outcome) -> Facts:
    """An outcome as JSON values."""
    return {
        "case": outcome.case.name,
        "group": outcome.case.group,
        "about": outcome.case.about,
        "answer": outcome.answer,
        "code": getattr(outcome.error, "code", ""),
        "text": outcome.text,
        "ms": round(outcome.seconds * 1000, 1),
        "limit_ms": outcome.case.limits.timeout_ms,
        "late_ms": round(outcome.late_ms, 1),
        "problem": outcome.problem,
    }


def run_here(group: str, plugin_files: Sequence[Path], home: Path) -> Iterator[Facts]:
    """A group's cases in this process; the last facts are of the process."""
    execute = hook_of(plugin_files, home)
    hostile.run_case(execute, hostile.GOOD)
    for case in hostile.cases(group):
        yield outcome_facts(hostile.run_case(execute, case))
    yield process_facts(home)


def deploy_here(group: str, plugin_files: Sequence[Path], home: Path) -> Iterator[Facts]:
    """The same through a workspace: each case is deployed and called."""
    import akatsuki_wasm
    from akatsuki_wasm.testing.hostile_deploy import deploy_case

    for case in hostile.cases(group):
        limits = case.limits
        with akatsuki_wasm.open(
            plugin_files=plugin_files,
            data_dir=home / "data",
            cache_dir=home / "cache",
            memory_bytes=max(limits.memory_bytes, MIB),
            result_bytes=limits.result_bytes,
        ) as workspace:
            done = deploy_case(workspace, case)
        yield {
            "case": case.name,
            "stored": done.stored,
            "error": "" if done.error is None else type(done.error).__name__,
            "text": "" if done.error is None else str(done.error)[:300],
            "ms": round(done.seconds * 1000, 1),
            "problem": done.problem,
        }
    yield process_facts(home)


def process_facts(home: Path) -> Facts:
    """What the process left behind: files that are no module's, threads, and its largest size."""
    return {
        "left": left_behind(home),
        "threads": sorted(thread.name for thread in threading.enumerate()),
        "peak_mib": _peak_mib(),
    }


def _peak_mib() -> int:
    """Most resident memory; on Linux of this program alone, where `getrusage` counts what its parent had before it."""
    status = Path("/proc/self/status")
    if status.exists():
        return int(status.read_text(encoding="utf-8").partition("VmHWM:")[2].split()[0]) // 1024
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // (MIB if sys.platform == "darwin" else 1024)


def left_behind(home: Path) -> list[str]:
    """Files under `home` that an executor may not leave: half-written ones, and compiled ones of no module."""
    known = {".cwasm", ".key", ".db", ".db-wal", ".db-shm", ".lock"}
    of_the_host = {"confinement.json"}  # what holds compilers on this machine
    files = [path for path in home.rglob("*") if path.is_file() or path.is_symlink()]
    return sorted(
        str(path.relative_to(home))
        for path in files
        if path.suffix not in known and path.name not in of_the_host and "blobs" not in path.parts
    )


# ---------------------------------------------------------------- in the parent


def in_child(
    arguments: Sequence[str], plugin_files: Sequence[Path] = (), timeout_s: float = HANGS_S
) -> tuple[list[Facts], str]:
    """Runs this program again and reads what it prints.

    Returns:
        Its facts, and how it ended where that is not well: a signal, a hang, an error.
    """
    plugins = [part for path in plugin_files for part in ("--plugin", str(path))]
    command = [sys.executable, "-m", "akatsuki_wasm.testing.hostile", *arguments, *plugins, "--json", "--here"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, check=False)
    except subprocess.TimeoutExpired as exc:
        out = exc.stdout.decode() if isinstance(exc.stdout, bytes) else (exc.stdout or "")
        return _parsed(out), f"it was still at it after {timeout_s:g} s"
    end = ""
    if done.returncode < 0:
        end = f"it was ended by signal {-done.returncode}"
    elif done.returncode:
        end = f"it ended with {done.returncode}: {done.stderr.strip()[-2000:]}"
    return _parsed(done.stdout), end


def _parsed(text: str) -> list[Facts]:
    return [json.loads(line) for line in text.splitlines() if line.startswith("{") and line.endswith("}")]


def in_children(mode: str, groups: Sequence[str], plugin_files: Sequence[Path]) -> tuple[list[Facts], list[str]]:
    """Each group in a process of its own: all facts of cases, and all that is wrong."""
    facts: list[Facts] = []
    problems: list[str] = []
    for group in groups:
        found, end = in_child([mode, group], plugin_files)
        answered = [each for each in found if "case" in each]
        facts += answered
        problems += [f"{each['case']}: {each['problem']}" for each in answered if each["problem"]]
        if end:
            missing = [case.name for case in hostile.cases(group)][len(answered) :]
            problems.append(f"{missing[0] if missing else group}: the process that executed it is gone: {end}")
        problems += [f"{group}: it left {each}" for facts_ in found for each in facts_.get("left", ())]
    return facts, problems


def mutate(
    count: int, plugin_files: Sequence[Path], *, seed: int = 0, seconds: float | None = None, processes: int = 1
) -> Tally:
    """Tries mutations in processes of `PER_PROCESS` each; a process that crashes is a problem of one mutation.

    Args:
        count: How many.
        plugin_files: To load.
        seed: Others give other mutations.
        seconds: Stops after about this time.
        processes: At once.
    """
    from concurrent.futures import ThreadPoolExecutor

    total, lock = Tally(), threading.Lock()
    ends = None if seconds is None else time.perf_counter() + seconds

    def one(start: int) -> None:
        left = None if ends is None else ends - time.perf_counter()
        if left is not None and left <= 0:
            return
        stop = min(start + PER_PROCESS, count)
        with tempfile.TemporaryDirectory(prefix="hostile-") as folder:
            progress = Path(folder) / "number"
            limit = [] if left is None else ["--seconds", str(left)]
            arguments = ["--mutate", str(start), str(stop), "--seed", str(seed), "--progress", str(progress), *limit]
            found, end = in_child(arguments, plugin_files)
            at = int(progress.read_text() or start) if progress.exists() else start
        with lock:
            for facts in found:
                total.outcomes += Counter(facts.get("outcomes", {}))
                total.problems |= {int(number): text for number, text in facts.get("problems", {}).items()}
                total.slowest_s = max(total.slowest_s, facts.get("slowest_s", 0.0))
                if facts.get("left"):
                    total.problems[start] = f"it left {', '.join(facts['left'][:5])}"
            if end:
                total.problems[at] = end

    with ThreadPoolExecutor(processes) as pool:
        list(pool.map(one, range(0, count, PER_PROCESS)))
    return total


def table(facts: Iterable[Facts]) -> str:
    """The outcomes as a table for people."""
    lines = [f"{'case':<44} {'answer':<40} {'ms':>8} {'limit':>6} {'late':>8}"]
    for each in facts:
        late = f"{each['late_ms']:8.1f}" if each["late_ms"] > 0 else f"{'':>8}"
        lines.append(f"{each['case']:<44} {each['answer'][:40]:<40} {each['ms']:8.1f} {each['limit_ms']:6} {late}")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs what is asked for; 0 where all is well."""
    parser = argparse.ArgumentParser(prog="python -m akatsuki_wasm.testing.hostile", description=hostile.__doc__)
    parser.add_argument("--plugin", type=Path, action="append", default=[], metavar="FILE", help="plugin to load")
    parser.add_argument("--group", action="append", choices=hostile.GROUPS, help="only these cases")
    parser.add_argument("--deploy", choices=hostile.GROUPS, action="append", help="deploy these cases and call them")
    parser.add_argument("--mutations", type=int, metavar="N", help="try N mutated binaries instead")
    parser.add_argument("--seed", type=int, default=0, help="for other mutations")
    parser.add_argument("--seconds", type=float, help="stop the mutations after this time")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, help="for the mutations")
    parser.add_argument("--page", type=Path, metavar="FILE.md", help="write the answers into a page's table too")
    parser.add_argument("--json", action="store_true", help="one JSON object for each case")
    parser.add_argument("--here", action="store_true", help="in this process, which may crash")
    parser.add_argument("--mutate", type=int, nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--progress", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.here:
        with tempfile.TemporaryDirectory(prefix="hostile-home-") as home:
            for facts in _here(options, Path(home)):
                print(json.dumps(facts), flush=True)  # noqa: T201 - a program
        return 0
    if options.mutations:
        return _report_mutations(options)
    mode, groups = ("--deploy", options.deploy) if options.deploy else ("--group", options.group or hostile.GROUPS)
    found, problems = in_children(mode, groups, options.plugin)
    print("\n".join(map(json.dumps, found)) if options.json else table(found))  # noqa: T201 - a program
    if options.page:
        write(options.page, found)
    for problem in problems:
        print(f"problem: {problem}", file=sys.stderr)  # noqa: T201
    return 1 if problems else 0


def _here(options: argparse.Namespace, home: Path) -> Iterator[Facts]:
    if options.mutate:
        start, stop = options.mutate
        execute = hook_of(options.plugin, home)
        tally = try_mutations(
            execute, start, stop, seed=options.seed, seconds=options.seconds, progress=options.progress
        )
        yield {"outcomes": tally.outcomes, "problems": tally.problems, "slowest_s": tally.slowest_s}
        yield process_facts(home)
        return
    for group in options.deploy or ():
        yield from deploy_here(group, options.plugin, home)
    for group in options.group or (() if options.deploy else hostile.GROUPS):
        yield from run_here(group, options.plugin, home)


def _report_mutations(options: argparse.Namespace) -> int:
    started = time.perf_counter()
    tally = mutate(
        options.mutations, options.plugin, seed=options.seed, seconds=options.seconds, processes=options.processes
    )
    took = time.perf_counter() - started
    print(f"{tally.count:,} mutated binaries in {took:.0f} s, the slowest {tally.slowest_s * 1000:.0f} ms")  # noqa: T201
    for name, count in tally.outcomes.most_common():
        print(f"  {name:<24} {count:>9,}")  # noqa: T201 - a program
    for number, problem in sorted(tally.problems.items())[:MOST_SHOWN]:
        print(f"problem: mutation {number}: {problem}", file=sys.stderr)  # noqa: T201
    if len(tally.problems) > MOST_SHOWN:
        print(f"problem: {len(tally.problems) - MOST_SHOWN} more", file=sys.stderr)  # noqa: T201
    return 1 if tally.problems else 0
