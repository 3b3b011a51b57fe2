"""`akatsuki serve` as people start it: real processes, signals, sockets."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from click.testing import CliRunner

from akatsuki_wasm.cli.root import cli
from akatsuki_wasm.server.listening import Place
from akatsuki_wasm.server.options import Options

from .server_kit import BOB, SECRET, is_problem, token_of
from .serving_kit import history, not_started, refused, serving, spin, store_spinner

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals and unix sockets")


def local_token(*words: str) -> str:
    """What `akatsuki token create` prints last."""
    done = CliRunner().invoke(cli, ["token", "create", *words], prog_name="akatsuki")
    return done.stdout.splitlines()[-1]


def me(url: str, token: str, **options: Any) -> httpx.Response:
    return httpx.get(f"{url}/api/me", headers={"Authorization": f"Bearer {token}"}, **options)


def free(url: str) -> bool:
    """Whether nobody listens there any more."""
    try:
        socket.create_connection(("127.0.0.1", httpx.URL(url).port or 0), timeout=5).close()
    except ConnectionRefusedError:
        return True
    return False


class Asking(threading.Thread):
    """A request in a thread of its own; `answer` once it is over."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__()
        self._arguments, self._more = arguments, more
        self.answer: httpx.Response | None = None

    def run(self) -> None:
        self.answer = spin(*self._arguments, **self._more)

    def over(self) -> httpx.Response:
        self.join(60)
        assert self.answer is not None
        return self.answer


def begun(url: str, token: str) -> None:
    """Waits until an execution is under way."""
    deadline = time.monotonic() + 60
    while "akatsuki_executions_running 1.0" not in httpx.get(f"{url}/metrics").text:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_it_prints_an_address_that_signs_in_once_and_stops_at_sigterm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AKATSUKI_USER", "ada")
    with serving("--access-log", "--log-level", "debug") as service:
        assert service.url.startswith("http://127.0.0.1:")
        assert service.printed[1].startswith("as ada, once and within 10 minutes: ")
        signing_in = service.signing_in
        with httpx.Client(follow_redirects=True) as browser:
            page = browser.get(signing_in, headers={"Accept": "text/html"})
            assert str(page.url) == f"{service.url}/"
            assert "You are <strong>ada</strong>, an admin" in page.text
            assert browser.get(f"{service.url}/api/me").json()["isAdmin"] is True
        is_problem(httpx.get(signing_in), 401, "unauthenticated")

        token = local_token("--once")
        assert httpx.get(f"{service.url}/", params={"token": token}).status_code == 303
        answer = me(service.url, local_token("--user", "bob"))
        assert answer.json() == {"id": str(BOB.id), "name": "bob", "isAdmin": False}
        rebound = httpx.get(f"{service.url}/api/me", headers={"Host": "evil.example"})
        assert is_problem(rebound, 421, "bad-request")["detail"] == "the request is for another host than this one"
        is_problem(me(service.url, token_of(BOB)), 401, "unauthenticated")

        assert service.stop(signal.SIGTERM) == 0
        assert free(service.url)
        log = service.log.read_text()
        assert '"GET /?… HTTP/1.1" 303' in log
        assert '"GET /api/me HTTP/1.1" 200' in log
        for secret in (signing_in.partition("token=")[2], token, "eyJ"):
            assert secret not in log


def test_executions_under_way_end_and_are_recorded_before_it_stops() -> None:
    module = store_spinner(BOB)
    with serving("--no-token", lines=1, JWT_SECRET=SECRET, STOP_SECONDS="30") as service:
        running = Asking(service.url, token_of(BOB), module, timeoutMs=2000)
        running.start()
        begun(service.url, token_of(BOB))
        service.process.send_signal(signal.SIGTERM)
        while not free(service.url):
            time.sleep(0.01)
        is_problem(running.over(), 504, "timeout")
        assert service.process.wait(60) == 0
        assert service.log.read_text() == ""
    assert history() == [("spin", "timeout")]


def test_executions_that_go_on_too_long_are_cancelled_and_recorded() -> None:
    module = store_spinner(BOB)
    with serving(lines=1, JWT_SECRET=SECRET, STOP_SECONDS="0.2") as service:
        running = Asking(service.url, token_of(BOB), module, timeoutMs=10_000)
        running.start()
        begun(service.url, token_of(BOB))
        assert service.stop(signal.SIGINT) == 0
        assert is_problem(running.over(), 503, "cancelled")
        assert service.log.read_text() == ""
    assert history() == [("spin", "error")]


