"""The routes of OpenAI's API."""

from __future__ import annotations

from collections.abc import Callable

from gateway.exchange import Handler
from gateway.openai_api.chat import ChatCompletions
from gateway.openai_api.embeddings import Embeddings
from gateway.openai_api.models import Models
from gateway.openai_api.rerank import Rerank
from gateway.openai_api.responses.endpoint import Responses
from gateway.settings import GatewaySettings
from gateway.upstream import Upstream


def add_routes(add: Callable[[str, str, str, Handler], None], upstream: Upstream, settings: GatewaySettings) -> None:
    """Register every route through `add(verb, template, name, handler)`."""
    models = Models(upstream, settings)
    add("POST", "/v1/chat/completions", "openai.chat", ChatCompletions(upstream, settings))
    add("POST", "/v1/responses", "openai.responses", Responses(upstream, settings))
    add("POST", "/v1/embeddings", "openai.embeddings", Embeddings(upstream, settings))
    add("POST", "/v1/rerank", "openai.rerank", Rerank(upstream, settings))
    add("GET", "/v1/models", "openai.models", models.all)
    add("GET", "/v1/models/{model=**}", "openai.model", models.one)
