"""The executor endpoint: the contract, its limits, and a history row for each execution that began."""

from __future__ import annotations

import gc
import io
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image
from wasmtime import wat2wasm

from akatsuki_wasm import manifest as manifests
from akatsuki_wasm.contracts import Artifact, ExecutionResult, StoredModule, UploadTarget, User
from akatsuki_wasm.hookspecs import hookimpl
from akatsuki_wasm.server import execution
from akatsuki_wasm.server.calls import Executed, ExecuteRequest

from .server_kit import ADA, BOB, EVE, is_problem, running

if TYPE_CHECKING:
    import httpx

    from .server_kit import Running

PATH = "/functions/v1/wasm-executor"
CORE = """(module
  (memory (export "memory") 1 300)
  (func (export "add") (param i32 i32) (result i32) local.get 0 local.get 1 i32.add)
  (func (export "half") (param f64) (result f64) local.get 0 f64.const 2 f64.div)
  (func (export "wide") (param i64) (result i64) local.get 0)
  (func (export "spin") (loop br 0))
  (func (export "fall") unreachable)
  (func (export "grow") (result i32) (memory.grow (i32.const 200))))"""


def store(service: Running, user: User, name: str = "plain", **target: Any) -> StoredModule:
    wasm = bytes(wat2wasm(CORE))
    registry = service.service.registry
    return registry.store(Artifact(wasm, manifests.for_binary(wasm)), UploadTarget(name, registry, user, **target))


def call(
    client: httpx.Client, module: StoredModule | str, function: str, args: Any = (), **more: Any
) -> httpx.Response:
    module_id = module if isinstance(module, str) else str(module.id)
    return client.post(PATH, json={"moduleId": module_id, "functionName": function, "args": args, **more})


def test_the_contract(service: Running) -> None:
    stored = store(service, BOB)
    with service.client(BOB) as client:
        first = call(client, stored, "add", [2, 3])
        again = call(client, stored, "add", {"a": 20, "b": 30}, timeoutMs=1000)
    assert first.status_code == 200, first.text
    answer = first.json()
    assert answer.keys() == {"result", "executionTimeMs", "memoryUsedBytes", "cacheHit", "module"}
    assert answer["result"] == 5
    assert answer["executionTimeMs"] >= 0
    assert answer["memoryUsedBytes"] == 65536
    assert answer["cacheHit"] is False
    assert answer["module"] == {"id": str(stored.id), "name": "plain", "version": "1.0.0", "ownerType": "user"}
    assert (again.json()["result"], again.json()["cacheHit"]) == (50, True)
    rows = service.service.registry.executions(BOB).list_own()
    assert {str(row.id) for row in rows} == {each.headers["Akatsuki-Execution-Id"] for each in (first, again)}
    assert {row.input_summary for row in rows} == {"a=2, b=3", "a=20, b=30"}
    assert {row.status for row in rows} == {"success"}


def test_integers_of_64_bits_may_be_texts(service: Running) -> None:
    stored = store(service, BOB)
    with service.client(BOB) as client:
        assert call(client, stored, "wide", [str(2**62)]).json()["result"] == str(2**62)
        assert call(client, stored, "wide", [7]).json()["result"] == 7
        assert call(client, stored, "half", ["Infinity"]).json()["result"] == "Infinity"


@pytest.mark.parametrize(
    ("function", "more", "status", "code", "outcome"),
    [
        ("fall", {}, 422, "guest-trap", "error"),
        ("spin", {"timeoutMs": 100}, 504, "timeout", "timeout"),
    ],
)
def test_an_execution_that_fails_is_a_problem_and_in_the_history(
    service: Running, function: str, more: dict[str, Any], status: int, code: str, outcome: str
) -> None:
    stored = store(service, BOB)
    with service.client(BOB) as client:
        response = call(client, stored, function, **more)
        document = is_problem(response, status, code)
    (row,) = service.service.registry.executions(BOB).list_own()
    assert str(row.id) == response.headers["Akatsuki-Execution-Id"]
    assert (row.status, row.function_name) == (outcome, function)
    assert row.error_message == document["detail"]


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (b"", "the body is not JSON: expecting value at line 1, column 1"),
        (b"[1]", "the body is JSON, but no object"),
        (b'{"moduleId": 1}', "moduleId is 1: expected text"),
        (b'{"functionName": "add"}', "there is no moduleId"),
        (b'{"moduleId": "x", "functionName": "add"}', "moduleId is 'x': expected a UUID"),
        (b'{"moduleId": "x", "moduleId": "y"}', "the body is not usable JSON: the key 'moduleId' is there twice"),
        (b'{"moduleId": "x", "functionName": "f", "more": 1}', "there is no field 'more'"),
        (b'{"moduleId": "x", "functionName": "f", "args": 1}', "args is 1: expected an array, or an object by name"),
        (b'{"args": NaN}', 'the body is not usable JSON: NaN is no JSON; it is written as the text "NaN"'),
        (b'{"args": ' + b"[" * 100_000, "the body is nested too deeply"),
        (b'{"args": ' + b"[" * 300 + b"]" * 300 + b"}", "the body is nested deeper than 200 levels"),
        (b'{"x": "\xff"}', "the body is not UTF-8"),
    ],
)
def test_a_malformed_body_is_a_problem(service: Running, body: bytes, detail: str) -> None:
    with service.client(BOB) as client:
        response = client.post(PATH, content=body, headers={"Content-Type": "application/json"})
        assert is_problem(response, 400, "bad-request")["detail"] == detail
    assert service.service.registry.executions(BOB).list_own() == []


