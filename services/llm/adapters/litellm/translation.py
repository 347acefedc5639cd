"""From a LiteLLM configuration to a providers file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from services.llm.adapters.litellm import toml
from services.llm.adapters.litellm.deployments import Deployment, Reader
from services.llm.adapters.litellm.section import Remark, Section

_SAME_HERE: Final = {
    "litellm_settings": {"drop_params", "modify_params", "ssl_verify"},
    "router_settings": {"enable_pre_call_checks", "retry_after"},
    "general_settings": {"store_model_in_db"},
}
"""Settings that ask for what happens here anyway; `False` asks for something else."""

_WHY: Final = {
    "master_key": "keys of callers are not kept here; a proxy in front says who calls (X-Tiku-User, X-Tiku-Key)",
    "allowed_fails": "a target is left alone after eight failures in a row",
    "cooldown_time": "a failing target is left alone for one to ten seconds, or as long as its Retry-After says",
    "routing_strategy_args": "targets are asked in their order, not spread over",
    "cache": "answers are not cached",
    "cache_params": "answers are not cached",
    **dict.fromkeys(
        ("redis_host", "redis_port", "redis_password", "redis_url"),
        "limits hold in each process; budgets and usage are shared through PostgreSQL",
    ),
    "set_verbose": "the log has levels: TIKU_LOG_LEVEL",
    "alerting": "alerts are raised on the metrics",
}
_WATCHERS: Final = {
    "prometheus": "metrics are at TIKU_METRICS_LISTEN",
    "otel": "spans go to OTEL_EXPORTER_OTLP_ENDPOINT",
}
_PERIODS: Final = {"": "total", "1d": "day", "24h": "day", "30d": "month", "1mo": "month", "31d": "month"}


@dataclass(slots=True)
class _Model:
    """A model of a provider while the file is put together."""

    name: str
    price: Mapping[str, int]
    aliases: list[str]

    def entry(self) -> str | dict[str, Any]:
        """Return it as it stands in the file."""
        if not self.aliases and not self.price:
            return self.name
        aliases = {"aliases": self.aliases} if self.aliases else {}
        return {"name": self.name, **aliases, **({"price": self.price} if self.price else {})}


@dataclass(slots=True)
class _Provider:
    """A provider while the file is put together."""

    name: str
    connection: Mapping[str, Any]
    own: bool
    """Whether its limits are those of one deployment."""
    models: dict[str, _Model] = field(default_factory=dict)

    def takes(self, deployment: Deployment) -> bool:
        """Return whether a deployment can be a model of this provider."""
        if self.own or deployment.has_limits or self.connection != deployment.connection:
            return False
        known = self.models.get(deployment.model)
        if known is not None and known.price != deployment.price:
            return False
        others = [model for model in self.models.values() if model is not known]
        names = {deployment.model, deployment.group}
        return not any(names & {model.name, *model.aliases} for model in others)

    def add(self, deployment: Deployment) -> str:
        """Add a deployment; return it as a route's target."""
        model = self.models.setdefault(deployment.model, _Model(deployment.model, deployment.price, []))
        if deployment.group not in (model.name, *model.aliases):
            model.aliases.append(deployment.group)
        return f"{self.name}/{model.name}"


@dataclass(slots=True)
class Translation:
    """A providers file, and what is to be known about it."""

    remarks: list[Remark] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)
    """Variables of the llm service that have to be set, with their values; none of them is a secret."""
    keys: list[str] = field(default_factory=list)
    """Variables that have to hold keys."""
    providers: list[dict[str, Any]] = field(default_factory=list)
    routes: list[dict[str, Any]] = field(default_factory=list)
    budgets: list[dict[str, Any]] = field(default_factory=list)

    @property
    def is_whole(self) -> bool:
        """Whether nothing was left out."""
        return not any(remark.left_out for remark in self.remarks)

    def file(self) -> str:
        """Return the text of the providers file."""
        lines = toml.comment(["Translated from a LiteLLM configuration; docs/providers.md has every field."])
        if self.environment or self.keys:
            lines += toml.comment(["", "Variables to set:"])
            lines += toml.comment(f"  {name}={value}" for name, value in self.environment.items())
            lines += toml.comment(f"  {name}  (a key)" for name in self.keys)
        if self.remarks:
            lines += toml.comment(["", *self.remarks])
        lines += ["", 'currency = "USD"']
        for name in ("providers", "routes", "budgets"):
            for fields in getattr(self, name):
                lines += toml.table(name, fields)
        return "\n".join(lines) + "\n"


def translate(config: Mapping[str, Any]) -> Translation:
    """Translate a configuration of the LiteLLM proxy."""
    return _Translator(config).translated()


