"""The providers of chat models, as an operator describes them: docs/providers.md has every field."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from enum import StrEnum
from math import inf
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, model_validator

from services.llm.values.prices import Price
from services.llm.values.spending import Budget

_PRICE_FIELDS = ("input_nanos_per_token", "cached_input_nanos_per_token", "output_nanos_per_token")


def _address(value: str) -> str:
    parts = urlsplit(value)
    if value and (parts.scheme not in ("http", "https") or not parts.hostname):
        raise ValueError("must be an address such as https://api.openai.com/v1")
    return value


def _price(value: Any) -> Any:
    """Return a price whose cached tokens cost what others do, where nothing says otherwise."""
    if not isinstance(value, dict):
        return value
    if unknown := sorted(value.keys() - set(_PRICE_FIELDS)):
        raise ValueError(f"has no field {unknown[0]!r}; its fields are {', '.join(_PRICE_FIELDS)}")
    if any(isinstance(amount, int) and amount < 0 for amount in value.values()):
        raise ValueError("must not be negative")
    if "input_nanos_per_token" in value:
        return {"cached_input_nanos_per_token": value["input_nanos_per_token"], **value}
    return value


def _model(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


BaseUrl = Annotated[str, AfterValidator(_address)]
Name = Annotated[str, Field(min_length=1, max_length=256)]
Seconds = Annotated[float, Field(gt=0)]


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Model(_Table):
    """A chat model that a provider serves."""

    name: Name
    """The name that the provider gives it."""
    aliases: tuple[Name, ...] = ()
    """Further names that requests may use; models of several providers may share one."""
    price: Annotated[Price, BeforeValidator(_price)] | None = None
    """What it costs; None where that is not known."""
    reads_files: bool = False
    """Whether its provider keeps files that it reads itself."""

    @property
    def names(self) -> tuple[str, ...]:
        """Every name that requests may use, the provider's own first."""
        return (self.name, *self.aliases)


class Provider(_Table):
    """A server that speaks OpenAI's API: where it is, what it serves and costs, and how much it may be asked."""

    name: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[^/\s]+$")]
    """What errors, logs, ListModels and routes call it."""
    base_url: Annotated[BaseUrl, Field(min_length=1)]
    api_key: SecretStr = SecretStr("")
    """Empty for a server that asks for none."""
    models: Annotated[tuple[Annotated[Model, BeforeValidator(_model)], ...], Field(min_length=1)]
    dialect: Literal["openai", "dashscope", "kimi"] = "openai"
    """How it differs from OpenAI where files are read."""
    requests_per_minute: Annotated[int, Field(ge=1)] | None = None
    tokens_per_minute: Annotated[int, Field(ge=1)] | None = None
    max_in_flight: Annotated[int, Field(ge=1)] | None = None
    """Calls that it gets at once; TIKU_LLM_MAX_CONCURRENT for None."""
    connect_timeout_seconds: Seconds = 5.0
    first_token_timeout_seconds: Seconds = inf
    """From sending a streamed call to its first text."""
    between_tokens_timeout_seconds: Seconds = inf
    total_timeout_seconds: Seconds = inf
    """From sending a call to its end; the caller's own deadline holds besides."""

    @model_validator(mode="after")
    def _names_are_told_apart(self) -> Self:
        _refuse_twice("models", (name for model in self.models for name in model.names))
        return self


class Strategy(StrEnum):
    """How the providers of a name take part in a call."""

    FALLBACK = "fallback"
    """One is asked, and the next where it fails."""
    HEDGED = "hedged"
    """As fallback; and another is asked as well once the first is slower than it nearly always is."""
    RACE = "race"
    """Three are asked at once, and the best valid answer is taken."""


class Route(_Table):
    """How a name that requests use is served."""

    alias: Name
    strategy: Strategy = Strategy.FALLBACK
    targets: tuple[Name, ...] = ()
    """`PROVIDER/MODEL`, the preferred first; empty for every model of this name or alias, in the order of the file."""
    grace_seconds: Annotated[float, Field(ge=0)] = 1.0
    """In a race, how long the first valid answer waits for that of a preferred target."""


class Providers(_Table):
    """Every provider and route; the first model of the first provider serves requests that name none."""

    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")] = "USD"
    """ISO 4217 code of all prices."""
    providers: tuple[Provider, ...] = ()
    routes: tuple[Route, ...] = ()
    budgets: tuple[Budget, ...] = ()
    """What may be spent; they need a database, and a price for every model."""

    @model_validator(mode="after")
    def _budgets_can_hold(self) -> Self:
        _refuse_twice("budgets", (f"{b.scope} {b.name or 'each'}, {b.period}" for b in self.budgets))
        for provider in self.providers if self.budgets else ():
            for model in provider.models:
                if model.price is None:
                    raise ValueError(f"budgets: {provider.name}/{model.name} needs a price")
        return self

    @model_validator(mode="after")
    def _routes_lead_somewhere(self) -> Self:
        _refuse_twice("providers", (provider.name for provider in self.providers))
        _refuse_twice("routes", (route.alias for route in self.routes))
        models = {f"{provider.name}/{model.name}" for provider in self.providers for model in provider.models}
        names = {name for provider in self.providers for model in provider.models for name in model.names}
        for route in self.routes:
            for target in route.targets:
                if target not in models:
                    raise ValueError(f"routes: {route.alias}: targets: no provider serves {target!r} (PROVIDER/MODEL)")
            if not route.targets and route.alias not in names:
                raise ValueError(f"routes: {route.alias}: needs targets, since no model has this name or alias")
        return self


def _refuse_twice(field: str, names: Iterable[str]) -> None:
    for name, count in Counter(names).items():
        if count > 1:
            raise ValueError(f"{field}: {name!r} must stand there only once")
