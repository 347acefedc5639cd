"""`GET /v1/models` and `GET /v1/models/{model}`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from gateway.exchange import Exchange
from gateway.problems import ProblemError
from gateway.settings import GatewaySettings
from gateway.upstream import Upstream
from services.kit.errors import FieldViolation
from tiku.llm.v1 import llm_pb2


class Models:
    """Serves the list of models."""

    def __init__(self, upstream: Upstream, settings: GatewaySettings) -> None:
        self._list_models = upstream.unary("llm", "/tiku.llm.v1.LlmService/ListModels")
        self._settings = settings

    async def all(self, exchange: Exchange, variables: Mapping[str, str]) -> None:
        """Serve `GET /v1/models`."""
        models = await self._models(exchange)
        await exchange.respond(200, orjson.dumps({"object": "list", "data": models}))

    async def one(self, exchange: Exchange, variables: Mapping[str, str]) -> None:
        """Serve `GET /v1/models/{model}`."""
        name = variables["model"]
        for model in await self._models(exchange):
            if model["id"] == name:
                await exchange.respond(200, orjson.dumps(model))
                return
        raise ProblemError(
            404,
            "model_not_found",
            f"The model '{name}' does not exist.",
            errors=[FieldViolation("model", "does not exist")],
        )

    async def _models(self, exchange: Exchange) -> list[dict[str, Any]]:
        """Return each name once, with the first provider that serves it."""
        exchange.set_deadline(self._settings.unary_timeout_seconds)
        call = self._list_models(llm_pb2.ListModelsRequest().SerializeToString(), timeout=exchange.time_left())
        response = llm_pb2.ListModelsResponse.FromString(await exchange.result_of(call))
        owners: dict[str, str] = {}
        for model in response.models:
            owners.setdefault(model.name, model.provider)
        return [{"id": name, "object": "model", "created": 0, "owned_by": owner} for name, owner in owners.items()]
