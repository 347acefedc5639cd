"""The `tiku` command: what it teaches and how it refuses."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from typer.testing import CliRunner

from services.cli import app
from services.embedded.network import free_port
from services.embedded.python import module_environment
from services.registry import SERVICES

_RUNNER = CliRunner()


def _run(*arguments: str) -> tuple[int, str]:
    result = _RUNNER.invoke(app, list(arguments))
    return result.exit_code, " ".join(result.output.split())


def test_help_lists_every_command() -> None:
    code, output = _run("--help")
    assert code == 0
    commands = "up serve migrate models demo ingest ask generate backup restore fsck"
    for command in commands.split():
        assert command in output


def test_an_unknown_service_is_refused_with_the_known_ones() -> None:
    code, output = _run("serve", "billing")
    assert code == 2
    assert "billing" in output
    assert "retrieval" in output


def test_migrate_says_which_variable_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TIKU_POSTGRES_DSN", raising=False)
    code, output = _run("migrate")
    assert code == 1
    assert "TIKU_POSTGRES_DSN" in output


def test_migrate_refuses_a_service_without_a_database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIKU_POSTGRES_DSN", "postgresql://nobody@127.0.0.1:1/none")
    code, output = _run("migrate", "retrieval")
    assert code == 2
    assert all(name in output for name in ("llm", "docs", "exercises"))


@pytest.mark.parametrize("arguments", [("up", "--port", "many"), ("up", "--nothing"), ("nothing",)])
def test_wrong_usage_is_told_with_code_2(arguments: Sequence[str]) -> None:
    code, output = _run(*arguments)
    assert code == 2
    assert "Traceback" not in output
    assert output.startswith("error: ")
    assert "--help shows what is taken" in output


@pytest.mark.parametrize("command", ["up", "demo", "fsck"])
def test_a_data_folder_without_a_name_is_refused_in_a_line(command: str) -> None:
    assert _run(command, "--data", "") == (1, "error: --data '' names no folder; the current one is --data ./")


def test_a_slip_is_compared_with_the_commands_of_all_rooms() -> None:
    assert "Did you mean 'backup'?" in _run("bakup")[1]


@pytest.mark.parametrize("command", ["backup", "ask"])
def test_a_command_loads_no_other_commands_libraries(command: str) -> None:
    """`tiku` loads what one command needs: a client of the API needs no database, and an engine no HTTP client."""
    show = (
        "import sys\nfrom typer.testing import CliRunner\nfrom services.cli import app\n"
        f"assert CliRunner().invoke(app, [{command!r}, '--help']).exit_code == 0\n"
        "print(*sorted({'aiohttp', 'qdrant_client', 'pgqueuer', 'torch', 'protovalidate'} & set(sys.modules)))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", show], env={**os.environ, **module_environment()}, capture_output=True, check=True
    )
    assert ran.stdout.decode().split() == (["aiohttp"] if command == "ask" else [])


@pytest.mark.parametrize("command", ["up", "demo"])
def test_a_port_in_use_is_named_with_the_way_out(tmp_path: Path, command: str) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        code, output = _run(command, "--data", str(tmp_path), "--port", str(port), "--ports", "free", "--no-model")
    assert code == 1
    assert f"127.0.0.1:{port}: the port is in use: choose another" in output
    assert "--port 0" in output


def test_the_gateway_listens_where_its_variable_says_unless_an_option_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as listener, socket.socket() as other:
        for taken in (listener, other):
            taken.bind(("127.0.0.1", 0))
            taken.listen()
        variable, option = (taken.getsockname()[1] for taken in (listener, other))
        monkeypatch.setenv("TIKU_GATEWAY_LISTEN", f"127.0.0.1:{variable}")
        arguments = ("up", "--data", str(tmp_path), "--ports", "free", "--no-model")
        assert f"127.0.0.1:{variable}: the port is in use" in _run(*arguments)[1]
        assert f"127.0.0.1:{option}: the port is in use" in _run(*arguments, "--port", str(option))[1]


@pytest.mark.parametrize("address", ["8080", "127.0.0.1:", "::1:80", "localhost:99999"])
def test_an_address_that_is_none_is_refused_with_its_variable(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("TIKU_GATEWAY_LISTEN", address)
    code, output = _run("up", "--no-model")
    assert code == 1
    assert output.startswith(f"error: TIKU_GATEWAY_LISTEN: cannot listen on '{address}'")


def test_a_model_nobody_knows_is_refused(tmp_path: Path) -> None:
    port = str(free_port())
    code, output = _run("up", "--data", str(tmp_path), "--port", port, "--ports", "free", "--model", "no-such-model")
    assert code == 1
    assert "no-such-model" in output


def test_wrong_settings_of_a_service_are_told_without_a_trace() -> None:
    result = subprocess.run(
        [sys.executable, "-m", "services.serve", "llm"],
        env={**os.environ, **module_environment(), "TIKU_DRAIN_SECONDS": "soon"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert result.returncode == 2
    assert "TIKU_DRAIN_SECONDS" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("module", "loaded"),
    [
        ("services.registry", ["services.registry"]),
        # Each worker process of a service imports the module that started the service.
        ("services.serve", ["services.registry", "services.serve"]),
    ],
)
def test_what_starts_a_service_imports_none(module: str, loaded: list[str]) -> None:
    ours = "('services.', 'grpc', 'pydantic')"
    code = f"import sys, {module}; print(*sorted(m for m in sys.modules if m.startswith({ours})))"
    result = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **module_environment()},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert result.stdout.split() == loaded


@pytest.mark.parametrize("name", list(SERVICES))
def test_every_service_can_be_composed_by_name(name: str) -> None:
    settings, build = SERVICES[name].load()
    assert settings.listen
    assert callable(build)


@pytest.mark.parametrize("name", [name for name, service in SERVICES.items() if service.schema])
def test_a_service_with_a_schema_has_migrations(name: str) -> None:
    assert sorted(SERVICES[name].migrations.glob("*.sql"))