def test_a_second_signal_stops_it_at_once() -> None:
    module = store_spinner(BOB)
    with serving("--no-token", lines=1, JWT_SECRET=SECRET, STOP_SECONDS="600") as service:
        running = threading.Thread(target=lambda: _lost(service.url, module))
        running.start()
        begun(service.url, token_of(BOB))
        service.process.send_signal(signal.SIGTERM)
        while not free(service.url):
            time.sleep(0.01)
        assert service.stop(signal.SIGTERM) == 128 + signal.SIGTERM
        running.join()


def _lost(url: str, module: Any) -> None:
    with pytest.raises(httpx.TransportError):
        spin(url, token_of(BOB), module, timeoutMs=10_000)


def test_a_killed_worker_comes_back_and_a_token_opens_one_session_whoever_is_asked() -> None:
    with serving("--workers", "2") as service:
        first = service.workers()
        assert len(first) == 2
        opened = [httpx.get(service.signing_in).status_code for _ in range(8)]
        assert sorted(opened) == [303] + [401] * 7
        token = local_token()
        os.kill(first[0], signal.SIGKILL)
        deadline = time.monotonic() + 60
        while len(set(service.workers()) - set(first)) < 1:
            assert time.monotonic() < deadline
            assert me(service.url, token, timeout=60).status_code == 200  # the other one answers
            time.sleep(0.02)
        assert "a worker ended with code -9; another is started in its place" in service.log.read_text()
        assert first[1] in service.workers()
        assert service.stop(signal.SIGTERM) == 0
        assert free(service.url)


def test_a_worker_that_hangs_is_killed_and_another_takes_its_place() -> None:
    with serving("--workers", "2", HANG_SECONDS="2") as service:
        first = service.workers()
        token = local_token()
        time.sleep(4)  # those that say that they are alive are left alone
        assert service.workers() == first
        os.kill(first[0], signal.SIGSTOP)
        deadline = time.monotonic() + 60
        while first[0] in service.workers() or len(service.workers()) < 2:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        log = service.log.read_text()
        assert f"worker {first[0]} has not said for 2 s that it is alive, and is killed" in log
        assert "a worker ended with code -9; another is started in its place" in log
        for _ in range(8):
            assert me(service.url, token, timeout=60).status_code == 200
        assert service.stop(signal.SIGTERM) == 0


def test_a_worker_that_nobody_watches_any_more_stops_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AKATSUKI_JWT_SECRET", SECRET)
    ready, theirs = os.pipe()
    alive, ours = os.pipe()
    with Place(port=0).listen() as listener:
        handles = (listener.socket.fileno(), theirs, alive)
        options = json.dumps(asdict(Options()))
        command = [sys.executable, "-m", "akatsuki_wasm.cli.worker", *map(str, handles), options]
        with subprocess.Popen(command, pass_fds=handles) as process:
            os.close(theirs)
            assert os.read(ready, 1) == b"1"
            assert me(listener.url, token_of(BOB)).json()["name"] == "bob"
            os.close(ours)  # as it is when the process that started it is killed
            assert process.wait(60) == 0
    os.close(ready)
    os.close(alive)


def test_a_public_address_needs_authentication() -> None:
    for host in ("0.0.0.0", "::"):
        assert refused("--host", host) == (
            1,
            f"error: {host} can be reached from other machines, and no authentication is configured\n"
            "hint: Set AKATSUKI_JWT_SECRET or AKATSUKI_JWT_JWKS_URL, or listen on 127.0.0.1.\n",
        )
    host = "::" if has_ipv6() else "0.0.0.0"
    with serving("--host", host, lines=1, JWT_SECRET=SECRET) as service:
        port = httpx.URL(service.url).port
        assert service.url == (f"http://[::]:{port}" if host == "::" else f"http://0.0.0.0:{port}")
        # Whoever has a token may call the service what they like: a proxy does.
        headers = {"Authorization": f"Bearer {token_of(BOB)}", "Host": "akatsuki.example"}
        for address in ("127.0.0.1", *(["[::1]"] if host == "::" else [])):
            assert httpx.get(f"http://{address}:{port}/api/me", headers=headers).json()["name"] == "bob"
        assert service.stop(signal.SIGINT) == 0


