"""The services by name: where each is composed, where it listens, which engines it needs.

Nothing of a service is imported before it is asked for, so a command that uses the registry starts fast.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from services.kit.process import Build
    from services.kit.settings import ServiceSettings

GATEWAY = "gateway"
POSTGRES = "postgres"
QDRANT = "qdrant"
LLAMA = "llama"
ARCADEDB = "arcadedb"

GATEWAY_LISTEN_VARIABLE = "TIKU_GATEWAY_LISTEN"
GATEWAY_STACK_VARIABLE = "TIKU_GATEWAY_STACK_FILE"
LISTEN_VARIABLE = "TIKU_LISTEN"
METRICS_VARIABLE = "TIKU_METRICS_LISTEN"


@dataclass(frozen=True, slots=True)
class Service:
    """A gRPC service.

    `app` is the module whose `build(settings, stack)` composes it, and `settings` the class of its settings, both as
    import strings. `needs` are the engines without which it cannot start. What it merely calls may come later, and is
    part of its health. `schema` is its schema in PostgreSQL, empty for none; it is `schema_optional` where the service
    can do without a database.
    """

    name: str
    app: str
    settings: str
    port: int
    target_variable: str
    needs: frozenset[str] = frozenset()
    schema: str = ""
    schema_optional: bool = False

    def load(self) -> tuple[ServiceSettings, Build[Any]]:
        """Return the service's settings, read from the environment, and its composition root.

        Raises:
            pydantic.ValidationError: a variable has a value that the settings do not allow.
        """
        module, _, settings = self.settings.partition(":")
        made: ServiceSettings = getattr(importlib.import_module(module), settings)()
        build: Build[Any] = importlib.import_module(self.app).build
        return made, build

    @property
    def migrations(self) -> Path:
        """The folder of the service's SQL migrations."""
        return Path(__file__).parent / self.name / "adapters" / "stores" / "postgres" / "migrations"


SERVICES: Mapping[str, Service] = MappingProxyType(
    {
        service.name: service
        for service in (
            Service(
                "llm",
                "services.llm.app",
                "services.llm.settings:LlmSettings",
                50051,
                "TIKU_LLM_TARGET",
                needs=frozenset({POSTGRES}),
                schema="llm",
                schema_optional=True,
            ),
            Service(
                "retrieval",
                "services.retrieval.app",
                "services.retrieval.settings:RetrievalSettings",
                50052,
                "TIKU_RETRIEVAL_TARGET",
            ),
            Service(
                "docs",
                "services.docs.app",
                "services.docs.settings:DocsSettings",
                50053,
                "TIKU_DOCS_TARGET",
                needs=frozenset({POSTGRES}),
                schema="docs",
            ),
            Service(
                "exercises",
                "services.exercises.app",
                "services.exercises.settings:ExercisesSettings",
                50054,
                "TIKU_EXERCISES_TARGET",
                needs=frozenset({POSTGRES}),
                schema="exercises",
            ),
        )
    }
)
