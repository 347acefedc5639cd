"""docker-compose.yml: what Docker Compose makes of it, and what it lets a container do."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from typing import Any

import pytest

from services.kit.settings import ServiceSettings
from tests.unit.deploy.deployments import COMPOSE, SETTINGS, compose, variables

SERVICES: dict[str, Any] = compose()["services"]
OURS = sorted(name for name, service in SERVICES.items() if service["image"].startswith("tiku"))
THEIRS = sorted(SERVICES.keys() - OURS)
SET = {
    "TIKU_POSTGRES_PASSWORD": "of-postgres",
    "TIKU_NEO4J_PASSWORD": "of-neo4j",
    "TIKU_S3_SECRET_ACCESS_KEY": "of-s3",
}
SECRET = re.compile(r"PASSWORD|SECRET|API_KEY|ROOT_SECRET|DSN")


def docker_compose() -> list[str]:
    """The command of Docker Compose 2; it reads a file without an engine. Skips where there is none."""
    for command in ([os.environ.get("DOCKER_COMPOSE", "")], ["docker", "compose"], ["docker-compose"]):
        if command[0] and shutil.which(command[0]):
            version = subprocess.run([*command, "version", "--short"], capture_output=True, text=True, check=False)
            if version.returncode == 0 and version.stdout.lstrip("v").startswith(("2.", "5.")):
                return command
    pytest.skip("Docker Compose is not here, so it was not asked whether it takes docker-compose.yml; DOCKER_COMPOSE")


def config(*options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("TIKU_")}
    command = [*docker_compose(), "-f", str(COMPOSE), *options, "config", "--format", "json"]
    return subprocess.run(command, env=clean | environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("options", [(), ("--profile", "local-model")])
def test_docker_compose_takes_it(options: tuple[str, ...]) -> None:
    done = config(*options, **SET)
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    seen = json.loads(done.stdout)["services"]
    assert {"model", "model-weights"} & seen.keys() == ({"model", "model-weights"} if options else set())
    for name, service in seen.items():
        assert service["cap_drop"] == ["ALL"], name


def test_the_override_of_the_tests_fits_it() -> None:
    override = COMPOSE.parent / "tests" / "compose" / "docker-compose.override.yml"
    done = config("-f", str(override), **SET)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("missing", sorted(SET))
def test_no_password_has_a_default(missing: str) -> None:
    done = config(**{name: value for name, value in SET.items() if name != missing})
    assert done.returncode != 0
    assert missing in done.stderr


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_a_container_can_do_no_more_than_it_needs(name: str) -> None:
    service = SERVICES[name]
    assert service["cap_drop"] == ["ALL"]
    assert "cap_add" not in service
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["restart"] in ("unless-stopped", "on-failure")
    assert service["logging"]["options"]["max-size"]
    assert not {"privileged", "network_mode", "pid", "ipc", "devices"} & service.keys()
    assert name == "gateway" or "ports" not in service
    if name in OURS:
        assert service["read_only"] is True
        assert "user" not in service, "the image names the user"


@pytest.mark.parametrize("name", THEIRS)
def test_an_image_of_others_is_pinned(name: str) -> None:
    assert re.fullmatch(r"[a-z0-9/]+:v?\d+(\.\d+\.\d+)?(-bookworm)?", SERVICES[name]["image"])


def test_what_is_kept_lies_in_named_volumes() -> None:
    named = compose()["volumes"].keys()
    mounted = {volume for service in SERVICES.values() for volume in service.get("volumes", [])}
    folders = {volume for volume in mounted if volume.startswith("./")}
    assert {volume.partition(":")[0] for volume in mounted - folders} == named
    assert all(volume.endswith(":ro") for volume in folders)
    assert all(SERVICES[name].get("volumes") for name in THEIRS)


def test_no_secret_stands_in_it() -> None:
    for name, service in SERVICES.items():
        for variable, value in service.get("environment", {}).items():
            if SECRET.search(variable):
                assert re.search(r"\$\{TIKU_\w+(:\?is not set|:-)\}", value), f"{name}: {variable}"


@pytest.mark.parametrize("name", OURS)
def test_a_stop_waits_for_the_drain(name: str) -> None:
    drain = ServiceSettings.model_fields["drain_seconds"].default
    assert int(SERVICES[name]["stop_grace_period"].removesuffix("s")) > drain


@pytest.mark.parametrize("name", sorted(SETTINGS))
def test_every_variable_is_one_that_is_read(name: str) -> None:
    # Each service is told where all others are.
    known = variables(SETTINGS[name]) | {f"TIKU_{other.upper()}_TARGET" for other in SETTINGS} | {"TIKU_LISTEN"}
    known.add("OTEL_EXPORTER_OTLP_ENDPOINT")  # The SDK reads it.
    assert SERVICES[name]["environment"].keys() <= known