def test_limits_of_the_time(service: Running) -> None:
    stored = store(service, BOB)
    with service.client(BOB) as client:
        for wrong in (99, 30_001, True, 1.5, "1000"):
            is_problem(call(client, stored, "add", [1, 2], timeoutMs=wrong), 400, "bad-request")
        service.service.registry.modules(BOB).update(stored.id, timeout_ms=100, max_execution_time_ms=100)
        service.service.executions.rows.forget(stored.id)
        # Never above the module's maximum, whatever is asked for.
        is_problem(call(client, stored, "spin", timeoutMs=30_000), 504, "timeout")


def test_arguments_that_do_not_fit_begin_nothing(service: Running) -> None:
    stored = store(service, BOB)
    with service.client(BOB) as client:
        is_problem(call(client, stored, "add", [1]), 422, "argument")
        is_problem(call(client, stored, "add", [1, "x"]), 422, "argument")
        is_problem(call(client, stored, "add", [1, 2, 3]), 422, "argument")
        is_problem(call(client, stored, "half", [True]), 422, "argument")
        assert is_problem(call(client, stored, "ad", [1, 2]), 404, "function-not-found")["hint"] == "did you mean add?"
    assert service.service.registry.executions(BOB).list_own() == []


def test_who_may_execute(service: Running) -> None:
    private = store(service, BOB)
    public = store(service, BOB, "open", is_public=True)
    disabled = store(service, BOB, "off", is_public=True)
    service.service.registry.modules(BOB).disable(disabled.id)
    with service.client(EVE) as eve, service.client(ADA) as ada, service.client() as nobody:
        absent = is_problem(call(eve, str(UUID(int=1)), "add", [1, 2]), 404, "not-found")
        hidden = is_problem(call(eve, private, "add", [1, 2]), 404, "not-found")
        assert hidden["detail"].replace(str(private.id), "ID") == absent["detail"].replace(str(UUID(int=1)), "ID")
        assert call(eve, public, "add", [1, 2]).json()["result"] == 3
        is_problem(call(eve, disabled, "add", [1, 2]), 403, "permission-denied")
        is_problem(call(ada, private, "add", [1, 2]), 403, "permission-denied")  # may read it, not execute
        is_problem(call(nobody, public, "add", [1, 2]), 401, "unauthenticated")


def test_a_change_in_this_process_holds_at_once(service: Running) -> None:
    stored = store(service, BOB)
    with service.client(BOB) as client:
        assert call(client, stored, "add", [1, 2]).status_code == 200
        service.service.registry.modules(BOB).disable(stored.id)
        service.service.executions.rows.forget(stored.id)
        is_problem(call(client, stored, "add", [1, 2]), 403, "permission-denied")


def test_bodies_have_a_limit(tmp_path: Any) -> None:
    with running(max_body_bytes=10_000) as service, service.client(BOB) as client:
        stored = store(service, BOB)
        is_problem(call(client, stored, "add", ["x" * 20_000]), 413, "request-too-large")

        def chunks() -> Any:
            for _ in range(100):
                yield b" " * 1000

        headers = {"Content-Type": "application/json"}
        is_problem(client.post(PATH, content=chunks(), headers=headers), 413, "request-too-large")
        gzip = {**headers, "Content-Encoding": "gzip"}
        is_problem(client.post(PATH, content=b"{}", headers=gzip), 400, "bad-request")
        is_problem(client.post(PATH, content=b"x", headers={"Content-Type": "text/html"}), 400, "bad-request")


