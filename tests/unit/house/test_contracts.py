"""The import contracts cover what they say they cover."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
SERVICES = ("llm", "retrieval", "docs", "exercises")


def _contracts(service: str) -> list[dict[str, Any]]:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    found = settings["tool"]["importlinter"]["contracts"]
    return [contract for contract in found if contract["name"].startswith(f"{service}: ")]


@pytest.mark.parametrize("service", SERVICES)
def test_every_domain_module_of_the_layers_is_kept_from_grpc_and_clients(service: str) -> None:
    layers, edge, domain = _contracts(service)
    assert layers["exhaustive"]  # A new module that no layer names breaks `lint-imports`.
    in_layers = {f"services.{service}.{module}" for module in layers["layers"][-1].split(" : ")}
    assert in_layers == set(domain["source_modules"])
    assert {"grpc", "tiku"} <= set(domain["forbidden_modules"])
    assert f"services.{service}.servicer" in edge["source_modules"]


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_has_the_same_rooms(service: str) -> None:
    rooms = {path.name for path in (ROOT / "services" / service).iterdir()}
    assert {"app.py", "settings.py", "servicer.py", "ports.py"} <= rooms
