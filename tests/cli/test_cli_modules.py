"""`modules`, `history`, `db`, `doctor`, `toolchain`: what they list, as tables and as JSON."""

from __future__ import annotations

import re
from typing import Any

import pytest

MOMENT = r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ"


def test_list(akatsuki: Any, plain: str) -> None:
    done = akatsuki("modules", "list")
    header, line = done.out.splitlines()
    assert header.split("\t") == ["NAME", "VERSION", "STATUS", "ACCESS", "FUNCTIONS", "DIGEST", "CREATED"]
    assert line.split("\t")[:5] == ["plain", "1.0.0", "active", "user", "add, spin"]
    assert re.fullmatch(MOMENT, line.split("\t")[6])
    (found,) = akatsuki("modules", "list", "--json").json
    assert {"id", "name", "version", "digest", "functions"} <= set(found)
    assert akatsuki("modules", "list", "--owner-type", "system", "--json").json == []


def test_empty_lists(akatsuki: Any) -> None:
    done = akatsuki("modules", "list")
    assert (done.code, done.out) == (0, "")
    assert done.err == 'There are no modules yet. Make one: akatsuki design wasm "create a vintage filter"\n'
    assert akatsuki("history").err == "Nothing was executed yet.\n"
    assert akatsuki("history", "--json").json == []


def test_show(akatsuki: Any, plain: str) -> None:
    page = akatsuki("modules", "show", plain).out
    assert page.startswith("module      plain@1.0.0\n")
    assert "\nfunctions\n  add: func(" in page
    found = akatsuki("modules", "show", plain, "--json").json
    assert found["source"] is None
    assert re.fullmatch(MOMENT, found["createdAt"])
    done = akatsuki("modules", "show", plain, "--source")
    assert (done.code, done.err) == (0, "This module was not built here: there is no source.\n")


def test_disable_and_enable(akatsuki: Any, plain: str) -> None:
    assert akatsuki("modules", "disable", plain).out == "disabled plain@1.0.0\n"
    done = akatsuki("run", plain, "add", "1", "2")
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("error: ")
    assert "is disabled: only active modules execute" in done.err
    assert akatsuki("modules", "enable", plain, "--json").json["status"] == "active"
    assert akatsuki("run", plain, "add", "1", "2").out == "3\n"


def test_share(akatsuki: Any, plain: str) -> None:
    words = ("run", plain, "add", "1", "2")
    assert akatsuki("--as", "bob", *words).err.startswith("error: there is no module named 'plain'\n")
    assert akatsuki("modules", "share", plain, "--with", "bob").out == "shared plain@1.0.0: 1 user\n"
    assert akatsuki("--as", "bob", *words).out == "3\n"
    assert akatsuki("--as", "bob", "modules", "delete", plain, "--yes").code == 1
    assert akatsuki("modules", "share", plain, "--without", "bob").out == "shared plain@1.0.0: with nobody\n"
    assert akatsuki("--as", "bob", *words).code == 1
    assert akatsuki("modules", "share", plain, "--public").out == "shared plain@1.0.0: public\n"
    assert akatsuki("--as", "carol", *words).out == "3\n"
    done = akatsuki("modules", "share", plain)
    assert (done.code, done.err.splitlines()[0]) == (
        2,
        "error: Give --with USER, --without USER, --public or --private",
    )


def test_delete(akatsuki: Any, plain: str) -> None:
    assert akatsuki("deploy", "plain.wasm").code == 0
    done = akatsuki("modules", "delete", plain)
    assert (done.code, done.err.splitlines()[0]) == (
        2,
        "error: Nobody is there to confirm that plain@1.1.0 may be deleted: add --yes",
    )
    assert akatsuki("modules", "delete", f"{plain}@1.0.0", "--yes").out == "deleted plain@1.0.0\n"
    assert akatsuki("deploy", "plain.wasm", "--version", "2.0.0").code == 0
    gone = akatsuki("modules", "delete", plain, "--all", "--yes", "--json").json["deleted"]
    assert sorted(each["version"] for each in gone) == ["1.1.0", "2.0.0"]
    assert akatsuki("modules", "list", "--json").json == []