def has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


def test_a_place_knows_whether_others_can_reach_it_and_what_it_is_called() -> None:
    for host in ("127.0.0.1", "127.9.9.9", "::1", "localhost"):
        assert Place(host).is_private(), host
    for host in ("0.0.0.0", "::", "192.0.2.1", "10.0.0.1", "::ffff:127.0.0.1", "fe80::1"):
        assert not Place(host).is_private(), host
    with Place("127.0.0.1", 0).listen() as listener:
        assert listener.url == f"http://127.0.0.1:{listener.socket.getsockname()[1]}"
    if has_ipv6():
        with Place("::1", 0).listen() as listener:
            assert listener.url == f"http://[::1]:{listener.socket.getsockname()[1]}"


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def test_a_place_that_cannot_be_had_is_one_clear_line(taken: int, tmp_path: Path) -> None:
    assert refused("--port", str(taken)) == (
        1,
        f"error: port {taken} of 127.0.0.1 is taken\nhint: Choose another with --port; 0 takes one that is free.\n",
    )
    assert refused("--host", "no.such.host.invalid") == (
        1,
        "error: the host 'no.such.host.invalid' is not known\n"
        "hint: Give an address of this machine, such as 127.0.0.1.\n",
    )
    code, message = refused("--host", "192.0.2.1", JWT_SECRET=SECRET)  # of nobody: RFC 5737
    assert (code, message.splitlines()[0]) == (
        1,
        "error: 192.0.2.1 cannot be listened on: cannot assign requested address",
    )
    (tmp_path / "file").write_text("")
    code, message = refused("--uds", str(tmp_path / "file"))
    assert (code, message.splitlines()[0]) == (1, f"error: the socket {tmp_path / 'file'} is taken")
    assert (tmp_path / "file").exists()


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_service_that_cannot_start_says_why_once(workers: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    url = f"sqlite:///{tmp_path / 'file' / 'registry.db'}"
    code, message = not_started("--workers", workers, JWT_SECRET=SECRET, DATABASE_URL=url)
    assert code == 1
    assert message.count("error: ") == 1, message
    assert "hint: " in message
    assert "Traceback" not in message


def test_it_serves_on_a_unix_socket_for_a_proxy(tmp_path: Path) -> None:
    path = tmp_path / "http.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))  # a service that was killed left it behind
    with serving("--uds", str(path), lines=1, JWT_SECRET=SECRET) as service:
        assert service.printed == [f"serving on unix:{path}"]
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
        with httpx.Client(transport=httpx.HTTPTransport(uds=str(path)), base_url="http://akatsuki.example") as client:
            headers = {"Authorization": f"Bearer {token_of(BOB)}"}
            assert client.get("/api/me", headers=headers).json()["name"] == "bob"
            opened = client.post("/api/session", json={"token": token_of(BOB)}, headers={"X-Forwarded-Proto": "https"})
            assert "; Secure" in opened.headers["set-cookie"]
        code, message = refused("--uds", str(path), JWT_SECRET=SECRET)
        assert (code, message.splitlines()[0]) == (1, f"error: the socket {path} is taken")
        assert service.stop(signal.SIGTERM) == 0
    assert not path.exists()


def test_without_the_extra_it_says_what_to_install(tmp_path: Path) -> None:
    """In an environment that has all but fastapi and PyJWT."""
    site = Path(httpx.__file__).parents[1]
    for each in site.iterdir():
        if not each.name.lower().startswith(("fastapi", "jwt", "pyjwt", "__editable__", "_akatsuki")):
            (tmp_path / each.name).symlink_to(each)
    root = Path(__file__).parents[2]
    paths = os.pathsep.join(map(str, (root, root / "plugins", tmp_path)))

    def run(*words: str) -> str:
        command = [sys.executable, "-S", "-m", "akatsuki_wasm.cli", *words]
        done = subprocess.run(
            command, env=os.environ | {"PYTHONPATH": paths, "NO_COLOR": "1"}, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 1
        return done.stderr

    hint = "hint: Install it: pip install 'akatsuki-wasm[server]'\n"
    assert run("serve") == f"error: the service needs fastapi, which is not installed\n{hint}"
    assert run("token", "create") == f"error: a token needs jwt, which is not installed\n{hint}"