class _Translator:
    """Fills a translation, section by section."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._result = Translation()
        self._root = Section("", config)
        self._litellm, self._router, self._general = (
            self._root.section(name) for name in ("litellm_settings", "router_settings", "general_settings")
        )
        self._placed: dict[str, list[str]] = {}
        """The targets of each name, the preferred first."""

    def translated(self) -> Translation:
        deployments = self._deployments()
        self._retries()
        chats = [deployment for deployment in deployments if deployment.kind == "chat"]
        providers = self._place(chats)
        self._single(deployments)
        self._spread()
        self._routes(providers)
        self._result.providers = [
            {"name": one.name, **one.connection, "models": [model.entry() for model in one.models.values()]}
            for one in providers
        ]
        self._prices(providers)
        self._database()
        self._leave_rest()
        keys = [one.connection.get("api_key_variable") for one in providers]
        self._result.keys = list(dict.fromkeys(key for key in [*keys, *self._result.keys] if key))
        return self._result

    def _say(self, place: str, text: str, left_out: bool = True) -> None:
        self._result.remarks.append(Remark(place, text, left_out))

    def _deployments(self) -> list[Deployment]:
        credentials = {}
        for entry in _entries(self._root.take("credential_list")):
            credential = Section("credential_list", entry)
            credentials[credential.text("credential_name")] = dict(credential.take("credential_values") or {})
        reader = Reader(self._result.remarks.append, credentials, self._defaults())
        found = [reader.read(index, entry) for index, entry in enumerate(_entries(self._root.take("model_list")))]
        return [deployment for deployment in found if deployment is not None]

    def _defaults(self) -> dict[str, Any]:
        """Return the limits that hold for every entry without its own."""
        request, whole = self._litellm.number("request_timeout"), self._router.number("timeout")
        first, flight = self._router.number("stream_timeout"), self._router.number("default_max_parallel_requests")
        total = whole if whole is not None else request
        limits = {
            "max_in_flight": flight and int(flight),
            "first_token_timeout_seconds": first and float(first),
            "total_timeout_seconds": total and float(total),
        }
        return {name: limit for name, limit in limits.items() if limit}

    def _retries(self) -> None:
        in_router, in_litellm = self._router.number("num_retries"), self._litellm.number("num_retries")
        retries = in_router if in_router is not None else in_litellm
        if retries is not None:
            self._result.environment["TIKU_LLM_ATTEMPTS"] = str(max(1, min(10, int(retries) + 1)))

    def _place(self, deployments: Iterable[Deployment]) -> list[_Provider]:
        """Give every deployment a provider, and note its place among the targets of its name."""
        providers: list[_Provider] = []
        groups: dict[str, list[tuple[Decimal, str]]] = {}
        for deployment in deployments:
            provider = next((one for one in providers if one.takes(deployment)), None)
            if provider is None:
                name = _free(deployment.provider, {one.name for one in providers})
                provider = _Provider(name, deployment.connection, deployment.has_limits)
                providers.append(provider)
            place = provider.add(deployment)
            targets = groups.setdefault(deployment.group, [])
            if place in [target for _, target in targets]:
                self._say(deployment.place, "is the same as an entry before it", left_out=False)
            else:
                targets.append((deployment.order, place))
        for group, targets in groups.items():
            self._placed[group] = [target for _, target in sorted(targets, key=lambda one: one[0])]
        return providers

    def _single(self, deployments: Iterable[Deployment]) -> None:
        """Name the first embedder and the first reranker, of which there is one each, in variables."""
        for kind, prefix in (("embedding", "TIKU_EMBED"), ("rerank", "TIKU_RERANK")):
            found = [deployment for deployment in deployments if deployment.kind == kind]
            for other in found[1:]:
                self._say(other.place, f"there is one {kind} model, and {found[0].model} is before it")
            for first in found[:1]:
                self._result.environment |= {
                    f"{prefix}_BASE_URL": first.connection["base_url"],
                    f"{prefix}_MODEL": first.model,
                }
                if key := first.connection.get("api_key_variable"):
                    self._result.environment[f"{prefix}_API_KEY"] = f"${key}"
                    self._result.keys.append(key)
                self._say(first.place, f"is named by {prefix}_BASE_URL and {prefix}_MODEL", left_out=False)

    def _spread(self) -> None:
        strategy = self._router.text("routing_strategy")
        shared = [name for name, targets in self._placed.items() if len(targets) > 1]
        if shared:
            self._say(
                f"router_settings.routing_strategy ({strategy or 'simple-shuffle, the default'})",
                f"calls for {', '.join(shared)} are not spread: the first target with room is asked, then the next one",
            )

    def _routes(self, providers: Sequence[_Provider]) -> None:
        routes = {group: list(targets) for group, targets in self._placed.items()}
        for group, fallbacks in self._fallbacks().items():
            for fallback in fallbacks:
                routes[group] += [target for target in self._placed[fallback] if target not in routes[group]]
        for alias, meant in self._aliases():
            routes[alias] = routes[meant]
        for alias, targets in routes.items():
            if targets != _by_themselves(alias, providers):
                self._result.routes.append({"alias": alias, "targets": targets})

    def _fallbacks(self) -> dict[str, list[str]]:
        """Return the names that follow each name; those of one fault follow on every fault."""
        found: dict[str, list[str]] = {}
        for key in ("fallbacks", "context_window_fallbacks", "content_policy_fallbacks"):
            for section in (self._router, self._litellm):
                place = f"{section.place}.{key}"
                pairs = [pair for entry in _entries(section.take(key)) for pair in _items(entry)]
                if pairs and key != "fallbacks":
                    self._say(place, "are asked on every fault, not on this one alone", left_out=False)
                for group, names in pairs:
                    self._follow(found, place, group, names)
        for section in (self._router, self._litellm):
            names = section.take("default_fallbacks")
            for group in [name for name in self._placed if names and name not in found]:
                self._follow(found, f"{section.place}.default_fallbacks", group, names)
        return found

    def _follow(self, found: dict[str, list[str]], place: str, group: str, names: object) -> None:
        groups = list(self._placed) if group == "*" else [group]
        for name in _names(names):
            if name not in self._placed or (group != "*" and group not in self._placed):
                missing = group if name in self._placed else name
                self._say(place, f"{group} → {name}: {missing} is no model of this file")
                continue
            for follower in groups:
                if name != follower:
                    found.setdefault(follower, []).append(name)

    def _aliases(self) -> list[tuple[str, str]]:
        found = []
        for alias, meant in _items(self._router.take("model_group_alias")):
            name = str(meant.get("model", "")) if isinstance(meant, Mapping) else str(meant)
            if name not in self._placed:
                self._say(f"router_settings.model_group_alias.{alias}", f"{name} is no model of this file")
                continue
            if isinstance(meant, Mapping) and meant.get("hidden"):
                self._say(f"router_settings.model_group_alias.{alias}.hidden", "it is listed among the models", False)
            found.append((alias, name))
        return found

    def _prices(self, providers: Sequence[_Provider]) -> None:
        without = [f"{one.name}/{model.name}" for one in providers for model in one.models.values() if not model.price]
        if without:
            self._say(
                "prices", f"LiteLLM has them in a list of its own; calls of {', '.join(without)} count no cost", False
            )
        for scope, prefix in (("all", ""), ("user", "internal_user_")):
            key = f"max_{prefix}budget"
            limit = self._litellm.number(key)
            if limit is None:
                continue
            place, duration = f"{self._litellm.place}.{key}", self._litellm.text(f"{prefix}budget_duration")
            period = _PERIODS.get(duration)
            if period is None:
                self._say(place, f"budgets are for a day, a month or in total, not for {duration}")
            elif without:
                self._say(place, "a budget needs the price of every model")
            else:
                nanos = int(limit * 10**9)
                self._result.budgets.append({"scope": scope, "period": period, "limit_nanos": nanos})
        if self._result.budgets:
            self._say("litellm_settings.max_budget", "days and months are those of UTC; see TIKU_POSTGRES_DSN", False)

    def _database(self) -> None:
        if self._general.take("database_url") is not None or self._result.budgets:
            self._result.environment["TIKU_POSTGRES_DSN"] = "postgresql://…"

    def _watchers(self) -> None:
        """Name what takes the place of LiteLLM's ways to Prometheus and OpenTelemetry."""
        for key in ("callbacks", "success_callback", "failure_callback", "service_callback"):
            for name in _names(self._litellm.take(key)):
                place = f"{self._litellm.place}.{key}: {name}"
                if name in _WATCHERS:
                    self._say(place, _WATCHERS[name], left_out=False)
                else:
                    self._say(place, "what is said about calls goes to logs, metrics and spans")

    def _leave_rest(self) -> None:
        """Say of everything that nobody read that it is left out."""
        variables = self._root.take("environment_variables")
        if isinstance(variables, Mapping) and variables:
            self._say("environment_variables", f"were not copied: {', '.join(map(str, variables))}")
        self._watchers()
        for section in (self._litellm, self._router, self._general):
            for key in section.rest():
                if key in _SAME_HERE[section.place]:
                    continue
                self._say(f"{section.place}.{key}", _WHY.get(key, "has no counterpart"))
        for key in self._root.rest():
            self._say(key, "has no counterpart")


def _by_themselves(name: str, providers: Iterable[_Provider]) -> list[str]:
    """Return the targets that a name has without a route."""
    found = [
        f"{one.name}/{model.name}"
        for one in providers
        for model in one.models.values()
        if name in (model.name, *model.aliases)
    ]
    return found or [
        place for one in providers for model in one.models.values() if (place := f"{one.name}/{model.name}") == name
    ]


def _free(name: str, taken: set[str]) -> str:
    number = 1
    while (found := name if number == 1 else f"{name}-{number}") in taken:
        number += 1
    return found


def _entries(value: object) -> Sequence[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _items(value: object) -> list[tuple[str, Any]]:
    return [(str(key), item) for key, item in value.items()] if isinstance(value, Mapping) else []


def _names(value: object) -> list[str]:
    """Return the names of a list of fallbacks, whose entries may also be tables."""
    return [str(one.get("model", "")) if isinstance(one, Mapping) else str(one) for one in _entries(value)]