# ---------------------------------------------------------------- images and columns


def built(service: Running, rust: str, name: str) -> StoredModule:
    """A module that is built from Rust, and stored for Bob."""
    made = service.service.workspace_of(BOB).build(rust, name=name)
    registry = service.service.registry
    return registry.store(made, UploadTarget(name, registry, BOB))


IMAGES = """/// Works on images.
/// Inverts the colours.
/// * `amount`: 0.0..=1.0, default 1.0. How much.
pub fn invert(image: &Image, amount: f64) -> Image {
    image.clone().map_rgb(|_, _, [r, g, b]| {
        let k = amount as f32;
        [r + (255.0 - 2.0 * r) * k, g + (255.0 - 2.0 * g) * k, b + (255.0 - 2.0 * b) * k]
    })
}

/// The root, or an error.
pub fn root(x: f64) -> Result<f64, String> {
    if x < 0.0 { Err(format!("{x} is negative")) } else { Ok(x.sqrt()) }
}

/// How long two texts are together.
pub fn together(a: &str, b: &str) -> u32 {
    (a.len() + b.len()) as u32
}

/// Adds numbers.
pub fn total(values: &[f32]) -> f64 {
    values.iter().map(|v| f64::from(*v)).sum()
}
"""


def png(colour: tuple[int, int, int]) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (6, 4), colour).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.toolchain
def test_images_and_columns(service: Running) -> None:
    import base64

    stored = built(service, IMAGES, "images")
    query = {"moduleId": str(stored.id), "functionName": "invert"}
    photo = png((250, 10, 0))
    with service.client(BOB) as client:
        # In JSON, as data URLs.
        url = f"data:image/png;base64,{base64.b64encode(photo).decode()}"
        answer = call(client, stored, "invert", [url]).json()
        assert answer["result"].startswith("data:image/png;base64,")
        assert Image.open(io.BytesIO(base64.b64decode(answer["result"][22:]))).convert("RGBA").getpixel((0, 0)) == (
            5,
            245,
            255,
            255,
        )

        # As the body itself, in and out.
        headers = {"Content-Type": "image/png", "Accept": "image/png"}
        raw = client.post(PATH, params=query, content=photo, headers=headers)
        assert raw.headers["content-type"] == "image/png"
        assert raw.headers["Akatsuki-Module-Id"] == str(stored.id)
        assert Image.open(io.BytesIO(raw.content)).convert("RGBA").getpixel((5, 3)) == (5, 245, 255, 255)
        half = client.post(PATH, params={**query, "args": '{"amount": 0}'}, content=photo, headers=headers)
        assert Image.open(io.BytesIO(half.content)).convert("RGBA").getpixel((0, 0)) == (250, 10, 0, 255)
        jpeg = client.post(PATH, params=query, content=photo, headers={**headers, "Accept": "image/jpeg, */*;q=0.1"})
        assert Image.open(io.BytesIO(jpeg.content)).format == "JPEG"

        # As a part of a form.
        form = {"request": (None, json.dumps({**query, "args": {"amount": 1.0}})), "image": ("p.png", photo)}
        parts = client.post(PATH, files=form, headers={"Accept": "image/webp"})
        assert Image.open(io.BytesIO(parts.content)).format == "WEBP"

        wrong = client.post(PATH, params=query, content=b"no image", headers=headers)
        detail = is_problem(wrong, 422, "argument")["detail"]
        assert detail == "image is 8 bytes: expected an image, and it is text"
        bomb = io.BytesIO()
        Image.new("1", (20_000, 20_000)).save(bomb, "PNG")
        assert (
            "more than 64 megapixels"
            in is_problem(client.post(PATH, params=query, content=bomb.getvalue(), headers=headers), 422, "argument")[
                "detail"
            ]
        )

        # Lists of numbers, packed.
        packed = base64.b64encode(np.array([1.5, 2.5], "<f4").tobytes()).decode()
        assert call(client, stored, "total", [packed]).json()["result"] == 4.0
        assert call(client, stored, "total", [[1, 2, 3.5]]).json()["result"] == 6.5

        # Columns.
        def columns(function: str, table: dict[str, Any], accept: str, **more: Any) -> httpx.Response:
            sink = pa.BufferOutputStream()
            whole = pa.table(table)
            with pa.ipc.new_stream(sink, whole.schema) as writer:
                writer.write_table(whole)
            names = {"moduleId": str(stored.id), "functionName": function, **more}
            headers = {"Content-Type": "application/vnd.apache.arrow.stream", "Accept": accept}
            return client.post(PATH, params=names, content=sink.getvalue().to_pybytes(), headers=headers)

        stream = "application/vnd.apache.arrow.stream"
        done = columns("root", {"x": [4.0, None, -1.0]}, stream, onError="collect")
        assert done.headers["content-type"] == stream
        table = pa.ipc.open_stream(done.content).read_all().to_pydict()
        assert table == {"result": [2.0, None, None], "error": [None, None, "-1 is negative"]}
        as_json = columns("root", {"x": [4.0, -1.0]}, "application/json", onError="collect").json()
        assert as_json["result"] == [2.0, None]
        assert as_json["errors"] == [{"row": 1, "message": "-1 is negative"}]
        raised = is_problem(columns("root", {"x": [4.0, -1.0]}, stream), 422, "guest-error")
        assert raised["detail"] == "row 1: -1 is negative"
        texts = columns("together", {"a": ["x", "yy"]}, stream, args='{"b": "zzz"}')
        assert pa.ipc.open_stream(texts.content).read_all().to_pydict() == {"result": [4, 5]}
        is_problem(columns("root", {"y": [1.0]}, stream), 422, "argument")

    statuses = [row.status for row in service.service.registry.executions(BOB).list_own(limit=200)]
    assert statuses.count("error") == 1
    assert len(statuses) == 11


