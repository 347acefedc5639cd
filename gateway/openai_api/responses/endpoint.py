"""`POST /v1/responses`."""

from __future__ import annotations

from collections.abc import Mapping

import orjson

from gateway.exchange import Exchange
from gateway.openai_api import parameters as p
from gateway.openai_api.chat import logprobs_of, request_of
from gateway.openai_api.responses.events import Events
from gateway.openai_api.responses.request import chat_of
from gateway.openai_api.responses.response import Envelope, output_of
from gateway.settings import GatewaySettings
from gateway.sse import relay
from gateway.upstream import Upstream
from tiku.llm.v1 import llm_pb2


class Responses:
    """Serves responses, whole and streamed."""

    def __init__(self, upstream: Upstream, settings: GatewaySettings) -> None:
        self._chat = upstream.unary("llm", "/tiku.llm.v1.LlmService/Chat")
        self._stream_chat = upstream.server_stream("llm", "/tiku.llm.v1.LlmService/StreamChat")
        self._settings = settings

    async def __call__(self, exchange: Exchange, variables: Mapping[str, str]) -> None:
        """Answer one request."""
        exchange.set_deadline(self._settings.stream_timeout_seconds)
        parameters = await p.read_parameters(exchange, self._settings.max_json_bytes)
        fields = chat_of(parameters)
        envelope = Envelope(parameters, fields["model"])
        if p.truth(parameters, "stream"):
            await self._stream(exchange, request_of(llm_pb2.StreamChatRequest, fields), Events(envelope))
        else:
            await self._whole(exchange, request_of(llm_pb2.ChatRequest, fields), envelope)

    async def _whole(self, exchange: Exchange, request: llm_pb2.ChatRequest, envelope: Envelope) -> None:
        call = self._chat(request.SerializeToString(), timeout=exchange.time_left())
        answer = llm_pb2.ChatResponse.FromString(await exchange.result_of(call))
        envelope.model = answer.model or envelope.model
        output = output_of(answer.message, logprobs_of(answer))
        await exchange.respond(200, orjson.dumps(envelope.ended(output, answer.finish_reason, answer.usage)))

    async def _stream(self, exchange: Exchange, request: llm_pb2.StreamChatRequest, events: Events) -> None:
        call = self._stream_chat(request.SerializeToString(), timeout=exchange.time_left())
        heartbeat = self._settings.heartbeat_seconds
        await relay(exchange, call, events.encode, heartbeat=heartbeat, on_error=events.failed)
