"""Chat through the `openai` SDK: the reference of behaviour for every other adapter.

Costs about ten times the CPU of `openai_http` and imports a large package, so app.py loads it only where it is chosen.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from typing import Any

import openai

from services.kit.errors import TikuError
from services.llm.adapters.providers.wire import encode_chat, error_status
from services.llm.domain import faults
from services.llm.values.chat import Completion, Delta, Finish, FinishReason, Prompt, Usage


class OpenAiSdkProvider:
    """A ChatProvider over AsyncOpenAI.

    Args:
        name: what errors and logs call the provider.
        base_url: address up to and with the version, such as `https://api.openai.com/v1`.
        api_key: sent as a bearer token; empty for none.
        connect_timeout: most seconds to reach the provider, however much time a request has.
    """

    def __init__(self, name: str, base_url: str, api_key: str, connect_timeout: float = 5.0) -> None:
        self._name = name
        self._connect_timeout = connect_timeout
        # The SDK refuses to start without a key; servers that need none ignore what they get.
        # Retries are routing's, which knows the deadline and what has been sent to the client.
        self._client = openai.AsyncOpenAI(base_url=base_url, api_key=api_key or "none", max_retries=0)

    async def close(self) -> None:
        """Closes every connection."""
        await self._client.close()

    async def complete(self, prompt: Prompt, timeout: float) -> Completion:
        """One whole answer within `timeout` seconds; see the port for errors and cancellation."""
        try:
            async with asyncio.timeout(timeout):
                answer = await self._client.chat.completions.create(
                    **encode_chat(prompt, stream=False), timeout=self._timeout(timeout)
                )
        except Exception as error:
            raise self._fault(prompt.model, error) from error
        choices = getattr(answer, "choices", None)
        if not choices or choices[0].message is None:
            raise faults.bad_response(self._name, "an answer without a message")
        return Completion(
            text=choices[0].message.content or "",
            reason=FinishReason.of(choices[0].finish_reason),
            usage=_usage(answer.usage),
        )

    async def stream(self, prompt: Prompt, timeout: float) -> AsyncGenerator[Delta | Finish, None]:
        """Deltas, then one Finish, within `timeout` seconds; see the port for errors and cancellation."""
        reason: str | None = None
        usage: Usage | None = None
        deadline = asyncio.get_running_loop().time() + timeout
        chunks: Any = None
        try:
            async with asyncio.timeout_at(deadline):
                chunks = await self._client.chat.completions.create(
                    **encode_chat(prompt, stream=True), timeout=self._timeout(timeout)
                )
            iterator = aiter(chunks)
            while True:
                # Around each read alone: a timeout around the yield would cancel whoever consumes.
                async with asyncio.timeout_at(deadline):
                    chunk = await anext(iterator, None)
                if chunk is None:
                    break
                if chunk.usage is not None:
                    usage = _usage(chunk.usage)
                if not chunk.choices:
                    continue
                choice = chunk.choices[0]
                if choice.delta is not None and choice.delta.content:
                    yield Delta(choice.delta.content)
                if choice.finish_reason is not None:
                    reason = choice.finish_reason
            if reason is None:
                raise faults.unavailable(self._name, "the stream ended before the answer did")
        except Exception as error:
            raise self._fault(prompt.model, error) from error
        finally:
            if chunks is not None:
                await chunks.close()
        yield Finish(FinishReason.of(reason), usage)

    def _timeout(self, timeout: float) -> Any:
        return openai.Timeout(timeout, connect=min(timeout, self._connect_timeout))

    def _fault(self, model: str, error: Exception) -> TikuError:
        match error:
            case TikuError():
                return error
            case openai.APITimeoutError() | TimeoutError():
                return faults.timed_out(self._name)
            case openai.APIStatusError():
                return faults.from_status(
                    self._name, model, error.status_code, error.response.content, error.response.headers
                )
            case openai.APIConnectionError():
                return faults.unavailable(self._name, error)
            case openai.APIError() if error.body is not None:
                # An error object inside a stream that began well.
                body = json.dumps(error.body, default=str).encode()
                return faults.from_status(self._name, model, error_status(error.body), body)
            case _:
                return faults.bad_response(self._name, repr(error))


def _usage(usage: Any) -> Usage | None:
    return None if usage is None else Usage(usage.prompt_tokens or 0, usage.completion_tokens or 0)