def test_a_client_that_goes_away_ends_its_execution(service: Running) -> None:
    import socket
    import time

    stored = store(service, BOB)
    with service.client(BOB) as client:
        request = client.build_request(
            "POST", PATH, json={"moduleId": str(stored.id), "functionName": "spin", "timeoutMs": 30_000}
        )
        head = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
        with socket.create_connection(("127.0.0.1", int(service.url.rsplit(":", 1)[1]))) as raw:
            raw.sendall(f"POST {PATH} HTTP/1.1\r\n{head}\r\n".encode() + request.read())
            deadline = time.monotonic() + 60
            while service.service.executions.under_way == 0:
                assert time.monotonic() < deadline, "the execution does not begin"
                time.sleep(0.02)
        while not (rows := service.service.registry.executions(BOB).list_own()):
            assert time.monotonic() < deadline, "the execution goes on for a client that is gone"
            time.sleep(0.02)
    assert rows[0].status == "error"
    assert "cancelled" in str(rows[0].error_message)


@pytest.mark.parametrize("function", ["add", "half", "wide"])
def test_a_quick_function_answers_alike_from_the_event_loop(service: Running, function: str) -> None:
    stored = store(service, BOB)
    args = {"add": [2, 3], "half": [3], "wide": [2**53]}[function]
    with service.client(BOB) as client:
        answers = [call(client, stored, function, args) for _ in range(30)]
    assert len({json.dumps(each.json()["result"]) for each in answers}) == 1
    assert len({each.headers["Akatsuki-Execution-Id"] for each in answers}) == 30
    rows = service.service.registry.executions(BOB).list_own(limit=100)
    assert {str(row.id) for row in rows} == {each.headers["Akatsuki-Execution-Id"] for each in answers}


class Elsewhere:
    """An execution plugin of a third party, which notes where it is called."""

    name = "elsewhere"

    def __init__(self) -> None:
        self.threads: set[str] = set()

    @hookimpl
    def akatsuki_execute(self, module: Any, call: Any, limits: Any, control: Any) -> ExecutionResult:
        self.threads.add(threading.current_thread().name)
        return ExecutionResult(7, 0.001, 0, cache_hit=True)


def test_a_plugin_that_executes_is_never_called_on_the_event_loop() -> None:
    plugin = Elsewhere()
    with running(plugins=[plugin]) as service, service.client(BOB) as client:
        stored = store(service, BOB)
        assert {call(client, stored, "add", [1, 2]).json()["result"] for _ in range(30)} == {7}
    assert plugin.threads
    assert all(each.startswith("akatsuki-execution-") for each in plugin.threads)


SOMETIMES = """(module
  (memory (export "memory") 1 10)
  (func (export "work") (param i32) (result i32)
    (block $done (br_if $done (i32.ne (local.get 0) (i32.const 1))) (loop br 0))
    (if (i32.eq (local.get 0) (i32.const 2)) (then unreachable))
    (memory.grow (i32.const 20))))"""


