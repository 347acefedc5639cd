"""Who serves a name: the models of providers, in the order in which they are preferred."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from services.llm.domain import faults
from services.llm.domain.capacity import Capacity
from services.llm.domain.health import Health
from services.llm.values.prices import Offer
from services.llm.values.providers import Model, Provider, Providers, Strategy

EngineT = TypeVar("EngineT")


@dataclass(frozen=True, slots=True)
class Served:
    """A model's name, and a provider that serves it."""

    model: str
    provider: str
    reads_files: bool = False


@dataclass(frozen=True, slots=True)
class Backend(Generic[EngineT]):
    """One configured provider: who it is and what it serves, what talks to it, and its gate."""

    provider: Provider
    engine: EngineT
    capacity: Capacity
    health: MutableMapping[str, Health] = field(default_factory=dict)
    """By the provider's names of its models."""


@dataclass(frozen=True, slots=True, eq=False)
class Target(Generic[EngineT]):
    """One model of one provider."""

    backend: Backend[EngineT]
    model: Model
    health: Health

    @property
    def offer(self) -> Offer:
        """What the ledger knows of it."""
        return Offer(self.backend.provider.name, self.model.name, self.model.price)

    @property
    def served(self) -> Served:
        """What answers, ledger and metrics call it."""
        return Served(self.model.name, self.backend.provider.name)


@dataclass(frozen=True, slots=True)
class Path(Generic[EngineT]):
    """The targets of a name, the preferred first, and how they take part."""

    targets: Sequence[Target[EngineT]]
    strategy: Strategy = Strategy.FALLBACK
    grace_seconds: float = 0.0
    """In a race, how long the first valid answer waits for that of a preferred target."""


@dataclass(frozen=True, slots=True)
class RoutingTable(Generic[EngineT]):
    """Every name that requests may use, with its path; a replaced configuration is another table."""

    paths: Mapping[str, Path[EngineT]] = field(default_factory=dict)
    served: Sequence[Served] = ()
    """Every name with each provider that serves it, the default first."""

    def path(self, name: str) -> Path[EngineT]:
        """Return the path of a name, or of the default for an empty one, which must exist.

        Raises:
            NotFound: nobody serves the name.
        """
        name = name or self.served[0].model
        if name not in self.paths:
            raise faults.model_not_found(name)
        return self.paths[name]


class Tables(Protocol[EngineT]):
    """Where the table of now is; `services.llm.domain.roster.Roster` is one that is replaced."""

    @property
    def table(self) -> RoutingTable[EngineT]:
        """The table of now, to be looked at."""

    def held(self) -> AbstractContextManager[RoutingTable[EngineT]]:
        """Hold the table for a call."""


def routing_table(configured: Providers, backends: Sequence[Backend[EngineT]]) -> RoutingTable[EngineT]:
    """Return the table of a configuration, whose providers `backends` are, in the same order."""
    by_name: dict[str, list[Target[EngineT]]] = {}
    by_place: dict[str, Target[EngineT]] = {}
    served = []
    for backend in backends:
        for model in backend.provider.models:
            place = f"{backend.provider.name}/{model.name}"
            target = Target(backend, model, backend.health.setdefault(model.name, Health(place)))
            by_place[place] = target
            for name in model.names:
                by_name.setdefault(name, []).append(target)
                served.append(Served(name, backend.provider.name, model.reads_files))
    # One model of one provider can be asked for as well.
    paths = {place: Path([target]) for place, target in by_place.items()}
    paths |= {name: Path(targets) for name, targets in by_name.items()}
    for route in configured.routes:
        targets = [by_place[place] for place in route.targets] or by_name[route.alias]
        served += [Served(route.alias, target.backend.provider.name, target.model.reads_files) for target in targets]
        paths[route.alias] = Path(targets, route.strategy, route.grace_seconds)
    return RoutingTable(paths, list(dict.fromkeys(served)))
