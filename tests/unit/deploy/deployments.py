"""docker-compose.yml and deploy/kubernetes as data, and the variables that they may set."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from pydantic_settings import BaseSettings

from gateway.settings import GatewaySettings
from services.docs.settings import DocsSettings
from services.exercises.settings import ExercisesSettings
from services.llm.settings import LlmSettings
from services.retrieval.settings import RetrievalSettings

ROOT = Path(__file__).parents[3]
COMPOSE = ROOT / "docker-compose.yml"
MANIFESTS = ROOT / "deploy" / "kubernetes"
SETTINGS: dict[str, type[BaseSettings]] = {
    "gateway": GatewaySettings,
    "llm": LlmSettings,
    "retrieval": RetrievalSettings,
    "docs": DocsSettings,
    "exercises": ExercisesSettings,
}

# It comes with what reads models' files, and has no types of its own.
yaml: Any = pytest.importorskip("yaml")


def compose() -> dict[str, Any]:
    """docker-compose.yml with its anchors merged, its variables as they stand."""
    loaded: dict[str, Any] = _read(COMPOSE)[0]
    return loaded


def manifests(kind: str = "") -> Iterator[dict[str, Any]]:
    """The documents of deploy/kubernetes that kubectl applies, all or of one kind."""
    for path in sorted(MANIFESTS.glob("*.yaml")):
        for document in _read(path):
            if document["kind"] != "Kustomization" and kind in ("", document["kind"]):
                yield document


@cache
def _read(path: Path) -> list[Any]:
    """The documents of a file, which many tests look at and none changes; to read them takes a third of a second."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return list(yaml.load_all(path.read_text(encoding="utf-8"), loader))


def variables(settings: type[BaseSettings]) -> set[str]:
    """The environment variables that the settings read."""
    prefix = str(settings.model_config.get("env_prefix", ""))
    return {str(field.validation_alias or f"{prefix}{name.upper()}") for name, field in settings.model_fields.items()}