def test_what_is_not_quick_this_time_is_done_on_a_thread_under_its_own_limits(service: Running) -> None:
    wasm = bytes(wat2wasm(SOMETIMES))
    registry = service.service.registry
    stored = registry.store(Artifact(wasm, manifests.for_binary(wasm)), UploadTarget("sometimes", registry, BOB))
    with service.client(BOB) as client:
        for _ in range(20):
            assert call(client, stored, "work", [0]).json()["result"] == -1
        slow = is_problem(call(client, stored, "work", [1], timeoutMs=100), 504, "timeout")
        assert slow["detail"] == "work ran past its limit of 100 ms"
        for _ in range(20):
            assert call(client, stored, "work", [0]).json()["result"] == -1
        is_problem(call(client, stored, "work", [2]), 422, "guest-trap")
    statuses = [row.status for row in registry.executions(BOB).list_own(limit=100)]
    assert (statuses.count("success"), statuses.count("timeout"), statuses.count("error")) == (40, 1, 1)


@pytest.mark.parametrize("turn_s", [execution.TURN_S, 0.0])
def test_those_that_come_at_once_are_answered_each_for_itself(
    service: Running, turn_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(execution, "TURN_S", turn_s)
    wasm = bytes(wat2wasm(SOMETIMES))
    registry = service.service.registry
    sometimes = registry.store(Artifact(wasm, manifests.for_binary(wasm)), UploadTarget("sometimes", registry, BOB))
    plain = store(service, BOB)
    wanted = [(plain, "add", [n, 1]) if n % 6 else (sometimes, "work", [n // 6 % 3]) for n in range(180)]
    expected: dict[int, tuple[int, object]] = {0: (200, -1), 1: (504, None), 2: (422, None)}
    with service.client(BOB) as client, ThreadPoolExecutor(24) as pool:
        for _ in range(20):
            call(client, plain, "add", [1, 1])
            call(client, sometimes, "work", [0])
        found = list(pool.map(lambda each: call(client, *each, timeoutMs=100), wanted))
    for (module, _, (first, *_)), response in zip(wanted, found, strict=True):
        status, result = (200, first + 1) if module is plain else expected[first]
        assert (response.status_code, response.json().get("result")) == (status, result), response.text
    rows = {str(row.id) for row in registry.executions(BOB).list_own(limit=1000)}
    assert {each.headers["Akatsuki-Execution-Id"] for each in found} < rows
    assert len(rows) == 180 + 40


class Broken:
    """An execution plugin whose result cannot be kept."""

    name = "broken"

    @hookimpl
    def akatsuki_execute(self, module: Any, call: Any, limits: Any, control: Any) -> ExecutionResult:
        return ExecutionResult(7, "no number", 0, cache_hit=True)  # type: ignore[arg-type]  # the defect


def test_a_plugin_that_answers_nonsense_is_answered_as_a_defect() -> None:
    with running(plugins=[Broken()]) as service:
        stored = store(service, BOB)
        with service.client(BOB) as client:
            for _ in range(3):
                assert call(client, stored, "add", [1, 1]).status_code == 500


def test_the_endpoint_is_for_posts(service: Running) -> None:
    with service.client(BOB) as client:
        response = client.get(PATH)
        assert (response.status_code, response.headers["Allow"]) == (405, "POST")
        assert response.json()["detail"] == f"GET is not for {PATH}: expected POST"


def test_ids_of_nothing(service: Running) -> None:
    with service.client(BOB) as client:
        is_problem(call(client, str(uuid4()), "add", [1, 2]), 404, "not-found")


@pytest.mark.parametrize(
    ("function", "args", "more", "status"),
    [
        ("add", [1, 2], {}, 200),
        ("add", [1, "x"], {}, 422),
        ("fall", [], {}, 422),
        ("spin", [], {"timeoutMs": 150}, 504),
    ],
)
def test_a_call_is_gone_when_it_is_answered(
    service: Running, function: str, args: list[Any], more: dict[str, Any], status: int
) -> None:
    """Without the collector of cycles: what a call had in memory, an image or a column, would wait for that."""
    stored = store(service, BOB)
    with service.client(BOB) as client:
        call(client, stored, function, args, **more)
        gc.collect()
        gc.disable()
        gc.set_debug(gc.DEBUG_SAVEALL)
        try:
            for _ in range(4):
                assert call(client, stored, function, args, **more).status_code == status
            time.sleep(0.05)  # the service's thread is done with the last one
            gc.collect()
            left = [type(each).__name__ for each in gc.garbage if isinstance(each, (Executed, ExecuteRequest))]
        finally:
            gc.set_debug(0)
            gc.garbage.clear()
            gc.enable()
    assert left == []
