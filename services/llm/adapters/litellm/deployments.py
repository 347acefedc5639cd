"""The entries of `model_list`, each a model of one provider."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import ROUND_CEILING, Decimal
from typing import Any, Final
from urllib.parse import urlsplit

from pydantic import ValidationError

from services.llm.adapters.litellm.hosts import HOSTS, Host, split
from services.llm.adapters.litellm.section import Remark, Section, variable_of
from services.llm.values.providers import Provider

Say = Callable[[Remark], None]

_KINDS: Final = ("chat", "embedding", "rerank")
_PRICES: Final = {
    "input_nanos_per_token": "input_cost_per_token",
    "output_nanos_per_token": "output_cost_per_token",
    "cached_input_nanos_per_token": "cache_read_input_token_cost",
}
_NANOS: Final = 10**9
NOWHERE: Final = "http://address-not-known.invalid/v1"
"""Where a provider is whose address only a variable says that is not set here."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """One entry of `model_list`, in the terms of a providers file."""

    place: str
    group: str
    """The name that requests use."""
    provider: str
    """What its provider may be called."""
    model: str
    kind: str
    order: Decimal
    connection: Mapping[str, Any]
    """Fields of the provider but for its name and models."""
    price: Mapping[str, int]

    @property
    def has_limits(self) -> bool:
        """Whether limits hold for it alone, so that it cannot share a provider with another one."""
        return any(key in self.connection for key in ("requests_per_minute", "tokens_per_minute", "max_in_flight"))


@dataclass(slots=True)
class Reader:
    """Reads entries of `model_list`; what is said about them goes to `say`."""

    say: Say
    credentials: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Values of `credential_list` by their names."""
    defaults: Mapping[str, Any] = field(default_factory=dict)
    """Fields of a provider where an entry has none: limits of time and of calls in flight."""
    plain_keys: dict[str, str] = field(default_factory=dict)
    """Variables that were made up for keys that stand in the configuration, by key."""

    def read(self, index: int, entry: object) -> Deployment | None:
        """Return what an entry comes to, None for one that cannot be translated."""
        section = Section(f"model_list[{index}]", entry)
        group = section.text("model_name")
        section.place += f" ({group})" if group else ""
        params, info = section.section("litellm_params"), section.section("model_info")
        self._rest(section, "is not known here")
        found = self._deployment(section.place, group, params, info)
        if found is not None:
            self._rest(params, "there is no such setting of a model; callers can send parameters themselves")
            self._rest(info, "only describes the model")
        return found

    def _rest(self, section: Section, why: str) -> None:
        if rest := section.rest():
            self.say(Remark(section.place, f"{', '.join(rest)}: {why}"))

    def _deployment(self, place: str, group: str, params: Section, info: Section) -> Deployment | None:
        self._merge_credential(params)
        named = params.text("model")
        prefix, model = split(named, params.text("custom_llm_provider"))
        host = HOSTS.get(prefix)
        if fault := _not_translatable(group, named, prefix, model, host):
            self.say(Remark(place, fault))
            return None
        assert host is not None
        kind = _kind(info.text("mode"), model)
        if kind not in _KINDS:
            self.say(Remark(place, f"models of {kind} are not served"))
            return None
        url = self._base_url(place, prefix, host, params)
        connection = {"base_url": url, **self._key(place, prefix, host, params), **self._limits(params)}
        if host.dialect != "openai":
            connection["dialect"] = host.dialect
        name = _provider_name(prefix, url, host)
        try:
            Provider.model_validate({**_without_key(connection), "name": name, "models": [model]})
        except (ValidationError, ValueError) as error:
            self.say(Remark(place, _rule(error)))
            return None
        if host.own_api:
            self.say(Remark(place, f"is asked through the API of OpenAI that {prefix} has beside its own", False))
        order = params.number("order") or Decimal(0)
        return Deployment(place, group, name, model, kind, order, connection, self._price(params, info))

    def _merge_credential(self, params: Section) -> None:
        name = params.text("litellm_credential_name")
        if not name:
            return
        if name not in self.credentials:
            self.say(Remark(f"{params.place}.litellm_credential_name", f"there is no credential {name!r}"))
        params.add(self.credentials.get(name, {}))

    def _base_url(self, place: str, prefix: str, host: Host, params: Section) -> str:
        given = params.take("api_base") or params.take("base_url")
        params.take("base_url")
        if prefix == "azure":
            params.take("api_version")  # The path of OpenAI's API on Azure has no version.
        variable = variable_of(given)
        if not given:
            if not host.base_url:
                self.say(Remark(place, "api_base is not there; put the address into base_url", False))
            return host.base_url or NOWHERE
        url = Section("", {"url": given}).text("url")
        if not url:
            self.say(
                Remark(place, f"the address stands in {variable}, which is not set here; put it into base_url", False)
            )
            return NOWHERE
        if prefix == "azure":
            url = url.partition("/openai")[0]
        url = url.rstrip("/").removesuffix("/chat/completions")
        return url if url.endswith(host.suffix) else url + host.suffix

    def _key(self, place: str, prefix: str, host: Host, params: Section) -> dict[str, str]:
        """Return where the key is; a key that stands in the configuration gets a variable and stays where it is."""
        given = params.take("api_key")
        variable = variable_of(given) or host.key_variable
        if given is None or variable_of(given):
            return {"api_key_variable": variable} if variable else {}
        key = str(given).strip()
        if not key or key.lower() in ("none", "null", "empty"):
            return {}
        made_up = self.plain_keys.get(key)
        if made_up is None:
            base = f"{re.sub(r'[^A-Z0-9]+', '_', prefix.upper())}_KEY"
            made_up = self.plain_keys[key] = f"{base}_{len(self.plain_keys) + 1}"
        self.say(Remark(f"{place}.api_key", f"stands there in plain and was not copied; put it into {made_up}", False))
        return {"api_key_variable": made_up}

    def _limits(self, params: Section) -> dict[str, Any]:
        own = {
            "requests_per_minute": _whole(params.number("rpm")),
            "tokens_per_minute": _whole(params.number("tpm")),
            "max_in_flight": _whole(params.number("max_parallel_requests")),
            "first_token_timeout_seconds": _seconds(params.number("stream_timeout")),
            "total_timeout_seconds": _seconds(params.number("timeout")),
        }
        return {**self.defaults, **{name: value for name, value in own.items() if value is not None}}

    def _price(self, params: Section, info: Section) -> dict[str, int]:
        """Return the price in billionths a token, rounded up; empty where input or output has none."""
        amounts = {}
        for name, key in _PRICES.items():
            in_params, in_info = params.number(key), info.number(key)
            amount = in_params if in_params is not None else in_info
            if amount is not None and amount >= 0:
                amounts[name] = int((amount * _NANOS).to_integral_value(ROUND_CEILING))
                if amounts[name] != amount * _NANOS:
                    self.say(Remark(f"{params.place}.{key}", "is rounded up to a whole billionth", False))
        if amounts and not {"input_nanos_per_token", "output_nanos_per_token"} <= amounts.keys():
            self.say(Remark(params.place, "a price needs input_cost_per_token and output_cost_per_token"))
            return {}
        return amounts


