"""The files of deploy/ are read by parsers of their formats, and say what the program and its settings say."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import crossplane
import pytest
import yaml
from compose_spec import PyCompose
from dockerfile_parse import DockerfileParser

from akatsuki_wasm import errors
from akatsuki_wasm.config import Settings
from akatsuki_wasm.server import problems
from akatsuki_wasm.server.serving import KEEP_ALIVE_SECONDS

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
UNIT = DEPLOY / "akatsuki@.service"
SETTINGS = {name: field.default for name, field in Settings.model_fields.items()}


# ---------------------------------------------------------------- Dockerfile


def instructions() -> list[tuple[str, str]]:
    parsed = DockerfileParser(path=str(DEPLOY / "Dockerfile")).structure
    return [(each["instruction"], each["value"]) for each in parsed if each["instruction"] != "COMMENT"]


def final_stage() -> list[tuple[str, str]]:
    found = instructions()
    return found[max(index for index, (name, _) in enumerate(found) if name == "FROM") :]


def test_the_image_has_a_named_base_and_two_stages() -> None:
    bases = [value for name, value in instructions() if name == "FROM"]
    assert bases == ["debian:trixie-slim AS build", "debian:trixie-slim"]


def test_the_image_runs_as_nobody_in_particular_and_keeps_its_data() -> None:
    names = [name for name, _ in final_stage()]
    values = dict(final_stage())
    assert values["USER"] == "akatsuki"
    assert names.index("USER") > max(index for index, name in enumerate(names) if name == "RUN")
    environment = dict(pair.split("=", 1) for pair in values["ENV"].split())
    assert json.loads(values["VOLUME"]) == [environment["AKATSUKI_DATA_DIR"], environment["AKATSUKI_CACHE_DIR"]]
    known = {f"AKATSUKI_{name.upper()}" for name in SETTINGS}
    assert {name for name in environment if name.startswith("AKATSUKI_")} <= known


def test_the_health_check_and_the_command_are_lists_that_agree() -> None:
    values = dict(final_stage())
    options, _, command = values["HEALTHCHECK"].partition("CMD ")
    assert re.fullmatch(r"(--[a-z-]+=\w+ )+", options.replace("\\", "").replace("    ", ""))
    check = json.loads(command)
    serve = json.loads(values["CMD"])
    assert serve[:2] == ["akatsuki", "serve"]
    assert f"127.0.0.1:{serve[-1]}/healthz" in check[-1]
    compile(check[-1], "healthcheck", "exec")
    assert values["EXPOSE"] == serve[-1]


def test_every_file_that_is_copied_exists_and_is_let_through_to_the_builder() -> None:
    let_through = (DEPLOY / "Dockerfile.dockerignore").read_text("utf-8").splitlines()
    copied = [value.split()[:-1] for name, value in instructions() if name == "COPY" and "--from" not in value]
    assert copied
    for path in [path for paths in copied for path in paths]:
        assert (ROOT / path).exists(), path
        assert f"!{path}" in let_through
    # What the build of the wheel reads is there.
    assert {"pyproject.toml", "README.md", "LICENSE"} <= {path for paths in copied for path in paths}


def test_no_secret_stands_in_the_image() -> None:
    text = (DEPLOY / "Dockerfile").read_text("utf-8")
    assert not re.search(r"(?i)(secret|password|token)\w*=", text)


# ---------------------------------------------------------------- compose


def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))
    return found


def test_the_compose_file_is_one_by_its_specification() -> None:
    # The parser knows YAML without merge keys.
    parsed = PyCompose.from_yaml(yaml.safe_dump(compose()))
    parsed.validate()
    assert set(parsed.service_names()) == {"server", "migrate", "password", "postgres", "s3", "bucket"}


def test_the_parser_of_compose_files_is_strict() -> None:
    document = compose()
    document["services"]["server"]["restrt"] = "always"
    with pytest.raises(ValueError, match="restrt"):
        PyCompose.from_yaml(yaml.safe_dump(document))


def test_services_that_stay_restart_and_are_watched_and_the_others_end_once() -> None:
    services = compose()["services"]
    once = {"migrate", "password", "bucket"}
    for name, service in services.items():
        assert service["restart"] == ("no" if name in once else "unless-stopped"), name
        if name not in once:
            assert service["healthcheck"]["test"][0] == "CMD", name
        for other, condition in service.get("depends_on", {}).items():
            wanted = "service_completed_successfully" if other in once else "service_healthy"
            assert condition == {"condition": wanted}, (name, other)


def test_migrations_run_as_the_owner_and_the_service_as_the_role_that_the_policies_hold_for() -> None:
    services = compose()["services"]
    assert services["migrate"]["command"] == ["akatsuki", "db", "push"]
    assert services["migrate"]["environment"]["AKATSUKI_DATABASE_URL"].startswith("postgresql://postgres:")
    assert services["server"]["environment"]["AKATSUKI_DATABASE_URL"].startswith("postgresql://akatsuki_app:")
    assert services["postgres"]["environment"]["POSTGRES_DB"] == "akatsuki"
    assert "OWNER_PASSWORD" not in json.dumps(services["server"])


def test_every_secret_comes_from_the_environment_and_is_insisted_on() -> None:
    text = (DEPLOY / "compose.yaml").read_text("utf-8")
    asked = set(re.findall(r"(?<!\$)\$\{(\w+):\?", text))
    assert asked == set(re.findall(r"^(\w+)=$", (DEPLOY / "example.env").read_text("utf-8"), flags=re.MULTILINE))
    for service in compose()["services"].values():
        for name, value in service.get("environment", {}).items():
            if re.search("SECRET|PASSWORD", name):
                assert re.fullmatch(r"\$\{\w+:\?[^}]+\}", value), name


def test_the_service_is_confined_and_reached_through_this_machine_alone() -> None:
    for name in ("server", "migrate"):
        service = compose()["services"][name]
        assert service["read_only"]
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
    published = [port for service in compose()["services"].values() for port in service.get("ports", [])]
    assert published == ["127.0.0.1:8787:8787"]
    grace = compose()["services"]["server"]["stop_grace_period"]
    assert int(grace.removesuffix("s")) > SETTINGS["stop_seconds"]


# ---------------------------------------------------------------- systemd


def unit() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in UNIT.read_text("utf-8").splitlines():
        name, separator, value = line.partition("=")
        if separator and not line.startswith("#"):
            found.setdefault(name, []).append(value)
    return found


def test_the_unit_is_hardened_but_for_what_the_service_needs() -> None:
    found = unit()
    for name, value in {
        "NoNewPrivileges": "yes",
        "ProtectSystem": "strict",
        "ProtectHome": "yes",
        "PrivateTmp": "yes",
        "CapabilityBoundingSet": "",
        "StateDirectory": "akatsuki",
        "Restart": "always",
        "User": "akatsuki",
    }.items():
        assert found[name] == [value], name
    for absent in (
        "MemoryDenyWriteExecute",
        "RestrictNamespaces",
        "ProtectProc",
        "ProcSubset",
        "ProtectKernelTunables",
    ):
        assert absent not in found
    assert int(found["TimeoutStopSec"][0]) > SETTINGS["stop_seconds"]
    assert not re.search(r"(?i)(secret|password)=", UNIT.read_text("utf-8"))


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_takes_the_unit_and_finds_it_little_exposed(tmp_path: Path) -> None:
    # The program is looked for, and is not installed where tests run.
    copy = tmp_path / UNIT.name
    copy.write_text(UNIT.read_text("utf-8").replace("/opt/akatsuki/bin/akatsuki", "/bin/true"), encoding="utf-8")
    done = subprocess.run(["systemd-analyze", "verify", copy], capture_output=True, text=True)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    # Of 100; a unit without any hardening has 92 to 96.
    security = ["systemd-analyze", "security", "--offline=yes", "--no-pager", "--threshold=35", copy]
    done = subprocess.run(security, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-400:] + done.stderr


# ---------------------------------------------------------------- nginx


def nginx_blocks() -> list[dict[str, Any]]:
    parsed = crossplane.parse(str(DEPLOY / "nginx.conf"), strict=True, check_ctx=True, check_args=True)
    assert parsed["status"] == "ok", parsed["errors"]
    found: list[dict[str, Any]] = parsed["config"][0]["parsed"]
    return found


def inside(blocks: list[dict[str, Any]], *path: str) -> list[dict[str, Any]]:
    """The directives in the one block of each of these names."""
    for name in path:
        blocks = next(each["block"] for each in blocks if name in (each["directive"], " ".join(each["args"])))
    return blocks


def values(blocks: list[dict[str, Any]], name: str) -> list[str]:
    return [" ".join(each["args"]) for each in blocks if each["directive"] == name]


def test_nginx_sends_on_what_the_service_takes_and_waits_as_long_as_it_may_take() -> None:
    upstream = inside(nginx_blocks(), "http", "upstream")
    assert len(values(upstream, "server")) == 2
    assert int(values(upstream, "keepalive_timeout")[0].removesuffix("s")) < KEEP_ALIVE_SECONDS
    server = inside(nginx_blocks(), "http", "server")
    assert values(server, "client_max_body_size") == [f"{SETTINGS['max_body_bytes'] // 2**20}m"]
    assert int(values(server, "proxy_read_timeout")[0].removesuffix("s")) > 30 + SETTINGS["queue_seconds"]
    events = inside(server, "~ ^/api/designs/[^/]+/events$")
    assert values(events, "proxy_buffering") == ["off"]
    # Nothing is sent twice once it was sent.
    assert "non_idempotent" not in " ".join(values(server, "proxy_next_upstream"))


def test_nginx_sets_what_it_says_of_the_client_and_adds_nothing_to_what_the_client_says() -> None:
    headers = values(inside(nginx_blocks(), "http", "server"), "proxy_set_header")
    assert "X-Forwarded-For $remote_addr" in headers
    assert "X-Forwarded-Proto $scheme" in headers
    assert "Forwarded " in headers
    assert not any("$proxy_add_x_forwarded_for" in each for each in headers)


@pytest.mark.parametrize(
    ("location", "error"), [("@too_large", errors.RequestTooLargeError), ("@away", errors.ServiceError)]
)
def test_what_nginx_says_by_itself_is_a_problem_of_the_service(
    location: str, error: type[errors.AkatsukiError]
) -> None:
    status, _, text = values(inside(nginx_blocks(), "http", "server", location), "return")[0].partition(" ")
    found = json.loads(text)
    expected = problems.problem(error("x"))
    assert found["status"] == expected["status"] == int(status)
    assert (found["type"], found["code"], found["title"]) == (expected["type"], expected["code"], expected["title"])


@pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not installed")
def test_nginx_takes_its_configuration(tmp_path: Path) -> None:
    request = "req -x509 -newkey rsa:2048 -nodes -subj /CN=localhost -days 2 -keyout key.pem -out certificate.pem"
    done = subprocess.run(["openssl", *request.split()], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    text = (DEPLOY / "nginx.conf").read_text("utf-8").replace("/etc/akatsuki/tls", str(tmp_path))
    for path in ("/run/akatsuki-nginx.pid", "/var/log/nginx/akatsuki-error.log", "/var/log/nginx/akatsuki-access.log"):
        assert path in text
        text = text.replace(path, str(tmp_path / Path(path).name))
    configuration = tmp_path / "nginx.conf"
    configuration.write_text(text, encoding="utf-8")
    done = subprocess.run(["nginx", "-t", "-q", "-c", configuration], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