def test_history(akatsuki: Any, plain: str) -> None:
    akatsuki("run", plain, "add", "1", "2")
    akatsuki("run", plain, "spin", "--timeout-ms", "150")
    newest, oldest = akatsuki("history", "--json").json
    assert (newest["function"], newest["status"], newest["module"]["name"]) == ("spin", "timeout", "plain")
    assert (oldest["function"], oldest["status"], oldest["output"]) == ("add", "success", "3")
    assert re.fullmatch(MOMENT, oldest["executedAt"])
    lines = akatsuki("history", plain, "--limit", "1").out.splitlines()
    assert lines[0] == "WHEN\tMODULE\tFUNCTION\tSTATUS\tMS\tMB\tINPUT\tOUTPUT"
    assert len(lines) == 2


def test_history_is_pruned(akatsuki: Any, plain: str) -> None:
    akatsuki("run", plain, "add", "1", "2")
    said = akatsuki("history", "prune").err.splitlines()
    assert said[0] == "error: nothing says how old executions may be"
    assert akatsuki("history", "prune", "--older-than", "1", "--json").json["executions"] == 0
    counted = akatsuki("history", "prune", "--older-than", "0", "--dry-run")
    assert re.fullmatch(rf"1 executions from before {MOMENT} would be removed\n", counted.out)
    denied = akatsuki("--as", "alice", "history", "prune", "--older-than", "0").err
    assert denied.startswith("error: only an admin may remove executions from the history\n")
    assert len(akatsuki("history", "show", "--json").json) == 1
    done = akatsuki("history", "prune", "--older-than", "0", "--json").json
    assert (done["executions"], done["removed"]) == (1, True)
    assert akatsuki("history", "--json").json == []


def test_a_module_may_have_the_name_of_a_command_of_the_history(akatsuki: Any, plain: str) -> None:
    assert akatsuki("deploy", "plain.wasm", "--name", "prune").code == 0
    akatsuki("run", "prune", "add", "1", "2")
    akatsuki("run", plain, "add", "3", "4")
    for words in (("show", "prune"), ("prune@1.0.0",)):
        (row,) = akatsuki("history", *words, "--json").json
        assert row["module"]["name"] == "prune"


def test_db(akatsuki: Any, plain: str) -> None:
    page = akatsuki("db", "status").out
    assert re.search(r"^modules +1 in 1 versions$", page, re.MULTILINE)
    assert "(up to date)" in page
    found = akatsuki("db", "status", "--json").json
    assert (found["modules"], found["pending"], found["blobs"]) == (1, [], 1)
    assert akatsuki("db", "push").out == "up to date\n"


def test_db_before_there_is_one(akatsuki: Any) -> None:
    assert akatsuki("db", "status", "--json").json["revision"] is None
    applied = akatsuki("db", "push", "--json").json["applied"]
    assert applied
    assert akatsuki("db", "status", "--json").json["revision"] == applied[-1]


def test_doctor(akatsuki: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-never-shown")
    done = akatsuki("doctor")
    assert "sk-never-shown" not in done.out + done.err
    assert re.search(r"^ok    language model  OPENAI_API_KEY is set", done.out, re.MULTILINE)
    names = [each["name"] for each in akatsuki("doctor", "--json").json["checks"]]
    assert names == ["toolchain", "build sandbox", "sandbox", "registry", "cache", "plugins", "language model"]
    monkeypatch.setenv("AKATSUKI_DATA_DIR", "/proc/akatsuki")
    broken = {each["name"]: each for each in akatsuki("doctor", "--json").json["checks"]}
    assert broken["registry"]["state"] == "fail"
    assert broken["registry"]["hint"]


def test_pipeline_list(akatsuki: Any) -> None:
    assert "design_to_run" in akatsuki("pipeline", "list").out
    assert akatsuki("pipeline", "list", "--json").json[0]["parameters"]
    done = akatsuki("pipeline", "run", "design_to_rum")
    assert done.code == 1
    assert done.err.startswith("error: there is no notebook 'design_to_rum'; did you mean 'design_to_run'?\n")


@pytest.mark.slow
def test_pipeline_run(akatsuki: Any, photo: Any, pictures_wasm: Any) -> None:
    done = akatsuki("pipeline", "run", "design_to_run", "-p", "prompt", "sepia", "-p", "image", photo, "--html")
    assert done.code == 0, done.err
    assert done.out == "design_to_run-run.ipynb\ndesign_to_run-run.html\n"


def test_setting_out_of_range(akatsuki: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AKATSUKI_TIMEOUT_MS", "5")
    done = akatsuki("modules", "list")
    assert (done.code, done.err.splitlines()[0]) == (
        1,
        "error: the setting timeout_ms is '5': input should be greater than or equal to 100",
    )