def _not_translatable(group: str, named: str, prefix: str, model: str, host: Host | None) -> str:
    """Return why an entry cannot be translated; empty where it can."""
    if not group or not named:
        return "needs model_name and litellm_params.model, which are not both there"
    if host is None:
        if not prefix or not model:
            return f"no provider is named in {named!r}"
        return f"{prefix} has no API of OpenAI that is reached with a key"
    if "*" in group or "*" in model:
        return f"a wildcard: name the models of {prefix} one by one ([[providers]], models = […])"
    return ""


def _kind(mode: str, model: str) -> str:
    if mode:
        return {"completion": "text completion", "responses": "chat"}.get(mode, mode)
    name = model.lower()
    return next((kind for kind, word in (("embedding", "embed"), ("rerank", "rerank")) if word in name), "chat")


def _provider_name(prefix: str, url: str, host: Host) -> str:
    """Return the prefix for the provider's own address, and the host's name for another one."""
    address = urlsplit(url)
    if url == host.base_url or url == NOWHERE or not address.hostname:
        return prefix
    return re.sub(r"[^\w.-]+", "-", address.netloc.rpartition("@")[2])[:60]


def _without_key(connection: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in connection.items() if name != "api_key_variable"}


def _rule(error: ValueError) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    fault = error.errors()[0]
    return f"{'.'.join(str(step) for step in fault['loc'])}: {fault['msg'].removeprefix('Value error, ')}"


def _whole(number: Decimal | None) -> int | None:
    return None if number is None else int(number)


def _seconds(number: Decimal | None) -> int | float | None:
    """Return a time as a whole number where it is one."""
    if number is None:
        return None
    return int(number) if number == number.to_integral_value() else float(number)
