"""The command line against a server: the same words, the same output, the same exit codes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner, Result
from PIL import Image
from server.design_kit import MARGIN, Played, until
from server.server_kit import ADA, BOB, EVE, Running, running, token_of

from akatsuki_wasm.cli.root import cli

from .remote_kit import adding

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from akatsuki_wasm.contracts import Artifact, User

    Run = Callable[..., Result]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(data_dir=tmp_path_factory.mktemp("server")) as found:
        yield found


@pytest.fixture
def run(service: Running, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Runs the program for a user, in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def invoke(*words: str, user: User = BOB, **options: Any) -> Result:
        return CliRunner().invoke(
            cli, ["--server", service.url, *words], env={"AKATSUKI_TOKEN": token_of(user)}, **options
        )

    return invoke


def out(result: Result, code: int = 0) -> str:
    assert result.exit_code == code, result.output
    return result.stdout


def facts(result: Result, code: int = 0) -> Any:
    return json.loads(out(result, code))


@pytest.mark.toolchain
def test_from_a_prompt_to_a_result(run: Run, tmp_path: Path) -> None:
    designed = run("design", "wasm", MARGIN, "--example", "margin(80, 60) == 0.25", "--out", str(tmp_path / "made"))
    assert "module    margin@1.0.0" in out(designed)
    stages = [line.split()[:2] for line in designed.stderr.splitlines()]
    assert [each for each in stages if each[1] == "ok"] == [[s, "ok"] for s in ("generate", "build", "check", "upload")]
    assert (tmp_path / "made" / "margin.wasm").read_bytes().startswith(b"\0asm")
    assert "pub fn margin" in (tmp_path / "made" / "margin.rs").read_text()
    assert out(run("run", "margin", "margin", "120", "90")) == "0.25\n"
    assert facts(run("run", "margin", "margin", "120", "90", "--json"))["result"] == 0.25
    (tmp_path / "sales.csv").write_text("price,cost\n120,90\n80,60\n")
    assert out(run("run", "margin", "margin", "--csv", "sales.csv")) == "price,cost,margin\n120,90,0.25\n80,60,0.25\n"
    (row,) = facts(run("generations", "list", "--json"))
    assert (row["prompt"], row["attemptCount"], row["module"]["name"]) == (MARGIN, 1, "margin")
    shown = facts(run("generations", "show", row["id"][:8], "--json"))
    assert shown["attempts"][0]["source"] == out(run("modules", "show", "margin", "--source"))
    assert MARGIN in out(run("generations", "show", row["id"][:8]))
    assert "reproduced" in out(run("verify", "margin"))
    assert [each["status"] for each in facts(run("history", "margin", "--json"))] == ["success"] * 3
    wrong = run("design", "wasm", MARGIN, "--name", "wrong", "--example", "margin(80, 60) == 1", "--json")
    error = facts(wrong, 1)["error"]
    assert (error["code"], error["kind"], error["got"]) == ("check", "example", "0.25")
    assert error["diagnostics"]


@pytest.mark.toolchain
def test_pictures_and_guests_errors(run: Run, kinds_artifact: Artifact, tmp_path: Path) -> None:
    (tmp_path / "kinds.wasm").write_bytes(kinds_artifact.wasm)
    deployed = facts(run("deploy", "kinds.wasm", "--description", "Of all kinds.", "--json"))
    assert (deployed["name"], deployed["description"]) == ("kinds", "Of all kinds.")
    Image.new("RGB", (20, 10), (0, 64, 255)).save(tmp_path / "photo.png")
    assert out(run("run", "kinds", "inverted", "photo.png", "-o", "out.png")) == "out.png\n"
    with Image.open(tmp_path / "out.png") as image:
        assert (image.size, image.getpixel((3, 3))) == ((20, 10), (255, 191, 0))
    for words, code, said in (
        (["per_box", "1", "0"], 3, "no box for 1"),
        (["per_box", "13", "1"], 3, "bad luck"),
        (["forever", "1", "--timeout-ms", "100"], 3, "ran past its limit of 100 ms"),
        (["inverted", "photo.png", "--strength", "7"], 1, "strength is 7: expected 0 to 1"),
        (["nothing"], 1, "kinds has no function 'nothing'"),
    ):
        failed = run("run", "kinds", *words)
        assert (failed.exit_code, failed.stdout) == (code, "")
        assert said in failed.stderr
    failed = run("run", "kinds", "per_box", "13", "1", "--json")
    assert (failed.exit_code, json.loads(failed.stdout)["error"]["kind"]) == (3, "unreachable")


def test_modules_and_who_may_use_them(run: Run, tmp_path: Path) -> None:
    (tmp_path / "adder.wasm").write_bytes(adding(3).wasm)
    assert "module    adder@1.0.0" in out(run("deploy", "adder.wasm"))
    assert facts(run("modules", "show", "adder", "--json"))["ownerId"] == str(BOB.id)
    assert "adder" in out(run("modules", "list"))
    missing = run("run", "adder", "add", "1", user=EVE)
    assert (missing.exit_code, "there is no module named 'adder'" in missing.stderr) == (1, True)
    by_name = run("modules", "share", "adder", "--with", "eve")
    assert (by_name.exit_code, "'eve' is no id of a user" in by_name.stderr) == (1, True)
    assert out(run("modules", "share", "adder", "--with", str(EVE.id))) == "shared adder@1.0.0: 1 user\n"
    assert out(run("run", "adder", "add", "1", user=EVE)) == "4\n"
    assert out(run("modules", "disable", "adder", user=ADA)).startswith("disabled adder@1.0.0")
    denied = run("run", "adder", "add", "1", user=EVE)
    assert (denied.exit_code, "only active modules execute" in denied.stderr) == (1, True)
    out(run("modules", "enable", "adder"))
    out(run("modules", "share", "adder", "--without", str(EVE.id), "--public"))
    assert "deleted adder@1.0.0" in out(run("modules", "delete", "adder", "--yes"))
    assert facts(run("modules", "show", "adder", "--json"), 1)["error"]["code"] == "not-found"


def test_what_is_about_this_machine_says_so(run: Run) -> None:
    for words in (["db", "status"], ["doctor"], ["plugins", "list"], ["toolchain", "status"], ["serve"]):
        refused = run(*words)
        assert refused.exit_code == 2
        assert f"{words[0]} is about this machine: leave --server out" in refused.output
    refused = run("--as", "eve", "modules", "list")
    assert (refused.exit_code, "the token says who acts" in refused.output) == (2, True)
    for words, said in (
        (["design", "wasm", "quick", "--no-deploy"], "a server stores what it designs"),
        (["design", "wasm", "quick", "--lock"], "cannot be pinned"),
        (["design", "wasm", "quick", "--show-prompt"], "cannot be shown beforehand"),
        (["design", "wasm", "quick", "--like", "math.sqrt"], "does not run your Python"),
    ):
        refused = run(*words)
        assert (refused.exit_code, said in refused.stderr) == (1, True), refused.output


def test_an_option_that_stands_too_late_is_told_where_it_belongs(service: Running) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "akatsuki_wasm.cli", "modules", "list", "--server", service.url],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "It stands before the command: akatsuki --server … list" in done.stderr


def test_the_token_is_in_a_file_or_the_environment(service: Running, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(f"{token_of(BOB)}\n")
    words = ["--server", service.url, "--token-file", str(file), "modules", "list", "--json"]
    assert CliRunner().invoke(cli, words).exit_code == 0
    environment = {"AKATSUKI_SERVER": service.url, "AKATSUKI_TOKEN": token_of(BOB)}
    assert CliRunner().invoke(cli, ["modules", "list", "--json"], env=environment).exit_code == 0
    # Here again, although the environment names a server.
    assert CliRunner().invoke(cli, ["--server", "", "modules", "list", "--json"], env=environment).stdout == "[]\n"
    file.write_text("two words\n")
    broken = CliRunner().invoke(cli, words)
    assert (broken.exit_code, "holds no token" in broken.output) == (1, True)
    assert "two words" not in broken.output


def test_ctrl_c_ends_what_runs_on_the_server() -> None:
    command = [sys.executable, "-m", "akatsuki_wasm.cli", "design", "wasm", "endless"]
    with running(plugins=[Played()]) as service, service.client(BOB) as client:
        environment = {**os.environ, "AKATSUKI_SERVER": service.url, "AKATSUKI_TOKEN": token_of(BOB)}
        with subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
        ) as process:
            until(lambda: client.get("/api/designs?status=running").json()["items"])
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=60)
        assert (process.returncode, "interrupted" in err) == (130, True)
        until(lambda: not client.get("/api/designs?status=running").json()["items"])
        assert client.get("/api/designs").json()["items"][0]["status"] == "cancelled"


def test_a_notebook_works_on_the_server_too(service: Running, run: Run, tmp_path: Path) -> None:
    import nbformat

    notebook = nbformat.v4.new_notebook()
    notebook.cells = [
        nbformat.v4.new_code_cell(
            "import akatsuki_wasm as ak\nws = ak.open()\nprint(ws, [each.name for each in ws.list_modules()])"
        )
    ]
    (tmp_path / "adder.wasm").write_bytes(adding(9).wasm)
    out(run("deploy", "adder.wasm", "--name", "nine"))
    nbformat.write(notebook, tmp_path / "book.ipynb")
    made = out(run("pipeline", "run", "book.ipynb", "--out", str(tmp_path / "done.ipynb"))).strip()
    (cell,) = nbformat.read(made, 4).cells
    assert f"<RemoteWorkspace at {service.url}>" in cell.outputs[0]["text"]
    assert "nine" in cell.outputs[0]["text"]


def test_an_execution_ends_with_its_client(service: Running, run: Run, tmp_path: Path) -> None:
    import wasmtime

    spin = '(module (func (export "spin") (param i32) (result i32) (loop $on (br $on)) (i32.const 1)))'
    (tmp_path / "spinner.wasm").write_bytes(bytes(wasmtime.wat2wasm(spin)))
    out(run("deploy", "spinner.wasm"))
    environment = {**os.environ, "AKATSUKI_SERVER": service.url, "AKATSUKI_TOKEN": token_of(BOB)}
    command = [sys.executable, "-m", "akatsuki_wasm.cli", "run", "spinner", "spin", "1", "--timeout-ms", "10000"]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        until(lambda: service.service.executions.under_way, 60)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
        assert (process.returncode, "interrupted" in err) == (130, True)
    (row,) = until(lambda: facts(run("history", "spinner", "--json")))
    assert row["status"] == "error"
    assert "cancelled" in row["error"]
